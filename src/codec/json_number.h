// Numbers of JSON texts, printed as Python and as TypeScript print them.
#pragma once

#include <string_view>

#include "codec/canonical_json.h"

namespace talea::internal {

/// Appends `number`, which has the grammar of JSON, as `form` prints it.
/// Errors: invalid_argument   beyond the range of doubles, too many digits; with `refuse_loss` an
///                            integer that changes
Status append_json_number(Bytes& out, std::string_view number, JsonForm form, bool refuse_loss);

}  // namespace talea::internal
