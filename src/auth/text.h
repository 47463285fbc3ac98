// Names, labels and scopes: what is text, and which names are one.
#pragma once

#include <string>
#include <string_view>

#include "talea/result.h"

namespace talea {

/// Whether `text` is UTF-8 (RFC 3629: shortest forms, no surrogates) and has no control character:
/// those of ASCII and U+0080 to U+009F, which terminals and logs obey.
bool is_plain_utf8(std::string_view text);

/// `name` without ASCII white space at its ends.
/// Errors: invalid_argument   not 1 to kUserNameBytesMax bytes of plain UTF-8
Result<std::string> checked_user_name(std::string_view name);

/// `name` with A to Z as a to z: two names are one when this is the same.
std::string folded(std::string_view name);

/// Errors: invalid_argument   longer than `bytes_max`, or no plain UTF-8; `what` goes into the
/// message
Status check_text(std::string_view what, std::string_view text, std::size_t bytes_max);

}  // namespace talea
