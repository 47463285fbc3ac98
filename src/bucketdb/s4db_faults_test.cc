// What went wrong in s4db 0.8.0, in the same way: docs/guide/from-s4db.md. The numbers are those of
// that page; the others have their tests where they belong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bucketdb/index_file.h"
#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

using testing::ElementsAre;

// S3: what is put and removed by a compaction, in which order.
TEST(S4dbFaults, ACompactionPutsTheNewFilesThenTheIndexAndRemovesLast) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.remove("b").ok());
  ASSERT_TRUE(db.upload().ok());
  world.fake.clear_log();
  ASSERT_TRUE(db.compact(std::chrono::milliseconds(0)).ok());
  std::vector<std::string> changes;
  for (const auto& request : world.fake.request_log()) {
    if (request.method == "GET" || request.method == "HEAD") continue;
    changes.push_back(request.method + " " + request.key);
  }
  EXPECT_THAT(changes, ElementsAre("PUT app/index.idx", "PUT app/data_000002.s4db",
                                   "PUT app/index.idx", "POST "))
      << "the first index has the old rows, and reserves the number";
}

// S5: a restart with writes that are not uploaded, and a put.
TEST(S4dbFaults, ARestartAndAPutKeepWhatWasNotUploaded) {
  BucketWorld world;
  Machine machine;
  { ASSERT_TRUE(world.open(machine).put("a", "1").ok()); }
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("b", "2").ok());
    EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}, {"b", "2"}}));
    ASSERT_TRUE(db.upload().ok());
  }
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}}));
}

// S5, with what an original left in its directory: it is not touched by whatever we do.
TEST(S4dbFaults, AFileThatAnOriginalDidNotUploadIsNeverChanged) {
  BucketWorld world;
  Machine machine;
  Bytes theirs = encode_file_header(BucketFormat::v1, {1});
  append_value(theirs, BucketFormat::v1, "a", "never uploaded", true);
  ASSERT_TRUE(machine.disk->write_file("/db/data_000001.s4db", theirs).ok());
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.put("b", "2").ok());
  EXPECT_EQ(db.rebuild_index(BucketSource::directory)->keys, 1U);
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "never uploaded"}, {"b", "2"}}));
  EXPECT_EQ(machine.disk->read_file("/db/data_000001.s4db").value(), theirs);
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_TRUE(world.object("data_000001.s4db")->starts_with(theirs));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "never uploaded"}, {"b", "2"}}));
}

Bytes original_file(std::uint32_t number, const std::string& key, const std::string& value) {
  Bytes file = encode_file_header(BucketFormat::v1, {number});
  append_value(file, BucketFormat::v1, key, value, true);
  return file;
}

// S5: the number of what it did not upload is taken by somebody else then.
TEST(S4dbFaults, AFileThatAnOriginalDidNotUploadStaysWhenItsNumberIsTaken) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  const Bytes theirs = original_file(2, "never", "uploaded");
  ASSERT_TRUE(machine.disk->write_file("/db/data_000002.s4db", theirs).ok());
  BucketDbOptions options;
  options.cache_bytes = 0;
  BucketDb db = world.open(machine, options);
  ASSERT_TRUE(db.put("b", "2").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_TRUE(world.object("data_000002.s4db").has_value());
  EXPECT_EQ(machine.disk->read_file("/db/data_000002.s4db").value(), theirs);
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}, {"b", "2"}}));
}

// S5: a file that it has uploaded, and more that it has not.
TEST(S4dbFaults, ATailThatAnOriginalDidNotUploadStaysAndIsUploadedByForce) {
  BucketWorld world;
  Machine machine;
  const Bytes uploaded = original_file(1, "a", "1");
  IndexWriter index(BucketFormat::v1, 1);
  index.add("a", {{1}, 9, static_cast<std::uint32_t>(uploaded.size() - 9)});
  world.fake.put(BucketWorld::kBucket, world.name("data_000001.s4db"), uploaded);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(2));
  Bytes theirs = uploaded;
  append_value(theirs, BucketFormat::v1, "b", "never uploaded", true);
  ASSERT_TRUE(machine.disk->write_file("/db/data_000001.s4db", theirs).ok());
  const auto lies_there = [&] { return machine.disk->read_file("/db/data_000001.s4db").value(); };
  {
    BucketDb db = world.open(machine);
    EXPECT_EQ(db.scan_files().status().code(), Code::conflict);
    EXPECT_EQ(lies_there(), theirs);
    EXPECT_EQ(db.download().status().code(), Code::conflict);
    EXPECT_EQ(lies_there(), theirs);
  }
  {
    BucketDb db = world.open(machine);
    EXPECT_EQ(db.rebuild_index()->keys, 1U);
    EXPECT_EQ(lies_there(), theirs);
  }
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.rebuild_index(BucketSource::directory)->keys, 2U);
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(*world.object("data_000001.s4db"), theirs);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "never uploaded"}}));
}

