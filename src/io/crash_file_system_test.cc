// One test or more for each clause of docs/crash-model.md: that the fake does what the clause
// says may happen, and never what it excludes. A clause is cited as (8).
//
// "May happen" is shown by some of many power cuts, "never happens" by all of them. The seeds are
// fixed, so that a test means the same every day.
#include "io/crash_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test_directory.h"

namespace talea {
namespace {

using testing::HasSubstr;
using Fault = CrashFileSystem::Fault;

constexpr std::uint64_t kCuts = 300;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}
void must(const Status& status) { EXPECT_TRUE(status.ok()) << status.to_string(); }

std::unique_ptr<File> make(FileSystem& disk, const std::string& path) {
  return must(disk.open(path, OpenMode::create_new));
}

// A file whose content and name are durable.
std::unique_ptr<File> durable(CrashFileSystem& disk, const std::string& path, BytesView content) {
  must(disk.write_file(path, content));
  return must(disk.open(path, OpenMode::write));
}

std::string content(const FileSystem& disk, const std::string& path) {
  return must(dynamic_cast<const CrashFileSystem&>(disk).read_file(path));
}

// Calls `check` with many disks that a power cut may leave, the two extremes among them.
template <typename Check>
void after_power_cuts(const CrashFileSystem& disk, Check check, std::uint64_t cuts = kCuts) {
  for (std::uint64_t seed = 0; seed < cuts; ++seed) {
    SCOPED_TRACE("seed=" + std::to_string(seed));
    const auto after = disk.clone();
    after->power_cut(seed);
    check(*after);
  }
  auto after = disk.clone();
  after->power_cut_keeping_everything();
  check(*after);
  after = disk.clone();
  after->power_cut_losing_everything_unsynced();
  check(*after);
}

// The contents of a file after many power cuts; "<none>" stands for no file.
std::set<std::string> remains(const CrashFileSystem& disk, const std::string& path,
                              std::uint64_t cuts = kCuts) {
  std::set<std::string> seen;
  const auto look = [&](CrashFileSystem& after) {
    const bool exists = must(after.exists(path));
    seen.insert(exists ? content(after, path) : "<none>");
  };
  after_power_cuts(disk, look, cuts);
  return seen;
}

// -- What the disk promises ----------------------------------------------------------------------

TEST(CrashModel, ASectorIsNeverTorn_1) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(4 * kPage, 'o'));
  must(file->pwrite(0, std::string(4 * kPage, 'n')));
  after_power_cuts(disk, [](CrashFileSystem& after) {
    const std::string bytes = content(after, "a");
    ASSERT_EQ(bytes.size(), 4 * kPage);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      ASSERT_EQ(bytes[i], bytes[i / kSector * kSector]);
  });
}

TEST(CrashModel, WhatWasSyncedSurvives_2) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "");
  auto other = must(disk.open("a", OpenMode::write));
  must(file->allocate(0, 3 * kPage));
  auto mapping = must(file->map(kPage, kPage, MapAccess::write));
  mapping->data()[5] = 'm';
  must(other->pwrite(100, "p"));
  must(file->sync_data());
  std::string expected(3 * kPage, '\0');
  expected[kPage + 5] = 'm';
  expected[100] = 'p';
  EXPECT_EQ(remains(disk, "a"), std::set{expected});
}

TEST(CrashModel, ASyncedFileWithoutASyncedNameMayVanish_3) {
  CrashFileSystem disk;
  auto file = make(disk, "a");
  must(file->pwrite(0, "x"));
  must(file->sync_data());
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"<none>", "x"}));
}

TEST(CrashModel, SyncedNamesSurvive_4) {
  CrashFileSystem disk;
  durable(disk, "old", "");
  durable(disk, "gone", "");
  make(disk, "new");
  must(disk.rename("old", "moved"));
  must(disk.remove("gone"));
  must(disk.sync_directory("/"));
  after_power_cuts(disk, [](CrashFileSystem& after) {
    EXPECT_EQ(must(after.list("/")), (std::vector<std::string>{"moved", "new"}));
  });
}

TEST(CrashModel, ASyncedDirectorySaysNothingOfContentsAndOfItself_4) {
  CrashFileSystem disk;
  must(disk.create_directory("d"));
  auto file = make(disk, "d/a");
  must(file->pwrite(0, "x"));
  must(disk.sync_directory("d"));
  EXPECT_EQ(remains(disk, "d/a"), (std::set<std::string>{"<none>", "", std::string(1, '\0'), "x"}));
  must(disk.sync_directory("."));
  EXPECT_EQ(remains(disk, "d/a"), (std::set<std::string>{"", std::string(1, '\0'), "x"}));
}

