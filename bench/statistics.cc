#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/assert.h"

namespace talea::bench {

Summary summary(std::vector<double> samples) {
  TALEA_ASSERT(!samples.empty());
  std::sort(samples.begin(), samples.end());
  const std::size_t half = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {.median = median, .min = samples.front(), .max = samples.back()};
}

double quantile(std::vector<double> samples, double q) {
  TALEA_ASSERT(!samples.empty() && q >= 0 && q <= 1);
  std::sort(samples.begin(), samples.end());
  const double rank = std::ceil(q * static_cast<double>(samples.size()));
  return samples[rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1];
}

}  // namespace talea::bench
