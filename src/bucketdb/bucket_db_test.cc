// A database by itself: what it holds, what it costs, and that its bytes are those of s4db.
#include "talea/bucketdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "bucketdb/bucketdb_testing.h"
#include "bucketdb/index_file.h"
#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

using testing::ElementsAre;

BucketDbOptions small_files(std::uint64_t grown = 0) {
  BucketDbOptions options;
  options.file_bytes_max = 1024;
  options.grown_file_bytes_max = grown;
  return options;
}

TEST(BucketDb, ANewOneIsEmptyAndMakesNoObject) {
  BucketWorld world;
  BucketDb db = world.open();
  EXPECT_EQ(db.size(), 0U);
  EXPECT_EQ(db.get("a").value(), std::nullopt);
  EXPECT_TRUE(world.objects().empty());
  BucketDbOptions options;
  options.create_if_missing = false;
  EXPECT_EQ(world.try_open(options).status().code(), Code::not_found);
}

TEST(BucketDb, WhatIsPutIsReadBeforeAndAfterAnUpload) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.put("b", "2").ok());
  ASSERT_TRUE(db.put("a", "3").ok());
  ASSERT_TRUE(db.remove("b").ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "3"}}));
  EXPECT_EQ(committed_contents(world).value(), Model());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"a", "3"}}));
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "3"}}));
  EXPECT_EQ(db.status().pending_writes, 0U);
}

// The vectors of s4db 0.8.0: three calls, and what it then has in S3.
TEST(BucketDb, ThreeValuesAreByteForByteWhatS4dbWrites) {
  BucketWorld world;
  BucketDb db = world.open();
  Bytes long_value;
  for (int i = 0; i < 30; ++i) long_value += "v2";
  ASSERT_TRUE(db.commit(BucketBatch()
                            .put("k1", "v1")
                            .put("k2", long_value)
                            .put("k3", "\xe6\x97\xa5\xe6\x9c\xac"))
                  .ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(to_hex_text(*world.object("data_000001.s4db")),
            "5334444201000000010000000002000000046b310204763100394e870000000002000000076b323c04763"
            "2e602003acc3d050000000002000000086b330614e697a5e69cacd57d471e");
  EXPECT_EQ(to_hex_text(*world.object("index.idx")),
            "01000000020000000300026b3100000001000000000000000900000013"
            "00026b3200000001000000000000001c0000001600026b330000000100000000000000320000"
            "0017");
}

TEST(BucketDb, AnUpdateARemovalAndACompactionAreByteForByteWhatS4dbWrites) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "2")).ok());
  ASSERT_TRUE(db.put("a", "updated").ok());
  ASSERT_TRUE(db.remove("b").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(to_hex_text(*world.object("data_000001.s4db")),
            "533444420100000001000000000100000003610100318c29d27a0000000001000000036201003207952c2e"
            "00000000010000000961071875706461746564b6534d920100000001000000006264a8d099");
  EXPECT_EQ(to_hex_text(*world.object("index.idx")),
            "01000000020000000100016100000001000000000000002b00000017");
  ASSERT_TRUE(db.compact(std::chrono::milliseconds(0)).ok());
  EXPECT_EQ(to_hex_text(*world.object("data_000002.s4db")),
            "53344442010000000200000000010000000961071875706461746564b6534d92");
  EXPECT_EQ(to_hex_text(*world.object("index.idx")),
            "01000000030000000100016100000002000000000000000900000017");
  EXPECT_THAT(world.objects(), ElementsAre("data_000002.s4db", "index.idx"));
}

TEST(BucketDb, AKeyKeepsItsPlaceInTheIndexUnlessItWasRemovedInBetween) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "2").put("c", "3")).ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.commit(BucketBatch().put("d", "4").put("a", "5").remove("b")).ok());
  EXPECT_THAT(db.keys(), ElementsAre("a", "c", "d"));
  ASSERT_TRUE(db.commit(BucketBatch().put("b", "6").remove("d").put("d", "7")).ok());
  EXPECT_THAT(db.keys(), ElementsAre("a", "c", "b", "d"));
  ASSERT_TRUE(db.upload().ok());
  EXPECT_THAT(db.keys(), ElementsAre("a", "c", "b", "d"));
  EXPECT_THAT(world.open().keys(), ElementsAre("a", "c", "b", "d"));
}

