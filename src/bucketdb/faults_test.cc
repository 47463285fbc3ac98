// Every fault at every request, and a process that ends at every step.
//
// Before each request of a story, a reader opens the bucket: it finds a whole database, in the
// state before or after. What was acknowledged is there in the end: a second try, by the same
// process or by the one after a power cut, leads to the state after.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "bucketdb/journal.h"
#include "tests/support/bucket_world.h"
#include "tests/support/test_directory.h"

namespace talea::bucketdb {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

struct Stage {
  BucketWorld world;
  Machine machine;
  std::optional<BucketDb> db;
  // The states in which a reader may find the bucket; the last one is the end.
  std::vector<Model> lawful;
};

struct Story {
  const char* name;
  std::function<void(Stage&)> prepare;
  std::function<Status(BucketDb&)> act;
};

BucketDbOptions options_of(const Story& story) {
  BucketDbOptions options;
  options.cache_bytes = 0;
  const std::string_view name = story.name;
  options.grown_file_bytes_max = name == "grown" ? 4096 : 0;
  if (name == "rolled") options.file_bytes_max = 1024;
  return options;
}

Status upload(BucketDb& db) { return db.upload().status(); }

void put(BucketDb& db, Model& model, const Bytes& key, const Bytes& value) {
  ASSERT_TRUE(db.put(key, value).ok());
  model[key] = value;
}

void prepare_new(Stage& stage) {
  Model after;
  put(*stage.db, after, "a", "1");
  put(*stage.db, after, "b", "2");
  stage.lawful = {{}, after};
}

// A database with a key, and more that is pending.
void prepare_more(Stage& stage) {
  Model model;
  put(*stage.db, model, "a", "1");
  put(*stage.db, model, "gone", "1");
  ASSERT_TRUE(stage.db->upload().ok());
  stage.lawful = {model};
  put(*stage.db, model, "b", "2");
  put(*stage.db, model, "a", "3");
  ASSERT_TRUE(stage.db->remove("gone").ok());
  model.erase("gone");
  stage.lawful.push_back(model);
}

void prepare_rolled(Stage& stage) {
  Model model;
  for (int i = 0; i < 60; ++i) put(*stage.db, model, "key" + std::to_string(i), "value");
  stage.lawful = {{}, model};
}

// Somebody else commits after this one read the index, so that its commit is refused.
void prepare_second(Stage& stage) {
  prepare_more(stage);
  BucketDb other = stage.world.open();
  ASSERT_TRUE(other.commit(BucketBatch().put("other", "1").put("a", "theirs")).ok());
  ASSERT_TRUE(other.upload().ok());
  for (Model& model : stage.lawful) model["other"] = "1";
  stage.lawful[0]["a"] = "theirs";
}

void prepare_garbage(Stage& stage) {
  prepare_more(stage);
  ASSERT_TRUE(stage.db->upload().ok());
  Model model = stage.lawful.back();
  put(*stage.db, model, "c", "4");
  ASSERT_TRUE(stage.db->upload().ok());
  stage.lawful = {model};
}

// With files that wait for their grace time.
void prepare_collection(Stage& stage) {
  prepare_garbage(stage);
  ASSERT_TRUE(stage.db->compact(std::chrono::hours(24)).ok());
  stage.world.clock.advance_ms(25ULL * 3600 * 1000);
}

const std::vector<Story>& stories() {
  static const std::vector<Story> all = {
      {"new", prepare_new, upload},
      {"grown", prepare_more, upload},
      {"rolled", prepare_rolled, upload},
      {"second", prepare_second, upload},
      {"compact", prepare_garbage, [](BucketDb& db) { return db.compact(kAtOnce).status(); }},
      {"compact pending", prepare_second,
       [](BucketDb& db) { return db.compact(kAtOnce).status(); }},
      {"gc", prepare_collection,
       [](BucketDb& db) { return db.gc(std::chrono::hours(24)).status(); }},
  };
  return all;
}

std::unique_ptr<Stage> prepared(const Story& story) {
  auto stage = std::make_unique<Stage>();
  stage->db.emplace(stage->world.open(stage->machine, options_of(story)));
  story.prepare(*stage);
  return stage;
}

void expect_lawful(Stage& stage, const std::string& when) {
  const auto found = committed_contents(stage.world);
  ASSERT_TRUE(found.ok()) << when << ": " << found.status().to_string();
  EXPECT_NE(std::find(stage.lawful.begin(), stage.lawful.end(), *found), stage.lawful.end())
      << when << ": " << testing::PrintToString(*found);
}

// The requests that the story makes, from first to last.
struct Numbers {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

Numbers numbers_of(const Story& story) {
  const auto stage = prepared(story);
  const std::uint64_t before = stage->world.fake.requests();
  EXPECT_TRUE(story.act(*stage->db).ok());
  EXPECT_EQ(committed_contents(stage->world).value(), stage->lawful.back());
  return {before + 1, stage->world.fake.requests()};
}

void watch(Stage& stage, const std::string& what) {
  stage.world.fake.set_before_each([&stage, what](const s3::FakeRequest& request) {
    // Readers ask too: their requests have no number, and are not watched.
    if (request.number == 0) return;
    expect_lawful(stage, what + ", before request " + std::to_string(request.number));
  });
}

void end_watch(Stage& stage) {
  stage.world.fake.set_before_each(nullptr);
  stage.world.fake.clear_plan();
}

class EveryFault : public testing::TestWithParam<std::size_t> {};

TEST_P(EveryFault, AtEveryRequestLeavesAWholeDatabaseAndLosesNothing) {
  const Story& story = stories()[GetParam()];
  const Numbers numbers = numbers_of(story);
  std::size_t failed = 0;
  for (const s3::Fault& fault : s3::every_fault()) {
    for (std::uint64_t number = numbers.first; number <= numbers.last; ++number) {
      const std::string what =
          std::string(story.name) + ", " + fault.name() + " at request " + std::to_string(number);
      const auto stage = prepared(story);
      watch(*stage, what);
      stage->world.fake.set_fault(number, fault);
      const Status done = story.act(*stage->db);
      end_watch(*stage);
      expect_lawful(*stage, what + ", at its end");
      if (done.ok()) {
        EXPECT_EQ(committed_contents(stage->world).value(), stage->lawful.back()) << what;
      } else {
        ++failed;
      }
      stage->world.fake.run_delayed();
      expect_lawful(*stage, what + ", after what was delayed");
      EXPECT_TRUE(contents_of(*stage->db).ok()) << what;
      const Status again = story.act(*stage->db);
      ASSERT_TRUE(again.ok()) << what << ": " << again.to_string();
      EXPECT_EQ(committed_contents(stage->world).value(), stage->lawful.back()) << what;
      EXPECT_EQ(contents_of(*stage->db).value(), stage->lawful.back()) << what;
      if (HasFailure()) return;
    }
  }
  // The client takes care of nearly all of them.
  EXPECT_LT(failed, (numbers.last - numbers.first + 1) * s3::every_fault().size() / 2);
}

TEST_P(EveryFault, AProcessThatEndsAtAnyRequestIsFollowedByOneThatHasAll) {
  const Story& story = stories()[GetParam()];
  const Numbers numbers = numbers_of(story);
  for (const bool last_is_done : {false, true}) {
    for (std::uint64_t number = numbers.first; number <= numbers.last; ++number) {
      const std::string what = std::string(story.name) + ", ended at request " +
                               std::to_string(number) + (last_is_done ? ", which was done" : "");
      const auto stage = prepared(story);
      watch(*stage, what);
      stage->world.fake.set_plan([&](const s3::FakeRequest& request) {
        if (request.number < number) return s3::Fault{};
        return request.number == number && last_is_done ? s3::Fault::lose_answer()
                                                        : s3::Fault::refuse();
      });
      (void)story.act(*stage->db).ok();
      end_watch(*stage);
      expect_lawful(*stage, what);
      stage->db.reset();
      stage->machine.disk->power_cut(test_seed() + number);
      auto after = stage->world.try_open(options_of(story), &stage->machine);
      ASSERT_TRUE(after.ok()) << what << ": " << after.status().to_string();
      EXPECT_EQ(contents_of(*after).value(), stage->lawful.back()) << what;
      ASSERT_TRUE(story.act(*after).ok()) << what;
      EXPECT_EQ(committed_contents(stage->world).value(), stage->lawful.back()) << what;
      if (HasFailure()) return;
    }
  }
}

// The disk of this machine, at every call of an upload.
TEST_P(EveryFault, AFailingDiskLosesNothing) {
  const Story& story = stories()[GetParam()];
  std::uint64_t calls = 0;
  {
    const auto stage = prepared(story);
    calls = stage->machine.disk->counted_calls();
    ASSERT_TRUE(story.act(*stage->db).ok());
    calls = stage->machine.disk->counted_calls() - calls;
  }
  for (const auto fault : {CrashFileSystem::Fault::crash, CrashFileSystem::Fault::io_error,
                           CrashFileSystem::Fault::disk_full}) {
    for (std::uint64_t call = 1; call <= calls; ++call) {
      const std::string what = std::string(story.name) + ", call " + std::to_string(call);
      const auto stage = prepared(story);
      stage->machine.disk->fail_at(call, fault);
      (void)story.act(*stage->db).ok();
      expect_lawful(*stage, what);
      stage->db.reset();
      stage->machine.disk->clear_faults();
      stage->machine.disk->power_cut(test_seed() + call);
      auto after = stage->world.try_open(options_of(story), &stage->machine);
      ASSERT_TRUE(after.ok()) << what << ": " << after.status().to_string();
      EXPECT_EQ(contents_of(*after).value(), stage->lawful.back()) << what;
      ASSERT_TRUE(story.act(*after).ok()) << what;
      EXPECT_EQ(committed_contents(stage->world).value(), stage->lawful.back()) << what;
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OfBucketDb, EveryFault, testing::Range<std::size_t>(0, 7),
                         [](const auto& story) {
                           std::string name = stories()[story.param].name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

// A commit whose answer was lost, and on top of which somebody else committed: the index is
// another one, and refers to what we put.
TEST(LostAnswer, OfACommitThatOthersBuiltOnIsFoundByWhatTheIndexRefersTo) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("k", "mine")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.commit(BucketBatch().put("b", "2").put("k", "mine again")).ok());
  const std::uint64_t commit = world.fake.requests() + 2;
  world.fake.set_fault(commit, s3::Fault::lose_answer());
  world.fake.set_before(commit + 1, [&] {
    BucketDb other = world.open();
    ASSERT_TRUE(other.put("k", "theirs").ok());
    ASSERT_TRUE(other.upload().ok());
  });
  const BucketUpload done = db.upload().value();
  EXPECT_EQ(done.conflicts, 0U);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}, {"k", "theirs"}}))
      << "what was committed on top of ours stays";
  EXPECT_EQ(contents_of(db)->at("k"), "theirs");
}

