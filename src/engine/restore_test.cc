#include "engine/restore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "engine/engine_store.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"
#include "store/state_testing.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using testing::HasSubstr;
using Fault = CrashFileSystem::Fault;

constexpr auto kInternal = static_cast<Space>(300);
constexpr const char* kPath = "/store";

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

struct World {
  World() = default;
  explicit World(std::unique_ptr<CrashFileSystem> of) : disk(std::move(of)) {}
  Seams seams() { return {*disk, clock, random, executor}; }
  Result<std::unique_ptr<EngineStore>> open(Options options = {}) {
    options.create_if_missing = false;
    return EngineStore::open(seams(), kPath, options);
  }
  std::unique_ptr<CrashFileSystem> disk = std::make_unique<CrashFileSystem>();
  ManualClock clock{1000};
  SeededRandom random{7};
  ManualExecutor executor;
};

// Rows of all kinds: several of one batch, two spaces, small, empty and large values.
MemoryState sample(std::size_t rows = 200) {
  SeededRandom random(test_seed());
  MemoryState state{.last_sequence = 1500, .last_time_ms = 90'000'000};
  for (std::size_t i = 0; i < rows; ++i) {
    const Sequence revision = 1 + random.next_u64() % 1000;
    state.rows[{i % 5 == 0 ? kInternal : Space::user, "key" + std::to_string(i)}] = {
        Bytes(random.next_u64() % 3000, static_cast<char>('a' + i % 26)), revision,
        revision * 60'000};
  }
  state.rows[{Space::user, "empty"}] = {"", 77, 77 * 60'000};
  state.rows[{Space::user, "limit"}] = {Bytes(kInlineValueBytesMax, 'i'), 78, 78 * 60'000};
  state.rows[{Space::user, "large"}] = {Bytes(3 * kMiB + 5, 'l'), 79, 79 * 60'000};
  state.rows[{kInternal, "large"}] = {Bytes(kInlineValueBytesMax + 1, 'L'), 79, 79 * 60'000};
  return state;
}

// The same with little to write, for what is done hundreds of times.
MemoryState light_sample() {
  MemoryState state = sample(100);
  std::erase_if(state.rows, [](const auto& row) { return row.second.bytes.size() > 3000; });
  state.rows[{kInternal, "large"}] = {Bytes(kInlineValueBytesMax + 1, 'L'), 79, 79 * 60'000};
  return state;
}

Bytes stream_of(const MemoryState& state) {
  MemoryStateReader reader(state);
  Bytes stream;
  must(write_state_stream(reader, sink_to(stream)));
  return stream;
}

StateHash hash_of(const MemoryState& state) {
  MemoryStateReader reader(state);
  return must(hash_state(reader));
}

Result<StateHash> restore(World& world, BytesView stream, const Options& options = {},
                          std::uint64_t buffer_bytes = kRestoreBufferBytes) {
  const auto reader = TALEA_TRY(StateStreamReader::open(source_of(stream)));
  return restore_directory(world.seams(), kPath, options, *reader, buffer_bytes);
}

// The store holds the rows of `state` in the space, and no others.
void expect_space(EngineStore& store, const MemoryState& state, Space space) {
  Scan scan = must(store.scan(space, {}));
  for (const auto& [place, value] : state.rows) {
    if (place.first != space) continue;
    ASSERT_TRUE(must(scan.next()));
    EXPECT_EQ(scan.key(), place.second);
    EXPECT_TRUE(must(scan.value()) == value.bytes) << place.second;
    EXPECT_EQ(must(scan.revision()), value.revision);
  }
  EXPECT_FALSE(must(scan.next()));
}

void expect_store(World& world, const MemoryState& state) {
  const auto store = must(world.open());
  expect_space(*store, state, Space::user);
  expect_space(*store, state, kInternal);
  EXPECT_EQ(store->stats().keys, state.rows.size());
  EXPECT_EQ(store->stats().last_sequence, state.last_sequence);
  EXPECT_EQ(store->recovery().bytes_dropped, 0U);
}

TEST(Restore, AStoreHoldsWhatTheStreamHeld) {
  const MemoryState state = sample();
  const Bytes stream = stream_of(state);
  for (const std::uint64_t buffer_bytes : {std::uint64_t{10'000}, kRestoreBufferBytes}) {
    for (const std::uint64_t segment_bytes : {kSegmentBytesMin, 64 * kMiB}) {
      World world;
      Options options;
      options.segment_bytes = segment_bytes;
      EXPECT_EQ(must(restore(world, stream, options, buffer_bytes)), hash_of(state));
      world.disk->power_cut_losing_everything_unsynced();  // it is durable
      expect_store(world, state);
      const VerifyReport report = must(verify_directory(world.seams(), kPath, {}));
      EXPECT_TRUE(report.findings.empty());
      EXPECT_EQ(report.keys, state.rows.size());
      // Scratch files are gone, and segments are as long as they say.
      for (const std::string& name : must(world.disk->list(kPath))) {
        EXPECT_EQ(name.find(".data"), std::string::npos) << name;
      }
    }
  }
}

TEST(Restore, TheSequenceAndTheTimeGoOn) {
  World world;
  must(restore(world, stream_of(sample())));
  {
    const auto store = must(world.open());
    EXPECT_EQ(must(store->put(Space::user, "next", "x")), 1501U);
    EXPECT_FALSE(must(store->apply(1501, Batch().put("next", "y"))));
    ASSERT_TRUE(store->close().ok());
  }
  // The clock of this machine is far behind the last time of the stream.
  const Manifest manifest = must(read_manifest(*world.disk, kPath));
  EXPECT_EQ(manifest.last_now, 90'000'000U);
  const auto store = must(world.open());
  EXPECT_EQ(must(store->get(Space::user, "next"))->revision, 1501U);
}

TEST(Restore, AnEmptyStateIsAStore) {
  World world;
  must(restore(world, stream_of({.rows = {}, .last_sequence = 12, .last_time_ms = 34})));
  const auto store = must(world.open());
  EXPECT_EQ(store->stats().keys, 0U);
  EXPECT_EQ(must(store->put(Space::user, "a", "b")), 13U);
}

// --- What is refused ----------------------------------------------------------------------------

TEST(Restore, OnlyIntoAnEmptyDirectory) {
  const Bytes stream = stream_of(sample(3));
  World foreign;
  ASSERT_TRUE(foreign.disk->write_file("/store/letter.txt", "dear").ok());
  const Status refused = restore(foreign, stream).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_THAT(refused.message(), HasSubstr("letter.txt"));
  EXPECT_EQ(must(foreign.disk->list(kPath)), std::vector<std::string>{"letter.txt"});

  World world;
  must(restore(world, stream));
  const std::vector<std::string> names = must(world.disk->list(kPath));
  EXPECT_EQ(restore(world, stream).status().code(), Code::invalid_argument);
  EXPECT_EQ(must(world.disk->list(kPath)), names);

  World empty;
  ASSERT_TRUE(empty.disk->create_directory(kPath).ok());
  must(restore(empty, stream));
}

TEST(Restore, ItsDirectoryIsLockedMeanwhile) {
  World world;
  const MemoryState state = sample(3);
  const Bytes stream = stream_of(state);
  bool asked = false;
  StateSource source = source_of(stream);
  const auto reader = must(StateStreamReader::open([&](char* out, std::size_t bytes) {
    if (must(world.disk->exists("/store/LOCK")) && !asked) {
      asked = true;
      EXPECT_EQ(EngineStore::open(world.seams(), kPath, {}).status().code(), Code::unavailable);
      EXPECT_EQ(restore(world, stream).status().code(), Code::unavailable);
    }
    return source(out, bytes);
  }));
  must(restore_directory(world.seams(), kPath, {}, *reader));
  EXPECT_TRUE(asked);
  expect_store(world, state);
}

// Nothing is left but the lock, so that it can be done again.
void expect_nothing(World& world) {
  for (const std::string& name : must(world.disk->list(kPath))) {
    EXPECT_TRUE(name == "LOCK" || name == "MANIFEST.tmp") << name;
  }
}

TEST(Restore, ADamagedStreamMakesNoStore) {
  const MemoryState state = light_sample();
  const Bytes stream = stream_of(state);
  for (std::size_t at = 70; at < stream.size(); at += stream.size() / 20) {
    World world;
    Bytes damaged = stream;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_EQ(restore(world, damaged).status().code(), Code::corruption);
    expect_nothing(world);
    EXPECT_EQ(restore(world, BytesView(stream).substr(0, at)).status().code(), Code::corruption);
    expect_nothing(world);
    EXPECT_EQ(must(restore(world, stream)), hash_of(state));  // the same directory
    expect_store(world, state);
  }
}

TEST(Restore, AStateThatNoStoreCanHaveHadIsRefused) {
  World world;
  MemoryState two_times = {
      .rows = {{{Space::user, "a"}, {"v", 5, 100}}, {{Space::user, "b"}, {"v", 5, 101}}}};
  EXPECT_EQ(restore(world, stream_of(two_times)).status().code(), Code::corruption);
  MemoryState back_in_time = {
      .rows = {{{Space::user, "a"}, {"v", 5, 100}}, {{Space::user, "b"}, {"v", 6, 99}}}};
  EXPECT_EQ(restore(world, stream_of(back_in_time)).status().code(), Code::corruption);
  expect_nothing(world);
}

// --- Failures -----------------------------------------------------------------------------------

TEST(Restore, EveryFailingCallMakesNoStoreOrAWholeOne) {
  const MemoryState state = light_sample();
  const Bytes stream = stream_of(state);
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  std::uint64_t calls = 0;
  {
    World world;
    must(restore(world, stream, options, 20'000));
    calls = world.disk->counted_calls();
  }
  std::uint64_t whole = 0;
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    for (std::uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      World world;
      world.disk->fail_at(call, fault);
      const Result<StateHash> restored = restore(world, stream, options, 20'000);
      world.disk->clear_faults();
      if (restored.ok()) {
        EXPECT_EQ(*restored, hash_of(state));
      } else if (must(world.disk->exists(kPath)) && !must(world.disk->exists("/store/MANIFEST"))) {
        expect_nothing(world);
        must(restore(world, stream, options, 20'000));
      } else if (!must(world.disk->exists(kPath))) {
        continue;
      }
      expect_store(world, state);
      ++whole;
    }
  }
  EXPECT_GT(whole, 3 * calls / 2);
}

TEST(Restore, APowerCutAtEveryCallLeavesNoStoreOrAWholeOne) {
  const MemoryState state = light_sample();
  const Bytes stream = stream_of(state);
  Options options;
  options.segment_bytes = kSegmentBytesMin;
  std::uint64_t calls = 0;
  {
    World world;
    must(restore(world, stream, options, 20'000));
    calls = world.disk->counted_calls();
  }
  std::uint64_t stores = 0;
  for (std::uint64_t call = 1; call <= calls + 1; ++call) {
    World world;
    world.disk->fail_at(call, Fault::crash);
    const bool restored = restore(world, stream, options, 20'000).ok();
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE("call " + std::to_string(call) + " seed " + std::to_string(seed));
      World after(world.disk->clone());
      after.disk->power_cut(seed);
      const auto opened = after.open();
      if (opened.ok()) {
        ++stores;
      } else {
        EXPECT_FALSE(restored) << opened.status().to_string();
        // Nothing there, or files of which nobody knows whether they are all.
        EXPECT_TRUE(opened.status().code() == Code::not_found ||
                    opened.status().code() == Code::corruption)
            << opened.status().to_string();
        EXPECT_FALSE(must(after.disk->exists("/store/MANIFEST")));
        continue;
      }
      EXPECT_EQ((*opened)->stats().keys, state.rows.size());
      expect_space(**opened, state, Space::user);
      expect_space(**opened, state, kInternal);
    }
  }
  EXPECT_GT(stores, 3U);
}

}  // namespace
}  // namespace talea