TEST(BucketDb, ABatchKeepsItsOrder) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").remove("a").put("b", "2").remove("c")).ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"b", "2"}}));
  ASSERT_TRUE(db.commit(BucketBatch().remove("b").put("b", "3")).ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"b", "3"}}));
}

TEST(BucketDb, WhatCannotBeStoredIsRefusedBeforeAnythingIsWritten) {
  BucketWorld world;
  BucketDb db = world.open();
  EXPECT_EQ(db.commit(BucketBatch().put("good", "1").put(Bytes(65536, 'k'), "2")).code(),
            Code::invalid_argument);
  EXPECT_EQ(db.commit(BucketBatch().put("good", "1").put("\xff", "2")).code(),
            Code::invalid_argument);
  EXPECT_EQ(db.commit(BucketBatch().put("good", "1").put("k", "\xff")).code(),
            Code::invalid_argument);
  EXPECT_EQ(db.commit(BucketBatch().put("good", "1").put_bytes("k", "2")).code(),
            Code::unsupported);
  ASSERT_TRUE(db.commit(BucketBatch()).ok());
  ASSERT_TRUE(db.remove("absent").ok());
  EXPECT_EQ(db.status().pending_writes, 0U);
  EXPECT_EQ(db.size(), 0U);
  ASSERT_TRUE(db.upload().ok());
  EXPECT_TRUE(world.objects().empty());
  ASSERT_TRUE(db.put(Bytes(65535, 'k'), "").ok());
  ASSERT_TRUE(db.put("", "of the empty key").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(),
            (Model{{Bytes(65535, 'k'), ""}, {"", "of the empty key"}}));
}

TEST(BucketDb, OptionsOutOfTheirRangeAreRefused) {
  BucketWorld world;
  BucketDbOptions files;
  files.file_bytes_max = 1023;
  EXPECT_EQ(world.try_open(files).status().code(), Code::invalid_argument);
  BucketDbOptions threads;
  threads.threads = 0;
  EXPECT_EQ(world.try_open(threads).status().code(), Code::invalid_argument);
}

TEST(BucketDb, OfVersion2HoldsBytesAndIsReadByEveryone) {
  BucketWorld world;
  BucketDbOptions options;
  options.format = BucketFormat::v2;
  BucketDb db = world.open(options);
  const Bytes noise("\0\xff\x80", 3);
  ASSERT_TRUE(db.put_bytes("bin", noise).ok());
  ASSERT_TRUE(db.put("text", Bytes(1000, 'a')).ok());
  EXPECT_EQ(contents_of(db).value(), (Model{{"bin", noise}, {"text", Bytes(1000, 'a')}}));
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ((*world.object("index.idx"))[0], '\2');
  BucketDb other = world.open();  // asks for version 1, and gets what is there
  EXPECT_EQ(other.status().format, BucketFormat::v2);
  EXPECT_EQ(contents_of(other).value(), (Model{{"bin", noise}, {"text", Bytes(1000, 'a')}}));
  ASSERT_TRUE(other.put_bytes("more", noise).ok());
  ASSERT_TRUE(other.upload().ok());
  EXPECT_EQ(committed_contents(world)->size(), 3U);
}

