// What a user of one engine sees, on the real file system.
#include "talea/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "log/segment_header.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Engine open_or_die(const std::string& path, const Options& options = {}) {
  auto opened = Engine::open(path, options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

std::string store_path() { return test_directory() + "/store"; }

TEST(Engine, KeepsWhatWasPut) {
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.put("alpha", "bravo"), 1U);
  EXPECT_EQ(*engine.put("empty", ""), 2U);
  EXPECT_EQ(*engine.get("alpha"), "bravo");
  EXPECT_EQ(*engine.get("empty"), "");
  EXPECT_EQ(*engine.get("absent"), std::nullopt);
  EXPECT_EQ(*engine.put("alpha", "echo"), 3U);
  EXPECT_EQ(*engine.get("alpha"), "echo");
  EXPECT_EQ(*engine.remove("alpha"), 4U);
  EXPECT_EQ(*engine.get("alpha"), std::nullopt);
}

TEST(Engine, KeepsItAcrossAReopen) {
  const Bytes binary("\0key\xff", 5);
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put(binary, Bytes(1000, '\0')).ok());
    ASSERT_TRUE(engine.put("gone", "x").ok());
    ASSERT_TRUE(engine.remove("gone").ok());
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get(binary), Bytes(1000, '\0'));
  EXPECT_EQ(*engine.get("gone"), std::nullopt);
  EXPECT_EQ(engine.recovery().last_sequence, 3U);
  EXPECT_EQ(engine.recovery().bytes_dropped, 0U);
  EXPECT_EQ(*engine.put("next", "y"), 4U) << "sequences go on after a reopen";
}

TEST(Engine, WithoutCloseKeepsWhatWasAcknowledged) {
  { ASSERT_TRUE(open_or_die(store_path()).put("k", "v").ok()); }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get("k"), "v");
}

TEST(Engine, StoresLargeValuesInExtents) {
  Bytes large(5 * kMiB + 17, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put("large", large).ok());
    EXPECT_EQ(*engine.get("large"), large);
    EXPECT_EQ(engine.stats().extent_bytes_written, large.size() + 6 * 32);
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get("large"), large);
  std::optional<ValueReader> reader = *engine.read_value("large");
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->bytes(), large.size());
  ASSERT_TRUE(reader->seek(3 * kMiB + 5).ok());
  EXPECT_EQ(*reader->read(), BytesView(large).substr(3 * kMiB + 5, kMiB - 5));
  EXPECT_EQ(*reader->read(), BytesView(large).substr(4 * kMiB, kMiB));
  EXPECT_EQ(*reader->read(), BytesView(large).substr(5 * kMiB));
  EXPECT_EQ(*reader->read(), "");
}

// Rows are read some at a time, and locations more at a time: all ends of a range, and of a limit,
// come to lie anywhere among them.
TEST(Engine, ScansEveryRange) {
  Engine engine = open_or_die(store_path());
  constexpr int kKeys = 40;
  const auto key_of = [](int i) { return "k" + std::to_string(100 + i); };
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(engine.put(key_of(i), key_of(i)).ok());
  for (int i = 5; i < kKeys; i += 7) ASSERT_TRUE(engine.remove(key_of(i)).ok());
  for (int from = 0; from < kKeys; ++from) {
    for (int to = from; to <= kKeys; to += 3) {
      for (const std::size_t limit : {0U, 1U, 4U, 5U, 17U}) {
        for (const bool reverse : {false, true}) {
          std::vector<Bytes> expected;
          for (int i = from; i < to; ++i) {
            if (i % 7 != 5) expected.push_back(key_of(i));
          }
          if (reverse) std::reverse(expected.begin(), expected.end());
          if (limit != 0 && expected.size() > limit) expected.resize(limit);
          std::vector<Bytes> rows;
          Scan scan = *engine.scan(
              {.start = key_of(from), .end = key_of(to), .reverse = reverse, .limit = limit});
          while (*scan.next()) {
            EXPECT_EQ(*scan.value(), scan.key());
            rows.emplace_back(scan.key());
          }
          ASSERT_EQ(rows, expected) << from << " to " << to << ", limit " << limit;
          EXPECT_FALSE(*scan.next());
        }
      }
    }
  }
}

