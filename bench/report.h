// Report: what a run found, and how it is written: a line per target on the terminal, JSON for
// programs, Markdown for people.
#pragma once

#include <optional>
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

/// The rounds of one side in one row.
struct SideResult {
  std::string name;
  /// It was asked for a figure; without rounds it had none.
  bool takes_part = true;
  std::vector<Figure> rounds;

  bool has_figure() const { return !rounds.empty(); }
  /// Of a side that has a figure.
  Summary value() const;
  /// Medians over the rounds.
  Cost cost() const;
};

struct RowResult {
  Row row;
  std::vector<SideResult> sides;

  /// Null when the side was not run or has no figure.
  const SideResult* side(const std::string& name) const;
};

struct Failure {
  std::string side;
  std::string message;
};

struct WorkloadResult {
  std::vector<RowResult> rows;
  std::vector<Failure> failures;

  const RowResult* row(const std::string& variant) const;
};

enum class Outcome : std::uint8_t {
  ok,
  missed,
  not_yet,  // Talea has no figure
};
std::string_view outcome_name(Outcome outcome);

/// One target, judged.
struct Verdict {
  Target target;
  Unit unit = Unit::per_second;
  /// Medians; none when Talea has no figure, or the target is absolute.
  std::optional<double> talea;
  std::optional<double> other;
  /// Of the medians, Talea's over the other.
  std::optional<double> ratio;
  /// Of the ratios of the single rounds, which pair what ran next to each other.
  std::optional<Summary> round_ratio;
  std::optional<Outcome> bar;
  std::optional<Outcome> stretch;
};
/// The targets of a row. One against a side that has no figure is left out.
std::vector<Verdict> judge(const WorkloadResult& workload, const RowResult& row);

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
  std::vector<std::string> notes;
  std::vector<WorkloadResult> workloads;
};

struct Tally {
  std::size_t ok = 0;
  std::size_t missed = 0;
  std::size_t not_yet = 0;
  std::size_t failures = 0;
};
/// Counts bars, not stretches.
Tally tally(const Report& report);

/// Three significant digits and a unit: 3.42M/s, 86.5k/s, 950/s.
std::string format_rate(double per_second);
/// 89.1us, 12.0ms, 1.52s.
std::string format_seconds(double seconds);
/// 11.2x.
std::string format_ratio(double ratio);
/// In the unit of a row: 3.42M/s, 12.0ms, 44.1 B/key, 1.18x.
std::string format_value(Unit unit, double value);

/// What the run depends on, as comment lines at its begin.
std::string header_text(const Report& report);
/// For each row a line for each side, then a line for each target:
/// `P-get talea=20.1M/s peer=rocksdb:860k/s ratio=23.4x bar=20x ok`, and what was measured.
std::string workload_text(const WorkloadResult& result);

nlohmann::ordered_json to_json(const Report& report);
std::string to_markdown(const Report& report);

}  // namespace talea::bench
