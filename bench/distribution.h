// Distributions: which of the keys an operation is about.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace talea::bench {

/// Ranks 0 to count - 1, where rank r comes about 1 / (r + 1)^0.99 times as often as rank 0.
///
/// Cost: O(count) to make, then constant.
/// Source: Gray et al., Quickly Generating Billion-Record Synthetic Databases, SIGMOD 1994,
/// section 3.2; YCSB's ZipfianGenerator is the same. Threads: externally synchronised.
class Zipfian {
 public:
  explicit Zipfian(std::uint64_t count);
  /// `uniform` is at least 0 and below 1.
  std::uint64_t rank(double uniform) const;

 private:
  double count_;
  double zeta_;
  double eta_;
};

/// A number that is at least 0 and below 1.
double next_uniform(Random& random);

/// A bijection of 64-bit numbers that leaves no pattern: distinct numbers give distinct ones.
/// Source: the finaliser of SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
std::uint64_t scrambled(std::uint64_t number);

}  // namespace talea::bench
