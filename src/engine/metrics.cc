#include "engine/metrics.h"

namespace talea {

namespace {

LatencyHistogram copy(const Histogram& from) {
  static_assert(LatencyHistogram::kBuckets == Histogram::kBuckets);
  LatencyHistogram to;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    to.buckets[i] = from.bucket(i);
    to.count += to.buckets[i];
  }
  to.sum_ns = from.sum();
  to.max_ns = from.max();
  return to;
}

}  // namespace

void Metrics::fill(Stats& stats) const {
  stats.puts = puts.value();
  stats.removes = removes.value();
  for (const Reads& of_guard : reads) {
    stats.gets += of_guard.gets.value();
    stats.gets_found += of_guard.gets_found.value();
    stats.scans += of_guard.scans.value();
    stats.rows_scanned += of_guard.rows_scanned.value();
  }
  stats.batches_committed = batches_committed.value();
  stats.batches_rejected = batches_rejected.value();
  stats.batches_unknown = batches_unknown.value();
  stats.conflicts = conflicts.value();
  stats.log_bytes_written = log_bytes_written.value();
  stats.extent_bytes_written = extent_bytes_written.value();
  stats.groups_written = groups_written.value();
  stats.syncs = syncs.value();
  stats.segments_created = segments_created.value();
  stats.segments_abandoned = segments_abandoned.value();
  stats.checkpoints = checkpoints.value();
  stats.compacted_bytes_written = bytes_compacted.value();
  stats.run_bytes_written = run_bytes_written.value();
  stats.keys_expired = keys_expired.value();
  stats.values_compressed = values_compressed.value();
  stats.bytes_before_compression = bytes_before_compression.value();
  stats.bytes_after_compression = bytes_after_compression.value();
  stats.commit_latency = copy(commit_latency);
  stats.get_latency = copy(get_latency);
}

std::uint64_t LatencyHistogram::bucket_upper_ns(std::size_t position) {
  return Histogram::upper_of(position);
}

std::uint64_t LatencyHistogram::quantile_ns(double q) const {
  if (count == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count - 1));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    below += buckets[i];
    if (below > rank) return bucket_upper_ns(i) < max_ns ? bucket_upper_ns(i) : max_ns;
  }
  return max_ns;
}

}  // namespace talea
