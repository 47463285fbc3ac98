// The manifest of a store with a checkpoint and a prepared log segment, and of one with a past. It
// is put together by hand: only its bytes matter.
#include <gtest/gtest.h>

#include "manifest/manifest.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

constexpr const char* kName = "manifest-v1-checkpoint/MANIFEST";
constexpr const char* kHistoryName = "manifest-v1-history/MANIFEST";

Manifest checkpointed() {
  Manifest manifest;
  for (std::size_t i = 0; i < manifest.store_id.size(); ++i) {
    manifest.store_id[i] = static_cast<unsigned char>(0xa0 + i);
  }
  manifest.generation = 77;
  manifest.next_file_id = 9;
  manifest.last_sequence = 5000;
  manifest.last_now = 1'700'000'000'000;
  manifest.replay_from = 6;
  manifest.checkpoint_keys = 1234;
  manifest.add({.kind = SegmentKind::data,
                .id = 4,
                .sealed = true,
                .bytes = 60'000,
                .entries = 500,
                .first_sequence = 17,
                .last_sequence = 3999,
                .live_bytes = 40'000});
  manifest.add_run({.id = 5,
                    .layer = 3,
                    .bytes = 20'736,
                    .rows = 1300,
                    .lowest_sequence = 17,
                    .highest_sequence = 4990});
  manifest.add({.kind = SegmentKind::log, .id = 6, .first_sequence = 5001});
  manifest.add_run({.id = 7,
                    .layer = 7,
                    .bytes = 12'800,
                    .rows = 20,
                    .lowest_sequence = 2000,
                    .highest_sequence = 5000});
  manifest.add({.kind = SegmentKind::log, .id = 8, .first_sequence = 5002});
  return manifest;
}

// The same of a store that keeps ten revisions of each key.
Manifest with_history() {
  Manifest manifest = checkpointed();
  manifest.history = {
      .retention = Retention::revisions(10), .from_sequence = 4711, .from_time = 1'699'999'999'000};
  manifest.add_history_run({.id = 3,
                            .layer = 3,
                            .bytes = 16'640,
                            .rows = 900,
                            .lowest_sequence = 2,
                            .highest_sequence = 4989});
  return manifest;
}

TEST(GoldenManifest, WithHistoryIsWrittenByteForByteAndReadRight) {
  expect_golden(kHistoryName, encode_manifest(with_history()));
  const auto read = decode_manifest(read_whole_file(kGoldenDirectory + kHistoryName));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(*read, with_history());
}

TEST(GoldenManifest, WithACheckpointIsWrittenByteForByte) {
  expect_golden(kName, encode_manifest(checkpointed()));
}

TEST(GoldenManifest, WithACheckpointIsReadRight) {
  const auto read = decode_manifest(read_whole_file(kGoldenDirectory + kName));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(*read, checkpointed());
}

}  // namespace
}  // namespace talea