TEST(BucketDb, OfVersion2OfAnotherWriterIsReadAndWrittenOn) {
  BucketWorld world;
  const FileId theirs{0xdeadbeef00000003};
  Bytes file = encode_file_header(BucketFormat::v2, theirs);
  append_value(file, BucketFormat::v2, "hello", "world", true);
  IndexWriter index(BucketFormat::v2, 1);
  index.add("hello", {theirs, 9, static_cast<std::uint32_t>(file.size() - 9)});
  world.fake.put(BucketWorld::kBucket, world.name("data_deadbeef_000003.s4db"), file);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index.finish(1));
  BucketDb db = world.open();
  EXPECT_EQ(db.get("hello").value(), "world");
  ASSERT_TRUE(db.put("mine", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"hello", "world"}, {"mine", "1"}}));
  ASSERT_TRUE(db.compact(std::chrono::milliseconds(0)).ok());
  EXPECT_THAT(world.objects(),
              ElementsAre("data_000002.s4db", "data_deadbeef_000003.s4db", "index.idx"))
      << "theirs waits for a day";
  EXPECT_EQ(committed_contents(world).value(), (Model{{"hello", "world"}, {"mine", "1"}}));
}

// --- What it costs

TEST(BucketDbCost, OpeningIsOneRequest) {
  BucketWorld world;
  {
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  EXPECT_EQ(world.requests_of([&] { world.open(); }), 1U);
}

TEST(BucketDbCost, AGetIsOneRequestOfItsBytesAndThenNone) {
  BucketWorld world;
  {
    BucketDb db = world.open();
    ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "2").put("c", "3")).ok());
    EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("b").value(), "2"); }), 0U);
    ASSERT_TRUE(db.upload().ok());
  }
  BucketDb db = world.open();
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("b").value(), "2"); }), 1U);
  EXPECT_EQ(world.fake.request_log().back().headers.at("range"), "bytes=26-42");
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("b").value(), "2"); }), 0U);
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("no").value(), std::nullopt); }), 0U);
  EXPECT_EQ(db.status().reads.from_bucket, 1U);
  EXPECT_EQ(db.status().reads.from_cache, 1U);
}

TEST(BucketDbCost, GetManyMergesNeighboursIntoOneRequest) {
  BucketWorld world;
  {
    BucketDb db = world.open();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("pending", "here").ok());
  std::vector<std::optional<Bytes>> values;
  EXPECT_EQ(world.requests_of([&] {
    values = db.get_many(std::vector<BytesView>{"k99", "absent", "k0", "pending", "k50"}).value();
  }),
            1U);
  EXPECT_EQ(values, (std::vector<std::optional<Bytes>>{"v", std::nullopt, "v", "here", "v"}));
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(contents_of(db).ok()); }), 1U);
}

TEST(BucketDbCost, GetManyAsksForWhatIsFarApartByItself) {
  BucketWorld world;
  BucketDbOptions options = small_files();
  {
    BucketDb db = world.open(options);
    for (int i = 0; i < 6; ++i) {
      // Random enough that Snappy does not shorten it: two to a file.
      Bytes value;
      for (int j = 0; j < 70; ++j) value += std::to_string((i + 1) * 7919 * (j + 13) % 1000003);
      ASSERT_TRUE(db.put("k" + std::to_string(i), value).ok());
    }
    ASSERT_TRUE(db.upload().ok());
  }
  BucketDb db = world.open();
  const std::uint64_t files = db.status().files;
  EXPECT_GE(files, 3U);
  const std::vector<BytesView> keys = {"k0", "k1", "k2", "k3", "k4", "k5"};
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.get_many(keys).ok()); }), files);
}

TEST(BucketDbCost, AnUploadSendsWhatChangedAndTheIndex) {
  BucketWorld world;
  BucketDb db = world.open();
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.upload().ok()); }), 0U);
  ASSERT_TRUE(db.put("a", "1").ok());
  // Once: conditions are tried, with three requests, and an empty index begins the database.
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.upload().ok()); }), 6U);
  ASSERT_TRUE(db.put("b", "2").ok());
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.upload().ok()); }), 2U);
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(db.upload().ok()); }), 0U);
  EXPECT_THAT(world.objects(), ElementsAre("data_000001.s4db", "index.idx")) << "it was grown";
}

