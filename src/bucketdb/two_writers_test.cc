// Several writers on one prefix, and readers with an index of before. Nobody's writes are lost, and
// nobody gets the value of another key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"
#include "bucketdb/data_file.h"
#include "bucketdb/index_file.h"
#include "tests/support/bucket_world.h"
#include "tests/support/test_directory.h"

namespace talea::bucketdb {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

// Lets somebody else work right before the next index is put.
void before_next_commit(BucketWorld& world, const std::function<void()>& work) {
  world.fake.set_before_each([&world, work](const s3::FakeRequest& request) {
    if (request.number == 0 || request.method != "PUT" || !request.key.ends_with("index.idx")) {
      return;
    }
    const std::function<void()> once = work;
    world.fake.set_before_each(nullptr);
    once();
  });
}

TEST(TwoWriters, WhoBeganWithTheSameEmptyDatabaseLoseNothing) {
  BucketWorld world;
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.put("x", "1").ok());
  ASSERT_TRUE(b.put("y", "2").ok());
  EXPECT_EQ(a.upload()->conflicts, 0U);
  EXPECT_EQ(b.upload()->conflicts, 1U);
  const Model both = {{"x", "1"}, {"y", "2"}};
  EXPECT_EQ(committed_contents(world).value(), both);
  EXPECT_EQ(contents_of(b).value(), both) << "who was second has taken the first over";
  EXPECT_EQ(contents_of(a).value(), (Model{{"x", "1"}}));
  ASSERT_TRUE(a.refresh().ok());
  EXPECT_EQ(contents_of(a).value(), both);
}

TEST(TwoWriters, OfTwoWhoWroteOneKeyTheLastToCommitWins) {
  BucketWorld world;
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.commit(BucketBatch().put("k", "a").put("gone", "1")).ok());
  ASSERT_TRUE(a.upload().ok());
  ASSERT_TRUE(b.refresh().ok());
  ASSERT_TRUE(a.put("k", "a again").ok());
  ASSERT_TRUE(b.commit(BucketBatch().put("k", "b").remove("gone")).ok());
  ASSERT_TRUE(b.upload().ok());
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"k", "a again"}}));
}

TEST(TwoWriters, OfOneFileThatBothKnowOneGrowsItAndTheOtherMakesANewOne) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb first = world.open(machine);
    ASSERT_TRUE(first.put("a", "1").ok());
    ASSERT_TRUE(first.upload().ok());
  }
  // A copy of the directory on another machine: both think that the newest file is theirs.
  Machine copy{machine.disk->clone()};
  BucketDb a = world.open(machine);
  BucketDb b = world.open(copy);
  ASSERT_TRUE(a.put("x", "1").ok());
  ASSERT_TRUE(b.put("y", "2").ok());
  ASSERT_TRUE(a.upload().ok());
  ASSERT_TRUE(b.upload().ok());
  EXPECT_THAT(world.objects(),
              testing::ElementsAre("data_000001.s4db", "data_000002.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"x", "1"}, {"y", "2"}}));
}

TEST(TwoWriters, AReaderWithAnOlderIndexGoesOn) {
  BucketWorld world;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.commit(BucketBatch().put("a", "1").put("b", "2")).ok());
  ASSERT_TRUE(writer.upload().ok());
  BucketDb reader = world.open();
  ASSERT_TRUE(writer.commit(BucketBatch().put("a", "3").remove("b")).ok());
  ASSERT_TRUE(writer.upload().ok());
  EXPECT_EQ(contents_of(reader).value(), (Model{{"a", "1"}, {"b", "2"}}));
}

TEST(TwoWriters, AReaderWhoseFileWasCollectedReadsTheIndexAgain) {
  BucketWorld world;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.commit(BucketBatch().put("a", "1").put("b", "2")).ok());
  ASSERT_TRUE(writer.upload().ok());
  BucketDb reader = world.open();
  ASSERT_TRUE(writer.commit(BucketBatch().put("a", "3").remove("b")).ok());
  ASSERT_TRUE(writer.compact(kAtOnce).ok());
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(reader.get("a").value(), "3"); }), 3U);
  EXPECT_EQ(reader.get("b").value(), std::nullopt);
  BucketDb many = world.open();
  EXPECT_EQ(many.get_many(std::vector<BytesView>{"b", "a"}).value(),
            (std::vector<std::optional<Bytes>>{std::nullopt, "3"}));
}

