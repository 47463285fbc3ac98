#include "engine/run_layers.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr const char* kDirectory = "store";

void make_directory(CrashFileSystem& disk) {
  ASSERT_TRUE(disk.create_directory(kDirectory).ok());
  ASSERT_TRUE(disk.sync_directory(".").ok());
}

RunIdentity identity(std::uint32_t id) {
  RunIdentity identity{.file_id = id};
  SeededRandom random(id);
  random.fill(identity.salt);
  return identity;
}

using Content = std::map<Bytes, RunRevision>;

Result<ManifestRun> checkpoint(CrashFileSystem& disk, std::uint32_t id, const Content& changed,
                               bool is_oldest = false) {
  const auto writer = TALEA_TRY(RunFileWriter::create(
      disk, kDirectory,
      {.identity = identity(id), .keys_expected = filter_keys(changed.size(), is_oldest)}));
  for (const auto& [key, revision] : changed) TALEA_TRY(writer->add(Space::user, key, revision));
  return manifest_run(TALEA_TRY(writer->finish()), id);
}

std::vector<ManifestRun> runs_of(const std::vector<std::uint64_t>& rows_newest_first) {
  std::vector<ManifestRun> runs;
  runs.reserve(rows_newest_first.size());
  for (const std::uint64_t rows : rows_newest_first) runs.push_back({.rows = rows});
  return runs;
}

TEST(PlanMerge, LeavesLayersThatGrow) {
  EXPECT_EQ(plan_merge({}), std::nullopt);
  EXPECT_EQ(plan_merge(runs_of({1})), std::nullopt);
  EXPECT_EQ(plan_merge(runs_of({1, 3, 9, 27})), std::nullopt);
  EXPECT_EQ(plan_merge(runs_of({0, 1})), std::nullopt);
}

TEST(PlanMerge, JoinsThoseOfASizeAndSaysWhenTombstonesMayGo) {
  EXPECT_EQ(plan_merge(runs_of({1, 2})), (RunMergePlan{0, 2, true}));
  EXPECT_EQ(plan_merge(runs_of({1, 2, 7})), (RunMergePlan{0, 2, false}));
  EXPECT_EQ(plan_merge(runs_of({1, 2, 6, 19})), (RunMergePlan{0, 3, false}));
  EXPECT_EQ(plan_merge(runs_of({1, 2, 6, 18})), (RunMergePlan{0, 4, true}));
}

TEST(PlanMerge, KeepsLayersFewWhateverTheirSizes) {
  EXPECT_EQ(plan_merge(runs_of({1, 3, 9, 27, 81, 243, 729, 2187})), std::nullopt);
  EXPECT_EQ(plan_merge(runs_of({1, 3, 9, 27, 81, 243, 729, 2187, 6561})),
            (RunMergePlan{0, 2, false}));
}

TEST(PlanMerge, WritesARowALogarithmicNumberOfTimes) {
  SeededRandom random(test_seed());
  std::vector<std::uint64_t> rows;
  std::uint64_t written = 0;
  std::uint64_t added = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t changed = 1 + random.next_u64() % 2000;
    added += changed;
    rows.insert(rows.begin(), changed);
    while (const auto plan = plan_merge(runs_of(rows))) {
      std::uint64_t merged = 0;
      for (std::size_t layer = 0; layer < plan->end; ++layer) merged += rows[layer];
      written += merged;
      rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(plan->end));
      rows.insert(rows.begin(), merged);
    }
    ASSERT_LE(rows.size(), kRunsMax);
  }
  EXPECT_LT(static_cast<double>(written) / static_cast<double>(added), 12);
}

// Checkpoint over checkpoint, merged as planned, opened anew each time.
TEST(RunLayers, HoldTheWholeIndex) {
  SeededRandom random(test_seed());
  CrashFileSystem disk;
  make_directory(disk);
  Manifest manifest;
  Content content;
  for (Sequence sequence = 1; sequence < 40; ++sequence) {
    Content changed;
    for (std::uint64_t changes = random.next_u64() % 300; changes > 0; --changes) {
      changed["key " + std::to_string(random.next_u64() % 1000)] = {
          .sequence = sequence,
          .tombstone = random.next_u64() % 4 == 0,
          .address = {.segment = sequence, .offset = changes, .bytes = 9}};
    }
    for (const auto& [key, revision] : changed) content[key] = revision;
    const std::uint32_t id = manifest.next_file_id++;
    manifest.add_run(checkpoint(disk, id, changed, manifest.runs.empty()).value());
    while (const auto plan = plan_merge(manifest.runs_newest_first())) {
      const std::vector<ManifestRun> runs = manifest.runs_newest_first();
      const auto all = open_runs(disk, kDirectory, manifest).value();
      const auto inputs = RunSet::of(
          {all->runs().begin(), all->runs().begin() + static_cast<std::ptrdiff_t>(plan->end)});
      const std::uint32_t merged = manifest.next_file_id++;
      RunMerger merger(
          inputs, RunFileWriter::create(disk, kDirectory, {.identity = identity(merged)}).value(),
          {.drop_tombstones = plan->to_oldest});
      while (!merger.step(100).value()) continue;
      const std::uint32_t layer = runs[plan->begin].layer;
      for (std::size_t i = plan->begin; i < plan->end; ++i) manifest.remove(runs[i].id);
      manifest.add_run(manifest_run(merger.finish().value(), layer));
    }
    disk.power_cut(sequence);  // runs that were finished stay
    manifest = decode_manifest(encode_manifest(manifest)).value();
    const auto runs = open_runs(disk, kDirectory, manifest).value();
    RunSetIterator rows = runs->iterate();
    ASSERT_TRUE(rows.seek_first().ok());
    for (const auto& [key, revision] : content) {
      if (revision.tombstone) continue;
      ASSERT_TRUE(rows.valid());
      ASSERT_EQ(rows.key(), key);
      ASSERT_EQ(rows.revision(), revision);
      ASSERT_TRUE(rows.next().ok());
    }
    ASSERT_FALSE(rows.valid());
  }
}

// run_set.h says 0.02 reads for an absent key at three layers; with larger filters above the
// oldest it holds for all that there may be, while layers are merged, too.
TEST(RunLayers, AreFewEnoughForAbsentKeys) {
  CrashFileSystem disk;
  make_directory(disk);
  constexpr std::uint64_t kKeys = 4000;
  Manifest manifest;
  constexpr std::uint32_t kLayersMax = kRunsMax + kCheckpointsInMerge;
  manifest.next_file_id = kLayersMax + 1;
  for (std::uint32_t id = 1; id <= kLayersMax; ++id) {
    Content content;
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      content["key " + std::to_string(i)] = {.sequence = id};
    }
    manifest.add_run(checkpoint(disk, id, content, id == 1).value());
  }
  const auto runs = open_runs(disk, kDirectory, manifest).value();
  constexpr std::uint64_t kLooks = 50'000;
  for (std::uint64_t i = 0; i < kLooks; ++i) {
    ASSERT_FALSE(runs->get(Space::user, "absent " + std::to_string(i)).value().has_value());
  }
  const double reads =
      static_cast<double>(runs->data_blocks_looked_at()) / static_cast<double>(kLooks);
  std::printf("data blocks looked at for an absent key in %u layers: %.4f\n", kLayersMax, reads);
  EXPECT_LE(reads, 0.02);
}

}  // namespace
}  // namespace talea
