// Compaction and collection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

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
  constexpr std::size_t kCountAt = 5;
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
    EXPECT_EQ(world.object("index.idx")->substr(kCountAt), index.substr(kCountAt))
        << "all but the next number, which was reserved";
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

// Lets somebody else work once, right before the next put of an object with `what` in its name.
void before_next_put(BucketWorld& world, const std::string& what,
                     const std::function<void()>& work) {
  world.fake.set_before_each([&world, what, work](const s3::FakeRequest& request) {
    if (request.number == 0 || request.method != "PUT" ||
        request.key.find(what) == std::string::npos) {
      return;
    }
    const std::function<void()> once = work;
    world.fake.set_before_each(nullptr);
    once();
  });
}

// Nothing reaches the store from the commit on that comes after a data file.
void end_before_the_commit(BucketWorld& world) {
  struct Seen {
    bool a_file = false;
    bool the_commit = false;
  };
  world.fake.set_plan([seen = std::make_shared<Seen>()](const s3::FakeRequest& request) {
    const bool is_put = request.method == "PUT";
    if (is_put && request.key.ends_with("index.idx") && seen->a_file) seen->the_commit = true;
    if (is_put && request.key.ends_with(".s4db")) seen->a_file = true;
    return seen->the_commit ? s3::Fault::refuse() : s3::Fault{};
  });
}

Model rebuilt(BucketWorld& world) {
  world.fake.remove(BucketWorld::kBucket, world.name("index.idx"));
  BucketDb db = world.open();
  EXPECT_TRUE(db.rebuild_index().ok());
  return contents_of(db).value();
}

// One file, with something in it that is not current.
void fill_one(BucketDb& db) {
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "0").put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(db.upload().ok());
}

TEST(Compaction, ThatEndedBeforeItsCommitLeavesNothingThatLooksNewerThanWhatCameLater) {
  for (const bool is_same_process : {true, false}) {
    BucketWorld world;
    Machine machine;
    BucketDb db = world.open(machine);
    fill_one(db);
    end_before_the_commit(world);
    EXPECT_EQ(db.compact(kAtOnce).status().code(), Code::unavailable);
    world.fake.clear_plan();
    if (!is_same_process) {
      ASSERT_TRUE(db.close().ok());
      db = world.open(machine);
    }
    ASSERT_TRUE(db.commit(BucketBatch().put("a", "3").remove("b")).ok());
    ASSERT_TRUE(db.upload().ok());
    EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "3"}}));
    EXPECT_EQ(rebuilt(world), (Model{{"a", "3"}}));
  }
}

TEST(Compaction, ThatEndedAtAnyRequestLeavesNothingThatLooksNewerThanWhatCameLater) {
  std::uint64_t requests = 0;
  for (std::uint64_t last = 0; last <= requests; ++last) {
    for (const bool last_is_done : {false, true}) {
      BucketWorld world;
      Machine machine;
      BucketDb db = world.open(machine);
      fill_one(db);
      const std::uint64_t before = world.fake.requests();
      world.fake.set_plan([&](const s3::FakeRequest& request) {
        // The first round is one in which nothing happens, to count.
        if (last == 0 || request.number < before + last) return s3::Fault{};
        return request.number == before + last && last_is_done ? s3::Fault::lose_answer()
                                                               : s3::Fault::refuse();
      });
      (void)db.compact(kAtOnce).ok();
      if (last == 0) requests = world.fake.requests() - before;
      world.fake.clear_plan();
      ASSERT_TRUE(db.close().ok());
      db = world.open(machine);
      ASSERT_TRUE(db.commit(BucketBatch().put("a", "3").remove("b")).ok());
      ASSERT_TRUE(db.upload().ok());
      EXPECT_EQ(rebuilt(world), (Model{{"a", "3"}})) << "ended at request " << last;
    }
  }
  EXPECT_GE(requests, 8U);
}

TEST(Compaction, ThatOthersOvertookLeavesNothingThatLooksNewerThanTheirs) {
  BucketWorld world;
  BucketDb db = world.open();
  fill_one(db);
  before_next_put(world, ".s4db", [&] {
    BucketDb other = world.open();
    ASSERT_TRUE(other.commit(BucketBatch().put("a", "3").remove("b")).ok());
    ASSERT_TRUE(other.upload().ok());
  });
  end_before_the_commit(world);
  EXPECT_FALSE(db.compact(kAtOnce).ok());
  world.fake.clear_plan();
  EXPECT_TRUE(world.object("data_000003.s4db").has_value()) << "theirs and the copies";
  EXPECT_EQ(rebuilt(world), (Model{{"a", "3"}}));
}

