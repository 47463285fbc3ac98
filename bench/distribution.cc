#include "bench/distribution.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace talea::bench {
namespace {

constexpr double kTheta = 0.99;
constexpr double kAlpha = 1 / (1 - kTheta);
const double kSecondWeight = std::pow(0.5, kTheta);

double zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= count; ++rank) {
    sum += std::pow(1 / static_cast<double>(rank), kTheta);
  }
  return sum;
}

}  // namespace

Zipfian::Zipfian(std::uint64_t count) : count_(static_cast<double>(count)), zeta_(zeta(count)) {
  TALEA_ASSERT(count >= 2);
  eta_ = (1 - std::pow(2 / count_, 1 - kTheta)) / (1 - (1 + kSecondWeight) / zeta_);
}

std::uint64_t Zipfian::rank(double uniform) const {
  const double scaled = uniform * zeta_;
  if (scaled < 1) return 0;
  if (scaled < 1 + kSecondWeight) return 1;
  const double rank = count_ * std::pow(eta_ * uniform - eta_ + 1, kAlpha);
  return static_cast<std::uint64_t>(std::min(rank, count_ - 1));
}

double next_uniform(Random& random) {
  return static_cast<double>(random.next_u64() >> 11) * 0x1p-53;  // 53 bits are what a double holds
}

std::uint64_t scrambled(std::uint64_t number) {
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ULL;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebULL;
  return number ^ (number >> 31);
}

}  // namespace talea::bench
