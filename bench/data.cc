#include "bench/data.h"

#include "base/assert.h"
#include "base/random.h"
#include "bench/distribution.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kPoolWindows = 1 << 17;  // distinct values; a multiple of 8 bytes apart
constexpr std::uint64_t kPoolBytes = kPoolWindows * 8;

}  // namespace

KeySet::KeySet(std::uint64_t seed, std::uint64_t first_id, std::size_t count, std::size_t key_bytes)
    : key_bytes_(key_bytes) {
  TALEA_ASSERT(key_bytes > 0 && key_bytes % 16 == 0);
  bytes_.reserve(count * key_bytes);
  for (std::size_t position = 0; position < count; ++position) {
    std::uint64_t number = scrambled(seed) ^ (first_id + position);
    for (std::size_t written = 0; written < key_bytes; written += 16) {
      number = scrambled(number + 0x9e3779b97f4a7c15ULL);
      for (int shift = 60; shift >= 0; shift -= 4) {
        bytes_.push_back("0123456789abcdef"[(number >> shift) & 15]);
      }
    }
  }
}

ValuePool::ValuePool(std::uint64_t seed, std::size_t value_bytes_max)
    : bytes_(kPoolBytes + value_bytes_max, '\0') {
  SeededRandom random(seed);
  random.fill({reinterpret_cast<unsigned char*>(bytes_.data()), bytes_.size()});
}

BytesView ValuePool::value(std::uint64_t id, std::size_t value_bytes) const {
  TALEA_ASSERT(kPoolBytes + value_bytes <= bytes_.size());
  return {bytes_.data() + (scrambled(id) % kPoolWindows) * 8, value_bytes};
}

}  // namespace talea::bench
