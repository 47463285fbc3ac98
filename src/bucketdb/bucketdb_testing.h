// What the tests of this module share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "talea/bytes.h"

namespace talea::bucketdb {

/// The bytes that these hexadecimal digits say; spaces are passed over.
inline Bytes from_hex(BytesView digits) {
  Bytes bytes;
  int high = -1;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
    if (high < 0) {
      high = value;
      continue;
    }
    bytes.push_back(static_cast<char>(high * 16 + value));
    high = -1;
  }
  EXPECT_EQ(high, -1) << digits;
  return bytes;
}

inline std::string to_hex_text(BytesView bytes) {
  constexpr BytesView kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace talea::bucketdb
