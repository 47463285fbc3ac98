#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bench/distribution.h"
#include "bench/workloads.h"

namespace talea::bench {
namespace {

constexpr BytesView kPrefix = "app:user:";

// What matches is numbered; what does not has the length of the others, and no pattern.
std::vector<Bytes> keys_with_prefix(const KeySet& random, std::uint64_t matching) {
  std::vector<Bytes> keys;
  keys.reserve(random.size());
  for (std::uint64_t number = 0; number < random.size(); ++number) {
    if (number < matching) {
      const std::string digits = std::to_string(number);
      keys.push_back(Bytes(kPrefix) + std::string(8 - digits.size(), '0') + digits);
    } else {
      keys.emplace_back(random[number]);
    }
  }
  // In no order, as they would be put.
  std::sort(keys.begin(), keys.end(), [](const Bytes& a, const Bytes& b) {
    return std::hash<Bytes>{}(a) < std::hash<Bytes>{}(b);
  });
  return keys;
}

}  // namespace

PrefixWorkload::PrefixWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(shape.matching <= shape.keys);
}

Result<Figures> PrefixWorkload::run_round(Peer& peer, const std::string& directory,
                                          unsigned round) {
  const KeySet random(shape_.seed, round * shape_.keys, shape_.keys, 16);
  const ValuePool values(shape_.seed, shape_.value_bytes);
  TALEA_TRY(peer.open(
      directory + "/store",
      {.expected_keys = shape_.keys, .expected_bytes = shape_.keys * (17 + shape_.value_bytes)}));
  RowSum expected;
  std::uint64_t id = 0;
  for (const Bytes& key : keys_with_prefix(random, shape_.matching)) {
    const BytesView value = values.value(id++, shape_.value_bytes);
    TALEA_TRY(peer.put(key, value));
    if (key.starts_with(kPrefix)) expected.add(key, value);
  }
  RowSum warm;
  TALEA_TRY(peer.scan_prefix(kPrefix, warm));
  if (warm.rows() != expected.rows() || warm.sum() != expected.sum()) {
    return Status::corruption(peer.name() + " returned other rows than those with the prefix");
  }

  RowSum sum;
  const Stopwatch stopwatch;
  for (std::uint64_t scan = 0; scan < shape_.scans; ++scan) {
    TALEA_TRY(peer.scan_prefix(kPrefix, sum));
  }
  const Cost cost = stopwatch.elapsed();
  if (sum.sum() != shape_.scans * expected.sum()) {
    return Status::corruption(peer.name() + " returned other rows than before");
  }
  TALEA_TRY(peer.close());
  return Figures{Figure::rate(sum.rows(), cost)};
}

}  // namespace talea::bench