// Rows are read some at a time, and the values of large ones when they are asked for.
TEST(Engine, ScansLargeValuesBesideEachOther) {
  Engine engine = open_or_die(store_path());
  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f'}) {
    ASSERT_TRUE(engine.put(Bytes(1, c), Bytes(c == 'd' ? 10 : 1'100'000, c)).ok());
  }
  Scan scan = *engine.scan();
  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f'}) {
    ASSERT_TRUE(*scan.next());
    EXPECT_EQ(scan.key(), Bytes(1, c));
    if (c == 'b') continue;
    EXPECT_EQ(scan.value()->size(), c == 'd' ? 10U : 1'100'000U);
    EXPECT_EQ(scan.value()->front(), c);
    EXPECT_EQ(scan.value()->back(), c);
  }
  EXPECT_FALSE(*scan.next());
}

// Makes nonsense of all that a store has in its log, below the map of who has it open.
void damage_log(const Engine& engine) {
  for (const SegmentInfo& segment : engine.segments()) {
    if (segment.kind != SegmentKind::log) continue;
    std::fstream file(store_path() + "/" + segment.file,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kSegmentHeaderBytes);
    file << Bytes(1000, '\xff');
    EXPECT_TRUE(file.flush()) << segment.file;
  }
}

// A row was checked when it was read, and is not looked for again.
TEST(EngineScan, KeepsTheRowWhenItIsDamagedLater) {
  Options options;
  options.sync = SyncMode::interval;
  Engine engine = *Engine::open(store_path(), options);
  ASSERT_TRUE(engine.put("a", "small").ok());
  ASSERT_TRUE(engine.put("b", Bytes(kInlineValueBytesMax + 1, 'b')).ok());
  Scan scan = *engine.scan();
  ASSERT_TRUE(*scan.next());
  damage_log(engine);
  EXPECT_EQ(*scan.revision(), 1U);
  EXPECT_EQ(scan.value()->size(), 5U);
  ASSERT_TRUE(*scan.next()) << "it was read with the other";
  EXPECT_EQ(*scan.revision(), 2U);
  EXPECT_EQ(scan.value().status().code(), Code::corruption);
  EXPECT_FALSE(*scan.next());
}

// What a guarded map has lost is zeros, and not a row.
TEST(EngineScan, GivesNoRowsOfAFileThatWasCutBelowIt) {
  Options options;
  options.sync = SyncMode::interval;
  options.guard_maps = true;
  Engine engine = *Engine::open(store_path(), options);
  for (int i = 100; i < 200; ++i) ASSERT_TRUE(engine.put(std::to_string(i), "value").ok());
  Scan scan = *engine.scan();
  ASSERT_TRUE(*scan.next());
  for (const SegmentInfo& segment : engine.segments()) {
    std::filesystem::resize_file(store_path() + "/" + segment.file, 0);
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(scan.next().status().code(), Code::io_error);
}

TEST(Engine, ScansInBothDirections) {
  Engine engine = open_or_die(store_path());
  for (const char* key : {"a", "b/1", "b/2", "b/3", "c"}) ASSERT_TRUE(engine.put(key, key).ok());
  const auto keys = [&](const ScanRange& range) {
    std::string all;
    Scan scan = *engine.scan(range);
    while (*scan.next()) {
      EXPECT_EQ(*scan.value(), scan.key());
      all += std::string(scan.key()) + ' ';
    }
    return all;
  };
  EXPECT_EQ(keys({}), "a b/1 b/2 b/3 c ");
  EXPECT_EQ(keys({.prefix = "b/"}), "b/1 b/2 b/3 ");
  EXPECT_EQ(keys({.prefix = "b/", .reverse = true}), "b/3 b/2 b/1 ");
  EXPECT_EQ(keys({.start = "b/2", .end = "c"}), "b/2 b/3 ");
  EXPECT_EQ(keys({.start = "b/2", .end = "c", .reverse = true, .limit = 1}), "b/3 ");
  EXPECT_EQ(keys({.reverse = true, .limit = 2}), "c b/3 ");
  EXPECT_EQ(keys({.prefix = "\xff"}), "");
}

// --- Preconditions and batches (E3) --------------------------------------------------------------

TEST(EngineBatch, IsOneSequenceAndTheLastOperationOnAKeyWins) {
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.commit(Batch().put("a", "1").put("b", "2").remove("a").put("b", "3")), 1U);
  EXPECT_EQ(*engine.get("a"), std::nullopt);
  EXPECT_EQ((*engine.get_versioned("b"))->revision, 1U);
  EXPECT_EQ(*engine.get("b"), "3");
}