// The `commit`th index that this upload puts is there, and it never hears of it.
void upload_without_an_answer(BucketWorld& world, BucketDb& db, int commit = 1) {
  bool is_committed = false;
  int indexes = 0;
  world.fake.set_plan([&](const s3::FakeRequest& request) {
    if (is_committed) return s3::Fault::refuse();
    is_committed =
        request.method == "PUT" && request.key.ends_with("index.idx") && ++indexes == commit;
    return is_committed ? s3::Fault::lose_answer() : s3::Fault{};
  });
  EXPECT_FALSE(db.upload().ok());
  EXPECT_TRUE(is_committed);
  world.fake.clear_plan();
}

void upload_by_another(BucketWorld& world, const BucketBatch& batch) {
  BucketDb other = world.open();
  ASSERT_TRUE(other.commit(batch).ok());
  ASSERT_TRUE(other.upload().ok());
}

TEST(LostAnswer, AndTheEndOfTheProcessLeaveWhatOthersCommittedOnTop) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("k", "mine")).ok());
    upload_without_an_answer(world, db, 2);  // the first one is empty
  }
  machine.disk->power_cut_losing_everything_unsynced();
  {
    BucketDb other = world.open();
    ASSERT_TRUE(other.put("k", "theirs").ok());
    ASSERT_TRUE(other.upload().ok());
  }
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.status().pending_writes, 0U) << "the index refers to what was put";
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}, {"k", "theirs"}}));
}