// The same behind a copy that we know of.
TEST(S4dbFaults, ATailThatAnOriginalPutBehindOurCopyStays) {
  BucketWorld world;
  Machine machine;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("a", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.download().ok());
  Bytes theirs = machine.disk->read_file("/db/data_000001.s4db").value();
  append_value(theirs, BucketFormat::v1, "b", "never uploaded", true);
  ASSERT_TRUE(machine.disk->write_file("/db/data_000001.s4db", theirs).ok());
  ASSERT_TRUE(writer.put("c", "3").ok());
  ASSERT_TRUE(writer.upload().ok());  // the file is grown
  EXPECT_EQ(db.download().status().code(), Code::conflict);
  EXPECT_EQ(machine.disk->read_file("/db/data_000001.s4db").value(), theirs);
  ASSERT_TRUE(db.download({.force = true}).ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}, {"c", "3"}}));
}

// S8: what a put of one key writes with a hundred thousand in the database.
TEST(S4dbFaults, APutWritesNoIndexHoweverManyKeysThereAre) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine);
  BucketBatch batch;
  for (int i = 0; i < 100'000; ++i) batch.put("key" + std::to_string(i), "value");
  ASSERT_TRUE(db.commit(batch).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("first", "1").ok());  // makes room in the journal
  machine.disk->reset_calls();
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.put("key5", "new").ok()); }), 0U);
  const CrashFileSystem::Calls calls = machine.disk->calls();
  EXPECT_EQ(calls.pwrites, 1U);
  EXPECT_EQ(calls.syncs, 1U);
  EXPECT_LT(calls.bytes_written, 100U);
  EXPECT_EQ(calls.opens + calls.renames + calls.allocates + calls.directory_syncs, 0U);
}

// S12: an upload of one change, with ten files in the bucket.
TEST(S4dbFaults, AnUploadOfOneChangeSendsOneFileAndTheIndex) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.grown_file_bytes_max = 0;
  {
    BucketDb db = world.open(machine, options);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
      ASSERT_TRUE(db.upload().ok());
    }
    ASSERT_TRUE(db.put("k0", "w").ok());
    EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.upload()->files, 1U); }), 2U);
    // By force too: the bucket has the other ten just so.
    EXPECT_EQ(db.upload({.force = true})->files, 0U);
  }
}

// S16: the last number of version 1.
TEST(S4dbFaults, AMillionFilesAreRefusedAndNotLost) {
  BucketWorld world;
  Bytes file = encode_file_header(BucketFormat::v1, {999'998});
  append_value(file, BucketFormat::v1, "a", "1", true);
  IndexWriter index(BucketFormat::v1, 1);
  index.add("a", {{999'998}, 9, static_cast<std::uint32_t>(file.size() - 9)});
  world.fake.put(BucketWorld::kBucket, world.name("data_999998.s4db"), file);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(999'999));
  BucketDbOptions options;
  options.grown_file_bytes_max = 0;
  BucketDb db = world.open(options);
  ASSERT_TRUE(db.put("b", "2").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("c", "3").ok());
  EXPECT_EQ(db.upload().status().code(), Code::exhausted);
  EXPECT_EQ(db.status().pending_writes, 1U);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}}));
}

// S18: while the new bytes are up and the index is not, the old offsets hold.
TEST(S4dbFaults, AGrownFileKeepsItsOldBytes) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  const Bytes before = *world.object("data_000001.s4db");
  ASSERT_TRUE(db.put("a", "2").ok());
  ASSERT_TRUE(db.upload().ok());
  const Bytes after = *world.object("data_000001.s4db");
  EXPECT_GT(after.size(), before.size());
  EXPECT_TRUE(after.starts_with(before));
}

// S19: what a key costs in memory is its row and a slot; counted in the image itself.
TEST(S4dbFaults, AKeyTakesItsRowAndSomeBytesOfMemory) {
  constexpr std::uint64_t kKeys = 10'000;
  IndexWriter writer(BucketFormat::v1, kKeys);
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    writer.add("key" + std::to_string(100'000'000'000 + i), {{1}, 9 + i * 40, 40});
  }
  const auto image = IndexImage::parse(writer.finish(2)).value();
  const std::uint64_t per_key = image->memory_bytes() / kKeys;
  EXPECT_LE(per_key, 15U + 18 + 6);
}

}  // namespace
}  // namespace talea::bucketdb
