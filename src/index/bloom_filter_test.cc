#include "index/bloom_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

class Filter {
 public:
  explicit Filter(std::uint64_t blocks) : blocks_(blocks), bytes_(blocks * kBloomBlockBytes) {}
  void add(BytesView key) { bloom_insert(block(key), bloom_hash(key)); }
  bool may_contain(BytesView key) { return bloom_may_contain(block(key), bloom_hash(key)); }

 private:
  char* block(BytesView key) {
    return bytes_.data() + kBloomBlockBytes * bloom_block_of(bloom_hash(key), blocks_);
  }
  std::uint64_t blocks_;
  std::vector<char> bytes_;
};

TEST(BloomFilter, ContainsEveryKeyThatWasAdded) {
  SeededRandom random(test_seed());
  std::vector<Bytes> keys;
  for (int i = 0; i < 20'000; ++i) {
    Bytes key(random.next_u64() % 40, '\0');
    random.fill({reinterpret_cast<unsigned char*>(key.data()), key.size()});
    keys.push_back(key);
  }
  Filter filter(bloom_blocks_for(keys.size()));
  for (const Bytes& key : keys) filter.add(key);
  for (const Bytes& key : keys) EXPECT_TRUE(filter.may_contain(key));
}

TEST(BloomFilter, SaysPerhapsOfAtMostOneInAHundredAbsentKeys) {
  constexpr int kKeys = 200'000;
  constexpr int kProbes = 500'000;
  Filter filter(bloom_blocks_for(kKeys));
  for (int i = 0; i < kKeys; ++i) filter.add("user:" + std::to_string(i));
  int wrong = 0;
  for (int i = 0; i < kProbes; ++i)
    wrong += filter.may_contain("user:" + std::to_string(kKeys + i));
  const double rate = static_cast<double>(wrong) / kProbes;
  RecordProperty("false_positive_rate", std::to_string(rate));
  std::printf("false positives: %.3f %% at %d bits a key\n", 100 * rate,
              static_cast<int>(kBloomBitsPerKey));
  EXPECT_LE(rate, 0.01);
  EXPECT_GT(rate, 0.001) << "so low a rate means that the filter is larger than stated";
}

TEST(BloomFilter, OfNoKeysContainsNothing) {
  Filter filter(bloom_blocks_for(0));
  EXPECT_FALSE(filter.may_contain("alpha"));
  EXPECT_FALSE(filter.may_contain(""));
}

TEST(BloomFilter, HashesAsTheFormatFixesIt) {
  // XXH3-64 with seed 0 of the empty string: xxHash's own sanity test.
  EXPECT_EQ(bloom_hash(""), 0x2d06800538d394c2u);
  EXPECT_EQ(bloom_hash(BytesView("\0\0\0\0alpha", 9)), bloom_hash(Bytes(4, '\0') + "alpha"));
}

TEST(BloomFilter, SetsTheBitsThatTheFormatFixes) {
  char block[kBloomBlockBytes] = {};
  bloom_insert(block, 0x0123456700000001);  // low half 1: bit w is the top five bits of salt w
  const std::string bits = "0001000000010000000002000000100000400000200000000000080000080000";
  std::string hex;
  for (const char byte : block) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
    hex += two;
  }
  EXPECT_EQ(hex, bits);
}

TEST(BloomFilter, StaysWithinItsLargestSize) {
  EXPECT_EQ(bloom_blocks_for(1), 1u);
  EXPECT_EQ(bloom_blocks_for(~std::uint64_t{0}), 0xffffffffu);
  EXPECT_EQ(bloom_block_of(~std::uint64_t{0}, 0xffffffff), 0xfffffffeu);
}

}  // namespace
}  // namespace talea