TEST(CrashModel, ARenameBetweenDirectoriesIsDurableWhenOneIsSynced_4) {
  for (const char* synced : {"d", "e"}) {
    CrashFileSystem disk;
    durable(disk, "d/a", "x");
    durable(disk, "e/other", "");
    must(disk.rename("d/a", "e/b"));
    must(disk.sync_directory(synced));
    after_power_cuts(disk, [](CrashFileSystem& after) {
      EXPECT_FALSE(must(after.exists("d/a")));
      EXPECT_EQ(content(after, "e/b"), "x");
    });
  }
}

TEST(CrashModel, ARenameIsAtomic_5) {
  CrashFileSystem disk;
  durable(disk, "CURRENT", "old");
  durable(disk, "tmp", "new");
  must(disk.rename("tmp", "CURRENT"));
  std::set<std::string> seen;
  after_power_cuts(disk, [&](CrashFileSystem& after) {
    const std::string current = content(after, "CURRENT");
    EXPECT_EQ(must(after.exists("tmp")), current == "old");
    seen.insert(current);
  });
  EXPECT_EQ(seen, (std::set<std::string>{"new", "old"}));
}

TEST(CrashModel, ARenameOfAFileWhoseNameWasLostIsLost_5_12) {
  CrashFileSystem disk;
  durable(disk, "CURRENT", "old");
  must(make(disk, "tmp")->pwrite(0, "new"));
  must(disk.rename("tmp", "CURRENT"));
  std::set<std::string> seen;
  after_power_cuts(disk, [&](CrashFileSystem& after) {
    // The new content was never synced: the renamed file may be empty or full of zeros.
    const std::string current = content(after, "CURRENT");
    EXPECT_TRUE(current == "old" || !must(after.exists("tmp")));
    seen.insert(current);
  });
  EXPECT_EQ(seen, (std::set<std::string>{"", std::string(3, '\0'), "new", "old"}));
}

TEST(CrashModel, NewSpaceIsZero_6) {
  CrashFileSystem disk;
  durable(disk, "old", std::string(8 * kPage, 'o'));
  must(disk.remove("old"));
  must(disk.sync_directory("/"));
  auto file = durable(disk, "a", "");
  must(file->allocate(0, 8 * kPage));
  must(file->sync_data());
  must(file->pwrite(kPage, "x"));
  after_power_cuts(disk, [](CrashFileSystem& after) {
    std::string bytes = content(after, "a");
    ASSERT_EQ(bytes.size(), 8 * kPage);
    if (bytes[kPage] == 'x') bytes[kPage] = '\0';
    EXPECT_EQ(bytes, std::string(8 * kPage, '\0'));
  });
}

TEST(CrashModel, ARecycledFileKeepsItsBytes_6) {
  CrashFileSystem disk;
  auto file = durable(disk, "1.log", "old records");
  must(disk.rename("1.log", "2.log"));
  must(disk.sync_directory("/"));
  must(file->pwrite(0, "NEW"));
  EXPECT_EQ(remains(disk, "2.log"), (std::set<std::string>{"old records", "NEW records"}));
}

TEST(CrashModel, BytesCutOffAreZeroWhenTheFileGrowsAgain_6) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(3 * kPage, 'o'));
  must(file->truncate(100));
  must(file->truncate(3 * kPage));
  must(file->sync_data());
  EXPECT_EQ(remains(disk, "a"),
            std::set{std::string(100, 'o') + std::string(3 * kPage - 100, '\0')});
}

TEST(CrashModel, WhatIsDurableAndUntouchedStays_7) {
  CrashFileSystem disk;
  durable(disk, "b", "other");
  auto file = durable(disk, "a", std::string(3 * kPage, 'o'));
  must(file->pwrite(kPage, std::string(kPage, 'n')));
  after_power_cuts(disk, [](CrashFileSystem& after) {
    std::string bytes = content(after, "a");
    bytes.replace(kPage, kPage, kPage, 'o');
    EXPECT_EQ(bytes, std::string(3 * kPage, 'o'));
    EXPECT_EQ(content(after, "b"), "other");
  });
}

// -- What a power cut may do ---------------------------------------------------------------------