TEST(BucketDbCost, AFileIsGrownUpToItsLimitAndThenANewOneIsBegun) {
  BucketWorld world;
  BucketDb db = world.open(small_files(100));
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(db.put("k" + std::to_string(i), "value").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  // 9 bytes, and four entries of 22.
  EXPECT_THAT(world.objects(), ElementsAre("data_000001.s4db", "data_000002.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world)->size(), 8U);
}

TEST(BucketDbCost, FilesRollAtTheirSize) {
  BucketWorld world;
  BucketDb db = world.open(small_files());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(db.put("key" + std::to_string(i), "value").ok());
  ASSERT_TRUE(db.put("big", Bytes(5000, 'x') + "\xe6\x97\xa5").ok());
  ASSERT_TRUE(db.upload().ok());
  for (const std::string& name : world.objects()) {
    if (name != "index.idx") {
      EXPECT_LE(world.object(name)->size(), 1024U) << name;
    }
  }
  EXPECT_GT(db.status().files, 5U);
  EXPECT_EQ(committed_contents(world)->size(), 201U);
}

// The client takes no answer above 256 MiB, and a value may be as long.
TEST(BucketDbCost, AValueThatIsTooLongForOneAnswerComesInParts) {
  BucketWorld world;
  SeededRandom random(2026);
  Bytes value(70 * kMiB, 'x');
  for (std::size_t at = 0; at < value.size(); at += 8) {
    // Printable, and too random for Snappy.
    std::uint64_t bits = random.next_u64();
    for (std::size_t i = 0; i < 8; ++i, bits >>= 8) {
      value[at + i] = static_cast<char>(' ' + bits % 64);
    }
  }
  {
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("long", value).ok());
    ASSERT_TRUE(db.upload().ok());
  }
  BucketDb db = world.open();
  world.fake.clear_log();
  EXPECT_TRUE(db.get("long").value() == value);
  ASSERT_EQ(world.fake.request_log().size(), 2U);
  EXPECT_EQ(world.fake.request_log()[0].headers.at("range"), "bytes=9-67108872");
  EXPECT_EQ(world.fake.request_log()[1].headers.count("if-match"), 1U);
}

TEST(BucketDbCost, AStoreThatDoesNotAnswerIsNotTakenForAnotherWriter) {
  for (const std::string lost : {"index.idx", ".s4db"}) {
    for (const bool is_first : {true, false}) {
      BucketWorld world;
      if (!is_first) {
        BucketDb other = world.open();
        ASSERT_TRUE(other.put("a", "0").ok());
        ASSERT_TRUE(other.upload().ok());
      }
      BucketDb db = world.open();
      ASSERT_TRUE(db.put("a", "1").ok());
      world.fake.set_plan([&](const s3::FakeRequest& request) {
        const bool is_lost = request.method == "PUT" && request.key.ends_with(lost);
        return is_lost ? s3::Fault::lose_request() : s3::Fault{};
      });
      const std::uint64_t before = world.clock.wall_ms();
      const auto done = db.upload();
      EXPECT_EQ(done.status().code(), Code::timed_out) << done.status().to_string();
      EXPECT_LT(world.clock.wall_ms() - before, 5U * 60 * 1000) << lost;
      world.fake.clear_plan();
      ASSERT_TRUE(db.upload().ok());
      EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
    }
  }
}

TEST(BucketDbCost, AStoreThatRefusesAGetIsNotTakenForDamage) {
  BucketWorld world;
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  world.fake.set_plan([](const s3::FakeRequest& request) {
    const bool is_get = request.method == "GET" && request.key.ends_with(".s4db");
    return is_get ? s3::Fault::answer(301) : s3::Fault{};
  });
  EXPECT_EQ(db.get("a").status().code(), Code::invalid_argument);
}

// --- The directory

TEST(BucketDbDirectory, WhatIsNotUploadedIsThereAfterARestart) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.commit(BucketBatch().put("b", "2").put("c", "3").remove("a")).ok());
  }
  machine.disk->power_cut_losing_everything_unsynced();
  BucketDb db = world.open(machine);
  EXPECT_EQ(contents_of(db).value(), (Model{{"b", "2"}, {"c", "3"}}));
  ASSERT_TRUE(db.put("d", "4").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"b", "2"}, {"c", "3"}, {"d", "4"}}));
}