// What is known at one open has to be known at the next, when others overwrote all of it.
TEST(LostAnswer, IsSettledByTheFirstOpenForGood) {
  BucketWorld world;
  Machine machine;
  upload_by_another(world, BucketBatch().put("x", "0"));
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("x", "1").ok());
    upload_without_an_answer(world, db);
    ASSERT_TRUE(db.put("later", "1").ok());
  }
  machine.disk->power_cut_losing_everything_unsynced();
  EXPECT_EQ(world.open(machine).status().pending_writes, 1U);
  const auto journal = decode_journal(machine.disk->read_file("/db/talea.journal").value(),
                                      database_id(BucketWorld::kBucket, BucketWorld::kPrefix));
  ASSERT_TRUE(journal.ok());
  EXPECT_EQ(journal->batches.size(), 1U) << "what was committed is out of the journal";
  BucketDb other = world.open();
  for (std::uint32_t i = 0; i < kBucketCommitsKept + 2; ++i) {
    ASSERT_TRUE(other.put("x", "2").ok());
    ASSERT_TRUE(other.upload().ok());
  }
  machine.disk->power_cut_losing_everything_unsynced();
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.status().pending_writes, 1U);
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"x", "2"}, {"later", "1"}}));
}

// No index refers to a tombstone.
TEST(LostAnswer, OfRemovalsAloneIsFoundByTheListOfCommits) {
  BucketWorld world;
  Machine machine;
  upload_by_another(world, BucketBatch().put("k", "1"));
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.remove("k").ok());
    upload_without_an_answer(world, db);
  }
  upload_by_another(world, BucketBatch().put("k", "new"));
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.status().pending_writes, 0U);
  EXPECT_EQ(contents_of(db).value(), (Model{{"k", "new"}}));
}