TEST(CrashModel, AnySubsetOfDirtyPagesSurvives_8) {
  CrashFileSystem disk;
  auto one = durable(disk, "a", std::string(3 * kPage, 'o'));
  auto two = durable(disk, "b", std::string(kPage, 'o'));
  must(one->pwrite(0, "1"));
  must(one->pwrite(kPage, "2"));
  must(one->pwrite(2 * kPage, "3"));
  must(two->pwrite(0, "4"));
  std::set<std::string> seen;
  after_power_cuts(disk, [&](CrashFileSystem& after) {
    const std::string bytes = content(after, "a");
    seen.insert({bytes[0], bytes[kPage], bytes[2 * kPage], content(after, "b")[0]});
  });
  EXPECT_EQ(seen.size(), 16U);
}

TEST(CrashModel, APageSurvivesInAnyStateItWentThrough_9) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "....");
  must(file->pwrite(0, "1"));
  must(file->pwrite(1, "2"));
  must(file->pwrite(2, "3"));
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"....", "1...", "12..", "123."}));
}

TEST(CrashModel, MappedStoresSurviveUpToOrFromAWord_9) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(32, '.'));
  must(file->map(0, 32, MapAccess::write))->data()[0] = '1';
  auto mapping = must(file->map(0, 32, MapAccess::write));
  mapping->data()[8] = '2';
  mapping->data()[24] = '3';
  std::set<std::string> seen;
  for (const std::string& bytes : remains(disk, "a")) seen.insert({bytes[0], bytes[8], bytes[24]});
  EXPECT_EQ(seen, (std::set<std::string>{"...", "1..", "12.", "1.3", "123"}));
}

TEST(CrashModel, APageMayBeTornAtEverySector_10) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(kPage, 'o'));
  must(file->pwrite(0, std::string(kPage, 'n')));
  std::set<std::size_t> heads;  // so many new sectors, then old ones
  std::set<std::size_t> tails;
  for (const std::string& bytes : remains(disk, "a", 2000)) {
    const auto first_old = bytes.find('o');
    const auto first_new = bytes.find('n');
    if (bytes.find('n', std::min(first_old, bytes.size())) == std::string::npos) {
      heads.insert(std::min(first_old, kPage) / kSector);
    }
    if (bytes.find('o', std::min(first_new, bytes.size())) == std::string::npos) {
      tails.insert(std::min(first_new, kPage) / kSector);
    }
  }
  EXPECT_EQ(heads.size(), 9U);
  EXPECT_EQ(tails.size(), 9U);
}

TEST(CrashModel, TheLengthIsAnyItHasHad_11) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "12");
  must(file->truncate(1));
  must(file->truncate(4));
  std::set<std::size_t> lengths;
  for (const std::string& bytes : remains(disk, "a")) lengths.insert(bytes.size());
  EXPECT_EQ(lengths, (std::set<std::size_t>{1, 2, 4}));
}

TEST(CrashModel, AGrowingCallMayStopAtAPageBoundary_11) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "12");
  must(file->pwrite(2, std::string(3 * kPage, 'x')));
  std::set<std::size_t> lengths;
  for (const std::string& bytes : remains(disk, "a")) lengths.insert(bytes.size());
  EXPECT_EQ(lengths, (std::set<std::size_t>{2, kPage, 2 * kPage, 3 * kPage, 3 * kPage + 2}));
}

TEST(CrashModel, ALengthMaySurviveWithoutItsDataAndTheOtherWayRound_11) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "12");
  must(file->pwrite(2, "34"));
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"12", "1234", std::string("12\0\0", 4)}));
  // What was lost with the length does not come back when the file grows again.
  disk.power_cut_losing_everything_unsynced();
  must(must(disk.open("a", OpenMode::write))->truncate(4));
  EXPECT_EQ(content(disk, "a"), std::string("12\0\0", 4));
}

TEST(CrashModel, NamesAreLostIndependently_12) {
  CrashFileSystem disk;
  durable(disk, "removed", "r");
  make(disk, "a");
  make(disk, "b");
  must(disk.remove("removed"));
  std::set<std::vector<std::string>> seen;
  after_power_cuts(disk, [&](CrashFileSystem& after) { seen.insert(must(after.list("/"))); });
  EXPECT_EQ(seen.size(), 8U);
  EXPECT_EQ(remains(disk, "removed"), (std::set<std::string>{"<none>", "r"}));
}

