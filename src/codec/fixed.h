// Fixed-width integers in little-endian order, the byte order of all our formats.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "talea/bytes.h"

namespace talea {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian; a big-endian port swaps bytes here");

template <typename Integer>
Integer load_fixed(const char* from) {
  Integer value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename Integer>
void store_fixed(char* to, Integer value) {
  std::memcpy(to, &value, sizeof value);
}

template <typename Integer>
void append_fixed(Bytes& to, Integer value) {
  char bytes[sizeof value];
  store_fixed(bytes, value);
  to.append(bytes, sizeof bytes);
}

}  // namespace talea
