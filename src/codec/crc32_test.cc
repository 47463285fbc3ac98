#include "codec/crc32.h"

#include <gtest/gtest.h>

namespace talea {
namespace {

TEST(Crc32, IsThatOfZlib) {
  EXPECT_EQ(crc32(0, "123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32(0, ""), 0U);
  EXPECT_EQ(crc32(0, Bytes(1000, 'a')), 0x9a38da03U);
}

TEST(Crc32, GoesOn) {
  const BytesView text = "123456789";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32(crc32(0, text.substr(0, cut)), text.substr(cut)), 0xcbf43926U);
  }
}

}  // namespace
}  // namespace talea