TEST(LostAnswer, OfWhatOthersCompactedAndOverwroteIsFoundByTheListOfCommits) {
  BucketWorld world;
  Machine machine;
  upload_by_another(world, BucketBatch().put("x", "0").put("y", "0"));
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("x", "1").ok());
    upload_without_an_answer(world, db);
  }
  BucketDb other = world.open();
  ASSERT_TRUE(other.compact(kAtOnce).ok());
  ASSERT_TRUE(other.put("x", "2").ok());
  ASSERT_TRUE(other.upload().ok());
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.status().pending_writes, 0U);
  EXPECT_EQ(contents_of(db).value(), (Model{{"x", "2"}, {"y", "0"}}));
}

// The second of two requests is refused for what the first did, and the look comes too late.
TEST(LostAnswer, ACommitThatWasDoubledOnItsWayIsNotDoneAgainOverWhatCameOnTop) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("k", "0")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.commit(BucketBatch().put("k", "mine").remove("a")).ok());
  const std::uint64_t commit = world.fake.requests() + 2;
  world.fake.set_fault(commit, s3::Fault::twice_second());
  world.fake.set_before(commit + 1, [&] {
    upload_by_another(world, BucketBatch().put("k", "theirs").put("a", "2"));
  });
  EXPECT_EQ(db.upload()->writes, 2U);
  EXPECT_EQ(db.status().pending_writes, 0U);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}, {"k", "theirs"}}));
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "2"}, {"k", "theirs"}}));
}

TEST(LostAnswer, IsFoundByTheNextUploadOfTheSameProcessWhichGoesOnWithTheRest) {
  for (const bool with_more : {false, true}) {
    BucketWorld world;
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("x", "0").ok());
    ASSERT_TRUE(db.upload().ok());
    ASSERT_TRUE(db.put("x", "1").ok());
    upload_without_an_answer(world, db);
    EXPECT_EQ(db.status().pending_writes, 1U) << "nobody knows";
    if (with_more) {
      ASSERT_TRUE(db.put("y", "1").ok());
    }
    upload_by_another(world, BucketBatch().put("x", "2"));
    EXPECT_EQ(db.upload()->writes, with_more ? 2U : 1U);
    Model expected = {{"x", "2"}};
    if (with_more) expected["y"] = "1";
    EXPECT_EQ(committed_contents(world).value(), expected);
    EXPECT_EQ(contents_of(db).value(), expected);
  }
}

}  // namespace
}  // namespace talea::bucketdb