// What an original does beside us: it puts its own file under a number that is taken.
TEST(TwoWriters, AReaderNeverGetsTheValueOfAnotherKey) {
  BucketWorld world;
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("x", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  BucketDb reader = world.open();
  Bytes theirs = encode_file_header(BucketFormat::v1, {1});
  append_value(theirs, BucketFormat::v1, "y", "2", true);
  world.fake.put(BucketWorld::kBucket, world.name("data_000001.s4db"), theirs);
  EXPECT_EQ(reader.get("x").status().code(), Code::corruption);
  IndexWriter index(BucketFormat::v1, 1);
  index.add("y", {{1}, 9, static_cast<std::uint32_t>(theirs.size() - 9)});
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(2));
  EXPECT_EQ(reader.get("x").value(), std::nullopt);
  EXPECT_EQ(reader.get("y").value(), "2");
}

TEST(TwoWriters, ACompactionBesideAnUploadLosesNothingAndUploadsItsFilesAgain) {
  BucketWorld world;
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.commit(BucketBatch().put("a", "1").put("b", "1")).ok());
  ASSERT_TRUE(a.upload().ok());
  ASSERT_TRUE(a.commit(BucketBatch().put("a", "2")).ok());
  ASSERT_TRUE(b.refresh().ok());
  ASSERT_TRUE(b.put("c", "3").ok());
  // Right before a puts its index, b compacts, collects everything, and commits.
  before_next_commit(world, [&] { ASSERT_TRUE(b.compact(kAtOnce).ok()); });
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "2"}, {"b", "1"}, {"c", "3"}}));
}

TEST(TwoWriters, ACollectionInTheMiddleOfAnUploadCostsItOnlyAnotherFile) {
  BucketWorld world;
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.put("a", "1").ok());
  ASSERT_TRUE(a.upload().ok());
  ASSERT_TRUE(b.refresh().ok());
  ASSERT_TRUE(b.commit(BucketBatch().put("b", "2").remove("a")).ok());
  // b has put its file, and not its index; a removes the last key and collects all there is.
  ASSERT_TRUE(a.remove("a").ok());
  before_next_commit(world, [&] {
    ASSERT_TRUE(a.upload().ok());
    ASSERT_TRUE(a.compact(kAtOnce).ok());
  });
  ASSERT_TRUE(b.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"b", "2"}}));
}

TEST(TwoWriters, NumbersThatOthersTookAreSteppedOver) {
  BucketWorld world;
  for (int i = 1; i <= 5; ++i) {
    world.fake.put(BucketWorld::kBucket, world.name(file_name({static_cast<std::uint64_t>(i)})),
                   "an upload that never ended");
  }
  IndexWriter index(BucketFormat::v1, 0);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(1));
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_TRUE(world.object("data_000006.s4db").has_value());
  EXPECT_EQ(*world.object("data_000003.s4db"), "an upload that never ended");
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

TEST(TwoWriters, WhoNeverComesFirstGivesUpAndKeepsItsWrites) {
  BucketWorld world;
  BucketDb a = world.open();
  BucketDb b = world.open();
  ASSERT_TRUE(a.put("first", "1").ok());
  ASSERT_TRUE(a.upload().ok());
  ASSERT_TRUE(a.put("a", "1").ok());
  int commits = 0;
  world.fake.set_before_each([&](const s3::FakeRequest& request) {
    if (request.number == 0 || request.method != "PUT" || !request.key.ends_with("index.idx")) {
      return;
    }
    ASSERT_TRUE(b.put("b", std::to_string(++commits)).ok());
    ASSERT_TRUE(b.upload().ok());
  });
  EXPECT_EQ(a.upload().status().code(), Code::conflict);
  EXPECT_EQ(commits, static_cast<int>(kBucketCommitsMax));
  world.fake.clear_plan();
  world.fake.set_before_each(nullptr);
  EXPECT_EQ(a.status().pending_writes, 1U);
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(committed_contents(world)->at("a"), "1");
}

TEST(TwoWriters, AStoreThatIgnoresConditionsIsRefusedByName) {
  for (const bool match : {false, true}) {
    BucketWorld world;
    s3::FakeProfile profile;
    profile.ignores_if_match = match;
    profile.ignores_if_none_match = !match;
    world.fake.set_profile(profile);
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("a", "1").ok());
    const Status refused = db.upload().status();
    EXPECT_EQ(refused.code(), Code::unsupported);
    EXPECT_NE(refused.message().find(match ? "accepts If-Match and" : "accepts If-None-Match and"),
              std::string_view::npos)
        << refused.to_string();
    EXPECT_EQ(db.status().pending_writes, 1U);
    EXPECT_TRUE(world.objects().empty());
    BucketDbOptions alone;
    alone.writers = BucketWriters::one;
    BucketDb single = world.open(alone);
    ASSERT_TRUE(single.put("a", "1").ok());
    ASSERT_TRUE(single.upload().ok());
    EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
  }
}

