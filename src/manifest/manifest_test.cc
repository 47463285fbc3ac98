#include "manifest/manifest.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

// Offsets of docs/formats/manifest.md.
constexpr std::size_t kFilesAt = 88;
constexpr std::size_t kFileBytes = 48;

Manifest sample() {
  Manifest manifest;
  SeededRandom random(5);
  random.fill(manifest.store_id);
  manifest.generation = 12;
  manifest.next_file_id = 9;
  manifest.last_sequence = 500;
  manifest.last_now = 1'700'000'000'000;
  manifest.files = {
      {SegmentKind::log, 2, true, 5000, 20, 1, 20},
      {SegmentKind::extent, 4, true, 70'000, 3, 0, 0},
      {SegmentKind::data, 5, true, 4096, 0, 0, 0},
      {SegmentKind::log, 6, true, UINT32_MAX, 480, 21, 500},
      {SegmentKind::extent, 7, false, 0, 0, 0, 0},
      {SegmentKind::log, 8, false, 0, 0, 501, 0},
  };
  return manifest;
}

// With all that a checkpoint adds, and a prepared segment.
Manifest checkpointed() {
  Manifest manifest = sample();
  manifest.next_file_id = 20;
  manifest.replay_from = 8;
  manifest.checkpoint_keys = 90;
  manifest.files[0].live_bytes = 700;
  manifest.files[1].live_bytes = UINT32_MAX;
  manifest.add({SegmentKind::log, 12, false, 0, 0, 510, 0});
  manifest.add_run({.id = 9,
                    .layer = 9,
                    .bytes = 20'000,
                    .rows = 7,
                    .lowest_sequence = 400,
                    .highest_sequence = 500});
  manifest.add_run({.id = 3,
                    .layer = 3,
                    .bytes = std::uint64_t{1} << 33,
                    .rows = 80,
                    .lowest_sequence = 1,
                    .highest_sequence = 300});
  manifest.add_run({.id = 19, .layer = 7, .bytes = 12'000, .rows = 0});
  return manifest;
}

Manifest with_history(Retention retention = Retention::revisions(10)) {
  Manifest manifest = checkpointed();
  manifest.history = {.retention = retention, .from_sequence = 77, .from_time = 1'700'000'000'123};
  manifest.add_history_run({.id = 17,
                            .layer = 11,
                            .bytes = 9'000,
                            .rows = 5,
                            .lowest_sequence = 3,
                            .highest_sequence = 76});
  manifest.add_history_run({.id = 16, .layer = 16, .bytes = 8'000, .rows = 0});
  return manifest;
}

Status decoded(BytesView bytes) { return decode_manifest(bytes).status(); }

// `value` at `offset`, and a check that is right again.
template <typename Value>
Bytes forged(std::size_t offset, Value value, const Manifest& manifest = sample()) {
  Bytes bytes = encode_manifest(manifest);
  store_fixed(bytes.data() + offset, value);
  const std::size_t check = bytes.size() - 4;
  store_fixed(bytes.data() + check, crc32c(0, BytesView(bytes).substr(0, check)));
  return bytes;
}

template <typename Value>
Code code_with(std::size_t offset, Value value, const Manifest& manifest = sample()) {
  return decoded(forged(offset, value, manifest)).code();
}

std::uint32_t features_in(const Manifest& manifest) {
  return load_fixed<std::uint32_t>(encode_manifest(manifest).data() + 12);
}

TEST(Manifest, IsReadBackAsItWasWritten) {
  Manifest none;
  Manifest kept = sample();
  kept.history.retention = Retention::all();
  for (const Manifest& manifest :
       {none, sample(), checkpointed(), kept, with_history(),
        with_history(Retention::duration(std::chrono::hours(1))), with_history(Retention::all())}) {
    const Result<Manifest> back = decode_manifest(encode_manifest(manifest));
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(*back, manifest);
  }
}

TEST(Manifest, KeepsItsFilesInTheOrderOfTheirIds) {
  Manifest manifest;
  for (const std::uint32_t id : {5U, 1U, 9U, 3U}) manifest.add({.id = id});
  std::vector<std::uint32_t> ids;
  for (const ManifestFile& file : manifest.files) ids.push_back(file.id);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{1, 3, 5, 9}));
  ASSERT_NE(manifest.find(5), nullptr);
  EXPECT_EQ(manifest.find(5)->id, 5U);
  manifest.remove(5);
  EXPECT_EQ(manifest.find(5), nullptr);
}

TEST(Manifest, GivesRunsInTheOrderInWhichTheyDecide) {
  Manifest manifest = checkpointed();
  EXPECT_EQ(manifest.runs[0].id, 3U) << "by id";
  std::vector<std::uint32_t> ids;
  for (const ManifestRun& run : manifest.runs_newest_first()) ids.push_back(run.id);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{9, 19, 3})) << "by layer";
  EXPECT_TRUE(manifest.names(19) && manifest.names(8) && !manifest.names(18));
  EXPECT_EQ(manifest.find(19), nullptr) << "it is no segment";
  ASSERT_NE(manifest.find_run(19), nullptr);
  manifest.remove(19);
  EXPECT_EQ(manifest.find_run(19), nullptr);
}

TEST(Manifest, KeepsHistoryApartFromTheIndex) {
  Manifest manifest = with_history();
  EXPECT_EQ(manifest.runs, checkpointed().runs);
  std::vector<std::uint32_t> ids;
  for (const ManifestRun& run : manifest.history_runs_newest_first()) ids.push_back(run.id);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{16, 17})) << "by layer";
  EXPECT_TRUE(manifest.names(17));
  manifest.remove(17);
  EXPECT_FALSE(manifest.names(17));
  EXPECT_EQ(features_in(manifest), kFeatureCheckpoint | kFeaturePrepared | kFeatureHistory);
  manifest = sample();
  manifest.history.retention = Retention::all();
  EXPECT_EQ(features_in(manifest), kFeatureHistory);
}

