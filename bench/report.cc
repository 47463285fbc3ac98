#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/assert.h"

namespace talea::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 2;  // of the JSON; raise it when a member changes its meaning

struct Scale {
  double size;
  const char* name;
};

// `value` with three significant digits and the unit that keeps it below 1 000. The comparisons
// are with what rounds up: 999 600 is 1.00M and not 1000k.
std::string scaled(double value, std::initializer_list<Scale> units_descending,
                   std::string_view suffix) {
  const Scale* unit = units_descending.end() - 1;
  for (const Scale& candidate : units_descending) {
    if (value < candidate.size * 0.9995) continue;
    unit = &candidate;
    break;
  }
  const double shown = value / unit->size;
  const int decimals = shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}{}", shown, decimals, unit->name, suffix);
}

std::string memory(const Machine& machine) {
  return fmt::format("{:.1f} GiB memory", static_cast<double>(machine.memory_bytes) / (1 << 30));
}

std::string disk_text(const DiskProbe::Limits& disk) {
  return fmt::format(
      "4 KiB write + fdatasync p50 {}, p99 {} on space written before; p50 {}, p99 {} on a "
      "growing file; {} samples each",
      format_seconds(disk.preallocated_p50_seconds), format_seconds(disk.preallocated_p99_seconds),
      format_seconds(disk.growing_p50_seconds), format_seconds(disk.growing_p99_seconds),
      disk.samples);
}

std::string machine_text(const Machine& machine) {
  return fmt::format("{}, {} cores, {}, {}, {}, load {:.2f}", machine.cpu, machine.cores,
                     memory(machine), machine.kernel, machine.file_system, machine.load);
}

std::string run_text(const Report& report) {
  return fmt::format("median of {} rounds, sides in turn{}; seed {}", report.rounds,
                     report.quick ? ", quick (less of everything)" : "", report.seed);
}

double median_of(const std::vector<Figure>& rounds, double (*member)(const Figure&)) {
  std::vector<double> samples;
  samples.reserve(rounds.size());
  for (const Figure& figure : rounds) samples.push_back(member(figure));
  return summary(std::move(samples)).median;
}

std::uint64_t operations_of(const SideResult& side) { return side.rounds.front().operations; }

// What stands where a figure would.
std::string absent(const SideResult& side, const WorkloadResult& workload) {
  for (const Failure& failure : workload.failures) {
    if (failure.side == side.name) return "failed";
  }
  return side.name == "talea" ? "not yet" : "none";
}

Outcome outcome(Unit unit, double found, double wanted) {
  const bool ok = more_is_better(unit) ? found >= wanted : found <= wanted;
  return ok ? Outcome::ok : Outcome::missed;
}

std::optional<Outcome> outcome(const Verdict& verdict, std::optional<double> wanted) {
  if (!wanted.has_value()) return {};
  if (!verdict.talea.has_value()) return Outcome::not_yet;
  return outcome(verdict.unit, verdict.target.side.empty() ? *verdict.talea : *verdict.ratio,
                 *wanted);
}

// "20x" of a ratio; "0.15s" of an absolute target.
std::string wanted_text(const Verdict& verdict, double wanted) {
  if (!verdict.target.side.empty()) return fmt::format("{:.3g}x", wanted);
  return format_value(verdict.unit, wanted);
}

std::string against_text(const Verdict& verdict) {
  if (verdict.target.side.empty()) return "";
  return verdict.target.row.empty() ? verdict.target.side
                                    : verdict.target.side + ": " + verdict.target.row;
}

std::string verdict_text(const RowResult& row, const Verdict& verdict) {
  std::string text = fmt::format(
      "{} talea={}", row.row.id,
      verdict.talea.has_value() ? format_value(verdict.unit, *verdict.talea) : "not-yet");
  if (verdict.other.has_value()) {
    text +=
        fmt::format(" peer={}:{}", verdict.target.side, format_value(verdict.unit, *verdict.other));
  }
  if (verdict.ratio.has_value()) text += fmt::format(" ratio={}", format_ratio(*verdict.ratio));
  const auto add = [&](const char* name, std::optional<double> wanted,
                       std::optional<Outcome> outcome) {
    if (!wanted.has_value()) return;
    text += fmt::format(" {}={} {}", name, wanted_text(verdict, *wanted), outcome_name(*outcome));
  };
  add("bar", verdict.target.bar, verdict.bar);
  add("stretch", verdict.target.stretch, verdict.stretch);
  text += fmt::format(" ({}", row.row.variant);
  if (!verdict.target.row.empty()) text += fmt::format("; peer is \"{}\"", verdict.target.row);
  return text + ")\n";
}

