// Canonical JSON, as two languages print it: Python's json.dumps(sort_keys=True, ensure_ascii=True,
// separators=(",", ":")), and what ImmuKV's TypeScript client makes of JSON.stringify. Whoever
// hashes a JSON value hashes one of these texts. docs/formats/immukv.md has the table of the
// differences.
//
// And a scanner that finds the members of an object where they lie, for those who need the bytes
// and not their meaning.
//
// Numbers are printed from their text: integers stay exact in Python's form, doubles get the digits
// of std::to_chars (the shortest that come back), laid out anew as each language does it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

enum class JsonForm : unsigned char {
  python,
  typescript,
  /// As typescript, but with characters from U+0080 up as they are: ImmuKV up to 0.1.7.
  typescript_raw,
};

struct JsonReading {
  /// Takes `NaN`, `Infinity` and `-Infinity`, which Python writes.
  bool allow_nan = false;
  /// Refuses what the form cannot hold without changing it: for typescript, integers that a double
  /// rounds, and members named `__proto__`.
  bool refuse_loss = false;
};

/// `json` in the canonical form.
///
/// Cost: time in proportion, n log n for the members of an object; memory of some times the text.
///
/// Errors: invalid_argument   not one JSON value, a member twice, arrays and objects in each other
///                            more than kJsonDepthMax deep, an integer of more than
///                            kJsonIntegerDigitsMax digits, a double beyond the range of doubles
///                            (the message has the offset)
Result<Bytes> canonical_json(BytesView json, JsonForm form, const JsonReading& reading = {});

/// `text`, which is UTF-8, as a JSON string with its quotes.
/// Errors: invalid_argument   not UTF-8
Result<Bytes> canonical_json_string(BytesView text, JsonForm form);

/// A member of an object, as it stands there.
struct JsonMember {
  std::string name;  // without escapes
  BytesView value;   // its text, without the space around it
};

/// The members of the object that `json` is, in their order. Of their values only as much is looked
/// at as it takes to find their ends; NaN and Infinity may be in them.
/// Errors: invalid_argument   not one object, or too deep; a member twice
Result<std::vector<JsonMember>> scan_json_object(BytesView json);

/// The text of a JSON string, as UTF-8.
/// Errors: invalid_argument   not a string, or half of a surrogate pair
Result<std::string> parse_json_string(BytesView json);

/// An integer without a fraction and an exponent.
/// Errors: invalid_argument   not one, or out of range
Result<std::int64_t> parse_json_integer(BytesView json);

}  // namespace talea