TEST(Manifest, RefusesARetentionThatMakesNoSense) {
  constexpr std::size_t kRetention = 24 + 64 + 8;
  EXPECT_EQ(code_with(kRetention, std::uint64_t{5}, with_history()), Code::unsupported);
  EXPECT_EQ(code_with(kRetention, std::uint64_t{1}, with_history()), Code::unsupported);
  EXPECT_EQ(code_with(kRetention, std::uint64_t{4}, with_history()), Code::corruption)
      << "all of ten";
  for (const std::uint64_t count : {0ULL, 1ULL, 1ULL << 32}) {
    EXPECT_EQ(code_with(kRetention + 8, count, with_history()), Code::corruption);
  }
  const Manifest of_duration = with_history(Retention::duration(std::chrono::hours(1)));
  for (const std::uint64_t ms : {std::uint64_t{0}, kRetentionMsMax + 1, UINT64_MAX}) {
    EXPECT_EQ(code_with(kRetention + 8, ms, of_duration), Code::corruption);
  }
}

TEST(Manifest, AnnouncesAFeatureWhenItIsUsedAndOnlyThen) {
  EXPECT_EQ(features_in(sample()), 0U) << "an older build reads it";
  EXPECT_EQ(features_in(checkpointed()), kFeatureCheckpoint | kFeaturePrepared);
  Manifest manifest = sample();
  manifest.replay_from = 1;
  EXPECT_EQ(features_in(manifest), kFeatureCheckpoint);
  manifest = sample();
  manifest.checkpoint_keys = 1;
  EXPECT_EQ(features_in(manifest), kFeatureCheckpoint);
  manifest = sample();
  manifest.files[0].live_bytes = 1;
  EXPECT_EQ(features_in(manifest), kFeatureCheckpoint);
  manifest = sample();
  manifest.add_run({.id = 1, .layer = 1, .bytes = 4096});
  EXPECT_EQ(features_in(manifest), kFeatureCheckpoint);
  manifest = sample();
  manifest.files[3].sealed = false;
  EXPECT_EQ(features_in(manifest), kFeaturePrepared);
}

TEST(Manifest, EveryFlippedBitIsCorruptionAlsoInTheVersion) {
  Bytes bytes = encode_manifest(checkpointed());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    char& byte = bytes[bit / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    ASSERT_EQ(decoded(bytes).code(), Code::corruption) << "bit=" << bit;
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
}

TEST(Manifest, CutShortOrExtendedIsCorruption) {
  const Bytes bytes = encode_manifest(checkpointed());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    ASSERT_EQ(decoded(BytesView(bytes).substr(0, cut)).code(), Code::corruption) << cut;
  }
  EXPECT_EQ(decoded(bytes + '\0').code(), Code::corruption);
}

