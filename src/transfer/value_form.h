// What is made of values on their way between homes that do not keep the same kind of them, and
// when two JSON values are the same.
#pragma once

#include <cstdint>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

enum class ValueForm : std::uint8_t {
  as_is,
  /// Bytes to JSON, so that a ledger can keep them: UTF-8 becomes a JSON string, all else
  /// {"base64":"..."}.
  to_json,
  /// And back; other JSON is an error.
  from_json,
};

/// Errors: invalid_argument   from_json, and the value is no such JSON
Result<Bytes> in_form(ValueForm form, BytesView value);

/// A text that two JSON values share exactly when they are the same: members in any order, strings
/// however they are escaped, numbers by their value. A ledger prints what it is given anew, in the
/// way of one of two languages, of which one prints 20.0 as 20.
/// Errors: invalid_argument   not JSON
Result<Bytes> comparable_json(BytesView json);

}  // namespace talea
