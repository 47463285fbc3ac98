#include "codec/utf8.h"

#include <cstdint>

#include "codec/fixed.h"

namespace talea {

// Second bytes are bounded where a shorter form, a surrogate or too large a number would begin.
// Source: Unicode 15, table 3-7.
Utf8Character internal::read_long_utf8(BytesView bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || bytes.size() < length || byte(1) < low || byte(1) > high) return {};
  char32_t character = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    character = (character << 6) | (byte(i) & 0x3f);
  }
  return {character, length};
}

bool is_utf8(BytesView bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  while (!bytes.empty()) {
    if (bytes.size() >= 8 && (load_fixed<std::uint64_t>(bytes.data()) & kHighBits) == 0) {
      bytes.remove_prefix(8);
      continue;
    }
    const std::size_t length = read_utf8(bytes).length;
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace talea
