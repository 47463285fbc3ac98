// Runner: interleaves the sides.
//
// The machines that run this are shared and noisy. So the sides take turns, A B A B, one store open
// at a time: what disturbs a minute of the run disturbs all sides, and the ratios hold.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/machine.h"
#include "bench/peer.h"
#include "bench/report.h"
#include "bench/workload.h"
#include "talea/result.h"

namespace talea::bench {

struct RunOptions {
  /// Exists and belongs to the run; what a workload leaves in it is removed after it.
  std::string data_directory;
  unsigned rounds = 5;
};

/// Runs `workload` on those of `peers` that take part in it, and samples `disk` between them when
/// the workload is bound by it. `progress` is called before each round of each side with what comes
/// next.
///
/// A side that fails is left out from there on, and the failure is in the result: an error in one
/// store must not cost the figures of hours.
/// Errors: io_error   the data directory, or the probe of the disk
Result<WorkloadResult> run(Workload& workload, const std::vector<std::unique_ptr<Peer>>& peers,
                           const RunOptions& options, DiskProbe& disk,
                           const std::function<void(const std::string&)>& progress);

}  // namespace talea::bench
