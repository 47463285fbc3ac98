// UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include "talea/bytes.h"

namespace talea {

/// Cost: 8 bytes at a time where they are ASCII.
bool is_utf8(BytesView bytes);

}  // namespace talea