TEST(Manifest, OfANewerVersionIsRefusedByTheVersion) {
  EXPECT_EQ(decoded(forged(8, std::uint16_t{2})).to_string(),
            "unsupported: manifest version 2; this build reads version 1. Open the store with a "
            "newer Talea");
}

TEST(Manifest, WithUnknownFeaturesIsRefusedByTheirNames) {
  EXPECT_EQ(decoded(forged(12, std::uint32_t{8 + 512})).to_string(),
            "unsupported: the store uses hash links, feature bit 9, which this build does not "
            "have. Open it with a newer Talea");
}

TEST(Manifest, WithAFileOfAnUnknownKindOrFlagIsRefused) {
  EXPECT_EQ(decoded(forged(kFilesAt, std::uint8_t{6})).to_string(),
            "unsupported: a file of kind 6 with flags 1 is unknown to this build. Open the store "
            "with a newer Talea");
  EXPECT_EQ(code_with(kFilesAt, std::uint8_t{5}), Code::corruption) << "of a past not kept";
  EXPECT_EQ(code_with(kFilesAt, std::uint8_t{0}), Code::unsupported);
  EXPECT_EQ(code_with(kFilesAt + 1, std::uint8_t{3}), Code::unsupported);
}

TEST(Manifest, NonsenseWithARightCheckIsCorruption) {
  const std::size_t second = kFilesAt + kFileBytes;
  const std::uint64_t wide = std::uint64_t{1} << 32;
  EXPECT_EQ(code_with(24, std::uint8_t{7}), Code::ok) << "a control: any store id will do";
  EXPECT_EQ(code_with(10, std::uint16_t{1}), Code::corruption) << "reserved";
  EXPECT_EQ(code_with(16, std::uint64_t{0}), Code::corruption) << "length of the body";
  EXPECT_EQ(code_with(16, UINT64_MAX), Code::corruption);
  EXPECT_EQ(code_with(48, std::uint64_t{0}), Code::corruption) << "next id";
  EXPECT_EQ(code_with(48, std::uint64_t{8}), Code::corruption) << "next id is taken";
  EXPECT_EQ(code_with(48, wide), Code::corruption);
  EXPECT_EQ(code_with(72, std::uint64_t{2}), Code::corruption) << "replay from, unannounced";
  EXPECT_EQ(code_with(72, wide), Code::corruption);
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{7},
                                    UINT64_MAX, UINT64_MAX / kFileBytes + 2}) {
    EXPECT_EQ(code_with(80, count), Code::corruption) << "count=" << count;
  }
  EXPECT_EQ(code_with(kFilesAt + 2, std::uint16_t{1}), Code::corruption) << "reserved";
  EXPECT_EQ(code_with(kFilesAt + 4, std::uint32_t{1}), Code::corruption) << "unannounced";
  EXPECT_EQ(code_with(12, kFeatureCheckpoint), Code::corruption) << "the length is another";
  EXPECT_EQ(code_with(12, kFeaturePrepared), Code::corruption) << "not used";
  EXPECT_EQ(code_with(kFilesAt + 8, std::uint64_t{0}), Code::corruption) << "id 0";
  EXPECT_EQ(code_with(kFilesAt + 8, wide + 2), Code::corruption) << "id above 32 bits";
  EXPECT_EQ(code_with(second + 8, std::uint64_t{2}), Code::corruption) << "an id twice";
  EXPECT_EQ(code_with(kFilesAt + 16, std::uint64_t{4095}), Code::corruption) << "sealed length";
  EXPECT_EQ(code_with(kFilesAt + 16, wide), Code::corruption);
  EXPECT_EQ(code_with(kFilesAt + 1, std::uint8_t{0}), Code::corruption)
      << "open before a sealed one";
  EXPECT_EQ(code_with(kFilesAt + 3 * kFileBytes + 1, std::uint8_t{0}), Code::corruption)
      << "two open log segments, unannounced";
  EXPECT_EQ(code_with(second + 1, std::uint8_t{0}), Code::corruption) << "two open extents";
  EXPECT_EQ(code_with(second + kFileBytes + 1, std::uint8_t{0}), Code::corruption) << "open data";
}

