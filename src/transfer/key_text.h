// Keys in messages.
#pragma once

#include <string>

#include "talea/bytes.h"

namespace talea {

/// In quotes, with what is not printable ASCII or part of UTF-8 escaped, and cut where it is long.
std::string key_text(BytesView key);

}  // namespace talea
