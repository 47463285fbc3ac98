// Download, rebuilt indexes, and what is left of a database that lost a part.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bucketdb/index_file.h"
#include "bucketdb/mirror.h"
#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

using testing::ElementsAre;

BucketDbOptions new_files() {
  BucketDbOptions options;
  options.grown_file_bytes_max = 0;
  return options;
}

const Model kModel = {{"a", "2"}, {"c", "3"}};

// Three files that make kModel.
void fill(BucketDb& db) {
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "2").remove("b")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("c", "3").ok());
  ASSERT_TRUE(db.upload().ok());
}

void remove_index(BucketWorld& world) {
  world.fake.remove(BucketWorld::kBucket, world.name("index.idx"));
}

TEST(Recovery, DataFilesWithoutAnIndexOpenForRecoveryOnly) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  remove_index(world);
  BucketDb db = world.open();
  EXPECT_TRUE(db.status().needs_recovery);
  EXPECT_EQ(db.get("a").status().code(), Code::unavailable);
  EXPECT_EQ(db.get_many({}).status().code(), Code::unavailable);
  EXPECT_EQ(db.scan().status().code(), Code::unavailable);
  EXPECT_EQ(db.put("a", "3").code(), Code::unavailable);
  EXPECT_EQ(db.upload().status().code(), Code::unavailable);
  EXPECT_EQ(db.upload({.force = true}).status().code(), Code::unavailable);
  EXPECT_EQ(db.compact().status().code(), Code::unavailable);
  EXPECT_EQ(db.gc().status().code(), Code::unavailable);
  EXPECT_EQ(db.refresh().code(), Code::unavailable);
  EXPECT_EQ(world.objects().size(), 3U) << "nothing was changed";
}

TEST(Recovery, ARebuiltIndexIsReadAtOnceAndPublishedByForce) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  const Bytes index = *world.object("index.idx");
  remove_index(world);
  BucketDb db = world.open();
  const BucketRebuild report = db.rebuild_index().value();
  EXPECT_EQ(report.files, 3U);
  EXPECT_EQ(report.entries, 5U);
  EXPECT_EQ(report.keys, 2U);
  EXPECT_TRUE(report.damage.empty());
  EXPECT_EQ(contents_of(db).value(), kModel);
  EXPECT_FALSE(world.object("index.idx").has_value());
  EXPECT_EQ(db.upload().status().code(), Code::conflict);
  EXPECT_EQ(db.compact().status().code(), Code::conflict);
  EXPECT_EQ(db.gc().status().code(), Code::conflict);
  EXPECT_EQ(db.refresh().code(), Code::conflict);
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(*world.object("index.idx"), index);
  EXPECT_EQ(committed_contents(world).value(), kModel);
}

TEST(Recovery, PendingWritesStayOnTopOfARebuiltIndex) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine, new_files());
    fill(db);
    ASSERT_TRUE(db.commit(BucketBatch().put("a", "pending").remove("c")).ok());
  }
  remove_index(world);
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.rebuild_index().ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "pending"}}));
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "pending"}}));
}

TEST(Recovery, OfADamagedIndexIsAskedFor) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), "\1");
  EXPECT_EQ(world.try_open().status().code(), Code::corruption);
  BucketDbOptions options;
  options.recover = true;
  BucketDb db = world.open(options);
  ASSERT_TRUE(db.rebuild_index().ok());
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(committed_contents(world).value(), kModel);
}

TEST(Recovery, IsNotPublishedOverAnIndexThatSomebodyElsePut) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  remove_index(world);
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.rebuild_index().ok());
  ASSERT_TRUE(b.rebuild_index().ok());
  ASSERT_TRUE(a.upload({.force = true}).ok());
  ASSERT_TRUE(a.put("new", "1").ok());
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(b.upload({.force = true}).status().code(), Code::conflict);
  EXPECT_EQ(committed_contents(world)->at("new"), "1");
  // Without a directory there is no download; a second look is enough.
  ASSERT_TRUE(b.rebuild_index().ok());
  ASSERT_TRUE(b.upload({.force = true}).ok());
  EXPECT_EQ(contents_of(b)->at("new"), "1");
  EXPECT_EQ(committed_contents(world)->at("new"), "1");
}