TEST(EngineBatch, AFailedPreconditionChangesNothingAndSaysWhich) {
  Engine engine = open_or_die(store_path());
  ASSERT_TRUE(engine.put("present", "1").ok());
  FailedPrecondition failed;
  const auto refused = engine.commit(Batch()
                                         .require_present("present")
                                         .require_absent("absent")
                                         .require_revision("present", 7)
                                         .put("present", "2")
                                         .put("other", "3"),
                                     &failed);
  EXPECT_EQ(refused.status().code(), Code::conflict);
  EXPECT_NE(refused.status().message().find("precondition 2"), std::string::npos);
  EXPECT_NE(refused.status().message().find("at revision 7, and is at revision 1"),
            std::string::npos)
      << refused.status().message();
  EXPECT_EQ(failed.position, 2U);
  EXPECT_EQ(failed.found, 1U);
  EXPECT_EQ(*engine.get("present"), "1");
  EXPECT_EQ(*engine.get("other"), std::nullopt);
  EXPECT_EQ(*engine.put("next", "x"), 2U) << "no sequence was consumed";
  EXPECT_EQ(engine.commit(Batch().require_absent("present").put("x", "")).status().code(),
            Code::conflict);
  EXPECT_EQ(engine.commit(Batch().require_present("absent").put("x", "")).status().code(),
            Code::conflict);
}

TEST(EngineBatch, WithoutOperationsOnlyChecks) {
  Engine engine = open_or_die(store_path());
  ASSERT_TRUE(engine.put("k", "v").ok());
  EXPECT_EQ(*engine.commit(Batch().require_revision("k", 1)), 1U);
  EXPECT_EQ(engine.commit(Batch().require_absent("k")).status().code(), Code::conflict);
  EXPECT_EQ(*engine.commit(Batch()), 1U);
  EXPECT_EQ(engine.stats().batches_committed, 1U);
}

TEST(EngineBatch, KeepsSpacesApart) {
  const std::string path = store_path();
  constexpr Space kOther{7};
  {
    Engine engine = open_or_die(path);
    ASSERT_TRUE(engine.commit(Batch().put("k", "user").put("k", "other", kOther)).ok());
    ASSERT_TRUE(engine.commit(Batch().put("only", "other", kOther)).ok());
    EXPECT_EQ(*engine.get("k"), "user");
    EXPECT_EQ(*engine.get("only"), std::nullopt);
    EXPECT_EQ(engine.commit(Batch().require_present("only").put("x", "")).status().code(),
              Code::conflict);
    ASSERT_TRUE(engine.commit(Batch().require_present("only", kOther).remove("k", kOther)).ok());
    EXPECT_EQ(*engine.get("k"), "user");
  }
  Engine engine = open_or_die(path);
  EXPECT_EQ(*engine.get("k"), "user");
  Scan scan = *engine.scan();
  ASSERT_TRUE(*scan.next());
  EXPECT_EQ(scan.key(), "k");
  EXPECT_FALSE(*scan.next()) << "a scan stays in its space";
}

// --- apply(): sequences from elsewhere (E2) ------------------------------------------------------

TEST(EngineApply, IgnoresASequenceThatWasAppliedBefore) {
  const std::string path = store_path();
  {
    Engine engine = open_or_die(path);
    EXPECT_TRUE(*engine.apply(10, Batch().put("k", "ten")));
    EXPECT_FALSE(*engine.apply(10, Batch().put("k", "ten again")));
    EXPECT_TRUE(*engine.apply(20, Batch().remove("k")));
    EXPECT_FALSE(*engine.apply(15, Batch().put("k", "older than its removal")));
    EXPECT_EQ(*engine.get("k"), std::nullopt);
    EXPECT_TRUE(*engine.apply(21, Batch().put("k", "newer")));
  }
  Engine engine = open_or_die(path);
  EXPECT_FALSE(*engine.apply(21, Batch().put("k", "replayed after a reopen")));
  EXPECT_EQ(*engine.get("k"), "newer");
  EXPECT_EQ((*engine.get_versioned("k"))->revision, 21U);
  EXPECT_EQ(*engine.put("k", "own"), 22U);
  EXPECT_EQ(engine.stats().batches_committed, 1U) << "what is ignored is not counted";
}