TEST(CrashModel, ChangesOfOneNameSurviveInOrder_12) {
  CrashFileSystem disk;
  durable(disk, "a", "1");
  must(disk.remove("a"));
  must(make(disk, "a")->pwrite(0, "2"));
  must(must(disk.open("a", OpenMode::write))->sync_data());
  must(disk.rename("a", "b"));
  std::set<std::string> seen;
  after_power_cuts(disk, [&](CrashFileSystem& after) {
    const std::string a = must(after.exists("a")) ? content(after, "a") : "-";
    const std::string b = must(after.exists("b")) ? content(after, "b") : "-";
    seen.insert(a + b);
  });
  EXPECT_EQ(seen, (std::set<std::string>{"1-", "--", "2-", "-2"}));
}

TEST(CrashModel, TheCallDuringWhichThePowerFailsMayBePartlyDone_13) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(2 * kPage, 'o'));
  disk.fail_at(1, Fault::crash);
  EXPECT_EQ(file->pwrite(0, std::string(2 * kPage, 'n')).code(), Code::io_error);
  std::set<std::string> seen;
  for (const std::string& bytes : remains(disk, "a")) seen.insert({bytes[0], bytes[kPage]});
  EXPECT_EQ(seen, (std::set<std::string>{"oo", "on", "no", "nn"}));
}

TEST(CrashModel, ASyncDuringWhichThePowerFailsIsNoSync_13) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "o");
  make(disk, "b");
  must(file->pwrite(0, "n"));
  disk.fail_at(1, Fault::crash);
  EXPECT_EQ(file->sync_data().code(), Code::io_error);
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"o", "n"}));
  disk.power_cut_losing_everything_unsynced();
  make(disk, "b");
  disk.fail_at(1, Fault::crash);
  EXPECT_EQ(disk.sync_directory("/").code(), Code::io_error);
  EXPECT_EQ(remains(disk, "b"), (std::set<std::string>{"<none>", ""}));
}

TEST(CrashModel, EveryKindOfCallMayBeTheLast_13) {
  CrashFileSystem disk;
  durable(disk, "a", "x");
  using Call = Status (*)(CrashFileSystem&, File&);
  const std::vector<Call> calls = {
      [](CrashFileSystem& on, File&) { return on.open("b", OpenMode::create_new).status(); },
      [](CrashFileSystem& on, File&) { return on.create_directory("d"); },
      [](CrashFileSystem& on, File&) { return on.rename("a", "c"); },
      [](CrashFileSystem& on, File&) { return on.remove("a"); },
      [](CrashFileSystem& on, File&) { return on.sync_directory("/"); },
      [](CrashFileSystem& on, File&) {
        return on.lock("LOCK", LockKind::exclusive, "us").status();
      },
      [](CrashFileSystem&, File& file) { return file.pwrite(0, "y"); },
      [](CrashFileSystem&, File& file) { return file.allocate(0, 100); },
      [](CrashFileSystem&, File& file) { return file.truncate(0); },
      [](CrashFileSystem&, File& file) { return file.sync_data(); },
  };
  for (const Call call : calls) {
    const auto victim = disk.clone();
    auto file = must(victim->open("a", OpenMode::write));
    victim->fail_at(1, Fault::crash);
    EXPECT_THAT(call(*victim, *file).to_string(), HasSubstr("crashed"));
    EXPECT_TRUE(victim->crashed());
    EXPECT_EQ(victim->exists("a").status().code(), Code::io_error);
    EXPECT_EQ(file->size().status().code(), Code::io_error);
    victim->power_cut(1);
    EXPECT_FALSE(victim->crashed());
    must(victim->exists("a"));
    // The handle is dead for ever.
    EXPECT_EQ(file->size().status().code(), Code::io_error);
  }
}

TEST(CrashModel, StoresAfterThePowerFailedAreNotOnTheDisk_13) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(kPage, '.'));
  auto mapping = must(file->map(0, kPage, MapAccess::write));
  mapping->data()[0] = '1';
  disk.fail_at(1, Fault::crash);
  EXPECT_FALSE(file->sync_data().ok());
  mapping->data()[0] = '2';
  disk.power_cut_keeping_everything();
  EXPECT_EQ(content(disk, "a")[0], '1');
  mapping->data()[0] = '3';
  mapping = nullptr;
  EXPECT_EQ(content(disk, "a")[0], '1');
}

// -- What a failed call leaves -------------------------------------------------------------------