TEST(Recovery, OfADamagedIndexMayBeginWithADownload) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), "\1");
  Machine machine;
  BucketDbOptions options;
  options.recover = true;
  BucketDb db = world.open(machine, options);
  EXPECT_EQ(db.download()->files, 3U);
  EXPECT_TRUE(db.status().needs_recovery);
  ASSERT_TRUE(db.rebuild_index(BucketSource::directory).ok());
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(committed_contents(world).value(), kModel);
}

TEST(Recovery, FromADirectoryThatLacksAFileIsRefused) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  fill(db);
  BucketDb other = world.open(new_files());
  ASSERT_TRUE(other.remove("c").ok());
  ASSERT_TRUE(other.upload().ok());
  const auto refused = db.rebuild_index(BucketSource::directory);
  EXPECT_EQ(refused.status().code(), Code::conflict);
  EXPECT_THAT(refused.status().to_string(), testing::HasSubstr("data_000004.s4db"));
  EXPECT_EQ(contents_of(db).value(), kModel) << "nothing was changed";
  ASSERT_TRUE(db.download().ok());
  EXPECT_EQ(db.rebuild_index(BucketSource::directory)->keys, 1U);
  const Bytes short_one = machine.disk->read_file("/db/data_000001.s4db")->substr(0, 20);
  ASSERT_TRUE(machine.disk->write_file("/db/data_000001.s4db", short_one).ok());
  EXPECT_EQ(db.rebuild_index(BucketSource::directory).status().code(), Code::conflict);
}

// Their ids are random; what orders their files is when the bucket got them.
TEST(Recovery, OfFilesOfSeveralWritersGoesByTime) {
  BucketWorld world;
  const auto put = [&](FileId file, const Bytes& value) {
    Bytes content = encode_file_header(BucketFormat::v2, file);
    append_value(content, BucketFormat::v2, "a", value, true);
    world.fake.put(BucketWorld::kBucket, world.name(file_name(file)), content);
    world.clock.advance_ms(1000);
  };
  put({0xdeadbeef00000001}, "old");
  put({0x0000000100000001}, "new");
  Machine machine;
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.rebuild_index().ok());
  EXPECT_EQ(db.get("a").value(), "new");
  ASSERT_TRUE(db.rebuild_index(BucketSource::directory).ok());
  EXPECT_EQ(db.get("a").value(), "new");
}

TEST(Recovery, PassesOverDamageAndSaysWhereItIs) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  Bytes file = *world.object("data_000001.s4db");
  const std::size_t whole = file.size();
  append_value(file, BucketFormat::v1, "torn", "value", true);
  file.resize(file.size() - 3);
  const std::size_t torn = file.size() - whole;
  append_value(file, BucketFormat::v1, "behind", "1", true);
  world.fake.put(BucketWorld::kBucket, world.name("data_000001.s4db"), file);
  world.fake.put(BucketWorld::kBucket, world.name("data_000009.s4db"), "no data file");
  remove_index(world);
  BucketDb db = world.open();
  const BucketRebuild report = db.rebuild_index().value();
  ASSERT_EQ(report.damage.size(), 2U);
  EXPECT_EQ(report.damage[0].file, "data_000001.s4db");
  EXPECT_EQ(report.damage[0].offset, whole);
  EXPECT_EQ(report.damage[0].bytes, torn);
  EXPECT_EQ(report.damage[1].file, "data_000009.s4db");
  EXPECT_EQ(db.get("behind").value(), "1");
  EXPECT_EQ(db.get("torn").value(), std::nullopt);
  ASSERT_TRUE(db.upload({.force = true}).ok());
  ASSERT_TRUE(db.put("next", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_TRUE(world.object("data_000010.s4db").has_value()) << "above every number ever seen";
}

TEST(Recovery, UsesNoNumberAgainAfterAFullCompaction) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  fill(db);
  ASSERT_TRUE(db.commit(BucketBatch().remove("a").remove("c")).ok());
  ASSERT_TRUE(db.compact(std::chrono::milliseconds(0)).ok());
  EXPECT_THAT(world.objects(), ElementsAre("index.idx"));
  EXPECT_EQ(db.rebuild_index().status().code(), Code::not_found);
  EXPECT_EQ(db.rebuild_index(BucketSource::directory).status().code(), Code::not_found);
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_THAT(world.objects(), ElementsAre("data_000005.s4db", "index.idx"));
}