TEST(EngineApply, TakesNeitherPreconditionsNorNothing) {
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(engine.apply(1, Batch().require_absent("k").put("k", "v")).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(engine.apply(1, Batch()).status().code(), Code::invalid_argument);
  EXPECT_EQ(engine.apply(0, Batch().put("k", "v")).status().code(), Code::invalid_argument);
}

// --- Limits --------------------------------------------------------------------------------------

void expect_message(const Status& status, Code code, const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  for (const std::string& part : parts) {
    EXPECT_NE(status.message().find(part), std::string::npos)
        << '"' << part << "\" is not in: " << status.to_string();
  }
}

TEST(EngineLimits, StateTheLimitAndWhatWasGiven) {
  Engine engine = open_or_die(store_path());
  expect_message(engine.put("", "v").status(), Code::invalid_argument, {"1 to 65536", "has 0"});
  expect_message(engine.put(Bytes(65537, 'k'), "v").status(), Code::invalid_argument,
                 {"1 to 65536", "has 65537"});
  expect_message(engine.get(Bytes(65537, 'k')).status(), Code::invalid_argument, {"65537"});
  EXPECT_TRUE(engine.put(Bytes(65536, 'k'), "v").ok());
  EXPECT_TRUE(engine.put("k", Bytes(kInlineValueBytesMax, 'v')).ok());
  Batch too_large;
  const Bytes value(kInlineValueBytesMax, 'v');
  for (int i = 0; i < 257; ++i) too_large.put("k", value);
  expect_message(engine.commit(too_large).status(), Code::invalid_argument,
                 {"268435456", "Split it"});
  EXPECT_EQ(engine.stats().puts, 2U);
}

TEST(EngineLimits, ABatchAtTheLimitGetsASegmentOfItsOwn) {
  const std::string path = store_path();
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  options.sync = SyncMode::never;
  {
    Engine engine = open_or_die(path, options);
    ASSERT_TRUE(engine.put("before", "1").ok());
    Batch batch;
    for (int i = 0; i < 5; ++i) batch.put("big" + std::to_string(i), Bytes(100'000, 'b'));
    ASSERT_TRUE(engine.commit(batch).ok());
    ASSERT_TRUE(engine.put("after", "2").ok());
    EXPECT_EQ(engine.stats().segments, 3U);
  }
  Engine engine = open_or_die(path, options);
  EXPECT_EQ(engine.stats().keys, 7U);
  EXPECT_EQ(*engine.get("big4"), Bytes(100'000, 'b'));
}

TEST(EngineOptions, OutOfRangeAreRefusedWithTheirRange) {
  Options options;
  options.segment_bytes = 1;
  expect_message(Engine::open(store_path(), options).status(), Code::invalid_argument,
                 {"segment_bytes", "65536", "1073741824", "it is 1"});
  options = {};
  options.sync_interval = std::chrono::milliseconds(0);
  expect_message(Engine::open(store_path(), options).status(), Code::invalid_argument,
                 {"sync_interval", "1 to 60000", "it is 0"});
  EXPECT_FALSE(std::filesystem::exists(store_path())) << "nothing was made";
}

// --- Opening: whose directory is it (E13) --------------------------------------------------------

TEST(EngineOpen, ASecondOwnerIsRefusedAndTheFirstIsNamed) {
  Engine engine = open_or_die(store_path());
  expect_message(Engine::open(store_path()).status(), Code::unavailable,
                 {"process " + std::to_string(getpid())});
  Options read_only;
  read_only.read_only = true;
  expect_message(Engine::open(store_path(), read_only).status(), Code::unavailable,
                 {"process " + std::to_string(getpid())});
  ASSERT_TRUE(engine.close().ok());
  EXPECT_TRUE(Engine::open(store_path()).ok());
}

TEST(EngineOpen, ReadersShareAndWriteNothing) {
  ASSERT_TRUE(open_or_die(store_path()).put("k", "v").ok());  // not closed: a tail to settle
  const auto state = [] {
    std::map<std::string, std::pair<std::uintmax_t, std::filesystem::file_time_type>> files;
    for (const auto& entry : std::filesystem::directory_iterator(store_path())) {
      files[entry.path().filename()] = {entry.file_size(), entry.last_write_time()};
    }
    return files;
  };
  const auto before = state();
  Options options;
  options.read_only = true;
  {
    Engine first = open_or_die(store_path(), options);
    Engine second = open_or_die(store_path(), options);
    EXPECT_EQ(*first.get("k"), "v");
    EXPECT_EQ(*second.get("k"), "v");
    expect_message(first.put("k", "w").status(), Code::invalid_argument, {"reading only"});
    expect_message(first.remove("k").status(), Code::invalid_argument, {"reading only"});
    expect_message(first.write_value().status(), Code::invalid_argument, {"reading only"});
    expect_message(first.sync(), Code::invalid_argument, {"reading only"});
    expect_message(Engine::open(store_path()).status(), Code::unavailable, {});
    EXPECT_TRUE(first.close().ok());
  }
  EXPECT_EQ(state(), before);
}

TEST(EngineOpen, CreatesOnlyWhereItMay) {
  Options options;
  options.create_if_missing = false;
  expect_message(Engine::open(store_path(), options).status(), Code::not_found,
                 {"create_if_missing"});
  options = {};
  options.read_only = true;
  expect_message(Engine::open(store_path(), options).status(), Code::not_found, {"reading"});
  EXPECT_FALSE(std::filesystem::exists(store_path()));
  expect_message(Engine::open(test_directory() + "/no/such/parent").status(), Code::not_found,
                 {"parent"});
  std::filesystem::create_directory(store_path());
  EXPECT_TRUE(Engine::open(store_path()).ok()) << "an empty directory is fine";
}

TEST(EngineOpen, AForeignDirectoryOrFileIsRefusedAndLeftAlone) {
  std::filesystem::create_directory(store_path());
  std::ofstream(store_path() + "/holiday.jpg") << "x";
  expect_message(Engine::open(store_path()).status(), Code::invalid_argument,
                 {"holiday.jpg", "empty directory"});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(store_path()), {}), 1);
  const auto status = Engine::open(store_path() + "/holiday.jpg").status();
  EXPECT_EQ(status.code(), Code::invalid_argument) << status.to_string();
}

TEST(EngineOpen, ASegmentWithoutAManifestIsDamageAndNotAnEmptyStore) {
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put("k", "v").ok());
  }
  std::filesystem::remove(store_path() + "/MANIFEST");
  expect_message(Engine::open(store_path()).status(), Code::corruption, {"MANIFEST", "backup"});
}

TEST(EngineOpen, ANewerVersionIsRefusedByName) {
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put("k", "v").ok());
    ASSERT_TRUE(engine.close().ok());
  }
  // A newer version keeps version and check where they are, so its files look intact.
  const auto set_version = [](const std::string& path, char version, std::uint64_t checked) {
    std::ifstream in(path, std::ios::binary);
    Bytes bytes((std::istreambuf_iterator<char>(in)), {});
    if (checked == 0) checked = bytes.size() - 4;
    bytes[8] = version;
    store_fixed(bytes.data() + checked, crc32c(0, BytesView(bytes).substr(0, checked)));
    std::ofstream(path, std::ios::binary) << bytes;
  };
  for (const auto& [name, checked] :
       {std::pair<const char*, std::uint64_t>("/MANIFEST", 0), {"/0000000001.log", 4092}}) {
    const std::string path = store_path() + name;
    set_version(path, 9, checked);
    expect_message(Engine::open(store_path()).status(), Code::unsupported,
                   {"version 9", "newer Talea"});
    set_version(path, 1, checked);
  }
  EXPECT_TRUE(Engine::open(store_path()).ok());
}