TEST(Manifest, NonsenseAboutCheckpointsIsCorruption) {
  // Files: log 2, run 3, extent 4, data 5, log 6, extent 7, log 8 open, run 9, log 12 open, run 19.
  const auto file_at = [](std::size_t i) { return kFilesAt + 8 + i * kFileBytes; };
  const auto code = [](std::size_t offset, auto value) {
    return code_with(offset, value, checkpointed());
  };
  EXPECT_EQ(code(88, std::uint64_t{0}), Code::ok) << "a control: no keys";
  EXPECT_EQ(code(12, kFeatureCheckpoint), Code::corruption) << "two open logs, unannounced";
  EXPECT_EQ(code(12, kFeaturePrepared), Code::corruption) << "the length is another";
  EXPECT_EQ(code(72, std::uint64_t{9}), Code::corruption) << "an open log is not replayed";
  EXPECT_EQ(code(72, std::uint64_t{20}), Code::corruption);
  EXPECT_EQ(code(file_at(4) + 1, std::uint8_t{0}), Code::corruption) << "three open logs";
  EXPECT_EQ(code(file_at(6) + 1, std::uint8_t{1}), Code::corruption) << "sealed without length";
  const std::size_t run = file_at(7);
  EXPECT_EQ(code(run + 1, std::uint8_t{0}), Code::corruption) << "an open run";
  EXPECT_EQ(code(run + 2, std::uint16_t{1}), Code::corruption) << "reserved";
  EXPECT_EQ(code(run + 4, std::uint32_t{0}), Code::corruption) << "no layer";
  EXPECT_EQ(code(run + 4, std::uint32_t{3}), Code::corruption) << "a layer twice";
  EXPECT_EQ(code(run + 4, std::uint32_t{20}), Code::corruption) << "a layer that is no id";
  EXPECT_EQ(code(run + 4, std::uint32_t{18}), Code::ok) << "a control: another layer";
  EXPECT_EQ(code(run + 8, std::uint64_t{8}), Code::corruption) << "the id of a segment";
  EXPECT_EQ(code(run + 8, std::uint64_t{20}), Code::corruption) << "an id that was not given";
  EXPECT_EQ(code(run + 16, std::uint64_t{4095}), Code::corruption) << "too short";
  EXPECT_EQ(code(run + 40, std::uint64_t{399}), Code::corruption) << "sequences the wrong way";
}

TEST(Manifest, RandomBytesBehindARightCheckAreRefusedOrReadBack) {
  SeededRandom random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const Manifest manifest = i % 2 == 0 ? sample() : checkpointed();
    const Bytes whole = encode_manifest(manifest);
    const Bytes bytes = forged(random.next_u64() % (whole.size() - 4),
                               static_cast<std::uint8_t>(random.next_u64()), manifest);
    const Result<Manifest> back = decode_manifest(bytes);
    if (back.ok()) {
      ASSERT_EQ(encode_manifest(*back), bytes);
    }
  }
}

TEST(ManifestDeathTest, NonsenseIsNotWritten) {
  Manifest manifest = sample();
  manifest.files[0].id = manifest.files[1].id;
  EXPECT_DEATH(encode_manifest(manifest), "check_content");
  manifest = checkpointed();
  manifest.runs[1].layer = manifest.runs[0].layer;
  EXPECT_DEATH(encode_manifest(manifest), "check_content");
  manifest = with_history();
  manifest.history_runs[1].layer = manifest.history_runs[0].layer;
  EXPECT_DEATH(encode_manifest(manifest), "check_content");
  manifest = with_history();
  manifest.history = {};
  EXPECT_DEATH(encode_manifest(manifest), "check_content") << "nothing is kept, and runs say what";
  manifest = with_history();
  manifest.history_runs[0].id = manifest.runs[0].id;
  manifest.history_runs[0].layer = 2;
  EXPECT_DEATH(encode_manifest(manifest), "check_content") << "one file of two kinds";
  manifest = with_history();
  manifest.history.retention = Retention::revisions(1);
  EXPECT_DEATH(encode_manifest(manifest), "check_content");
}