TEST(Recovery, OfVersion2KeepsIt) {
  BucketWorld world;
  BucketDbOptions options;
  options.format = BucketFormat::v2;
  {
    BucketDb db = world.open(options);
    ASSERT_TRUE(db.put_bytes("bin", "\xff").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  remove_index(world);
  BucketDb db = world.open();
  ASSERT_TRUE(db.rebuild_index().ok());
  EXPECT_EQ(db.status().format, BucketFormat::v2);
  EXPECT_EQ(db.get("bin").value(), "\xff");
}

// Opened as one of version 1, because nothing said otherwise.
TEST(Recovery, OfVersion2WritesAJournalOfVersion2) {
  BucketWorld world;
  BucketDbOptions options;
  options.format = BucketFormat::v2;
  {
    BucketDb db = world.open(options);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  remove_index(world);
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.rebuild_index().ok());
    ASSERT_TRUE(db.upload({.force = true}).ok());
    ASSERT_TRUE(db.put_bytes("bin", "\xff").ok());
  }
  const auto again = world.try_open({}, &machine);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->status().pending_writes, 1U);
}

TEST(Recovery, FromTheDirectoryBringsAnEmptiedBucketBack) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine, new_files());
    fill(db);
  }
  for (const std::string& name : world.objects()) {
    world.fake.remove(BucketWorld::kBucket, world.name(name));
  }
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.size(), 0U);
  EXPECT_EQ(db.rebuild_index(BucketSource::directory)->keys, 2U);
  EXPECT_EQ(contents_of(db).value(), kModel);
  EXPECT_EQ(db.upload({.force = true})->files, 2U) << "the first is below all that is current";
  EXPECT_EQ(committed_contents(world).value(), kModel);
  EXPECT_EQ(world.open().rebuild_index(BucketSource::directory).status().code(),
            Code::invalid_argument);
}

TEST(Recovery, ByForceNeverMakesAFileShorter) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  fill(db);
  const Bytes longer = *world.object("data_000003.s4db") + "more of another writer";
  world.fake.put(BucketWorld::kBucket, world.name("data_000003.s4db"), longer);
  EXPECT_EQ(db.upload({.force = true}).status().code(), Code::conflict);
  EXPECT_EQ(*world.object("data_000003.s4db"), longer);
}

TEST(Recovery, ByForceSendsNothingThatRottedInTheDirectory) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  fill(db);
  const Bytes right = *world.object("data_000001.s4db");
  ASSERT_TRUE(machine.disk->flip_bit("/db/data_000001.s4db", 12, 3).ok());
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(*world.object("data_000001.s4db"), right);
}

TEST(Recovery, ByForceReplacesAFileOnlyByOneThatBeginsWithIt) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  const Bytes right = *world.object("data_000003.s4db");
  Machine machine;
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.download().ok());
  Bytes other = encode_file_header(BucketFormat::v1, {3});
  append_value(other, BucketFormat::v1, "c", "longer than what is there", true);
  ASSERT_TRUE(machine.disk->write_file("/db/data_000003.s4db", other).ok());
  ASSERT_TRUE(db.rebuild_index(BucketSource::directory).ok());
  EXPECT_EQ(db.upload({.force = true}).status().code(), Code::conflict);
  EXPECT_EQ(*world.object("data_000003.s4db"), right);
}

