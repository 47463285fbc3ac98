#include "index/bloom_filter.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <limits>

#include "codec/fixed.h"

namespace talea {
namespace {

constexpr std::array<std::uint32_t, 8> kSalts = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                                 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
constexpr std::uint64_t kBloomBlockBits = 8 * kBloomBlockBytes;

std::uint32_t bit_in_word(std::uint64_t hash, std::size_t word) {
  return std::uint32_t{1} << ((static_cast<std::uint32_t>(hash) * kSalts[word]) >> 27);
}

}  // namespace

std::uint64_t bloom_hash(BytesView key) { return XXH3_64bits(key.data(), key.size()); }

std::uint64_t bloom_blocks_for(std::uint64_t keys) {
  constexpr std::uint64_t kBlocksMax = std::numeric_limits<std::uint32_t>::max();
  constexpr std::uint64_t kKeysMax = kBlocksMax * kBloomBlockBits / kBloomBitsPerKey;
  if (keys >= kKeysMax) return kBlocksMax;
  return std::max<std::uint64_t>(1,
                                 (keys * kBloomBitsPerKey + kBloomBlockBits - 1) / kBloomBlockBits);
}

void bloom_insert(char* block, std::uint64_t hash) {
  for (std::size_t word = 0; word < kSalts.size(); ++word) {
    char* at = block + 4 * word;
    store_fixed(at, load_fixed<std::uint32_t>(at) | bit_in_word(hash, word));
  }
}

bool bloom_may_contain(const char* block, std::uint64_t hash) {
  std::uint32_t missing = 0;
  for (std::size_t word = 0; word < kSalts.size(); ++word) {
    missing |= bit_in_word(hash, word) & ~load_fixed<std::uint32_t>(block + 4 * word);
  }
  return missing == 0;
}

}  // namespace talea
