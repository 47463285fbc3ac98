#include "bucketdb/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bucketdb/bucketdb_testing.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea::bucketdb {
namespace {

constexpr const char* kDirectory = "/db";
const DatabaseId kDatabase = database_id("b", "p/");

struct World {
  explicit World(std::unique_ptr<CrashFileSystem> disk_in) : disk(std::move(disk_in)) {}
  World() : disk(std::make_unique<CrashFileSystem>()) {
    EXPECT_TRUE(disk->create_directory(kDirectory).ok());
    EXPECT_TRUE(disk->sync_directory("/").ok());
  }
  Result<Journal::Opened> open(bool sync = true) {
    return Journal::open({*disk, random, kDirectory, kDatabase, sync}, BucketFormat::v1);
  }
  std::string path() const { return join_path(kDirectory, kJournalName); }

  std::unique_ptr<CrashFileSystem> disk;
  SeededRandom random{7};
};

// What the batches of an opened journal say.
std::vector<Bytes> bodies(const Journal::Opened& opened) {
  std::vector<Bytes> found;
  found.reserve(opened.content.batches.size());
  for (const LoggedBatch& batch : opened.content.batches) {
    found.push_back(opened.journal->read(batch.offset, batch.bytes).value());
  }
  return found;
}

TEST(Journal, GivesBackWhatWasAppended) {
  World world;
  {
    auto journal = world.open().value().journal;
    ASSERT_TRUE(journal->append("one").ok());
    const LoggedBatch two = journal->append("two").value();
    EXPECT_EQ(two.sequence, 2U);
    EXPECT_EQ(journal->read(two.offset, two.bytes).value(), "two");
    ASSERT_TRUE(journal->note_upload({1, {{{4}, 9, 12}}}).ok());
    ASSERT_TRUE(journal->note_upload({2, {{{5}, 9, 15}}, 0xc0ffee}).ok());
  }
  const auto opened = world.open().value();
  EXPECT_EQ(bodies(opened), (std::vector<Bytes>{"one", "two"}));
  ASSERT_EQ(opened.content.notes.size(), 2U);
  EXPECT_EQ(opened.content.notes[0].through, 1U);
  EXPECT_EQ(opened.content.notes[0].commit, 0U);
  EXPECT_EQ(opened.content.notes[1].through, 2U);
  EXPECT_EQ(opened.content.notes[1].commit, 0xc0ffeeU);
  EXPECT_EQ(opened.content.notes[1].pieces, (std::vector<UploadPiece>{{{5}, 9, 15}}));
  EXPECT_EQ(opened.content.notes[0].pieces, (std::vector<UploadPiece>{{{4}, 9, 12}}));
  ASSERT_TRUE(opened.journal->append("three").ok());
  EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"one", "two", "three"}));
}

TEST(Journal, OfADatabaseThatOnlyReadsIsNotMade) {
  World world;
  ASSERT_TRUE(world.open().ok());
  EXPECT_FALSE(world.disk->exists(world.path()).value());
}

TEST(Journal, BegunAnewHasOnlyWhatIsKept) {
  World world;
  auto journal = world.open().value().journal;
  ASSERT_TRUE(journal->append("one").ok());
  const LoggedBatch two = journal->append("two").value();
  const auto anew = journal->begin_anew({{two}}, BucketFormat::v1).value();
  ASSERT_EQ(anew.batches.size(), 1U);
  EXPECT_EQ(anew.log->read(anew.batches[0].offset, anew.batches[0].bytes).value(), "two");
  EXPECT_EQ(journal->read(two.offset, two.bytes).value(), "two") << "for readers of before";
  ASSERT_TRUE(anew.log->append("three").ok());
  EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"two", "three"}));
}

TEST(Journal, OfAnotherDatabaseIsRefused) {
  World world;
  ASSERT_TRUE(world.open().value().journal->append("one").ok());
  const auto other = Journal::open(
      {*world.disk, world.random, kDirectory, database_id("b", "q/"), true}, BucketFormat::v1);
  EXPECT_EQ(other.status().code(), Code::invalid_argument);
}

TEST(Journal, KeepsTheFormatOfItsBatches) {
  World world;
  ASSERT_TRUE(world.open().value().journal->append("one").ok());
  const auto opened =
      Journal::open({*world.disk, world.random, kDirectory, kDatabase, true}, BucketFormat::v2);
  EXPECT_EQ(opened->content.format, BucketFormat::v1);
}

// A journal file with two batches, as bytes.
Bytes two_batches() {
  World world;
  auto journal = world.open().value().journal;
  EXPECT_TRUE(journal->append("one").ok());
  EXPECT_TRUE(journal->append("two").ok());
  Bytes bytes = world.disk->read_file(world.path()).value();
  bytes.resize(decode_journal(bytes, kDatabase)->end);
  return bytes;
}

