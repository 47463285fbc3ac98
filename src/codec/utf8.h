// UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>

#include "talea/bytes.h"

namespace talea {

/// Cost: 8 bytes at a time where they are ASCII.
bool is_utf8(BytesView bytes);

/// A character and the number of its bytes; 0: there is none.
struct Utf8Character {
  char32_t character = 0;
  std::size_t length = 0;
};

namespace internal {
/// Of one that is not ASCII.
Utf8Character read_long_utf8(BytesView bytes);
}  // namespace internal

/// The character at the front of `bytes`, which are not empty.
inline Utf8Character read_utf8(BytesView bytes) {
  const auto first = static_cast<unsigned char>(bytes.front());
  return first < 0x80 ? Utf8Character{first, 1} : internal::read_long_utf8(bytes);
}

}  // namespace talea