// Others who rebuild put numbers in the order of names, as we do; also of several files.
TEST(Compaction, UsesTheNumbersThatItReservedAndNoOthers) {
  BucketWorld world;
  BucketDbOptions options = new_files();
  options.file_bytes_max = 1024;
  BucketDb db = world.open(options);
  Model model;
  for (int i = 0; i < 200; ++i) {
    const Bytes key = "key" + std::to_string(i);
    ASSERT_TRUE(db.put(key, "value").ok());
    model[key] = "value";
  }
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("key0", "new").ok());
  model["key0"] = "new";
  ASSERT_TRUE(db.upload().ok());
  const auto next_of = [&] {
    return IndexImage::parse(*world.object("index.idx")).value()->next();
  };
  std::uint32_t reserved = 0;
  before_next_put(world, ".s4db", [&] { reserved = next_of(); });
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_GT(reserved, 8U);
  EXPECT_EQ(next_of(), reserved);
  EXPECT_TRUE(world.object(file_name({reserved - 1})).has_value()) << "the last one was needed";
  EXPECT_EQ(committed_contents(world).value(), model);
}

TEST(Compaction, WhoseReservedNumberSomebodyTookBeginsAnew) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  before_next_put(world, ".s4db", [&] {
    world.fake.put(BucketWorld::kBucket, world.name("data_000004.s4db"), "an upload of before");
  });
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_THAT(world.objects(), ElementsAre("data_000005.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}}));
}

TEST(Compaction, WhoseFilesAnotherOneCollectedBeginsAnew) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  // Between its LIST and what it reads.
  before_next_put(world, "index.idx", [&] { ASSERT_TRUE(world.open().compact(kAtOnce).ok()); });
  ASSERT_TRUE(db.compact(kAtOnce).ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}}));
  // And after it reserved: the file that it reads is gone.
  ASSERT_TRUE(db.put("b", "3").ok());
  ASSERT_TRUE(db.upload().ok());
  bool is_done = false;
  world.fake.set_before_each([&](const s3::FakeRequest& request) {
    if (is_done || request.number == 0 || request.method != "GET" ||
        !request.key.ends_with(".s4db")) {
      return;
    }
    is_done = true;
    ASSERT_TRUE(world.open().compact(kAtOnce).ok());
  });
  const auto done = db.compact(kAtOnce);
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_TRUE(is_done);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}, {"b", "3"}}));
}

TEST(Compaction, IsDoneWhenOnlyItsCollectionFails) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  fill(db);
  s3::FakeProfile profile;
  profile.may_delete = false;
  world.fake.set_profile(profile);
  const auto done = db.compact(kAtOnce);
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->files_after, 1U);
  EXPECT_EQ(done->files_collected, 0U);
  EXPECT_EQ(done->collection.code(), Code::denied);
  world.fake.set_profile({});
  const auto again = db.compact(kAtOnce);
  EXPECT_EQ(again->files_collected, 3U);
  EXPECT_TRUE(again->collection.ok());
}

TEST(Compaction, CostsTwoListsTwoIndexesAGetForEachFileThatIsNotHereAndThreePuts) {
  for (const bool with_directory : {false, true}) {
    BucketWorld world;
    Machine machine;
    BucketDb db = world.open(new_files(), with_directory ? &machine : nullptr);
    fill(db);
    EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.compact(kAtOnce).ok()); }),
              4U + (with_directory ? 0U : 1U) + 3U + 1U)
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

// Otherwise the time for which it was garbage in the end would have begun before it was in use.
TEST(Collection, DoesNotListWhatMayBeReferredToYet) {
  BucketWorld world;
  BucketDb db = world.open(new_files());
  ASSERT_TRUE(db.put("a", "1").ok());
  // While the file is there, and the commit is not.
  before_next_put(world, ".s4db", [&] {
    before_next_put(world, "index.idx", [&] {
      EXPECT_TRUE(world.object("data_000001.s4db").has_value());
      EXPECT_EQ(world.open().gc(kDay)->files_left, 1U);
    });
  });
  ASSERT_TRUE(db.upload().ok());
  world.clock.advance_ms(30ULL * 3600 * 1000);
  BucketDb reader = world.open();
  ASSERT_TRUE(db.put("a", "2").ok());
  ASSERT_TRUE(db.compact(kDay).ok());
  EXPECT_TRUE(world.object("data_000001.s4db").has_value()) << "it became garbage just now";
  EXPECT_EQ(reader.get("a").value(), "1");
}

TEST(Collection, OfFilesOfOtherWritersWaitsForADayWhateverIsAskedFor) {
  BucketWorld world;
  BucketDbOptions options = new_files();
  options.format = BucketFormat::v2;
  BucketDb db = world.open(options);
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  // Its writer has put it, and is about to commit.
  world.fake.put(BucketWorld::kBucket, world.name("data_deadbeef_000001.s4db"),
                 encode_file_header(BucketFormat::v2, {0xdeadbeef00000001}));
  EXPECT_EQ(db.gc(kAtOnce)->files_left, 1U);
  EXPECT_EQ(db.gc(std::chrono::milliseconds(1))->files_left, 1U);
  world.clock.advance_ms(23ULL * 3600 * 1000);
  EXPECT_EQ(db.gc(std::chrono::milliseconds(1))->files_left, 1U);
  world.clock.advance_ms(2ULL * 3600 * 1000);
  EXPECT_EQ(db.gc(kAtOnce)->files_left, 1U);
  EXPECT_EQ(db.gc(std::chrono::milliseconds(1))->files_collected, 1U);
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
