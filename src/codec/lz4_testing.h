// Values for tests of compression: something between noise and a text.
#pragma once

#include "base/random.h"
#include "talea/bytes.h"

namespace talea {

/// Up to `bytes_max` bytes, of few different ones and of pieces of itself.
inline Bytes some_value(Random& random, std::size_t bytes_max) {
  const std::size_t bytes = random.next_u64() % (bytes_max + 1);
  const std::uint64_t letters = 1 + random.next_u64() % 256;
  const bool repeats = random.next_u64() % 2 == 0;
  Bytes value;
  while (value.size() < bytes) {
    if (repeats && value.size() > 8 && random.next_u64() % 4 == 0) {
      const std::size_t from = random.next_u64() % value.size();
      value += value.substr(from, random.next_u64() % 40);
    } else {
      value += static_cast<char>(random.next_u64() % letters);
    }
  }
  value.resize(bytes);
  return value;
}

}  // namespace talea