TEST(BucketDbDirectory, WithoutOnePendingWritesEndWithTheProcessAndCloseSaysSo) {
  BucketWorld world;
  {
    BucketDb db = world.open();
    ASSERT_TRUE(db.put("a", "1").ok());
    const BucketStatus left = db.close().value();
    EXPECT_EQ(left.pending_writes, 1U);
    EXPECT_FALSE(left.pending_is_durable);
  }
  EXPECT_EQ(world.open().size(), 0U);
  EXPECT_TRUE(world.objects().empty()) << "closing uploads nothing";
}

TEST(BucketDbDirectory, CloseSaysWhatIsPendingAndKeepsIt) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    const BucketStatus left = db.close().value();
    EXPECT_EQ(left.pending_writes, 1U);
    EXPECT_TRUE(left.pending_is_durable);
  }
  EXPECT_TRUE(world.objects().empty());
  EXPECT_EQ(world.open(machine).status().pending_writes, 1U);
}

TEST(BucketDbDirectory, ASecondUserIsRefusedAndTheFirstIsNamed) {
  BucketWorld world;
  Machine machine;
  const BucketDb db = world.open(machine);
  const auto second = world.try_open({}, &machine);
  EXPECT_EQ(second.status().code(), Code::unavailable);
  EXPECT_THAT(second.status().to_string(), testing::HasSubstr("talea lock 1: bucket database"));
}

// Another database, in the directory of this one.
Result<BucketDb> open_elsewhere(BucketWorld& world, Machine& machine) {
  S3Options elsewhere = world.at();
  elsewhere.prefix = "other/";
  BucketDbOptions options;
  options.directory = BucketWorld::kDirectory;
  return BucketDb::open(elsewhere, options,
                        {world.seams(), *machine.disk, world.random, world.executor});
}

TEST(BucketDbDirectory, OfAnotherDatabaseIsRefused) {
  BucketWorld world;
  Machine machine;
  ASSERT_TRUE(world.open(machine).put("a", "1").ok());
  EXPECT_EQ(open_elsewhere(world, machine).status().code(), Code::invalid_argument);
}

// One that was only read has a list of copies, and no journal.
TEST(BucketDbDirectory, OfCopiesOfAnotherDatabaseIsRefused) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb writer = world.open();
    ASSERT_TRUE(writer.put("a", "1").ok());
    ASSERT_TRUE(writer.upload().ok());
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.download().ok());
  }
  (void)machine.disk->remove("/db/talea.journal").ok();
  EXPECT_EQ(open_elsewhere(world, machine).status().code(), Code::invalid_argument);
}

TEST(BucketDbDirectory, WhatWasUploadedIsReadFromItsCopy) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.cache_bytes = 0;
  BucketDb db = world.open(machine, options);
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(world.requests_of([&] { EXPECT_EQ(db.get("a").value(), "1"); }), 0U);
  EXPECT_EQ(db.status().reads.from_files, 1U);
}

TEST(BucketDbDirectory, AFileIsGrownAfterARestartToo) {
  BucketWorld world;
  Machine machine;
  for (int i = 0; i < 3; ++i) {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
    ASSERT_TRUE(db.upload().ok());
  }
  EXPECT_THAT(world.objects(), ElementsAre("data_000001.s4db", "index.idx"));
  EXPECT_EQ(committed_contents(world)->size(), 3U);
}