// What this process made dirty of its files, in bytes.
std::uint64_t bytes_dirtied() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (counters >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  ADD_FAILURE() << "the kernel does not count what is written";
  return 0;
}

// A segment that lay in huge pages would be written in pieces of 2 MiB: 400 MiB here.
TEST(EngineSync, WritesWhatWasPutAndLittleAroundIt) {
  Options options;
  options.sync = SyncMode::interval;
  Engine engine = *Engine::open(store_path(), options);
  for (int i = 0; i < 30'000; ++i) {
    ASSERT_TRUE(engine.put("k" + std::to_string(i), Bytes(300, 'v')).ok());
  }
  ASSERT_TRUE(engine.sync().ok());
  const std::uint64_t before = bytes_dirtied();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(engine.put("k" + std::to_string(i), "value").ok());
    ASSERT_TRUE(engine.sync().ok());
  }
  EXPECT_LE(bytes_dirtied() - before, 40'000'000U);
}

// The maps of this process whose files are in the store and that ask for huge pages.
std::size_t maps_in_huge_pages() {
  std::ifstream maps("/proc/self/smaps");
  std::size_t count = 0;
  bool is_ours = false;
  for (std::string line; std::getline(maps, line);) {
    const bool is_first_line = line.find('-') < line.find(':');
    if (is_first_line) is_ours = line.find(store_path()) != std::string::npos;
    const bool has_flags = line.rfind("VmFlags:", 0) == 0;
    if (is_ours && has_flags && line.find(" hg") != std::string::npos) ++count;
  }
  return count;
}

