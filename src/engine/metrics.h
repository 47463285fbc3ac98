// What the engine counts. stats() reads it.
#pragma once

#include "base/histogram.h"
#include "talea/engine.h"

namespace talea {

/// Threads: safe.
struct Metrics {
  Counter puts;
  Counter removes;
  Counter gets;
  Counter gets_found;
  Counter scans;
  Counter rows_scanned;
  Counter batches_committed;
  Counter batches_rejected;
  Counter batches_unknown;
  Counter conflicts;
  Counter log_bytes_written;
  Counter extent_bytes_written;
  Counter groups_written;
  Counter syncs;
  Counter segments_created;
  Counter segments_abandoned;
  Histogram commit_latency;
  Histogram get_latency;

  void fill(Stats& stats) const;
};

}  // namespace talea
