// The few numbers that stand for many: the median with its spread, and quantiles.
#pragma once

#include <vector>

namespace talea::bench {

struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// Of at least one sample. The median of an even count is the mean of the two in the middle.
Summary summary(std::vector<double> samples);

/// The smallest sample that at least the fraction `q` (0 to 1) of the samples do not exceed; of at
/// least one sample.
double quantile(std::vector<double> samples, double q);

}  // namespace talea::bench