TEST(CrashModel, AFailedWriteHasWrittenAPrefix_14) {
  for (const Fault fault : {Fault::io_error, Fault::disk_full}) {
    CrashFileSystem disk;
    auto file = durable(disk, "a", "....");
    disk.fail_at(1, fault);
    EXPECT_EQ(file->pwrite(0, "1234").code(),
              fault == Fault::io_error ? Code::io_error : Code::exhausted);
    EXPECT_EQ(content(disk, "a"), "12..");
    EXPECT_EQ(disk.faults_fired(), 1U);
    must(file->pwrite(0, "1234"));
  }
}

TEST(CrashModel, AFailedSyncDropsThePagesAndTheNextSucceedsWithoutThem_15) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "old");
  must(file->pwrite(0, "new"));
  disk.fail_at(1, Fault::sync_fails);
  EXPECT_EQ(file->sync_data().code(), Code::io_error);
  EXPECT_EQ(content(disk, "a"), "new");
  must(file->sync_data());
  EXPECT_EQ(content(disk, "a"), "new");
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"new", "old"}));
  disk.power_cut_keeping_everything();
  EXPECT_EQ(content(disk, "a"), "old");
}

TEST(CrashModel, WritingADroppedPageAgainMakesAllOfItDurable_15) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(2 * kPage, 'o'));
  must(file->pwrite(0, "new"));
  must(file->pwrite(kPage, "new"));
  disk.fail_at(1, Fault::sync_fails);
  EXPECT_FALSE(file->sync_data().ok());
  must(file->pwrite(0, "n"));  // the same byte
  must(file->sync_data());
  disk.power_cut_keeping_everything();
  EXPECT_EQ(content(disk, "a").substr(0, 4), "newo");
  EXPECT_EQ(content(disk, "a").substr(kPage, 4), "oooo");
}

TEST(CrashModel, AFailedSyncDropsMappedStoresToo_15) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(kPage, 'o'));
  auto mapping = must(file->map(0, kPage, MapAccess::write));
  mapping->data()[0] = 'n';
  disk.fail_at(1, Fault::io_error);
  EXPECT_FALSE(file->sync_data().ok());
  must(file->sync_data());
  EXPECT_EQ(mapping->bytes()[0], 'n');
  disk.power_cut_keeping_everything();
  EXPECT_EQ(content(disk, "a")[0], 'o');
}

TEST(CrashModel, APlannedSyncFailureWaitsForASync_15) {
  CrashFileSystem disk;
  auto file = make(disk, "a");
  disk.fail_at(1, Fault::sync_fails);
  must(file->pwrite(0, "x"));
  must(disk.sync_directory("/"));
  EXPECT_FALSE(file->sync_data().ok());
  must(file->sync_data());
}

TEST(CrashModel, AFailedDirectorySyncMayBeRepeated_15) {
  CrashFileSystem disk;
  make(disk, "a");
  disk.fail_at(1, Fault::io_error);
  EXPECT_EQ(disk.sync_directory("/").code(), Code::io_error);
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{"<none>", ""}));
  must(disk.sync_directory("/"));
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{""}));
}

TEST(CrashModel, AFullDiskRefusesNewSpaceOnly_16) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(2 * kPage, 'o'));
  disk.set_capacity(3 * kPage);
  must(file->pwrite(kPage, std::string(kPage, 'n')));
  EXPECT_EQ(file->pwrite(2 * kPage - 1, std::string(2 * kPage, 'x')).code(), Code::exhausted);
  EXPECT_EQ(must(file->size()), 3 * kPage);
  EXPECT_EQ(file->allocate(0, 3 * kPage + 1).code(), Code::exhausted);
  EXPECT_EQ(file->truncate(4 * kPage).code(), Code::exhausted);
  auto other = make(disk, "b");
  EXPECT_EQ(other->pwrite(0, "x").code(), Code::exhausted);
  must(disk.lock("LOCK", LockKind::exclusive, "us"));
  must(disk.rename("a", "c"));
  must(disk.remove("c"));
  EXPECT_EQ(other->pwrite(0, "x").code(), Code::exhausted);  // still open
  file = nullptr;
  must(disk.sync_directory("/"));
  must(other->pwrite(0, "x"));
}

