#include "bench/runner.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace talea::bench {
namespace {

constexpr unsigned kDiskSamplesPerRound = 256;

// A side that takes part.
struct Entrant {
  Peer* peer;
  std::size_t side;  // its number in the result
  std::string directory;
  bool failed = false;
};

std::vector<Entrant> entrants(const Workload& workload,
                              const std::vector<std::unique_ptr<Peer>>& peers,
                              const std::string& data_directory) {
  std::vector<Entrant> entrants;
  for (const std::string& side : workload.description().sides) {
    for (const std::unique_ptr<Peer>& peer : peers) {
      if (peer->name() != side) continue;
      entrants.push_back(
          {.peer = peer.get(), .side = entrants.size(), .directory = data_directory + "/" + side});
    }
  }
  return entrants;
}

Status make_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  return error ? Status::io_error("create " + directory + ": " + error.message()) : Status();
}

Status remove_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  return error ? Status::io_error("remove " + directory + ": " + error.message()) : Status();
}

// Notes that the side cannot go on. That it cannot do this at all is no failure.
void give_up(Entrant& entrant, WorkloadResult& result, const Status& status) {
  entrant.failed = true;
  (void)entrant.peer->close();  // it may have failed with the store open
  if (status.code() == Code::unsupported) return;
  result.failures.push_back({.side = entrant.peer->name(), .message = status.to_string()});
}

void keep(const Figures& figures, std::size_t side, WorkloadResult& result) {
  for (std::size_t row = 0; row < figures.size(); ++row) {
    if (figures[row].has_value()) result.rows[row].sides[side].rounds.push_back(*figures[row]);
  }
}

}  // namespace

Result<WorkloadResult> run(Workload& workload, const std::vector<std::unique_ptr<Peer>>& peers,
                           const RunOptions& options, DiskProbe& disk,
                           const std::function<void(const std::string&)>& progress) {
  const Workload::Description& description = workload.description();
  std::vector<Entrant> sides = entrants(workload, peers, options.data_directory);
  WorkloadResult result;
  for (std::size_t row = 0; row < description.rows.size(); ++row) {
    result.rows.push_back({.row = description.rows[row], .sides = {}});
    for (const Entrant& side : sides) {
      result.rows[row].sides.push_back({.name = side.peer->name(),
                                        .takes_part = workload.wants(row, side.peer->name()),
                                        .rounds = {}});
    }
  }
  const std::string name = description.rows[0].id + ", " + description.rows[0].variant + ": ";
  for (Entrant& side : sides) {
    if (!description.keeps_stores) break;
    progress(name + "load, " + side.peer->name());
    TALEA_TRY(make_directory(side.directory));
    Status prepared = workload.prepare(*side.peer, side.directory);
    if (!prepared.ok()) give_up(side, result, prepared);
  }
  for (unsigned round = 0; round < options.rounds; ++round) {
    if (description.bound_by_disk) TALEA_TRY(disk.sample(kDiskSamplesPerRound));
    for (Entrant& side : sides) {
      if (side.failed) continue;
      progress(name + "round " + std::to_string(round + 1) + "/" + std::to_string(options.rounds) +
               ", " + side.peer->name());
      if (!description.keeps_stores) TALEA_TRY(make_directory(side.directory));
      Result<Figures> figures = workload.run_round(*side.peer, side.directory, round);
      if (figures.ok()) {
        keep(*figures, side.side, result);
      } else {
        give_up(side, result, figures.status());
      }
      if (!description.keeps_stores) TALEA_TRY(remove_directory(side.directory));
    }
  }
  for (const Entrant& side : sides) TALEA_TRY(remove_directory(side.directory));
  std::erase_if(result.rows, [](const RowResult& row) { return row.row.left_out; });
  return result;
}

}  // namespace talea::bench
