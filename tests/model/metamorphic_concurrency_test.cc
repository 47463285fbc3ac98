// One stream of batches, one state, also while others read, and checkpoints and compaction move
// what they read; on the real disk, with real threads.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/executor.h"
#include "io/posix_file_system.h"
#include "tests/model/batch_stream.h"
#include "tests/model/store_state.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

class MetamorphicConcurrency : public testing::TestWithParam<SyncMode> {};

INSTANTIATE_TEST_SUITE_P(EverySyncMode, MetamorphicConcurrency,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

TEST_P(MetamorphicConcurrency, ReadersAndMaintenanceChangeNothing) {
  const BatchStream stream(test_seed(), 300, /*hash_every=*/1);
  PosixFileSystem file_system;
  SystemClock clock;
  SystemRandom random;
  ThreadExecutor executor;
  Options options;
  options.sync = GetParam();
  options.sync_interval = std::chrono::milliseconds{1};
  options.segment_bytes = kSegmentBytesMin;
  options.live_ratio = 0.9;
  const std::string path = join_path(test_directory(), "store");
  auto store = must(EngineStore::open({file_system, clock, random, executor}, path, options));

  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> rows = 0;
  std::vector<std::thread> threads;
  constexpr int kReaders = 3;
  threads.reserve(kReaders + 2);
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      const Space space = BatchStream::kSpaces[static_cast<std::size_t>(i)];
      do {
        Scan scan = must(store->scan(space, {.reverse = i == 1}));
        while (must(scan.next())) {
          EXPECT_LE(must(scan.revision()), stream.steps().back().sequence);
          must(scan.value());
          must(store->get(space, scan.key()));
          ++rows;
        }
      } while (!done);
    });
  }
  // Whole states, each of which must be the one after some batch, the last one among them.
  std::map<Sequence, StateHash> states;
  threads.emplace_back([&] {
    for (bool last = false; !last;) {
      last = done;
      const auto state = must(store->read_state());
      states[state->last_sequence()] = must(hash_state(*state));
    }
  });
  threads.emplace_back([&] {
    while (!done) {
      EXPECT_TRUE(store->checkpoint().ok());
      EXPECT_TRUE(store->compact().ok());
    }
  });
  for (const BatchStream::Step& step : stream.steps()) {
    EXPECT_TRUE(must(store->apply(step.sequence, step.batch)));
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(rows, 0U);
  for (std::size_t i = 0; i <= stream.steps().size(); ++i) {
    const Sequence sequence = i == 0 ? 0 : stream.steps()[i - 1].sequence;
    const auto seen = states.extract(sequence);
    if (!seen) continue;
    EXPECT_EQ(seen.mapped(), *stream.hash_after(i)) << "after batch " << i;
  }
  EXPECT_TRUE(states.empty()) << "a state was seen that no batch left";

  const StateHash expected = *stream.hash_after(stream.steps().size());
  EXPECT_EQ(must(checked_state_hash(*store, BatchStream::kSpaces)), expected);
  ASSERT_TRUE(store->close().ok());
  store = must(EngineStore::open({file_system, clock, random, executor}, path, options));
  EXPECT_EQ(must(checked_state_hash(*store, BatchStream::kSpaces)), expected);
}

}  // namespace
}  // namespace talea