TEST(Journal, CutAtEveryByteHasTheWholeBatches) {
  const Bytes whole = two_batches();
  constexpr std::size_t kHeader = 64;
  const std::size_t record = (whole.size() - kHeader) / 2;
  for (std::size_t bytes = kHeader; bytes <= whole.size(); ++bytes) {
    const auto content = decode_journal(whole.substr(0, bytes), kDatabase);
    ASSERT_TRUE(content.ok());
    EXPECT_EQ(content->batches.size(), (bytes - kHeader) / record);
    EXPECT_EQ(content->end, kHeader + content->batches.size() * record);
  }
  for (std::size_t bytes = 1; bytes < kHeader; ++bytes) {
    EXPECT_EQ(decode_journal(whole.substr(0, bytes), kDatabase).status().code(), Code::corruption);
  }
}

TEST(Journal, AFlippedBitInWhatWasDurableIsRefusedAndInTheLastBatchLosesThatOne) {
  const Bytes whole = two_batches();
  const std::size_t last = 64 + (whole.size() - 64) / 2;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const auto content = decode_journal(flipped, kDatabase);
    if (bit < last * 8) {
      EXPECT_EQ(content.status().code(), Code::corruption) << bit;
    } else {
      ASSERT_TRUE(content.ok()) << bit;
      EXPECT_EQ(content->batches.size(), 1U) << bit;
      EXPECT_GT(content->torn_bytes, 0U);
    }
  }
}

TEST(Journal, OfALaterVersionOrKindIsUnsupported) {
  const auto with_check = [](Bytes bytes) {
    const std::uint32_t check = crc32c(0, BytesView(bytes).substr(0, 60));
    store_fixed(bytes.data() + 60, check);
    return bytes;
  };
  Bytes version = two_batches().substr(0, 64);
  version[8] = 2;
  EXPECT_EQ(decode_journal(with_check(version), kDatabase).status().code(), Code::unsupported);
  Bytes feature = two_batches().substr(0, 64);
  feature[12] = 1;
  EXPECT_EQ(decode_journal(with_check(feature), kDatabase).status().code(), Code::unsupported);
  Bytes reserved = two_batches().substr(0, 64);
  reserved[55] = 1;
  EXPECT_EQ(decode_journal(with_check(reserved), kDatabase).status().code(), Code::corruption);
}

TEST(Journal, ATornEndIsCutOffAndWritingGoesOnBehindWhatIsWhole) {
  World world;
  ASSERT_TRUE(world.disk->write_file(world.path(), two_batches() + "S4JR torn").ok());
  {
    const auto opened = world.open().value();
    EXPECT_EQ(opened.content.torn_bytes, 9U);
    ASSERT_TRUE(opened.journal->append("three").ok());
  }
  EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"one", "two", "three"}));
}

TEST(Journal, AfterAFullDiskGoesOnWithoutWhatWasRefused) {
  World world;
  auto journal = world.open().value().journal;
  ASSERT_TRUE(journal->append("one").ok());
  world.disk->fail_at(1, CrashFileSystem::Fault::disk_full);
  EXPECT_EQ(journal->append("refused").status().code(), Code::exhausted);
  ASSERT_TRUE(journal->append("two").ok());
  EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"one", "two"}));
}

// A sync of blocks that were written before is one of the data alone.
TEST(Journal, MakesRoomByWritingZerosInFewSteps) {
  World world;
  auto journal = world.open().value().journal;
  constexpr std::uint64_t kAppends = 2000;
  for (std::uint64_t i = 0; i < kAppends; ++i) ASSERT_TRUE(journal->append(Bytes(300, 'x')).ok());
  const CrashFileSystem::Calls calls = world.disk->calls();
  EXPECT_EQ(calls.allocates, 0U);
  EXPECT_LE(calls.pwrites, 1 + kAppends + 6);
  const Bytes bytes = world.disk->read_file(world.path()).value();
  const std::uint64_t end = decode_journal(bytes, kDatabase)->end;
  EXPECT_GT(bytes.size(), end);
  EXPECT_LE(bytes.size(), 2 * end);
  EXPECT_EQ(bytes.find_first_not_of('\0', end), Bytes::npos);
}

TEST(Journal, OnADiskWithoutRoomForMoreTakesWhatFits) {
  World world;
  auto journal = world.open().value().journal;
  ASSERT_TRUE(journal->append("one").ok());
  world.disk->set_capacity(100 * kKiB);
  const Bytes two(70 * kKiB, '2');
  ASSERT_TRUE(journal->append(two).ok());
  ASSERT_TRUE(journal->append("three").ok());
  EXPECT_EQ(journal->append(Bytes(40 * kKiB, '4')).status().code(), Code::exhausted);
  ASSERT_TRUE(journal->append("five").ok());
  world.disk->power_cut_losing_everything_unsynced();
  EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"one", two, "three", "five"}));
}

TEST(Journal, AfterAFailedWriteOrSyncTakesNoMoreAndWhatWasRefusedNeverComesBack) {
  for (const auto fault : {CrashFileSystem::Fault::io_error, CrashFileSystem::Fault::sync_fails}) {
    World world;
    auto journal = world.open().value().journal;
    ASSERT_TRUE(journal->append("one").ok());
    world.disk->fail_at(1, fault);
    EXPECT_EQ(journal->append("refused").status().code(), Code::io_error);
    EXPECT_EQ(journal->append("more").status().code(), Code::unavailable);
    world.disk->power_cut_keeping_everything();
    EXPECT_EQ(bodies(world.open().value()), (std::vector<Bytes>{"one"}));
  }
}

