// Writers that wait for a bound, beside those who make an end of the waiting. The clock is a manual
// one: it is the test that says when the time is over.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "io/crash_file_system.h"

namespace talea {
namespace {

class WaitingWriter : public testing::Test {
 protected:
  void SetUp() override {
    Options options;
    options.sync = SyncMode::never;
    options.segment_bytes = 64 * kKiB;
    store_ = EngineStore::open({disk_, clock_, random_, executor_}, "store", options,
                               {.undo_changes = 100})
                 .value();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(i).ok());
    snapshot_ = store_->snapshot().value();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(i % 10).ok());
  }
  Status put(int number) {
    return store_->put(Space::user, "key" + std::to_string(number), "value").status();
  }

  CrashFileSystem disk_;
  ManualClock clock_;
  SeededRandom random_{42};
  ManualExecutor executor_;
  std::unique_ptr<EngineStore> store_;
  std::optional<Snapshot> snapshot_;
};

TEST_F(WaitingWriter, GoesOnWhenTheSnapshotEnds) {
  std::atomic<int> done{0};
  std::atomic<bool> early{false};
  std::atomic<bool> ended{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] {
      EXPECT_TRUE(put(i).ok());
      if (!ended.load()) early = true;
      ++done;
    });
  }
  executor_.step_all();
  ended = true;
  snapshot_.reset();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(done.load(), 3);
  EXPECT_FALSE(early.load());
}

TEST_F(WaitingWriter, IsRefusedWhenTheTimeIsOver) {
  std::atomic<bool> done{false};
  Status refused;
  std::thread writer([&] {
    refused = put(1);
    done = true;
  });
  while (!done.load()) {
    clock_.advance_ms(kBoundWaitMs / 10);
    executor_.step_all();
  }
  writer.join();
  EXPECT_EQ(refused.code(), Code::exhausted) << refused.to_string();
  EXPECT_EQ(snapshot_->get("key1").value(), "value");
}

}  // namespace
}  // namespace talea
