#include "bench/data.h"

#include <array>
#include <string>

#include "base/assert.h"
#include "base/random.h"
#include "bench/distribution.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kPoolWindows = 1 << 17;  // distinct values; a multiple of 8 bytes apart
constexpr std::uint64_t kPoolBytes = kPoolWindows * 8;

// Lines of JSON: the same names again and again, words from a small set, and numbers.
Bytes json_text(std::uint64_t seed, std::size_t bytes) {
  static constexpr std::array<const char*, 16> kWords = {
      "order", "paid",  "shipped", "returned", "blue",  "red",   "large", "small",
      "paper", "glass", "metal",   "wood",     "north", "south", "east",  "west"};
  Bytes text;
  text.reserve(bytes + 512);
  for (std::uint64_t id = seed; text.size() < bytes; ++id) {
    const std::uint64_t number = scrambled(id);
    const auto word = [number](int place) {
      return kWords[(number >> (4 * place)) % kWords.size()];
    };
    text += R"({"id":)" + std::to_string(number % 1'000'000) + R"(,"state":")" + word(0) +
            R"(","item":{"colour":")" + word(1) + R"(","size":")" + word(2) + R"(","material":")" +
            word(3) + R"("},"warehouse":")" + word(4) + R"(","price_cents":)" +
            std::to_string((number >> 24) % 100'000) + R"(,"changed_ms":)" +
            std::to_string(1'700'000'000'000 + (number >> 36)) + "}\n";
  }
  text.resize(bytes);
  return text;
}

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

ValuePool::ValuePool(std::uint64_t seed, std::size_t value_bytes_max, bool is_text) {
  if (is_text) {
    bytes_ = json_text(seed, kPoolBytes + value_bytes_max);
    return;
  }
  bytes_.resize(kPoolBytes + value_bytes_max);
  SeededRandom random(seed);
  random.fill({reinterpret_cast<unsigned char*>(bytes_.data()), bytes_.size()});
}

BytesView ValuePool::value(std::uint64_t id, std::size_t value_bytes) const {
  TALEA_ASSERT(kPoolBytes + value_bytes <= bytes_.size());
  return {bytes_.data() + (scrambled(id) % kPoolWindows) * 8, value_bytes};
}

}  // namespace talea::bench
