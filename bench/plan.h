// Plan: which workloads there are, how large, with which sides and targets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/child.h"
#include "bench/workload.h"

namespace talea::bench {

struct PlanOptions {
  /// Less of everything, for a first look.
  bool quick = false;
  /// Median of a 4 KiB write and fdatasync here; sizes the durable workloads to about a second.
  double disk_sync_seconds = 1e-4;
  std::uint64_t seed = kDefaultSeed;
  /// What starts processes for workloads that need them.
  ChildProgram program{"/proc/self/exe"};
};

/// All workloads with their targets, in the order they run.
std::vector<std::unique_ptr<Workload>> make_workloads(const PlanOptions& options);

/// The ids of their rows, each once, in that order.
std::vector<std::string> ids_of(const std::vector<std::unique_ptr<Workload>>& workloads);

/// A line for each row: id, variant, sides, targets.
std::string list_text(const std::vector<std::unique_ptr<Workload>>& workloads);

}  // namespace talea::bench
