// Fixed-width integers in big-endian order: for formats of others. Ours have fixed.h.
#pragma once

#include <cstddef>

#include "talea/bytes.h"

namespace talea {

template <typename Integer>
Integer load_big_endian(const char* from) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Integer>((value << 7 << 1) | static_cast<unsigned char>(from[i]));
  }
  return value;
}

template <typename Integer>
void store_big_endian(char* to, Integer value) {
  for (std::size_t i = sizeof value; i > 0; --i) {
    to[i - 1] = static_cast<char>(value & 0xff);
    value = static_cast<Integer>(value >> 7 >> 1);
  }
}

template <typename Integer>
void append_big_endian(Bytes& to, Integer value) {
  char bytes[sizeof value];
  store_big_endian(bytes, value);
  to.append(bytes, sizeof bytes);
}

}  // namespace talea