// What others collected has values that they removed, and not the tombstones.
TEST(Recovery, ByForceBringsNothingBackThatOthersCollected) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  ASSERT_TRUE(db.commit(BucketBatch().put("k", "1").put("a", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
  BucketDb other = world.open(new_files());
  ASSERT_TRUE(other.remove("k").ok());
  ASSERT_TRUE(other.compact(std::chrono::milliseconds(0)).ok());
  ASSERT_TRUE(db.refresh().ok());
  EXPECT_EQ(db.upload({.force = true})->files, 0U);
  EXPECT_THAT(world.objects(), ElementsAre("data_000003.s4db", "index.idx"));
  remove_index(world);
  BucketDb reader = world.open();
  ASSERT_TRUE(reader.rebuild_index().ok());
  EXPECT_EQ(contents_of(reader).value(), (Model{{"a", "1"}}));
}

// --- Download

TEST(Download, BringsAllFilesAndThenOnlyWhatChanged) {
  BucketWorld world;
  BucketDb writer = world.open(new_files());
  fill(writer);
  Machine machine;
  BucketDbOptions options = new_files();
  options.cache_bytes = 0;
  BucketDb db = world.open(machine, options);
  EXPECT_EQ(db.download()->files, 3U);
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(contents_of(db).value(), kModel); }), 0U);
  EXPECT_EQ(db.download()->files, 0U);
  ASSERT_TRUE(writer.put("d", "4").ok());
  ASSERT_TRUE(writer.upload().ok());
  EXPECT_EQ(db.download()->files, 1U);
  EXPECT_EQ(db.get("d").value(), "4") << "with the index";
  EXPECT_EQ(world.open().download().status().code(), Code::invalid_argument);
}

TEST(Download, RefusesToDiscardWhatIsNotUploadedUnlessForced) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine, new_files());
  fill(db);
  ASSERT_TRUE(db.put("a", "pending").ok());
  const auto refused = db.download();
  EXPECT_EQ(refused.status().code(), Code::conflict);
  EXPECT_THAT(refused.status().to_string(), testing::HasSubstr("1 writes"));
  EXPECT_EQ(db.get("a").value(), "pending");
  ASSERT_TRUE(db.download({.force = true}).ok());
  EXPECT_EQ(contents_of(db).value(), kModel);
  EXPECT_EQ(db.status().pending_writes, 0U);
}

// What an original leaves in its directory when it ends before its upload.
TEST(Download, RefusesToOverwriteAFileThatIsNoCopyUnlessForced) {
  BucketWorld world;
  BucketDb writer = world.open(new_files());
  fill(writer);
  Machine machine;
  const Bytes theirs = encode_file_header(BucketFormat::v1, {3}) + "never uploaded";
  ASSERT_TRUE(machine.disk->write_file("/db/data_000003.s4db", theirs).ok());
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.get("c").value(), "3") << "a file that is no copy is not read";
  EXPECT_EQ(db.download().status().code(), Code::conflict);
  EXPECT_EQ(machine.disk->read_file("/db/data_000003.s4db").value(), theirs);
  ASSERT_TRUE(db.download({.force = true}).ok());
  EXPECT_EQ(machine.disk->read_file("/db/data_000003.s4db").value(),
            *world.object("data_000003.s4db"));
}

TEST(Download, OfFilesWithoutAnIndexLeavesTheDatabaseInRecovery) {
  BucketWorld world;
  {
    BucketDb db = world.open(new_files());
    fill(db);
  }
  remove_index(world);
  Machine machine;
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.download()->files, 3U);
  EXPECT_TRUE(db.status().needs_recovery);
  EXPECT_EQ(db.rebuild_index(BucketSource::directory)->keys, 2U);
  ASSERT_TRUE(db.upload({.force = true}).ok());
  EXPECT_EQ(committed_contents(world).value(), kModel);
}

// --- Copies in the directory that are not what they were

TEST(Copies, ThatAreCutDamagedOrGoneAreReadFromTheBucket) {
  for (const int how : {0, 1, 2}) {
    BucketWorld world;
    Machine machine;
    BucketDbOptions options = new_files();
    options.cache_bytes = 0;
    BucketDb db = world.open(machine, options);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
    const std::string path = "/db/data_000001.s4db";
    Bytes content = machine.disk->read_file(path).value();
    if (how == 0) {
      ASSERT_TRUE(machine.disk->write_file(path, content.substr(0, 15)).ok());
    }
    if (how == 1) {
      ASSERT_TRUE(machine.disk->flip_bit(path, 12, 3).ok());
    }
    if (how == 2) {
      ASSERT_TRUE(machine.disk->remove(path).ok());
    }
    EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("a").value(), "1"); }), 1U);
    EXPECT_EQ(db.status().reads.files_passed, 1U);
  }
}