// How the figures of the sides were come by: per operation, or in all where there is only one.
std::string cost_text(const SideResult& side) {
  const Cost cost = side.cost();
  if (cost.seconds <= 0) return "";
  const auto operations = static_cast<double>(operations_of(side));
  return fmt::format(
      "{} operations in {}, each {} of CPU and {} written", operations_of(side),
      format_seconds(cost.seconds), format_seconds(cost.cpu_seconds / operations),
      format_value(Unit::bytes, static_cast<double>(cost.bytes_written) / operations));
}

Json to_json(const Summary& summary) {
  return {{"median", summary.median}, {"min", summary.min}, {"max", summary.max}};
}

Json to_json(const SideResult& side) {
  Json json = {{"name", side.name}};
  if (!side.has_figure()) return json;
  Json rounds = Json::array();
  for (const Figure& figure : side.rounds) {
    rounds.push_back({{"value", figure.value},
                      {"operations", figure.operations},
                      {"seconds", figure.cost.seconds},
                      {"cpu_seconds", figure.cost.cpu_seconds},
                      {"bytes_written", figure.cost.bytes_written}});
  }
  json["value"] = to_json(side.value());
  json["rounds"] = rounds;
  return json;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json to_json(const Verdict& verdict) {
  const auto named = [](const std::optional<Outcome>& outcome) {
    return outcome.has_value() ? Json(outcome_name(*outcome)) : Json(nullptr);
  };
  return {{"peer", verdict.target.side},
          {"peer_row", verdict.target.row},
          {"talea", or_null(verdict.talea)},
          {"other", or_null(verdict.other)},
          {"ratio", or_null(verdict.ratio)},
          {"round_ratio",
           verdict.round_ratio.has_value() ? to_json(*verdict.round_ratio) : Json(nullptr)},
          {"bar", or_null(verdict.target.bar)},
          {"bar_outcome", named(verdict.bar)},
          {"stretch", or_null(verdict.target.stretch)},
          {"stretch_outcome", named(verdict.stretch)}};
}

const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::per_second: return "per_second";
    case Unit::seconds: return "seconds";
    case Unit::bytes: return "bytes";
    case Unit::bytes_per_key: return "bytes_per_key";
    case Unit::times: return "times";
  }
  return "";
}

Json to_json(const WorkloadResult& workload, const RowResult& row) {
  Json sides = Json::array();
  for (const SideResult& side : row.sides) {
    if (side.takes_part) sides.push_back(to_json(side));
  }
  Json targets = Json::array();
  for (const Verdict& verdict : judge(workload, row)) targets.push_back(to_json(verdict));
  return {{"id", row.row.id},
          {"variant", row.row.variant},
          {"unit", unit_name(row.row.unit)},
          {"counted", row.row.counted},
          {"sides", sides},
          {"targets", targets}};
}

}  // namespace

Summary SideResult::value() const {
  std::vector<double> samples;
  samples.reserve(rounds.size());
  for (const Figure& figure : rounds) samples.push_back(figure.value);
  return summary(std::move(samples));
}

Cost SideResult::cost() const {
  return {.seconds = median_of(rounds, [](const Figure& f) { return f.cost.seconds; }),
          .cpu_seconds = median_of(rounds, [](const Figure& f) { return f.cost.cpu_seconds; }),
          .bytes_written = static_cast<std::uint64_t>(median_of(
              rounds, [](const Figure& f) { return static_cast<double>(f.cost.bytes_written); }))};
}

const SideResult* RowResult::side(const std::string& name) const {
  for (const SideResult& side : sides) {
    if (side.name == name && side.has_figure()) return &side;
  }
  return nullptr;
}

const RowResult* WorkloadResult::row(const std::string& variant) const {
  for (const RowResult& row : rows) {
    if (row.row.variant == variant) return &row;
  }
  return nullptr;
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::missed: return "short";
    case Outcome::not_yet: return "not-yet";
  }
  return "";
}

