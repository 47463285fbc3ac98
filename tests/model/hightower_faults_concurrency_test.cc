// What goes wrong in hightower-kv 0.1.5, done here in the same way. docs/guide/from-hightower-kv.md
// lists all of its faults, and for those that are not here the tests that show the same.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "talea/auth.h"
#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

namespace fs = std::filesystem;

std::string store_path() { return test_directory() + "/store"; }

Engine open_or_die(const Options& options = {}, const std::string& path = store_path()) {
  Result<Engine> engine = Engine::open(path, options);
  if (!engine.ok()) ADD_FAILURE() << engine.status().to_string();
  return *std::move(engine);
}

std::map<Bytes, Bytes> contents(Engine& engine) {
  std::map<Bytes, Bytes> found;
  Scan scan = engine.scan({}).value();
  while (scan.next().value()) found[Bytes(scan.key())] = Bytes(scan.value().value());
  return found;
}

// H3: two stray bytes at the end of the log were tolerated and left, the next record came behind
// them, and the store never opened again.
TEST(HightowerFaults, StrayBytesBehindTheLogDoNotStayInIt) {
  const std::string killed = test_directory() + "/killed";
  std::string file;
  std::uint64_t end = 0;
  {
    Engine engine = open_or_die();
    ASSERT_TRUE(engine.put("k", "v1").ok());
    for (const SegmentInfo& segment : engine.segments()) {
      if (segment.entries == 0) continue;
      file = segment.file;
      end = segment.used_bytes;
    }
    fs::create_directory(killed);  // the files as a kill leaves them
    for (const auto& entry : fs::directory_iterator(store_path())) {
      fs::copy(entry.path(), killed + "/" + entry.path().filename().string());
    }
  }
  {
    std::fstream log(killed + "/" + file, std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(static_cast<std::streamoff>(end));
    log.write("\x17\x03", 2);
    ASSERT_TRUE(log.good());
  }
  for (const char* value : {"v2", "v3", "v4"}) {
    Engine engine = open_or_die({}, killed);
    ASSERT_TRUE(engine.get("k").value().has_value());
    ASSERT_TRUE(engine.put("k", value).ok());
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die({}, killed);
  EXPECT_EQ(engine.get("k").value(), "v4");
}

// H5: versions of users' keys and of the authentication were of two kinds, and a reopen took an
// older value for the newer one.
TEST(HightowerFaults, AUserWhoIsCreatedBetweenTwoPutsUndoesNeither) {
  {
    Engine engine = open_or_die();
    ASSERT_TRUE(engine.put("k", "v1").ok());
    {
      Auth auth = *Auth::open(engine);
      ASSERT_TRUE(auth.create_user({.name = "alice", .password = "correct horse"}).ok());
    }
    ASSERT_TRUE(engine.put("k", "v2").ok());
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die();
  EXPECT_EQ(engine.get("k").value(), "v2");
  Auth auth = *Auth::open(engine);
  EXPECT_TRUE(auth.find_user("alice").value().has_value());
}

// H6: versions were taken before the lock, so the log had another order than they, and keys
// changed their values at a clean reopen.
TEST(HightowerFaults, NoKeyChangesItsValueAtACleanReopen) {
  const std::uint64_t seed = test_seed();
  std::map<Bytes, Bytes> before;
  {
    Options options;
    options.sync = SyncMode::never;
    Engine engine = open_or_die(options);
    std::vector<std::thread> writers;
    writers.reserve(8);
    for (unsigned writer = 0; writer < 8; ++writer) {
      writers.emplace_back([&engine, writer, seed] {
        std::mt19937_64 random(seed + writer);
        for (int i = 0; i < 1000; ++i) {
          const std::string key = "key" + std::to_string(random() % 500);
          const std::string value = std::to_string(writer) + "/" + std::to_string(i);
          EXPECT_TRUE((random() % 8 == 0 ? engine.remove(key) : engine.put(key, value)).ok());
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    before = contents(engine);
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die();
  EXPECT_EQ(contents(engine), before);
}

// H12: a removal left nothing behind, so an older batch that came later won, and a read put the
// removed value back into memory.
TEST(HightowerFaults, NothingOlderComesAfterARemoval) {
  Engine engine = open_or_die();
  ASSERT_TRUE(engine.apply(10, Batch().put("k", "ten")).value());
  ASSERT_TRUE(engine.apply(20, Batch().remove("k")).value());
  EXPECT_FALSE(engine.apply(15, Batch().put("k", "fifteen")).value());
  EXPECT_FALSE(engine.get("k").value().has_value());
  EXPECT_FALSE(engine.get("k").value().has_value());
  EXPECT_TRUE(contents(engine).empty());
}

// H16: the first write beside a snapshot copied the whole index, while all others waited.
TEST(HightowerFaults, AWriteBesideASnapshotCopiesNoIndex) {
  Options options;
  options.sync = SyncMode::never;
  Engine engine = open_or_die(options);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(engine.put("key" + std::to_string(i), "value").ok());
  }
  Snapshot snapshot = engine.snapshot().value();
  const std::uint64_t before = engine.stats().index_bytes;
  ASSERT_TRUE(engine.put("key7", "another").ok());
  const std::uint64_t after = engine.stats().index_bytes;
  // It may have become less: the background gives an old table back when it is done with it.
  EXPECT_LT(after, before + before / 4);
  EXPECT_EQ(snapshot.get("key7").value(), "value");
}

// H17: 3072 bytes of memory for each key of 16 bytes with a value of 100.
TEST(HightowerFaults, AKeyTakesTensOfBytesOfMemory) {
  constexpr std::uint64_t kKeys = 50'000;
  Options options;
  options.sync = SyncMode::never;
  Engine engine = open_or_die(options);
  std::mt19937_64 random(test_seed());
  const std::string value(100, 'v');
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    std::string key(16, '\0');
    for (char& byte : key) byte = static_cast<char>(random());
    ASSERT_TRUE(engine.put(key, value).ok());
  }
  EXPECT_LE(engine.stats().index_bytes / kKeys, 64U);
}

// H21: of several writers who found a segment full each began a new one, and left empty files.
TEST(HightowerFaults, ManyWritersBeginOneSegmentAtATime) {
  Options options;
  options.sync = SyncMode::never;
  options.segment_bytes = 64 * kKiB;
  options.checkpoint_bytes = 0;
  options.compaction_interval = std::chrono::milliseconds(0);
  Engine engine = open_or_die(options);
  std::vector<std::thread> writers;
  writers.reserve(8);
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&engine, writer] {
      for (int i = 0; i < 60; ++i) {
        const std::string key = std::to_string(writer) + "/" + std::to_string(i);
        EXPECT_TRUE(engine.put(key, std::string(4096, 'v')).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::size_t sealed = 0;
  for (const SegmentInfo& segment : engine.segments()) {
    if (!segment.sealed) continue;
    ++sealed;
    EXPECT_GT(segment.entries, 0U) << segment.file;
  }
  EXPECT_GE(sealed, 15U);
}

}  // namespace
}  // namespace talea
