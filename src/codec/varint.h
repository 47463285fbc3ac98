// Varints: unsigned integers in 1 to 10 bytes, seven bits a byte, least significant first, the
// high bit set on all bytes but the last (LEB128).
//
// One integer has one encoding: a decoder refuses a longer one (a last byte of zero), so that
// bytes that decode to the same values are the same bytes.
#pragma once

#include <cstdint>

#include "talea/bytes.h"

namespace talea {

inline constexpr std::size_t kVarintBytesMax = 10;

/// Writes `value` at `to`, which has room for kVarintBytesMax, and returns the end of it.
inline char* store_varint(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

inline void append_varint(Bytes& to, std::uint64_t value) {
  char bytes[kVarintBytesMax];
  to.append(bytes, static_cast<std::size_t>(store_varint(bytes, value) - bytes));
}

inline std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

/// Reads a varint at the front of `from` and removes it. False, with `from` unchanged, when it is
/// cut short, longer than its value needs, or above 64 bits.
inline bool take_varint(BytesView& from, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < from.size() && i < kVarintBytesMax; ++i) {
    const auto byte = static_cast<unsigned char>(from[i]);
    if (i == kVarintBytesMax - 1 && byte > 1) return false;
    result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;
      from.remove_prefix(i + 1);
      value = result;
      return true;
    }
  }
  return false;
}

}  // namespace talea