TEST(TwoWriters, OfAnotherFormatAreToldApart) {
  BucketWorld world;
  BucketDbOptions second;
  second.format = BucketFormat::v2;
  BucketDb a = world.open();
  BucketDb b = world.open(second);
  ASSERT_TRUE(a.put("a", "1").ok());
  ASSERT_TRUE(b.put("b", "2").ok());
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(b.upload().status().code(), Code::unsupported);
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

// What is written is encoded for the version that the database had when it was opened.
TEST(TwoWriters, OfAnotherFormatNeverGetIntoOneJournal) {
  BucketWorld world;
  BucketDbOptions second;
  second.format = BucketFormat::v2;
  Machine machine;
  {
    BucketDb a = world.open(machine);
    BucketDb b = world.open(second);
    ASSERT_TRUE(b.put("b", "2").ok());
    ASSERT_TRUE(b.upload().ok());
    ASSERT_TRUE(a.put("a", "1").ok());
    EXPECT_EQ(a.refresh().code(), Code::unsupported);
    EXPECT_EQ(a.compact(kAtOnce).status().code(), Code::unsupported);
    EXPECT_EQ(a.put_bytes("bin", "\xff").code(), Code::unsupported);
    EXPECT_EQ(contents_of(a).value(), (Model{{"a", "1"}}));
  }
  // Entries of version 1 are some of version 2.
  {
    BucketDb a = world.open(machine);
    EXPECT_EQ(contents_of(a).value(), (Model{{"a", "1"}, {"b", "2"}}));
    ASSERT_TRUE(a.put_bytes("bin", "\xff").ok());
  }
  BucketDb a = world.open(machine);
  ASSERT_TRUE(a.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}, {"bin", "\xff"}}));
}

// As the successor of s4db does it: the index becomes one of version 2, and data files stay.
TEST(TwoWriters, AFileOfVersion1IsNotGrownInADatabaseOfVersion2) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  const Bytes file = *world.object("data_000001.s4db");
  IndexWriter index(BucketFormat::v2, 1);
  index.add("a", {{1}, 9, static_cast<std::uint32_t>(file.size() - 9)});
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(2));
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.put_bytes("bin", "\xff").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(*world.object("data_000001.s4db"), file);
  const Model expected = {{"a", "1"}, {"bin", "\xff"}};
  EXPECT_EQ(committed_contents(world).value(), expected);
  ASSERT_TRUE(db.rebuild_index().ok());
  EXPECT_EQ(contents_of(db).value(), expected);
}

// What s4db 0.9 and later do with a database of version 1: their first commit makes it one of 2.
void raise_to_version_2(BucketWorld& world) {
  const auto image = IndexImage::parse(*world.object("index.idx")).value();
  const FileId file{std::uint64_t{0xdeadbeef} << 32 | 1};
  Bytes content = encode_file_header(BucketFormat::v2, file);
  append_value(content, BucketFormat::v2, "theirs", "\xff", false);
  IndexWriter index(BucketFormat::v2, image->size() + 1);
  IndexRow row;
  for (auto at = image->begin(); image->read(at, row);) index.add(row.key, row.place);
  index.add("theirs", {file, kFileHeaderBytes,
                       static_cast<std::uint32_t>(content.size() - kFileHeaderBytes)});
  world.fake.put(BucketWorld::kBucket, world.name(file_name(file)), content);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(image->next()));
}

