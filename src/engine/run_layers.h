// The runs of a store as layers: how they open, and which are merged and when.
//
// A checkpoint writes what changed since the last one as a run, a new layer over those there are:
//
//     log ... A-1 | A ...      the log goes on in a new segment A
//     rows, some at a time ──> NNN.run, synced ──> manifest: + NNN, replay from A
//
// So each costs what changed and not what is there; in return layers pile up. plan_merge() keeps
// them few and each more than twice as large as all above it, so that a row is written again a
// logarithmic number of times.
//
// The layers above the oldest are small together, and have filters of twice the size: 0.02 % false
// positives instead of 0.54. Eight layers thus take no more than 0.008 reads for an absent key, and
// those that a long merge may have besides, 0.012.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "index/run_file.h"
#include "index/run_set.h"
#include "manifest/manifest.h"

namespace talea {

/// Layers that a look-up may have to ask.
inline constexpr std::size_t kRunsMax = 8;
/// So many checkpoints may come during a merge, each with a layer more than there should be. During
/// one of 10 M rows a fast writer fills as many; what is left to the next is replayed after a kill.
inline constexpr int kCheckpointsInMerge = 16;

RunFileInfo run_file_info(const ManifestRun& run);
ManifestRun manifest_run(const RunFileInfo& info, std::uint32_t layer);

/// The runs that `manifest` names, mapped.
/// Cost: three reads a run. Errors: corruption, unsupported, io_error
Result<std::shared_ptr<const RunSet>> open_runs(FileSystem& file_system,
                                                const std::string& directory,
                                                const Manifest& manifest,
                                                const KeyRing* keys = nullptr);

/// Layers next to one another that should become one: [begin, end) of the runs, newest first.
struct RunMergePlan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool to_oldest = false;  // down to the oldest layer: tombstones go

  bool operator==(const RunMergePlan&) const = default;
};
/// Nothing when the layers are well as they are.
std::optional<RunMergePlan> plan_merge(const std::vector<ManifestRun>& newest_first);

/// Whatever the layers are.
RunMergePlan merge_of_all(const std::vector<ManifestRun>& newest_first);

/// For RunFileWriter::Setup: how large the filter of a run of `keys` keys is to be.
constexpr std::uint64_t filter_keys(std::uint64_t keys, bool is_oldest) {
  return is_oldest ? keys : 2 * keys;
}

}  // namespace talea
