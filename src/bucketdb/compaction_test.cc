// Compaction and collection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bucketdb/index_file.h"
#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

using testing::ElementsAre;

constexpr std::chrono::milliseconds kAtOnce{0};
constexpr std::chrono::milliseconds kDay = std::chrono::hours(24);

BucketDbOptions new_files() {
  BucketDbOptions options;
  options.grown_file_bytes_max = 0;
  return options;
}

// Three files: of a and b, of a again, of the removal of b.
void fill(BucketDb& db) {
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("a", "2").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.remove("b").ok());
  ASSERT_TRUE(db.upload().ok());
}

TEST(Compaction, LeavesOneFileWithWhatIsCurrent) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  const BucketCompaction done = db.compact(kAtOnce).value();
  EXPECT_EQ(done.keys, 1U);
  EXPECT_EQ(done.files_after, 1U);
  EXPECT_EQ(done.files_collected, 3U);
  EXPECT_THAT(world.objects(), ElementsAre("data_000004.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}}));
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "2"}}));
}

TEST(Compaction, UploadsWhatIsPending) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

TEST(Compaction, OfNothingOrOfWhatIsCompactPutsNothing) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_TRUE(world.objects().empty());
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_THAT(world.objects(), ElementsAre("data_000001.s4db", "index.idx"));
}

TEST(Compaction, OfADatabaseWithoutKeysLeavesNoFilesAndUsesNoNumberAgain) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  ASSERT_TRUE(db.remove("a").ok());
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_THAT(world.objects(), ElementsAre("index.idx"));
  ASSERT_TRUE(db.put("c", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_THAT(world.objects(), ElementsAre("data_000005.s4db", "index.idx"));
}

TEST(Compaction, WorksWithoutADirectoryAndWithAnEmptyOne) {
  BucketWorld world;
  BucketDb writer = world.open(new_files());
  fill(writer);
  Machine machine;
  BucketDb db = world.open(machine);  // nothing is here, all is fetched
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}}));
}

TEST(Compaction, WhereAFileIsMissingOrDamagedChangesNothing) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  ASSERT_TRUE(db.put("c", "3").ok());
  ASSERT_TRUE(db.upload().ok());
  const Bytes file = *world.object("data_000002.s4db");
  const Bytes index = *world.object("index.idx");
  for (const bool is_missing : {true, false}) {
    Bytes damaged = file;
    damaged[12] = 'X';
    world.fake.remove(BucketWorld::kBucket, world.name("data_000002.s4db"));
    if (!is_missing) {
      world.fake.put(BucketWorld::kBucket, world.name("data_000002.s4db"), damaged);
    }
    const auto done = db.compact(kAtOnce);
    EXPECT_EQ(done.status().code(), Code::corruption);
    EXPECT_THAT(done.status().to_string(), testing::HasSubstr("data_000002.s4db"));
    EXPECT_EQ(*world.object("index.idx"), index);
    EXPECT_EQ(world.objects().size(), is_missing ? 4U : 5U) << "nothing was collected";
  }
  world.fake.put(BucketWorld::kBucket, world.name("data_000002.s4db"), file);
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}, {"c", "3"}}));
}

TEST(Compaction, BeginsAnewWhenSomebodyElseCommitsAndGivesUpInTheEnd) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  BucketDb other = world.open(new_files());
  int commits = 0;
  int commits_max = 1;
  world.fake.set_before_each([&](const s3::FakeRequest& request) {
    const bool is_commit =
        request.number != 0 && request.method == "PUT" && request.key.ends_with("index.idx");
    if (!is_commit || commits == commits_max) return;
    ASSERT_TRUE(other.put("o", std::to_string(++commits)).ok());
    ASSERT_TRUE(other.upload().ok());
  });
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}, {"o", "1"}}));
  ASSERT_TRUE(db.put("a", "3").ok());
  ASSERT_TRUE(db.upload().ok());
  commits_max = 100;
  EXPECT_EQ(db.compact(kAtOnce).status().code(), Code::conflict);
  EXPECT_EQ(committed_contents(world)->at("a"), "3");
}

TEST(Compaction, CostsTwoListsTwoIndexesAGetForEachFileThatIsNotHereAndTwoPuts) {
  for (const bool with_directory : {false, true}) {
    BucketWorld world;
    Machine machine;
    BucketDb db = world.open(new_files(), with_directory ? &machine : nullptr);
    fill(db);
    EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.compact(kAtOnce).ok()); }),
              4U + (with_directory ? 0U : 1U) + 2U + 1U)
        << "and the removal";
  }
}

