#include "bench/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/assert.h"

namespace talea::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;  // of the JSON; raise it when a member changes its meaning

struct Unit {
  double size;
  const char* name;
};

// `value` with three significant digits and the unit that keeps it below 1 000. The comparisons
// are with what rounds up: 999 600 is 1.00M and not 1000k.
std::string scaled(double value, std::initializer_list<Unit> units_descending,
                   std::string_view suffix) {
  const Unit* unit = units_descending.end() - 1;
  for (const Unit& candidate : units_descending) {
    if (value < candidate.size * 0.9995) continue;
    unit = &candidate;
    break;
  }
  const double shown = value / unit->size;
  const int decimals = shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}{}", shown, decimals, unit->name, suffix);
}

std::string spread(const Summary& rate) {
  return format_rate(rate.min) + ".." + format_rate(rate.max);
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
                     report.quick ? ", quick (a quarter of the operations)" : "", report.seed);
}

Json to_json(const Summary& summary) {
  return {{"median", summary.median}, {"min", summary.min}, {"max", summary.max}};
}

Json to_json(const WorkloadResult& result) {
  Json sides = Json::array();
  for (const SideResult& side : result.sides) {
    Json rounds = Json::array();
    for (const Measurement& round : side.rounds) {
      rounds.push_back({{"seconds", round.seconds}, {"cpu_seconds", round.cpu_seconds}});
    }
    sides.push_back({{"name", side.name},
                     {"per_second", to_json(result.rate(side))},
                     {"cpu_seconds", side.cpu_seconds()},
                     {"rounds", rounds}});
  }
  Json targets = Json::array();
  for (const Verdict& verdict : judge(result)) {
    targets.push_back({{"peer", verdict.target.peer},
                       {"target_ratio", verdict.target.ratio},
                       {"ratio", verdict.ratio},
                       {"round_ratio", to_json(verdict.round_ratio)},
                       {"ok", verdict.ok}});
  }
  return {{"id", result.description.id},
          {"variant", result.description.variant},
          {"unit", result.description.unit},
          {"operations_per_round", result.description.operations},
          {"sides", sides},
          {"targets", targets}};
}

}  // namespace

std::vector<double> SideResult::rates(std::uint64_t operations) const {
  std::vector<double> rates;
  for (const Measurement& round : rounds) {
    rates.push_back(static_cast<double>(operations) / round.seconds);
  }
  return rates;
}

double SideResult::seconds() const {
  std::vector<double> samples;
  for (const Measurement& round : rounds) samples.push_back(round.seconds);
  return summary(samples).median;
}

double SideResult::cpu_seconds() const {
  std::vector<double> samples;
  for (const Measurement& round : rounds) samples.push_back(round.cpu_seconds);
  return summary(samples).median;
}

const SideResult* WorkloadResult::side(const std::string& name) const {
  for (const SideResult& side : sides) {
    if (side.name == name) return &side;
  }
  return nullptr;
}

Summary WorkloadResult::rate(const SideResult& side) const {
  return summary(side.rates(description.operations));
}

std::vector<Verdict> judge(const WorkloadResult& result) {
  std::vector<Verdict> verdicts;
  for (const Target& target : result.description.targets) {
    const SideResult* talea = result.side("talea");
    const SideResult* peer = result.side(target.peer);
    if (talea == nullptr || peer == nullptr) continue;
    TALEA_ASSERT(talea->rounds.size() == peer->rounds.size());
    std::vector<double> round_ratios;
    for (std::size_t round = 0; round < talea->rounds.size(); ++round) {
      round_ratios.push_back(peer->rounds[round].seconds / talea->rounds[round].seconds);
    }
    Verdict verdict{.target = target,
                    .talea_rate = result.rate(*talea).median,
                    .peer_rate = result.rate(*peer).median,
                    .round_ratio = summary(round_ratios)};
    verdict.ratio = verdict.talea_rate / verdict.peer_rate;
    verdict.ok = verdict.ratio >= target.ratio;
    verdicts.push_back(verdict);
  }
  return verdicts;
}

