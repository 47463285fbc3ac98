#include "codec/varint.h"

#include <gtest/gtest.h>

#include <limits>

namespace talea {
namespace {

TEST(Varint, RoundTripsAtEveryLengthBoundary) {
  for (int shift = 0; shift < 64; ++shift) {
    for (std::uint64_t nearby : {0u, 1u, 2u}) {
      const std::uint64_t value = (std::uint64_t{1} << shift) - 1 + nearby;
      Bytes bytes;
      append_varint(bytes, value);
      EXPECT_EQ(bytes.size(), varint_bytes(value));
      BytesView rest = bytes;
      std::uint64_t decoded = 0;
      ASSERT_TRUE(take_varint(rest, decoded)) << value;
      EXPECT_EQ(decoded, value);
      EXPECT_TRUE(rest.empty());
    }
  }
}

TEST(Varint, RefusesWhatIsCutShort) {
  Bytes bytes;
  append_varint(bytes, std::numeric_limits<std::uint64_t>::max());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    BytesView cut = BytesView(bytes).substr(0, length);
    std::uint64_t value = 0;
    EXPECT_FALSE(take_varint(cut, value));
    EXPECT_EQ(cut.size(), length) << "a refused varint must not be consumed";
  }
}

TEST(Varint, RefusesALongerEncodingThanTheValueNeeds) {
  using std::string_literals::operator""s;
  for (const Bytes& bytes :
       {"\x80\x00"s, "\x81\x80\x00"s, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    BytesView view = bytes;
    std::uint64_t value = 0;
    EXPECT_FALSE(take_varint(view, value));
  }
}

}  // namespace
}  // namespace talea