// What must be in the journal, and what may be.
struct Expected {
  std::vector<Bytes> kept;
  Bytes unknown;
};

// Appends, begins anew with the last batch, and appends again, until something fails.
Expected run(World& world, bool sync) {
  Expected expected;
  auto opened = world.open(sync);
  if (!opened.ok()) return expected;
  std::shared_ptr<WriteLog> log = opened->journal;
  for (int i = 0; i < 8; ++i) {
    const Bytes body = "batch " + std::to_string(i) + Bytes(i == 3 ? 5000 : 10, 'x');
    const auto appended = log->append(body);
    if (!appended.ok()) {
      const Code code = appended.status().code();
      if (code == Code::timed_out) expected.unknown = body;
      if (code != Code::exhausted) return expected;
      continue;
    }
    expected.kept.push_back(body);
    if (i != 4) continue;
    if (!log->note_upload({4, {{{1}, 9, 5000}}}).ok()) return expected;
    auto anew = log->begin_anew({{*appended}}, BucketFormat::v1);
    if (!anew.ok()) continue;  // the old one goes on, with all that was in it
    log = anew->log;
    expected.kept = {body};
  }
  return expected;
}

// After a begun rotation the old batches may be there or not: the note tells that they were
// committed.
bool is_lawful(const std::vector<Bytes>& found, const Expected& expected) {
  std::vector<Bytes> with_unknown = expected.kept;
  with_unknown.push_back(expected.unknown);
  if (found == expected.kept || found == with_unknown) return true;
  const auto ends_with = [](const std::vector<Bytes>& all, const std::vector<Bytes>& end) {
    return all.size() >= end.size() && std::equal(end.rbegin(), end.rend(), all.rbegin());
  };
  return ends_with(expected.kept, found) && expected.kept.size() == 5 && found.size() == 1;
}

TEST(JournalCrash, APowerCutDuringEveryCallLosesNothingAcknowledged) {
  World whole;
  run(whole, true);
  const std::uint64_t calls = whole.disk->counted_calls();
  ASSERT_GT(calls, 20U);
  for (std::uint64_t call = 1; call <= calls; ++call) {
    World world;
    world.disk->fail_at(call, CrashFileSystem::Fault::crash);
    const Expected expected = run(world, true);
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      World after(world.disk->clone());
      after.disk->power_cut(test_seed() + seed);
      const auto opened = after.open();
      ASSERT_TRUE(opened.ok()) << "call " << call << ": " << opened.status().to_string();
      EXPECT_TRUE(is_lawful(bodies(*opened), expected))
          << "call " << call << ": " << testing::PrintToString(bodies(*opened)) << " for "
          << testing::PrintToString(expected.kept);
      ASSERT_TRUE(opened->journal->append("after").ok());
      EXPECT_EQ(bodies(after.open().value()).back(), "after");
    }
  }
}

TEST(JournalCrash, AFailingCallLosesNothingAcknowledgedAndRevivesNothingRefused) {
  World whole;
  run(whole, true);
  const std::uint64_t calls = whole.disk->counted_calls();
  for (const auto fault : {CrashFileSystem::Fault::io_error, CrashFileSystem::Fault::disk_full,
                           CrashFileSystem::Fault::sync_fails}) {
    for (std::uint64_t call = 1; call <= calls; ++call) {
      World world;
      world.disk->fail_at(call, fault);
      const Expected expected = run(world, true);
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        World after(world.disk->clone());
        after.disk->power_cut(test_seed() + seed);
        const auto opened = after.open();
        ASSERT_TRUE(opened.ok()) << "call " << call << ": " << opened.status().to_string();
        EXPECT_TRUE(is_lawful(bodies(*opened), expected)) << "call " << call;
      }
    }
  }
}

TEST(JournalCrash, WithoutSyncsAKilledProcessLosesNothing) {
  World world;
  const Expected expected = run(world, false);
  world.disk->kill_process();
  EXPECT_EQ(bodies(world.open().value()), expected.kept);
}

TEST(JournalCrash, WithoutSyncsAPowerCutLeavesSomethingThatOpensAndAFlushKeepsAll) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World world;
    {
      auto journal = world.open(false).value().journal;
      ASSERT_TRUE(journal->append("one").ok());
      ASSERT_TRUE(journal->append("two").ok());
      ASSERT_TRUE(journal->sync().ok());
      ASSERT_TRUE(journal->append("three").ok());
      ASSERT_TRUE(journal->append(Bytes(9000, '4')).ok());
    }
    world.disk->power_cut(test_seed() + seed);
    const auto opened = world.open();
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const std::vector<Bytes> found = bodies(*opened);
    ASSERT_GE(found.size(), 2U);
    EXPECT_EQ(found[0], "one");
    EXPECT_EQ(found[1], "two");
  }
}

}  // namespace
}  // namespace talea::bucketdb