std::string format_rate(double per_second) {
  return scaled(per_second, {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}, "/s");
}

std::string format_seconds(double seconds) {
  return scaled(seconds, {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}, "");
}

std::string format_ratio(double ratio) { return fmt::format("{:.2f}x", ratio); }

std::string header_text(const Report& report) {
  std::string text =
      fmt::format("# talea bench {}: {}\n# {}; commit {}; {}\n# {}\n", report.started,
                  machine_text(report.machine), report.machine.compiler, report.commit,
                  run_text(report), report.command);
  for (const SideInfo& side : report.sides) {
    text += fmt::format("# {} {}: {}\n", side.name, side.version, side.options);
  }
  return text + fmt::format("# disk: {}\n", disk_text(report.disk));
}

std::string workload_text(const WorkloadResult& result) {
  const Workload::Description& description = result.description;
  std::string text = fmt::format("\n{}, {}; {} {} a round\n", description.id, description.variant,
                                 description.operations, description.unit);
  for (const SideResult& side : result.sides) {
    const Summary rate = result.rate(side);
    text += fmt::format("  {:<8} {:>8}  ({})  {} a round, CPU {}\n", side.name,
                        format_rate(rate.median), spread(rate), format_seconds(side.seconds()),
                        format_seconds(side.cpu_seconds()));
  }
  for (const Verdict& verdict : judge(result)) {
    text += fmt::format("{} talea={} peer={}:{} ratio={} target={:g}x {} ({})\n", description.id,
                        format_rate(verdict.talea_rate), verdict.target.peer,
                        format_rate(verdict.peer_rate), format_ratio(verdict.ratio),
                        verdict.target.ratio, verdict.ok ? "ok" : "short", description.variant);
  }
  return text;
}

Json to_json(const Report& report) {
  Json sides = Json::array();
  for (const SideInfo& side : report.sides) {
    sides.push_back({{"name", side.name}, {"version", side.version}, {"options", side.options}});
  }
  Json workloads = Json::array();
  for (const WorkloadResult& result : report.workloads) workloads.push_back(to_json(result));
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
          {"workloads", workloads}};
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

  text +=
      "\nCPU is user and system time of the process, background threads included, for one "
      "operation.\n\n"
      "| id | workload | side | median | min .. max | CPU | talea is |\n"
      "|---|---|---|---:|---|---:|---:|\n";
  for (const WorkloadResult& result : report.workloads) {
    const Workload::Description& description = result.description;
    const SideResult* talea = result.side("talea");
    for (const SideResult& side : result.sides) {
      const Summary rate = result.rate(side);
      const bool compared = talea != nullptr && &side != talea;
      text += fmt::format(
          "| {} | {} | {} | {} | {} .. {} | {} | {} |\n", description.id, description.variant,
          side.name, format_rate(rate.median), format_rate(rate.min), format_rate(rate.max),
          format_seconds(side.cpu_seconds() / static_cast<double>(description.operations)),
          compared ? format_ratio(result.rate(*talea).median / rate.median) : "");
    }
  }

  text +=
      "\n| id | workload | against | ratio | rounds' ratios | target | |\n"
      "|---|---|---|---:|---|---:|---|\n";
  for (const WorkloadResult& result : report.workloads) {
    for (const Verdict& verdict : judge(result)) {
      text +=
          fmt::format("| {} | {} | {} | {} | {} .. {} | {:g}x | {} |\n", result.description.id,
                      result.description.variant, verdict.target.peer, format_ratio(verdict.ratio),
                      format_ratio(verdict.round_ratio.min), format_ratio(verdict.round_ratio.max),
                      verdict.target.ratio, verdict.ok ? "ok" : "short");
    }
  }
  return text;
}

}  // namespace talea::bench
