#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace talea {
namespace {

TEST(SeededRandom, AgreesWithSplitMix64) {
  // The first outputs of SplitMix64 for seed 1234567, as published with the reference code.
  SeededRandom random(1234567);
  EXPECT_EQ(random.next_u64(), 6457827717110365317u);
  EXPECT_EQ(random.next_u64(), 3203168211198807973u);
  EXPECT_EQ(random.next_u64(), 9817491932198370423u);
}

TEST(SeededRandom, TheSameSeedGivesTheSameBytes) {
  SeededRandom first(42);
  SeededRandom second(42);
  std::array<unsigned char, 37> a{};
  std::array<unsigned char, 37> b{};
  first.fill(a);
  second.fill(b);
  EXPECT_EQ(a, b);
}

TEST(SeededRandom, AnotherSeedGivesOtherBytes) {
  EXPECT_NE(SeededRandom(1).next_u64(), SeededRandom(2).next_u64());
}

TEST(SeededRandom, FillsEveryLengthToItsLastByteAndNoFurther) {
  for (std::size_t size = 0; size <= 24; ++size) {
    // Over 16 fills a byte that is written stays 0 with probability 256^-16.
    std::vector<unsigned char> seen(size + 1, 0);
    for (std::uint64_t seed = 0; seed < 16; ++seed) {
      SeededRandom random(seed);
      std::vector<unsigned char> bytes(size + 1, 0);
      random.fill(std::span(bytes).first(size));
      ASSERT_EQ(bytes[size], 0) << "wrote past a span of " << size;
      for (std::size_t i = 0; i < size; ++i) seen[i] |= bytes[i];
    }
    EXPECT_EQ(std::count(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(size), 0), 0)
        << "left a hole in a span of " << size;
  }
}

TEST(SystemRandom, FillsWithBytesThatDiffer) {
  SystemRandom random;
  std::array<unsigned char, 32> a{};
  std::array<unsigned char, 32> b{};
  random.fill(a);
  random.fill(b);
  EXPECT_NE(a, b);
}

TEST(SystemRandom, FillsMoreThanOneCallOfTheKernelGives) {
  // getrandom(2) may return less than asked for above 256 bytes.
  SystemRandom random;
  std::vector<unsigned char> bytes(1 << 20, 0);
  random.fill(bytes);
  EXPECT_LT(std::count(bytes.begin(), bytes.end(), 0), 8192);  // 4096 are expected
}

}  // namespace
}  // namespace talea