TEST(ManifestFileOnDisk, IsReplacedAsAWholeByACrashAtEveryCall) {
  const Manifest old_one = sample();
  Manifest new_one = checkpointed();
  ++new_one.generation;
  new_one.files.clear();
  bool old_seen = false;
  bool new_seen = false;
  for (std::uint64_t call = 1;; ++call) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CrashFileSystem disk;
      ASSERT_TRUE(disk.create_directory("store").ok());
      ASSERT_TRUE(disk.sync_directory(".").ok());
      ASSERT_TRUE(write_manifest(disk, "store", old_one).ok());
      disk.fail_at(call, Fault::crash);
      const Status written = write_manifest(disk, "store", new_one);
      const bool finished = !disk.crashed();
      disk.power_cut(seed);
      disk.clear_faults();
      const Result<Manifest> found = read_manifest(disk, "store");
      ASSERT_TRUE(found.ok()) << found.status().to_string() << " call=" << call;
      ASSERT_TRUE(*found == old_one || *found == new_one);
      if (written.ok()) {
        ASSERT_EQ(*found, new_one);
      }
      (*found == old_one ? old_seen : new_seen) = true;
      // A leftover MANIFEST.tmp is in nobody's way.
      ASSERT_TRUE(write_manifest(disk, "store", new_one).ok());
      if (finished) {
        EXPECT_TRUE(old_seen && new_seen);
        return;
      }
    }
  }
}

TEST(ManifestFileOnDisk, IsTheOldOrTheNewOneAfterEveryFailedCall) {
  const Manifest old_one = sample();
  Manifest new_one = sample();
  ++new_one.generation;
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::read_only}) {
    for (std::uint64_t call = 1;; ++call) {
      CrashFileSystem disk;
      ASSERT_TRUE(disk.create_directory("store").ok());
      ASSERT_TRUE(disk.sync_directory(".").ok());
      ASSERT_TRUE(write_manifest(disk, "store", old_one).ok());
      disk.fail_at(call, fault);
      const Status written = write_manifest(disk, "store", new_one);
      if (disk.faults_fired() == 0) break;
      ASSERT_FALSE(written.ok());
      EXPECT_TRUE(written.message().starts_with("write the manifest: ")) << written.message();
      const Result<Manifest> found = read_manifest(disk, "store");
      ASSERT_TRUE(found.ok()) << found.status().to_string();
      ASSERT_TRUE(*found == old_one || *found == new_one);
    }
  }
}

TEST(ManifestFileOnDisk, MissingIsNotFoundAndDamagedNamesTheFile) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.create_directory("store").ok());
  EXPECT_EQ(read_manifest(disk, "store").status().code(), Code::not_found);
  ASSERT_TRUE(disk.write_file("store/MANIFEST", "rubbish").ok());
  EXPECT_EQ(read_manifest(disk, "store").status().to_string(),
            "corruption: MANIFEST: it is cut short or does not begin with TALEAMAN");
}

TEST(ManifestKeeper, KeepsAChangeOnlyWhenItIsOnDiskAndNeverAGenerationTwice) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.create_directory("store").ok());
  ManifestKeeper keeper(disk, "store", sample());
  const auto set_last_now = [](std::uint64_t now) {
    return [now](Manifest& manifest) { manifest.last_now = now; };
  };
  ASSERT_TRUE(keeper.commit(set_last_now(1)).ok());
  EXPECT_EQ(read_manifest(disk, "store").value(), keeper.snapshot());
  EXPECT_EQ(keeper.snapshot().generation, 13U);

  disk.fail_at(5, Fault::io_error);  // the sync of the directory: the new one is in place
  EXPECT_FALSE(keeper.commit(set_last_now(2)).ok());
  EXPECT_EQ(keeper.snapshot().last_now, 1U);
  EXPECT_EQ(read_manifest(disk, "store").value().last_now, 2U);
  EXPECT_EQ(read_manifest(disk, "store").value().generation, 14U);

  keeper.amend([](Manifest& manifest) { manifest.next_file_id = 20; });
  ASSERT_TRUE(keeper.commit([](Manifest&) {}).ok());
  const Manifest found = read_manifest(disk, "store").value();
  EXPECT_EQ(found.last_now, 1U);
  EXPECT_EQ(found.next_file_id, 20U);
  EXPECT_EQ(found.generation, 15U);
}

}  // namespace
}  // namespace talea