std::vector<Verdict> judge(const WorkloadResult& workload, const RowResult& row) {
  std::vector<Verdict> verdicts;
  const SideResult* talea = row.side("talea");
  if (std::none_of(row.sides.begin(), row.sides.end(), [](const SideResult& side) {
        return side.name == "talea" && side.takes_part;
      })) {
    return verdicts;
  }
  for (const Target& target : row.row.targets) {
    Verdict verdict;
    verdict.target = target;
    verdict.unit = row.row.unit;
    if (talea != nullptr) verdict.talea = talea->value().median;
    if (!target.side.empty()) {
      const RowResult* other_row = target.row.empty() ? &row : workload.row(target.row);
      TALEA_ASSERT(other_row != nullptr);
      const SideResult* other = other_row->side(target.side);
      if (other == nullptr) continue;
      verdict.other = other->value().median;
      if (talea != nullptr) {
        verdict.ratio = *verdict.talea / *verdict.other;
        std::vector<double> ratios;
        for (std::size_t round = 0; round < std::min(talea->rounds.size(), other->rounds.size());
             ++round) {
          ratios.push_back(talea->rounds[round].value / other->rounds[round].value);
        }
        verdict.round_ratio = summary(std::move(ratios));
      }
    }
    verdict.bar = outcome(verdict, target.bar);
    verdict.stretch = outcome(verdict, target.stretch);
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

Tally tally(const Report& report) {
  Tally tally;
  for (const WorkloadResult& workload : report.workloads) {
    tally.failures += workload.failures.size();
    for (const RowResult& row : workload.rows) {
      for (const Verdict& verdict : judge(workload, row)) {
        if (verdict.bar == Outcome::ok) ++tally.ok;
        if (verdict.bar == Outcome::missed) ++tally.missed;
        if (verdict.bar == Outcome::not_yet) ++tally.not_yet;
      }
    }
  }
  return tally;
}

std::string format_rate(double per_second) {
  return scaled(per_second, {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}, "/s");
}

std::string format_seconds(double seconds) {
  return scaled(seconds, {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}, "");
}

std::string format_ratio(double ratio) { return fmt::format("{:.2f}x", ratio); }

std::string format_value(Unit unit, double value) {
  switch (unit) {
    case Unit::per_second: return format_rate(value);
    case Unit::seconds: return format_seconds(value);
    case Unit::bytes:
      return scaled(value, {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}}, "");
    case Unit::bytes_per_key: return fmt::format("{:.1f}B/key", value);
    case Unit::times: return format_ratio(value);
  }
  return "";
}

std::string header_text(const Report& report) {
  std::string text =
      fmt::format("# talea bench {}: {}\n# {}; commit {}; {}\n# {}\n", report.started,
                  machine_text(report.machine), report.machine.compiler, report.commit,
                  run_text(report), report.command);
  for (const SideInfo& side : report.sides) {
    text += fmt::format("# {} {}: {}\n", side.name, side.version, side.options);
  }
  for (const std::string& note : report.notes) text += fmt::format("# {}\n", note);
  return text + fmt::format("# disk: {}\n", disk_text(report.disk));
}

std::string workload_text(const WorkloadResult& result) {
  std::string text;
  for (const RowResult& row : result.rows) {
    text += fmt::format("\n{}, {}{}\n", row.row.id, row.row.variant,
                        row.row.counted.empty() ? "" : "; " + row.row.counted);
    for (const SideResult& side : row.sides) {
      if (!side.takes_part) continue;
      if (!side.has_figure()) {
        text += fmt::format("  {:<15}{:>10}\n", side.name, absent(side, result));
        continue;
      }
      const Summary value = side.value();
      text += fmt::format("  {:<15}{:>10}  ({}..{})  {}\n", side.name,
                          format_value(row.row.unit, value.median),
                          format_value(row.row.unit, value.min),
                          format_value(row.row.unit, value.max), cost_text(side));
    }
    for (const Verdict& verdict : judge(result, row)) text += verdict_text(row, verdict);
  }
  for (const Failure& failure : result.failures) {
    text += fmt::format("FAILED: {}: {}\n", failure.side, failure.message);
  }
  return text;
}

Json to_json(const Report& report) {
  Json sides = Json::array();
  for (const SideInfo& side : report.sides) {
    sides.push_back({{"name", side.name}, {"version", side.version}, {"options", side.options}});
  }
  Json rows = Json::array();
  Json failures = Json::array();
  for (const WorkloadResult& workload : report.workloads) {
    for (const RowResult& row : workload.rows) rows.push_back(to_json(workload, row));
    for (const Failure& failure : workload.failures) {
      failures.push_back({{"workload", workload.rows.front().row.id},
                          {"side", failure.side},
                          {"message", failure.message}});
    }
  }
  const Machine& machine = report.machine;
  const DiskProbe::Limits& disk = report.disk;
  return {{"format", kFormat},
          {"command", report.command},
          {"commit", report.commit},
          {"started", report.started},
          {"machine",
           {{"cpu", machine.cpu},
            {"cores", machine.cores},
            {"memory_bytes", machine.memory_bytes},
            {"kernel", machine.kernel},
            {"file_system", machine.file_system},
            {"load", machine.load},
            {"compiler", machine.compiler}}},
          {"disk_sync_4k",
           {{"samples", disk.samples},
            {"preallocated_p50_seconds", disk.preallocated_p50_seconds},
            {"preallocated_p99_seconds", disk.preallocated_p99_seconds},
            {"growing_p50_seconds", disk.growing_p50_seconds},
            {"growing_p99_seconds", disk.growing_p99_seconds}}},
          {"rounds", report.rounds},
          {"quick", report.quick},
          {"seed", report.seed},
          {"sides", sides},
          {"notes", report.notes},
          {"rows", rows},
          {"failures", failures}};
}

std::string to_markdown(const Report& report) {
  std::string text = "# Benchmark\n\n";
  text += fmt::format("- Machine: {}\n", machine_text(report.machine));
  text += fmt::format("- Disk: {}\n", disk_text(report.disk));
  text += fmt::format("- Compiler: {}\n", report.machine.compiler);
  text += fmt::format("- Commit: {}\n- Command: `{}`, {}\n- Figures: {}\n", report.commit,
                      report.command, report.started, run_text(report));
  for (const SideInfo& side : report.sides) {
    text += fmt::format("- {} {}: {}\n", side.name, side.version, side.options);
  }
  for (const std::string& note : report.notes) text += fmt::format("- {}\n", note);

  text +=
      "\n## Targets\n\n"
      "The ratio is that of the medians, Talea's figure over the other; a target without another "
      "side is about Talea's figure itself.\n\n"
      "| id | workload | talea | against | | ratio | rounds' ratios | bar | | stretch | |\n"
      "|---|---|---:|---|---:|---:|---|---:|---|---:|---|\n";
  const auto cell = [](const Verdict& verdict, std::optional<double> wanted,
                       std::optional<Outcome> outcome) {
    return wanted.has_value()
               ? fmt::format(" {} | {} |", wanted_text(verdict, *wanted), outcome_name(*outcome))
               : std::string(" | |");
  };
  for (const WorkloadResult& workload : report.workloads) {
    for (const RowResult& row : workload.rows) {
      for (const Verdict& verdict : judge(workload, row)) {
        text += fmt::format(
            "| {} | {} | {} | {} | {} | {} | {} |{}{}\n", row.row.id, row.row.variant,
            verdict.talea.has_value() ? format_value(verdict.unit, *verdict.talea) : "not yet",
            against_text(verdict),
            verdict.other.has_value() ? format_value(verdict.unit, *verdict.other) : "",
            verdict.ratio.has_value() ? format_ratio(*verdict.ratio) : "",
            verdict.round_ratio.has_value() ? format_ratio(verdict.round_ratio->min) + " .. " +
                                                  format_ratio(verdict.round_ratio->max)
                                            : "",
            cell(verdict, verdict.target.bar, verdict.bar),
            cell(verdict, verdict.target.stretch, verdict.stretch));
      }
    }
  }

  text +=
      "\n## Figures\n\n"
      "CPU is user and system time of the process, background threads included, and written what "
      "it sent towards the disk, for one operation.\n\n"
      "| id | workload | side | median | min .. max | CPU | written |\n"
      "|---|---|---|---:|---|---:|---:|\n";
  for (const WorkloadResult& workload : report.workloads) {
    for (const RowResult& row : workload.rows) {
      for (const SideResult& side : row.sides) {
        if (!side.takes_part) continue;
        text += fmt::format("| {} | {} | {} |", row.row.id, row.row.variant, side.name);
        if (!side.has_figure()) {
          text += fmt::format(" {} | | | |\n", absent(side, workload));
          continue;
        }
        const Summary value = side.value();
        const Cost cost = side.cost();
        const double operations = std::max(1.0, static_cast<double>(operations_of(side)));
        const bool timed = cost.seconds > 0;
        text += fmt::format(
            " {} | {} .. {} | {} | {} |\n", format_value(row.row.unit, value.median),
            format_value(row.row.unit, value.min), format_value(row.row.unit, value.max),
            timed ? format_seconds(cost.cpu_seconds / operations) : "",
            timed ? format_value(Unit::bytes, static_cast<double>(cost.bytes_written) / operations)
                  : "");
      }
    }
  }
  for (const WorkloadResult& workload : report.workloads) {
    for (const Failure& failure : workload.failures) {
      text += fmt::format("\nFAILED: {}, {}: {}\n", workload.rows.front().row.id, failure.side,
                          failure.message);
    }
  }
  return text;
}

}  // namespace talea::bench