TEST(BucketDbDirectory, WhoOnlyReadsChangesNothingAndSharesIt) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.upload().ok());
    ASSERT_TRUE(db.put("b", "2").ok());
  }
  // What a crash left of a record, which who writes cuts off.
  const Bytes journal = machine.disk->read_file("/db/talea.journal").value() + "torn";
  ASSERT_TRUE(machine.disk->write_file("/db/talea.journal", journal).ok());
  const auto names = machine.disk->list("/db").value();
  std::map<std::string, Bytes> files;
  for (const std::string& name : names) files[name] = *machine.disk->read_file("/db/" + name);
  // So that the copies have to be compared, and the list of them could be written anew.
  BucketDb other = world.open();
  for (int n = 0; n < 120; ++n) {
    ASSERT_TRUE(other.put("n", std::to_string(n)).ok());
    ASSERT_TRUE(other.upload().ok());
  }

  BucketDbOptions reading;
  reading.read_only = true;
  reading.create_if_missing = false;
  const std::uint64_t calls = machine.disk->counted_calls();
  {
    BucketDb one = world.open(machine, reading);
    BucketDb two = world.open(machine, reading);
    EXPECT_EQ(one.get("a").value(), "1");
    EXPECT_EQ(two.get("b").value(), "2") << "what was not uploaded";
    EXPECT_EQ(contents_of(two).value(), (Model{{"a", "1"}, {"b", "2"}, {"n", "119"}}));
    EXPECT_EQ(world.try_open({}, &machine).status().code(), Code::unavailable);
    for (const Status& refused :
         {one.put("c", "3"), one.upload().status(), one.compact().status(), one.gc().status(),
          one.download().status(), one.rebuild_index().status(), one.scan_files().status()}) {
      EXPECT_EQ(refused.code(), Code::invalid_argument) << refused.to_string();
    }
    EXPECT_TRUE(one.refresh().ok());
    EXPECT_TRUE(one.flush().ok());
    EXPECT_TRUE(one.close().ok());
  }
  // One call: the exclusive lock that was refused.
  EXPECT_LE(machine.disk->counted_calls() - calls, 1U);
  EXPECT_EQ(machine.disk->list("/db").value(), names);
  for (const auto& [name, content] : files) {
    EXPECT_EQ(machine.disk->read_file("/db/" + name).value(), content) << name;
  }
  EXPECT_EQ(contents_of(other).value(), (Model{{"a", "1"}, {"n", "119"}}));
}

TEST(BucketDbDirectory, WhatWasCommittedIsNotPendingForWhoOnlyReads) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
    const Bytes before = machine.disk->read_file("/db/talea.journal").value();
    // The answer to the commit is lost, and so is every one after it.
    bool is_lost = false;
    world.fake.set_plan([&](const s3::FakeRequest& request) {
      is_lost |= request.method == "PUT" && request.key.ends_with("index.idx") &&
                 world.object("index.idx").has_value();
      return is_lost ? s3::Fault::lose_answer() : s3::Fault();
    });
    EXPECT_FALSE(db.upload().ok());
    world.fake.clear_plan();
  }
  BucketDbOptions reading;
  reading.read_only = true;
  BucketDb reader = world.open(machine, reading);
  EXPECT_EQ(reader.status().pending_writes, 0U);
  EXPECT_EQ(contents_of(reader).value(), (Model{{"a", "1"}}));
}

TEST(BucketDbDirectory, IsNotMadeForADatabaseThatIsNotThere) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.create_if_missing = false;
  EXPECT_EQ(world.try_open(options, &machine).status().code(), Code::not_found);
  EXPECT_FALSE(machine.disk->exists(BucketWorld::kDirectory).value());
  options.create_if_missing = true;
  options.read_only = true;
  EXPECT_TRUE(world.try_open(options, &machine).ok());
  EXPECT_FALSE(machine.disk->exists(BucketWorld::kDirectory).value());
  EXPECT_TRUE(world.try_open({}, &machine).ok());
  EXPECT_TRUE(machine.disk->exists(BucketWorld::kDirectory).value());
}