TEST(CrashModel, AReadOnlyFileSystemDeniesEveryChange_17) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "x");
  disk.set_read_only(true);
  EXPECT_EQ(file->pwrite(0, "y").code(), Code::denied);
  EXPECT_EQ(file->truncate(0).code(), Code::denied);
  EXPECT_EQ(file->allocate(0, 10).code(), Code::denied);
  EXPECT_EQ(disk.open("a", OpenMode::write).status().code(), Code::denied);
  EXPECT_EQ(disk.open("b", OpenMode::create_new).status().code(), Code::denied);
  EXPECT_EQ(disk.create_directory("d").code(), Code::denied);
  EXPECT_EQ(disk.rename("a", "b").code(), Code::denied);
  EXPECT_EQ(disk.remove("a").code(), Code::denied);
  EXPECT_EQ(disk.lock("a", LockKind::exclusive, "us").status().code(), Code::denied);
  must(disk.lock("a", LockKind::shared, "us"));
  must(disk.open("a", OpenMode::read));
  EXPECT_EQ(content(disk, "a"), "x");
}

TEST(CrashModel, OneCallMayBeDenied_17) {
  CrashFileSystem disk;
  disk.fail_at(1, Fault::read_only);
  EXPECT_EQ(disk.create_directory("d").code(), Code::denied);
  must(disk.create_directory("d"));
}

// -- What a killed process leaves ----------------------------------------------------------------

TEST(CrashModel, TheCacheOutlivesTheProcessAndNothingBecomesDurable_18) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(2 * kPage, 'o'));
  auto mapping = must(file->map(kPage, kPage, MapAccess::write));
  must(file->pwrite(0, "p"));
  mapping->data()[0] = 'm';
  disk.kill_process();
  mapping->data()[1] = 'x';
  EXPECT_EQ(content(disk, "a"),
            "p" + std::string(kPage - 1, 'o') + "m" + std::string(kPage - 1, 'o'));
  disk.power_cut_losing_everything_unsynced();
  EXPECT_EQ(content(disk, "a"), std::string(2 * kPage, 'o'));
}

TEST(CrashModel, LocksEndWithTheProcessAndTheDeadReleaseNothing_19) {
  for (const bool power : {false, true}) {
    CrashFileSystem disk;
    durable(disk, "LOCK", "");
    auto file = make(disk, "a");
    auto dead = must(disk.lock("LOCK", LockKind::exclusive, "dead"));
    if (power) {
      disk.power_cut(7);
    } else {
      disk.kill_process();
    }
    EXPECT_EQ(file->pwrite(0, "x").code(), Code::io_error);
    EXPECT_EQ(file->sync_data().code(), Code::io_error);
    auto alive = must(disk.lock("LOCK", LockKind::exclusive, "alive"));
    dead = nullptr;
    const auto third = disk.lock("LOCK", LockKind::exclusive, "third");
    EXPECT_EQ(third.status().code(), Code::unavailable);
    EXPECT_THAT(third.status().to_string(), HasSubstr("held by: alive"));
  }
}

// -- The tool itself -----------------------------------------------------------------------------

TEST(CrashFileSystem, OneSeedGivesOneDisk) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(8 * kPage, 'o'));
  for (std::size_t i = 0; i < 8; ++i) must(file->pwrite(i * kPage, std::string(3000, 'n')));
  make(disk, "b");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto one = disk.clone();
    const auto two = disk.clone();
    one->power_cut(seed);
    two->power_cut(seed);
    EXPECT_EQ(must(one->list("/")), must(two->list("/")));
    EXPECT_EQ(content(*one, "a"), content(*two, "a"));
  }
}

TEST(CrashFileSystem, ACloneAndItsOriginalDoNotAffectEachOther) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "old");
  must(file->pwrite(0, "1"));
  auto mapping = must(file->map(0, 3, MapAccess::write));
  mapping->data()[1] = '2';
  auto lock = must(disk.lock("LOCK", LockKind::exclusive, "us"));
  const auto copy = disk.clone();
  mapping->data()[2] = '3';
  must(file->pwrite(0, "x"));
  must(make(disk, "only here")->sync_data());
  EXPECT_EQ(content(*copy, "a"), "12d");
  auto copied = must(copy->open("a", OpenMode::write));
  must(copied->pwrite(0, "y"));
  must(copy->lock("LOCK", LockKind::exclusive, "them"));
  EXPECT_EQ(content(disk, "a"), "x23");
  EXPECT_EQ(content(*copy, "a"), "y2d");
  EXPECT_FALSE(must(copy->exists("only here")));
  copy->power_cut_losing_everything_unsynced();
  EXPECT_EQ(content(*copy, "a"), "old");
  EXPECT_EQ(content(disk, "a"), "x23");
}