TEST(Copies, OfAStaleFileAreNotBelievedForWhatCameLater) {
  BucketWorld world;
  Machine machine;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("a", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.download().ok());
  ASSERT_TRUE(writer.put("a", "2").ok());
  ASSERT_TRUE(writer.upload().ok());
  ASSERT_TRUE(db.refresh().ok());
  EXPECT_EQ(db.get("a").value(), "2");
}

TEST(Copies, WhoseListIsDamagedAreNotBelieved) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  ASSERT_TRUE(machine.disk->flip_bit("/db/talea.mirror", 60, 1).ok());
  BucketDb db = world.open(machine);
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("a").value(), "1"); }), 1U);
  ASSERT_TRUE(db.download().ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}}));
}

// The same keys in the same order, as long as before: names and places are those of before.
TEST(Copies, OfADatabaseThatWasMadeAnewAreNotBelieved) {
  for (const bool is_reopened : {true, false}) {
    BucketWorld world;
    const auto fill_with = [&](const std::string& value) {
      for (const std::string& name : world.objects()) {
        world.fake.remove(BucketWorld::kBucket, world.name(name));
      }
      BucketDb writer = world.open(new_files());
      ASSERT_TRUE(writer.commit(BucketBatch().put("a", value).put("b", value)).ok());
      ASSERT_TRUE(writer.upload().ok());
    };
    fill_with("1");
    const Bytes index = *world.object("index.idx");
    Machine machine;
    BucketDbOptions options;
    options.cache_bytes = 0;
    BucketDb db = world.open(machine, options);
    ASSERT_TRUE(db.download().ok());
    ASSERT_EQ(db.get("a").value(), "1");
    fill_with("2");
    ASSERT_EQ(*world.object("index.idx"), index);
    if (is_reopened) {
      ASSERT_TRUE(db.close().ok());
      db = world.open(machine, options);
    } else {
      ASSERT_TRUE(db.refresh().ok());
    }
    EXPECT_EQ(db.get("a").value(), "2");
    EXPECT_EQ(db.get("b").value(), "2");
    ASSERT_TRUE(db.download().ok());
    EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("b").value(), "2"); }), 0U);
  }
}

TEST(Copies, AreComparedAtAnOpenOnlyWhenTheIndexDoesNotShowThatItIsTheSameDatabase) {
  BucketWorld world;
  Machine machine;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("a", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  ASSERT_TRUE(world.open(machine).download().ok());
  EXPECT_EQ(world.requests_of([&] { world.open(machine); }), 1U);
  for (std::uint32_t i = 0; i <= kBucketCommitsKept; ++i) {
    ASSERT_TRUE(writer.put("b", std::to_string(i)).ok());
    ASSERT_TRUE(writer.upload().ok());
  }
  EXPECT_EQ(world.requests_of([&] { world.open(machine); }), 2U) << "and a list";
  ASSERT_TRUE(world.open(machine).download().ok());
  EXPECT_EQ(world.requests_of([&] { world.open(machine); }), 1U);
}

TEST(MirrorList, IsReadBackAndEveryFlippedBitAndCutIsRefused) {
  const DatabaseId database = database_id("b", "p/");
  const MirrorList list = {{{1}, {100, "\"etag\""}}, {{0xdeadbeef00000001}, {9, ""}}};
  const Bytes bytes = encode_mirror(list, database, 0xc0ffee);
  EXPECT_EQ(decode_mirror(bytes, database).value(), list);
  EXPECT_EQ(commit_of_mirror(bytes), 0xc0ffeeU);
  EXPECT_EQ(decode_mirror(bytes, database_id("b", "q/")).status().code(), Code::invalid_argument);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_mirror(bytes.substr(0, cut), database).ok());
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(decode_mirror(flipped, database).status().code(), Code::corruption) << bit;
  }
}

}  // namespace
}  // namespace talea::bucketdb