TEST(BucketDbDirectory, ADamagedJournalIsNamedWithWhatToDo) {
  BucketWorld world;
  Machine machine;
  {
    BucketDb db = world.open(machine);
    ASSERT_TRUE(db.put("a", "1").ok());
  }
  ASSERT_TRUE(machine.disk->flip_bit("/db/talea.journal", 20, 3).ok());
  const Status damaged = world.try_open({}, &machine).status();
  EXPECT_EQ(damaged.code(), Code::corruption);
  EXPECT_NE(damaged.message().find("/db/talea.journal: "), std::string_view::npos);
  EXPECT_NE(damaged.message().find("Move this file away"), std::string_view::npos);
}

TEST(BucketDb, WritesThatAreDiscardedWereNeverMade) {
  BucketWorld world;
  Machine machine;
  for (Machine* where : {static_cast<Machine*>(nullptr), &machine}) {
    {
      BucketDb db = world.open({}, where);
      ASSERT_TRUE(db.put("kept", "1").ok());
      ASSERT_TRUE(db.upload().ok());
      ASSERT_TRUE(db.put("gone", "2").ok());
      ASSERT_TRUE(db.put("kept", "2").ok());
      ASSERT_TRUE(db.discard_pending().ok());
      EXPECT_EQ(db.status().pending_writes, 0U);
      EXPECT_EQ(contents_of(db).value(), (Model{{"kept", "1"}}));
      EXPECT_EQ(db.upload().value().writes, 0U);
      ASSERT_TRUE(db.put("more", "3").ok());
      ASSERT_TRUE(db.upload().ok());
      ASSERT_TRUE(db.remove("more").ok());
      ASSERT_TRUE(db.upload().ok());
    }
    BucketDb again = world.open({}, where);
    EXPECT_EQ(contents_of(again).value(), (Model{{"kept", "1"}}));
  }
}

TEST(BucketDbDirectory, FlushWritesTheIndexThatIsCommitted) {
  BucketWorld world;
  Machine machine;
  BucketDb db = world.open(machine);
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("b", "2").ok());
  ASSERT_TRUE(db.flush().ok());
  EXPECT_EQ(machine.disk->read_file("/db/index.idx").value(), *world.object("index.idx"));
}

TEST(BucketDbDirectory, FlushMakesDurableWhatWasWrittenWithoutSyncs) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.sync = BucketSync::never;
  {
    BucketDb db = world.open(machine, options);
    ASSERT_TRUE(db.put("a", "1").ok());
    ASSERT_TRUE(db.flush().ok());
    ASSERT_TRUE(db.put("b", "2").ok());
  }
  machine.disk->power_cut_losing_everything_unsynced();
  EXPECT_EQ(contents_of(*std::make_unique<BucketDb>(world.open(machine))).value(),
            (Model{{"a", "1"}}));
}

// --- Scans

TEST(BucketScanTest, IsOfOneMoment) {
  BucketWorld world;
  BucketDb db = world.open();
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("pending", "1").ok());
  BucketScan scan = db.scan().value();
  ASSERT_TRUE(scan.next().value());
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(db.remove("k" + std::to_string(i)).ok());
  ASSERT_TRUE(db.put("pending", "2").ok());
  ASSERT_TRUE(db.put("new", "3").ok());
  ASSERT_TRUE(db.upload().ok());
  Model found{{Bytes(scan.key()), Bytes(scan.value())}};
  while (scan.next().value()) found.emplace(scan.key(), scan.value());
  EXPECT_EQ(found.size(), 601U);
  EXPECT_EQ(found["pending"], "1");
  EXPECT_EQ(contents_of(db).value(), (Model{{"pending", "2"}, {"new", "3"}}));
}