TEST(CrashFileSystem, CountsCallsByKindAndFaultsByNumber) {
  CrashFileSystem disk;
  disk.fail_at(3, Fault::io_error);
  auto file = make(disk, "a");           // 1
  must(file->pwrite(0, "12345"));        // 2
  EXPECT_FALSE(file->truncate(1).ok());  // 3
  char byte = 0;
  must(file->pread(0, &byte, 1));
  must(file->sync_data());         // 4
  must(disk.sync_directory("/"));  // 5
  EXPECT_EQ(disk.counted_calls(), 5U);
  EXPECT_EQ(disk.faults_fired(), 1U);
  const CrashFileSystem::Calls calls = disk.calls();
  EXPECT_EQ(calls.opens, 1U);
  EXPECT_EQ(calls.pwrites, 1U);
  EXPECT_EQ(calls.bytes_written, 5U);
  EXPECT_EQ(calls.preads, 1U);
  EXPECT_EQ(calls.bytes_read, 1U);
  EXPECT_EQ(calls.truncates, 1U);
  EXPECT_EQ(calls.syncs, 1U);
  EXPECT_EQ(calls.directory_syncs, 1U);
}

TEST(CrashFileSystem, ReadsFailOnlyWhenTheyAreCounted) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "x");
  disk.fail_at(1, Fault::io_error);
  char byte = 0;
  must(file->pread(0, &byte, 1));
  disk.count_reads(true);
  EXPECT_EQ(file->pread(0, &byte, 1).status().code(), Code::io_error);
  must(file->pread(0, &byte, 1));
  disk.fail_at(2, Fault::crash);
  must(disk.list("/"));
  EXPECT_FALSE(file->size().ok());
  EXPECT_TRUE(disk.crashed());
}

TEST(CrashFileSystem, TestsWriteAndFlipBehindTheScenes) {
  CrashFileSystem disk;
  must(disk.write_file("d/e/a", "12"));
  must(disk.flip_bit("d/e/a", 1, 0));
  EXPECT_EQ(remains(disk, "d/e/a"), std::set<std::string>{"13"});
  auto file = must(disk.open("d/e/a", OpenMode::read));
  auto mapping = must(file->map(0, 2, MapAccess::read));
  must(disk.flip_bit("d/e/a", 0, 1));
  EXPECT_EQ(mapping->bytes(), "33");
  must(disk.write_file("d/e/a", "long again"));
  EXPECT_EQ(remains(disk, "d/e/a"), std::set<std::string>{"long again"});
  EXPECT_EQ(disk.flip_bit("d/e/a", 10, 0).code(), Code::invalid_argument);
  EXPECT_EQ(disk.flip_bit("d", 0, 0).code(), Code::io_error);
  EXPECT_EQ(disk.counted_calls(), 0U);
}

TEST(CrashFileSystem, AFileGrowsIntoAMappingThatASyncAndAPowerCutSee) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "");
  auto mapping = must(file->map(0, 8 * kPage, MapAccess::write));
  must(file->allocate(0, 2 * kPage));
  mapping->data()[kPage] = '1';
  must(file->sync_data());
  must(file->allocate(0, 3 * kPage));
  mapping->data()[2 * kPage] = '2';
  const std::string synced = std::string(kPage, '\0') + "1" + std::string(kPage - 1, '\0');
  const std::string zeros(kPage, '\0');
  const std::string stored = "2" + std::string(kPage - 1, '\0');
  EXPECT_EQ(remains(disk, "a"), (std::set<std::string>{synced, synced + zeros, synced + stored}));
}

TEST(CrashFileSystem, ADeadMappingStaysReadableAsFarAsTheFileWent) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(kPage, 'o'));
  auto mapping = must(file->map(0, 8 * kPage, MapAccess::write));
  disk.power_cut_losing_everything_unsynced();
  must(must(disk.open("a", OpenMode::write))->truncate(0));
  mapping->data()[1] = 'x';
  EXPECT_EQ(mapping->bytes().substr(0, 3), "oxo");
  EXPECT_EQ(content(disk, "a"), "");
}

