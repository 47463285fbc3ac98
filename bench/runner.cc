#include "bench/runner.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace talea::bench {
namespace {

constexpr unsigned kDiskSamplesPerRound = 256;

Result<Measurement> run_in_fresh_directory(const Workload& workload, Peer& peer,
                                           const RunOptions& options, unsigned round) {
  const std::string directory =
      options.data_directory + "/" + peer.name() + "-" + std::to_string(round);
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  if (error) return Status::io_error("create " + directory + ": " + error.message());
  Result<Measurement> measured = workload.run_round(peer, directory, round);
  std::filesystem::remove_all(directory, error);
  if (!measured.ok()) {
    return std::move(measured).status().with_context(workload.description().id + " on " +
                                                     peer.name());
  }
  if (error) return Status::io_error("remove " + directory + ": " + error.message());
  return measured;
}

}  // namespace

Result<WorkloadResult> run(const Workload& workload,
                           const std::vector<std::unique_ptr<Peer>>& all_peers,
                           const RunOptions& options, DiskProbe& disk,
                           const std::function<void(const std::string&)>& progress) {
  WorkloadResult result{.description = workload.description(), .sides = {}};
  std::vector<Peer*> peers;
  const std::vector<std::string>& taking_part = workload.description().sides;
  for (const std::unique_ptr<Peer>& peer : all_peers) {
    if (std::find(taking_part.begin(), taking_part.end(), peer->name()) == taking_part.end()) {
      continue;
    }
    peers.push_back(peer.get());
    result.sides.push_back({.name = peer->name(), .rounds = {}});
  }
  for (unsigned round = 0; round < options.rounds; ++round) {
    if (workload.description().bound_by_disk) TALEA_TRY(disk.sample(kDiskSamplesPerRound));
    for (std::size_t side = 0; side < peers.size(); ++side) {
      progress(workload.description().id + ", " + workload.description().variant + ": round " +
               std::to_string(round + 1) + "/" + std::to_string(options.rounds) + ", " +
               peers[side]->name());
      result.sides[side].rounds.push_back(
          TALEA_TRY(run_in_fresh_directory(workload, *peers[side], options, round)));
    }
  }
  return result;
}

}  // namespace talea::bench