// --- Collection

TEST(Collection, WaitsForTheGraceTimeByTheClockOfTheStore) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  world.clock.advance_ms(90ULL * 24 * 3600 * 1000);  // the files are old, and no garbage yet
  BucketDb reader = world.open();
  EXPECT_EQ(db.compact(kDay)->files_collected, 0U);
  EXPECT_EQ(reader.get("a").value(), "2") << "of a file that nothing refers to";
  world.clock.advance_ms(23ULL * 3600 * 1000);
  EXPECT_EQ(db.gc(kDay)->files_collected, 0U);
  world.clock.advance_ms(2ULL * 3600 * 1000);
  const BucketCollection done = db.gc(kDay).value();
  EXPECT_EQ(done.files_collected, 3U);
  EXPECT_EQ(done.files_left, 0U);
  EXPECT_THAT(world.objects(), ElementsAre("data_000004.s4db", "index.idx", "talea.garbage"));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}}));
}

TEST(Collection, TheNextCompactionCollectsToo) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  EXPECT_EQ(db.compact(kDay)->files_collected, 0U);
  world.clock.advance_ms(25ULL * 3600 * 1000);
  EXPECT_EQ(db.compact(kDay)->files_collected, 3U);
}

TEST(Collection, OfUploadsThatNeverEndedTakesTheirNumbersOutOfUse) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  world.fake.put(BucketWorld::kBucket, world.name("data_000001.s4db"), "never ended");
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"),
                 IndexWriter(BucketFormat::v1, 0).finish(1));
  BucketDb collector = world.open();
  EXPECT_EQ(collector.gc(kAtOnce)->files_collected, 1U);
  EXPECT_THAT(world.objects(), ElementsAre("index.idx"));
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("a", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  EXPECT_THAT(world.objects(), ElementsAre("data_000002.s4db", "index.idx"));
}

// The file with the removal of b has nothing current, and is all that tells a rebuilt index of it.
TEST(Collection, KeepsATombstoneWhileWhatItRemovesIsThere) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.remove("b").ok());
  ASSERT_TRUE(db.upload().ok());
  const BucketCollection done = db.gc(kAtOnce).value();
  EXPECT_EQ(done.files_collected, 0U);
  EXPECT_EQ(done.files_left, 1U);
  ASSERT_TRUE(db.rebuild_index().ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}}));
}

TEST(Collection, OfADamagedListBeginsTheGraceTimeAnew) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  ASSERT_TRUE(db.compact(kDay).ok());
  world.clock.advance_ms(25ULL * 3600 * 1000);
  Bytes list = *world.object("talea.garbage");
  list[20] = static_cast<char>(list[20] ^ 1);
  world.fake.put(BucketWorld::kBucket, world.name("talea.garbage"), list);
  EXPECT_EQ(db.gc(kDay)->files_collected, 0U);
  world.clock.advance_ms(25ULL * 3600 * 1000);
  EXPECT_EQ(db.gc(kDay)->files_collected, 3U);
}

TEST(Collection, NeedsAnIndexAndAGraceTimeThatIsNotNegative) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  EXPECT_EQ(db.gc(std::chrono::milliseconds(-1)).status().code(), Code::invalid_argument);
  EXPECT_EQ(db.compact(std::chrono::milliseconds(-1)).status().code(), Code::invalid_argument);
  EXPECT_EQ(db.gc(kAtOnce)->files_collected, 0U);
  fill(db);
  world.fake.remove(BucketWorld::kBucket, world.name("index.idx"));
  EXPECT_EQ(db.gc(kAtOnce).status().code(), Code::corruption);
  EXPECT_EQ(world.objects().size(), 3U);
}

TEST(Collection, CostsAListAndAnIndexAndWithGarbageFourMore) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.gc(kDay).ok()); }), 2U);
  ASSERT_TRUE(db.put("a", "2").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.gc(kDay).ok()); }), 5U) << "list, put, head";
  world.clock.advance_ms(25ULL * 3600 * 1000);
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.gc(kDay).ok()); }), 6U) << "and a removal";
}

}  // namespace
}  // namespace talea::bucketdb
