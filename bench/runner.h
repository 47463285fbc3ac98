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
  /// Exists and belongs to the run; what a round leaves in it is removed after the round.
  std::string data_directory;
  unsigned rounds = 5;
};

/// Runs `workload` on all `peers`, and samples `disk` between them when the workload is bound by
/// it. `progress` is called before each round of each side with what comes next.
Result<WorkloadResult> run(const Workload& workload,
                           const std::vector<std::unique_ptr<Peer>>& peers,
                           const RunOptions& options, DiskProbe& disk,
                           const std::function<void(const std::string&)>& progress);

}  // namespace talea::bench
