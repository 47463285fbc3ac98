#include "crypto/md5.h"

#include <gtest/gtest.h>

#include <string>

namespace talea {
namespace {

std::string hex_md5(BytesView bytes) {
  std::string text;
  for (const unsigned char byte : md5(bytes)) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

// RFC 1321, appendix A.5.
TEST(Md5, TheVectorsOfRfc1321) {
  EXPECT_EQ(hex_md5(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex_md5("1234567890123456789012345678901234567890123456789012345678901234567890123456"
                    "7890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

}  // namespace
}  // namespace talea
