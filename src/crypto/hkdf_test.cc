// RFC 5869, appendix A.
#include "crypto/hkdf.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace talea {
namespace {

Bytes ascending(int from, int to) {
  Bytes bytes;
  for (int i = from; i <= to; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string derive(BytesView key, BytesView salt, BytesView info, std::size_t bytes) {
  std::vector<unsigned char> out(bytes);
  hkdf_sha256(key, salt, info, out);
  std::string digits;
  for (const unsigned char byte : out) {
    digits += "0123456789abcdef"[byte / 16];
    digits += "0123456789abcdef"[byte % 16];
  }
  return digits;
}

TEST(Hkdf, DerivesAsPublished) {
  EXPECT_EQ(derive(Bytes(22, '\x0b'), ascending(0x00, 0x0c), ascending(0xf0, 0xf9), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(derive(ascending(0x00, 0x4f), ascending(0x60, 0xaf), ascending(0xb0, 0xff), 82),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(derive(Bytes(22, '\x0b'), "", "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hkdf, AnotherUseGivesAnotherKey) {
  const Bytes key(32, 'k');
  EXPECT_NE(derive(key, "", "one", 32), derive(key, "", "two", 32));
}

}  // namespace
}  // namespace talea
