// One stream of batches, one state: whatever the sync mode, the size of segments, the points at
// which the store is closed, killed, cut from power, or carried over to another one.
//
// The expected hash is not that of one of the ways, but that of a std::map.
#include <gtest/gtest.h>

#include <functional>

#include "engine/restore.h"
#include "tests/model/batch_stream.h"
#include "tests/model/store_state.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

constexpr std::size_t kBatches = 150;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

StateHash hash_of(EngineStore& store) {
  return must(checked_state_hash(store, BatchStream::kSpaces));
}

// What may happen between two batches.
enum class Event {
  nothing,
  close,
  kill,
  power_cut,
  background_work,
  checkpoint,
  compact,
  clock_jump,
  restore,
  replay,
  rotate_key,
};

// One way to apply a stream.
struct Way {
  Options options = {};
  std::vector<Event> events = {Event::nothing};
  /// Of so many batches one is followed by an event.
  std::uint64_t event_every = 10;
};

class Application {
 public:
  Application(const BatchStream& stream, const Way& way, std::uint64_t seed)
      : stream_(stream), way_(way), random_(seed) {
    store_ = must(world_.open(way_.options));
  }

  void run() {
    while (applied_ < stream_.steps().size() && !testing::Test::HasFailure()) {
      const BatchStream::Step& step = stream_.steps()[applied_];
      ASSERT_TRUE(must(store_->apply(step.sequence, step.batch)));
      ++applied_;
      if (random_.next_u64() % way_.event_every == 0) {
        happen(way_.events[random_.next_u64() % way_.events.size()]);
      }
      check();
    }
    happen(Event::close);
    check();
  }

 private:
  void check() {
    const std::optional<StateHash>& expected = stream_.hash_after(applied_);
    if (!expected) return;
    ASSERT_EQ(hash_of(*store_), *expected) << "after batch " << applied_;
  }

  void happen(Event event) {
    switch (event) {
      case Event::nothing: break;
      case Event::background_work: world_.executor->step_all(); break;
      case Event::checkpoint: ASSERT_TRUE(store_->checkpoint().ok()); break;
      case Event::compact: ASSERT_TRUE(store_->compact().ok()); break;
      case Event::rotate_key: ASSERT_TRUE(store_->rotate_data_key().ok()); break;
      case Event::clock_jump: {
        const std::uint64_t now = world_.clock->wall_ms();
        world_.clock->set_wall_ms(now - 500'000 + random_.next_u64() % 1'000'000);
        break;
      }
      case Event::close:
        ASSERT_TRUE(store_->close().ok());
        reopen();
        break;
      case Event::kill:
        world_.disk->kill_process();
        reopen();
        break;
      case Event::power_cut:
        world_.disk->power_cut(random_.next_u64());
        reopen();
        go_on_after_loss();
        break;
      case Event::replay: replay_some(); break;
      case Event::restore: carry_over(); break;
    }
  }

  void reopen() {
    store_ = nullptr;
    store_ = must(world_.open(way_.options));
  }

  // Where it was not synced, the end of the stream may be gone. What is left is a whole prefix.
  void go_on_after_loss() {
    const Sequence last = store_->recovery().last_sequence;
    const std::size_t before = applied_;
    while (applied_ > 0 && stream_.steps()[applied_ - 1].sequence > last) --applied_;
    if (way_.options.sync != SyncMode::always) return;
    ASSERT_EQ(applied_, before);
  }

  // Batches that were applied before are ignored.
  void replay_some() {
    const std::size_t from = random_.next_u64() % applied_;
    for (std::size_t i = from; i < std::min(applied_, from + 5); ++i) {
      const BatchStream::Step& step = stream_.steps()[i];
      EXPECT_FALSE(must(store_->apply(step.sequence, step.batch)));
    }
  }

  // Goes on in another store, on another machine, that was restored from this one.
  void carry_over() {
    Bytes carried;
    auto state = must(store_->read_state());
    const Sequence last = state->last_sequence();
    const StateHash hash = must(write_state_stream(*state, sink_to(carried)));
    state = nullptr;
    CrashWorld other;
    const auto reader = must(StateStreamReader::open(source_of(carried)));
    const std::uint64_t buffer_bytes = 1 + random_.next_u64() % 1'000'000;
    EXPECT_EQ(must(restore_directory(other.seams(), CrashWorld::kPath, way_.options, *reader,
                                     buffer_bytes)),
              hash);
    store_ = nullptr;
    world_ = std::move(other);
    store_ = must(world_.open(way_.options));
    EXPECT_EQ(store_->stats().last_sequence, last);
  }

  const BatchStream& stream_;
  const Way way_;
  SeededRandom random_;
  CrashWorld world_;
  std::unique_ptr<EngineStore> store_;
  std::size_t applied_ = 0;
};

class Metamorphic : public testing::Test {
 protected:
  // Applies one stream in one way, a few times with other luck.
  static void apply(const Way& way) {
    const std::uint64_t seed = test_seed();
    const BatchStream stream(seed, kBatches);
    for (std::uint64_t luck = 0; luck < 2 && !HasFailure(); ++luck) {
      Application(stream, way, seed + luck).run();
    }
  }
};

Options options_with(SyncMode sync, std::uint64_t segment_bytes) {
  Options options;
  options.sync = sync;
  options.segment_bytes = segment_bytes;
  return options;
}

TEST_F(Metamorphic, EverySyncModeAndSizeOfSegments) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::interval, SyncMode::never}) {
    for (const std::uint64_t segment_bytes : {kSegmentBytesMin, 1 * kMiB, 64 * kMiB}) {
      SCOPED_TRACE(std::string(sync_mode_name(sync)) + " " + std::to_string(segment_bytes));
      apply({.options = options_with(sync, segment_bytes),
             .events = {Event::background_work, Event::clock_jump}});
    }
  }
}

