#include "engine/run_layers.h"

#include <utility>

namespace talea {

namespace {

// A layer joins those above it while it has at most so many times their rows.
constexpr std::uint64_t kGrowth = 2;

}  // namespace

RunFileInfo run_file_info(const ManifestRun& run) {
  return {.id = run.id,
          .bytes = run.bytes,
          .rows = run.rows,
          .lowest_sequence = run.lowest_sequence,
          .highest_sequence = run.highest_sequence};
}

ManifestRun manifest_run(const RunFileInfo& info, std::uint32_t layer) {
  return {.id = info.id,
          .layer = layer,
          .bytes = info.bytes,
          .rows = info.rows,
          .lowest_sequence = info.lowest_sequence,
          .highest_sequence = info.highest_sequence};
}

Result<std::shared_ptr<const RunSet>> open_runs(FileSystem& file_system,
                                                const std::string& directory,
                                                const Manifest& manifest, const KeyRing* keys) {
  std::vector<RunSet::Run> runs;
  runs.reserve(manifest.runs.size());
  for (const ManifestRun& run : manifest.runs_newest_first()) {
    runs.push_back(TALEA_TRY(open_run(file_system, directory, run_file_info(run), manifest.store_id,
                                      {.mapped = true, .keys = keys})));
  }
  return RunSet::of(std::move(runs));
}

RunMergePlan merge_of_all(const std::vector<ManifestRun>& newest_first) {
  return {.begin = 0, .end = newest_first.size(), .to_oldest = true};
}

std::optional<RunMergePlan> plan_merge(const std::vector<ManifestRun>& newest_first) {
  const std::size_t count = newest_first.size();
  if (count < 2) return std::nullopt;
  std::size_t end = 1;
  for (std::uint64_t rows = newest_first[0].rows;
       end < count && newest_first[end].rows <= kGrowth * rows; ++end) {
    rows += newest_first[end].rows;
  }
  if (count - end + 1 > kRunsMax) end = count - kRunsMax + 1;
  if (end < 2) return std::nullopt;
  return RunMergePlan{.begin = 0, .end = end, .to_oldest = end == count};
}

}  // namespace talea
