#include "codec/crc32c.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace talea {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, AgreesWithTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(0, Bytes(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(0, Bytes(32, '\xff')), 0x62a8ab43U);
  Bytes ascending;
  for (char c = 0; c < 32; ++c) ascending.push_back(c);
  EXPECT_EQ(crc32c(0, ascending), 0x46dd794eU);
  EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283U);
}

TEST(Crc32c, OfPartsInTurnIsTheCrcOfTheWhole) {
  SeededRandom random(7);
  Bytes data(4096, '\0');
  random.fill({reinterpret_cast<unsigned char*>(data.data()), data.size()});
  const std::uint32_t whole = crc32c(0, data);
  for (std::size_t cut = 0; cut <= data.size(); ++cut) {
    const BytesView view = data;
    ASSERT_EQ(crc32c(crc32c(0, view.substr(0, cut)), view.substr(cut)), whole) << "cut=" << cut;
  }
}

TEST(Crc32c, OfTheRestFollowsFromThoseOfFrontAndWhole) {
  SeededRandom random(8);
  Bytes data(5000, '\0');
  random.fill({reinterpret_cast<unsigned char*>(data.data()), data.size()});
  for (std::size_t cut = 0; cut <= data.size(); cut += 7) {
    const BytesView front = BytesView(data).substr(0, cut);
    const BytesView rest = BytesView(data).substr(cut);
    ASSERT_EQ(crc32c_of_rest(crc32c(0, front), crc32c(0, data), rest.size()), crc32c(0, rest))
        << "cut=" << cut;
  }
  Bytes zeros;
  zeros.resize(70'000'001, '\0');
  const Bytes front = "front";
  EXPECT_EQ(crc32c_of_rest(crc32c(0, front), crc32c(crc32c(0, front), zeros), zeros.size()),
            crc32c(0, zeros));
}

TEST(Crc32c, SeesEveryFlippedBit) {
  Bytes data(200, 'x');
  const std::uint32_t right = crc32c(0, data);
  for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] = static_cast<char>(data[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_NE(crc32c(0, data), right) << "bit=" << bit;
    data[bit / 8] = static_cast<char>(data[bit / 8] ^ (1 << (bit % 8)));
  }
}

}  // namespace
}  // namespace talea