// A segment that was still to be held in huge pages would be read back in pieces of 2 MiB.
TEST(EngineSync, AFullSegmentThatIsNeverSyncedAsksForNoHugePages) {
  Options options;
  options.sync = SyncMode::never;
  options.segment_bytes = kSegmentBytesMin;
  Engine engine = *Engine::open(store_path(), options);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(engine.put("k" + std::to_string(i), Bytes(300, 'v')).ok());
  }
  ASSERT_TRUE(engine.close().ok());
  EXPECT_EQ(maps_in_huge_pages(), 0U);
}

TEST(EngineClose, RefusesRowsThatAScanReadBefore) {
  Engine engine = open_or_die(store_path());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(engine.put("k" + std::to_string(i), "v").ok());
  Scan scan = *engine.scan();
  ASSERT_TRUE(*scan.next());
  ASSERT_TRUE(engine.close().ok());
  for (int i = 0; i < 2; ++i) {
    expect_message(scan.next().status(), Code::invalid_argument, {"closed"});
    EXPECT_EQ(scan.key(), "");
    EXPECT_EQ(scan.value().status().code(), Code::invalid_argument);
  }
}

TEST(EngineClose, RefusesWhatComesAfter) {
  Engine engine = open_or_die(store_path());
  ASSERT_TRUE(engine.put("k", "v").ok());
  Scan scan = *engine.scan();
  ASSERT_TRUE(engine.close().ok());
  for (const Status& status :
       {engine.put("k", "v").status(), engine.get("k").status(), engine.scan().status(),
        engine.sync(), engine.close(), scan.next().status(), engine.write_value().status()}) {
    expect_message(status, Code::invalid_argument, {"closed"});
  }
}

// --- Large values --------------------------------------------------------------------------------

TEST(EngineValues, StreamedOnesAreInvisibleUntilPutAndGarbageIfNever) {
  const std::string path = store_path();
  {
    Engine engine = open_or_die(path);
    ASSERT_TRUE(engine.put("k", "old").ok());
    ValueWriter writer = *engine.write_value();
    ASSERT_TRUE(writer.append(Bytes(3 * kMiB, 'n')).ok());
    const StoredValue value = *writer.finish();
    EXPECT_EQ(value.bytes(), 3 * kMiB);
    EXPECT_EQ(writer.append("more").code(), Code::invalid_argument);
    EXPECT_EQ(writer.finish().status().code(), Code::invalid_argument);
    EXPECT_EQ(*engine.get("k"), "old");
    ASSERT_TRUE(engine.commit(Batch().put("k", value).put("copy", value)).ok());
    EXPECT_EQ(*engine.get("copy"), Bytes(3 * kMiB, 'n'));
    ASSERT_TRUE(engine.remove("k").ok());
    EXPECT_EQ(*engine.get("copy"), Bytes(3 * kMiB, 'n')) << "another key still refers to it";
    const std::uint64_t live = engine.stats().live_bytes;
    ASSERT_TRUE(engine.remove("copy").ok());
    EXPECT_GE(live - engine.stats().live_bytes, 3 * kMiB);
    ValueWriter dropped = *engine.write_value();
    ASSERT_TRUE(dropped.append(Bytes(2 * kMiB, 'd')).ok());
  }
  Engine engine = open_or_die(path);
  EXPECT_EQ(engine.stats().keys, 0U);
  EXPECT_EQ(engine.stats().live_bytes, 0U);
}