TEST(CrashFileSystem, AFileThatGrowsOverStoresBehindItsEndStopsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  CrashFileSystem disk;
  auto file = durable(disk, "a", std::string(100, 'o'));
  auto mapping = must(file->map(0, 8 * kPage, MapAccess::write));
  mapping->data()[100] = 'x';
  EXPECT_DEATH(must(file->allocate(0, kPage)), "stored_behind_the_end");
  mapping->data()[100] = '\0';
  must(file->allocate(0, kPage));
}

TEST(CrashFileSystem, HandlesMayOutliveIt) {
  auto disk = std::make_unique<CrashFileSystem>();
  auto file = durable(*disk, "a", std::string(10, 'x'));
  auto mapping = must(file->map(0, 10, MapAccess::write));
  auto lock = must(disk->lock("LOCK", LockKind::exclusive, "us"));
  disk = nullptr;
  mapping->data()[0] = 'y';
  must(file->sync_data());
  char byte = 0;
  must(file->pread(0, &byte, 1));
  EXPECT_EQ(byte, 'y');
}

// A random workload against a simple model of what may be on the disk: for each sector of each
// file, the values it has had since the last successful sync.
TEST(CrashFileSystem, EverySectorIsInAStateItWentThrough) {
  SeededRandom random(test_seed());
  const auto pick = [&](std::size_t count) {
    return static_cast<std::size_t>(random.next_u64() % count);
  };
  constexpr std::size_t kFileBytes = 4 * kPage;
  for (int round = 0; round < 30; ++round) {
    CrashFileSystem disk;
    auto file = durable(disk, "a", std::string(kFileBytes, '.'));
    auto mapping = must(file->map(kPage, 2 * kPage, MapAccess::write));
    std::string live(kFileBytes, '.');
    std::map<std::size_t, std::set<std::string>> lawful;  // of sectors written by pwrite
    std::set<std::size_t> stored;                         // sectors written through the mapping
    const auto note = [&](std::size_t offset, std::size_t bytes) {
      for (std::size_t s = offset / kSector; s <= (offset + bytes - 1) / kSector; ++s) {
        lawful[s].insert(live.substr(s * kSector, kSector));
      }
    };
    note(0, kFileBytes);
    for (int step = 0; step < 40; ++step) {
      const char fill = static_cast<char>('a' + pick(26));
      if (pick(8) == 0) {
        must(file->sync_data());
        lawful.clear();
        stored.clear();
        note(0, kFileBytes);
      } else if (pick(3) == 0) {
        const std::size_t offset = kPage + pick(2 * kPage - 100);
        mapping->data()[offset - kPage] = fill;
        live[offset] = fill;
        stored.insert(offset / kSector);
      } else {
        const std::size_t offset = pick(kFileBytes - 3000);
        const std::string bytes(1 + pick(2999), fill);
        must(file->pwrite(offset, bytes));
        live.replace(offset, bytes.size(), bytes);
        note(offset, bytes.size());
      }
    }
    EXPECT_EQ(content(disk, "a"), live);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE("cut seed=" + std::to_string(seed));
      const auto after = disk.clone();
      after->power_cut(seed);
      const std::string bytes = content(*after, "a");
      for (const auto& [sector, states] : lawful) {
        if (stored.contains(sector)) continue;
        EXPECT_TRUE(states.contains(bytes.substr(sector * kSector, kSector))) << sector;
      }
    }
  }
}

TEST(CrashFileSystem, ThreadsMayShareIt) {
  CrashFileSystem disk;
  auto file = durable(disk, "a", "");
  must(file->allocate(0, 16 * kPage));
  auto mapping = must(file->map(0, 4 * kPage, MapAccess::write));
  std::atomic<bool> done{false};
  std::thread storer([&] {
    for (std::size_t i = 0; i < 4 * kPage; ++i) mapping->data()[i] = 's';
    done = true;
  });
  std::thread writer([&] {
    for (std::size_t i = 4; i < 16; ++i) must(file->pwrite(i * kPage, "w"));
  });
  std::thread maker([&] {
    for (int i = 0; i < 20; ++i) make(disk, "f" + std::to_string(i));
  });
  while (!done) {
    must(file->sync_data());
    const auto after = disk.clone();
    after->power_cut(1);
  }
  storer.join();
  writer.join();
  maker.join();
  must(file->sync_data());
  disk.power_cut_losing_everything_unsynced();
  EXPECT_EQ(content(disk, "a").substr(0, 4 * kPage), std::string(4 * kPage, 's'));
}

}  // namespace
}  // namespace talea
