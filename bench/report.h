// Report: what a run found, and how it is written: a line per target on the terminal, JSON for
// programs, Markdown for people.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "bench/machine.h"
#include "bench/statistics.h"
#include "bench/workload.h"

namespace talea::bench {

struct SideInfo {
  std::string name;
  std::string version;
  std::string options;
};

/// The rounds of one side in one workload.
struct SideResult {
  std::string name;
  std::vector<Measurement> rounds;

  /// Operations per second, one of each round.
  std::vector<double> rates(std::uint64_t operations) const;
  /// Medians over the rounds.
  double seconds() const;
  double cpu_seconds() const;
};

struct WorkloadResult {
  Workload::Description description;
  std::vector<SideResult> sides;

  /// Null when the side was not run.
  const SideResult* side(const std::string& name) const;
  Summary rate(const SideResult& side) const;
};

/// One target, judged.
struct Verdict {
  Target target;
  double talea_rate = 0;
  double peer_rate = 0;
  double ratio = 0;  // of the medians
  /// Of the ratios of the single rounds, which pair what ran next to each other.
  Summary round_ratio;
  bool ok = false;
};
/// The targets whose two sides were run.
std::vector<Verdict> judge(const WorkloadResult& result);

struct Report {
  std::string command;
  std::string commit;
  /// UTC, ISO 8601.
  std::string started;
  Machine machine;
  DiskProbe::Limits disk;
  unsigned rounds = 0;
  bool quick = false;
  std::uint64_t seed = 0;
  std::vector<SideInfo> sides;
  std::vector<WorkloadResult> workloads;
};

/// Three significant digits and a unit: 3.42M/s, 86.5k/s, 950/s.
std::string format_rate(double per_second);
/// 89.1us, 12.0ms, 1.52s.
std::string format_seconds(double seconds);
/// 11.2x.
std::string format_ratio(double ratio);

/// What the run depends on, as comment lines at its begin.
std::string header_text(const Report& report);
/// A line for each side, then a line for each target that was judged:
/// `P-get talea=20.1M/s peer=rocksdb:860k/s ratio=23.4x target=20x ok`, and what was measured.
std::string workload_text(const WorkloadResult& result);

nlohmann::ordered_json to_json(const Report& report);
std::string to_markdown(const Report& report);

}  // namespace talea::bench