TEST(EngineValues, SmallStreamedOnesStayInTheBatch) {
  Engine engine = open_or_die(store_path());
  ValueWriter writer = *engine.write_value();
  ASSERT_TRUE(writer.append("small").ok());
  ASSERT_TRUE(engine.put("k", *writer.finish()).ok());
  EXPECT_EQ(*engine.get("k"), "small");
  EXPECT_EQ(engine.stats().extent_bytes_written, 0U);
  std::optional<ValueReader> reader = *engine.read_value("k");
  EXPECT_EQ(reader->bytes(), 5U);
  EXPECT_EQ(reader->revision(), 1U);
  ASSERT_TRUE(reader->seek(2).ok());
  EXPECT_EQ(*reader->read(), "all");
  EXPECT_EQ(*reader->read(), "");
  EXPECT_EQ(reader->seek(6).code(), Code::invalid_argument);
  EXPECT_FALSE(engine.read_value("absent").value().has_value());
}

TEST(EngineValues, OfAnotherEngineAreRefused) {
  Engine one = open_or_die(store_path());
  Engine two = open_or_die(test_directory() + "/other");
  ValueWriter writer = *one.write_value();
  ASSERT_TRUE(writer.append(Bytes(2 * kMiB, 'v')).ok());
  expect_message(two.put("k", *writer.finish()).status(), Code::invalid_argument, {"another"});
}

// --- Counters (E21) ------------------------------------------------------------------------------

TEST(EngineStats, EqualTheDrivenLoad) {
  Engine engine = open_or_die(store_path());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(engine.put("k" + std::to_string(i), "value").ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(engine.remove("k" + std::to_string(i)).ok());
  ASSERT_TRUE(engine.commit(Batch().put("a", "1").put("b", "2").remove("a")).ok());
  EXPECT_FALSE(engine.commit(Batch().require_absent("b").put("b", "3")).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(engine.get("k" + std::to_string(i)).ok());
  Scan scan = *engine.scan();
  while (*scan.next()) {
  }
  {
    Scan dropped = *engine.scan();
    ASSERT_TRUE(*dropped.next());
    ASSERT_TRUE(*dropped.next());
  }
  const Stats stats = engine.stats();
  EXPECT_EQ(stats.puts, 12U);
  EXPECT_EQ(stats.removes, 5U);
  EXPECT_EQ(stats.batches_committed, 15U);
  EXPECT_EQ(stats.batches_rejected, 1U);
  EXPECT_EQ(stats.conflicts, 1U);
  EXPECT_EQ(stats.batches_unknown, 0U);
  EXPECT_EQ(stats.gets, 10U);
  EXPECT_EQ(stats.gets_found, 6U);
  EXPECT_EQ(stats.scans, 2U);
  EXPECT_EQ(stats.rows_scanned, 9U);
  EXPECT_EQ(stats.keys, 7U);
  EXPECT_EQ(stats.commit_latency.count, 16U);
  EXPECT_EQ(stats.get_latency.count, 1U) << "one of the first 64 is timed";
  EXPECT_GT(stats.get_latency.quantile_ns(0.5), 0U);
  EXPECT_LE(stats.get_latency.quantile_ns(0.5), stats.get_latency.quantile_ns(1.0));
  EXPECT_EQ(stats.syncs, 15U) << "one for each commit of a single writer";
  EXPECT_EQ(stats.groups_written, 15U);
  EXPECT_EQ(stats.last_sequence, 15U);
  EXPECT_EQ(stats.durable_sequence, 15U);
  const std::vector<SegmentInfo> segments = engine.segments();
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].used_bytes - 4096, stats.log_bytes_written);
  EXPECT_EQ(segments[0].entries, 17U);
  EXPECT_EQ(segments[0].live_bytes, stats.live_bytes);
  EXPECT_EQ(segments[0].last_sequence, 15U);
  EXPECT_FALSE(segments[0].sealed);
}

}  // namespace
}  // namespace talea