TEST(BucketScanTest, OfARangeIsInTheOrderOfKeys) {
  BucketWorld world;
  BucketDb db = world.open();
  for (const char* key : {"c", "b/2", "a", "b"}) ASSERT_TRUE(db.put(key, "1").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("b/1", "1").ok());
  ASSERT_TRUE(db.remove("c").ok());
  const auto keys = [&](const BucketKeyRange& range) {
    BucketScan scan = db.scan(range).value();
    std::string joined;
    while (scan.next().value()) {
      EXPECT_EQ(scan.value(), "1");
      joined += Bytes(scan.key()) + " ";
    }
    return joined;
  };
  EXPECT_EQ(keys({}), "a b b/1 b/2 ");
  EXPECT_EQ(keys({.reverse = true, .limit = 3}), "b/2 b/1 b ");
  EXPECT_EQ(keys({.prefix = "b/"}), "b/1 b/2 ");
  EXPECT_EQ(keys({.start = "b", .end = "b/2"}), "b b/1 ");
  EXPECT_EQ(keys({.start = "z"}), "");
}

TEST(BucketDbCost, TheDataFilesAreOneList) {
  BucketWorld world;
  BucketDbOptions options = small_files();
  options.grown_file_bytes_max = 0;
  BucketDb db = world.open(options);
  EXPECT_TRUE(db.files().value().empty());
  ASSERT_TRUE(db.put("a", "1").ok());
  ASSERT_TRUE(db.put("b", "1").ok());
  ASSERT_TRUE(db.upload().ok());
  ASSERT_TRUE(db.put("a", "2").ok());
  ASSERT_TRUE(db.remove("b").ok());
  ASSERT_TRUE(db.upload().ok());
  std::vector<BucketFile> files;
  EXPECT_EQ(world.requests_of([&] { files = db.files().value(); }), 1U);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "data_000001.s4db");
  EXPECT_EQ(files[0].keys, 0U) << "garbage";
  EXPECT_EQ(files[0].bytes, world.object("data_000001.s4db")->size());
  EXPECT_EQ(files[1].keys, 1U);
  EXPECT_GT(files[1].live_bytes, 0U);
  EXPECT_LT(files[1].live_bytes, files[1].bytes);
}

TEST(BucketScanTest, WhoseFilesWereCollectedSaysSo) {
  BucketWorld world;
  BucketDbOptions options = small_files();
  options.cache_bytes = 0;
  BucketDb db = world.open(options);
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db.upload().ok());
  BucketDb reader = world.open(options);
  BucketScan scan = reader.scan().value();
  ASSERT_TRUE(scan.next().value());
  ASSERT_TRUE(db.put("k0", "w").ok());
  ASSERT_TRUE(db.compact(std::chrono::milliseconds(0)).ok());
  Status ended;
  for (auto next = scan.next();; next = scan.next()) {
    if (!next.ok()) ended = next.status();
    if (!next.ok() || !*next) break;
  }
  EXPECT_EQ(ended.code(), Code::conflict);
}

TEST(BucketScanTest, OfFilesFetchesWhatIsMissingOrStaleBeforeTheFirstKey) {
  BucketWorld world;
  Machine machine;
  BucketDbOptions options;
  options.cache_bytes = 0;
  BucketDb reader = world.open(machine, options);
  EXPECT_EQ(world.open().scan_files().status().code(), Code::invalid_argument);
  BucketDb writer = world.open();
  ASSERT_TRUE(writer.put("a", "1").ok());
  ASSERT_TRUE(writer.upload().ok());
  ASSERT_TRUE(reader.refresh().ok());
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(reader.scan_files().ok()); }), 2U);
  EXPECT_EQ(world.requests_of([&] { ASSERT_TRUE(reader.scan_files().ok()); }), 1U) << "a list";
  ASSERT_TRUE(writer.put("a", "2").ok());
  ASSERT_TRUE(writer.upload().ok());  // grows the file
  ASSERT_TRUE(reader.refresh().ok());
  EXPECT_EQ(world.requests_of([&] {
    BucketScan scan = reader.scan_files().value();
    ASSERT_TRUE(scan.next().value());
    EXPECT_EQ(scan.value(), "2");
    EXPECT_FALSE(scan.next().value());
  }),
            2U);
}

}  // namespace
}  // namespace talea::bucketdb