TEST(TwoWriters, ADatabaseThatAnotherMakesVersion2IsGoneOnWithWhenItIsOpenedAgain) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
    ASSERT_TRUE(db.put("b", "2").ok());
    raise_to_version_2(world);
    EXPECT_EQ(db.upload().status().code(), Code::unsupported);
    EXPECT_EQ(db.refresh().code(), Code::unsupported);
    EXPECT_EQ(db.status().pending_writes, 1U);
    EXPECT_EQ(contents_of(db).value(), (Model{{"a", "1"}, {"b", "2"}}));
  }
  Model expected{{"a", "1"}, {"b", "2"}, {"theirs", "\xff"}};
  {
    BucketDb db = world.open(machine);
    EXPECT_EQ(contents_of(db).value(), expected);
    ASSERT_TRUE(db.put_bytes("c", "\xfe").ok());
    expected["c"] = "\xfe";
  }
  BucketDb db = world.open(machine);
  EXPECT_EQ(db.status().pending_writes, 2U);
  EXPECT_EQ(contents_of(db).value(), expected);
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), expected);
  // No file has entries that its header does not allow.
  const auto rebuilt = db.rebuild_index();
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.status().to_string();
  EXPECT_TRUE(rebuilt->damage.empty());
  EXPECT_EQ(contents_of(db).value(), expected);
}

// Without conditions nobody else writes at the same time; but others may have written before.
TEST(TwoWriters, WithoutConditionsAFileThatAnotherMachineHasGrownIsNotPutOver) {
  BucketDbOptions alone;
  alone.writers = BucketWriters::one;
  for (const bool is_removal : {false, true}) {
    BucketWorld world;
    Machine first;
    Machine second;
    {
      BucketDb db = world.open(first, alone);
      ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("z", "1")).ok());
      ASSERT_TRUE(db.upload().ok());
    }
    {
      BucketDb db = world.open(second, alone);
      ASSERT_TRUE(db.download().ok());
      // Of a removal the index has no trace of how far the file is its.
      ASSERT_TRUE((is_removal ? db.remove("a") : db.put("b", "2")).ok());
      ASSERT_TRUE(db.upload().ok());
    }
    const Bytes grown = *world.object("data_000001.s4db");
    BucketDb db = world.open(first, alone);
    ASSERT_TRUE(db.put("c", "3").ok());
    ASSERT_TRUE(db.upload().ok());
    EXPECT_EQ(*world.object("data_000001.s4db"), grown);
    Model expected = {{"z", "1"}, {"c", "3"}};
    if (!is_removal) {
      expected["a"] = "1";
      expected["b"] = "2";
    }
    EXPECT_EQ(committed_contents(world).value(), expected);
  }
}

TEST(TwoWriters, WithoutConditionsAFileIsGrownAfterARestartIfItIsTheSameStill) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions alone;
  alone.writers = BucketWriters::one;
  for (int i = 0; i < 3; ++i) {
    BucketDb db = world.open(machine, alone);
    ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  EXPECT_THAT(world.objects(), testing::ElementsAre("data_000001.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world)->size(), 3U);
}

// Many writers, each with keys of its own and some that all write, in any order, with compactions
// and collections at once in between.
TEST(TwoWriters, ManyInAnyOrderLoseNothing) {
  SeededRandom random(test_seed());
  const auto pick = [&](std::uint64_t below) { return random.next_u64() % below; };
  for (int round = 0; round < 12; ++round) {
    BucketWorld world;
    BucketDbOptions options;
    options.file_bytes_max = 1024;
    options.grown_file_bytes_max = round % 2 == 0 ? 512 : 0;
    std::vector<BucketDb> writers;
    std::vector<Model> own(4);
    writers.reserve(own.size());
    for (std::size_t i = 0; i < own.size(); ++i) writers.push_back(world.open(options));
    for (int step = 0; step < 120; ++step) {
      const std::size_t who = pick(writers.size());
      BucketDb& db = writers[who];
      const Bytes key = "w" + std::to_string(who) + "k" + std::to_string(pick(6));
      switch (pick(8)) {
        case 0: ASSERT_TRUE(db.upload().ok()); break;
        case 1: ASSERT_TRUE(db.compact(kAtOnce).ok()); break;
        case 2: ASSERT_TRUE(db.refresh().ok()); break;
        case 3:
          ASSERT_TRUE(db.remove(key).ok());
          own[who].erase(key);
          break;
        default: {
          const Bytes value = "v" + std::to_string(step) + Bytes(pick(200), 'x');
          ASSERT_TRUE(db.commit(BucketBatch().put(key, value).put("all", key)).ok());
          own[who][key] = value;
        }
      }
      for (const auto& [name, value] : own[who]) ASSERT_EQ(db.get(name).value(), value);
    }
    for (BucketDb& db : writers) ASSERT_TRUE(db.upload().ok());
    Model expected;
    for (const Model& model : own) expected.insert(model.begin(), model.end());
    Model found = committed_contents(world).value();
    found.erase("all");
    EXPECT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace talea::bucketdb
