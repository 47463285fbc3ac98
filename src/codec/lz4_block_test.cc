#include "codec/lz4_block.h"

#include <gtest/gtest.h>

#include <iostream>
#include <vector>

#include "base/random.h"
#include "codec/lz4_testing.h"

namespace talea {
namespace {

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const std::uint64_t made = SystemRandom().next_u64();
    std::cout << "seed=" << made << std::endl;
    return made;
  }();
  return chosen;
}

TEST(Lz4Block, GivesEveryValueBackThatItMakesShorter) {
  SeededRandom random(seed());
  int compressed = 0;
  Bytes block;
  for (int round = 0; round < 20'000; ++round) {
    const Bytes value = some_value(random, round % 100 == 0 ? 100'000 : 400);
    if (!compress_lz4(value, block)) continue;
    ++compressed;
    ASSERT_LT(block.size(), value.size());
    Bytes again(value.size(), '\0');
    ASSERT_TRUE(decompress_lz4(block, again.data(), again.size()));
    ASSERT_EQ(again, value);
  }
  EXPECT_GT(compressed, 1000);
}

TEST(Lz4Block, OfNoiseIsNotMade) {
  SeededRandom random(seed());
  Bytes value(4096, '\0');
  random.fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
  Bytes block;
  EXPECT_FALSE(compress_lz4(value, block));
  EXPECT_FALSE(compress_lz4("", block));
  EXPECT_FALSE(compress_lz4("a", block));
}

TEST(Lz4Block, HasExactlyTheLengthThatIsAskedFor) {
  const Bytes value(1000, 'a');
  Bytes block;
  ASSERT_TRUE(compress_lz4(value, block));
  for (const std::size_t wrong : {0U, 1U, 999U, 1001U, 4096U}) {
    std::vector<char> out(wrong);
    EXPECT_FALSE(decompress_lz4(block, out.data(), wrong)) << wrong;
  }
}

// The sanitizers watch that nothing outside is read or written.
TEST(Lz4Block, DamagedOrCutStaysWithinItsBounds) {
  SeededRandom random(seed());
  for (int round = 0; round < 20'000; ++round) {
    const Bytes value = some_value(random, 500);
    Bytes block;
    if (!compress_lz4(value, block)) continue;
    block.resize(block.size() - random.next_u64() % 3);
    for (std::uint64_t flips = random.next_u64() % 4; flips > 0 && !block.empty(); --flips) {
      block[random.next_u64() % block.size()] ^= static_cast<char>(1U << random.next_u64() % 8);
    }
    const std::vector<char> exact(block.begin(), block.end());
    std::vector<char> out(value.size());
    (void)decompress_lz4({exact.data(), exact.size()}, out.data(), out.size());
  }
}

}  // namespace
}  // namespace talea