TEST_F(Metamorphic, ReopenedAtAnyPoint) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::never}) {
    apply({.options = options_with(sync, kSegmentBytesMin),
           .events = {Event::close, Event::kill},
           .event_every = 5});
  }
}

TEST_F(Metamorphic, CutFromPowerAtAnyPoint) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::interval, SyncMode::never}) {
    SCOPED_TRACE(sync_mode_name(sync));
    apply({.options = options_with(sync, kSegmentBytesMin),
           .events = {Event::power_cut, Event::background_work},
           .event_every = 8});
  }
}

TEST_F(Metamorphic, CompactedAndCheckpointedAtAnyPoint) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::never}) {
    Options options = options_with(sync, kSegmentBytesMin);
    options.live_ratio = 0.9;
    apply(
        {.options = options,
         .events = {Event::checkpoint, Event::compact, Event::close, Event::kill, Event::power_cut},
         .event_every = 5});
  }
}

TEST_F(Metamorphic, WithAnIndexThatDoesNotFitIntoMemory) {
  Options options = options_with(SyncMode::interval, kSegmentBytesMin);
  options.memory_budget = kMiB;
  options.checkpoint_bytes = kMiB;
  apply(
      {.options = options,
       .events = {Event::background_work, Event::background_work, Event::checkpoint, Event::close},
       .event_every = 3});
}

TEST_F(Metamorphic, AppliedTwice) {
  apply({.options = options_with(SyncMode::never, kSegmentBytesMin), .events = {Event::replay}});
}

TEST_F(Metamorphic, CarriedOverToOtherStores) {
  apply({.options = options_with(SyncMode::never, 1 * kMiB),
         .events = {Event::restore, Event::replay},
         .event_every = 20});
}

TEST_F(Metamorphic, AllOfThatTogether) {
  apply({.options = options_with(SyncMode::interval, kSegmentBytesMin),
         .events = {Event::close, Event::kill, Event::power_cut, Event::background_work,
                    Event::checkpoint, Event::compact, Event::clock_jump, Event::restore,
                    Event::replay},
         .event_every = 6});
}

TEST_F(Metamorphic, Encrypted) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::interval}) {
    Options options = options_with(sync, kSegmentBytesMin);
    options.encryption.key_source = []() -> Result<Bytes> { return Bytes(32, 'k'); };
    options.live_ratio = 0.9;
    options.compress_from_bytes = 64;
    apply({.options = options,
           .events = {Event::close, Event::kill, Event::power_cut, Event::background_work,
                      Event::checkpoint, Event::compact, Event::restore, Event::replay,
                      Event::rotate_key},
           .event_every = 5});
  }
}

// The relations above would hold for a hash that sees nothing.
TEST_F(Metamorphic, ABatchLessIsAnotherHash) {
  const BatchStream stream(test_seed(), 100);
  CrashWorld world;
  const auto store = must(world.open(options_with(SyncMode::never, 1 * kMiB)));
  std::size_t different = 0;
  for (std::size_t i = 0; i < stream.steps().size(); ++i) {
    const BatchStream::Step& step = stream.steps()[i];
    must(store->apply(step.sequence, step.batch));
    const std::optional<StateHash>& next = stream.hash_after(i + 1);
    if (i + 1 < stream.steps().size() && stream.hash_after(i + 2)) {
      if (hash_of(*store) != *stream.hash_after(i + 2)) ++different;
    }
    if (!next) continue;
    EXPECT_EQ(hash_of(*store), *next);
  }
  EXPECT_GE(different, 5U);  // of ten; a batch may come to nothing
}

}  // namespace
}  // namespace talea
