// Commits that nobody waits for: each is told once what became of it, after it is as durable as the
// mode says, and those that wait and those that do not share groups.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/engine_store.h"
#include "tests/support/crash_world.h"
#include "tests/support/forwarding_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Options with(SyncMode mode) {
  Options options;
  options.sync = mode;
  options.segment_bytes = 256 * kKiB;
  return options;
}

Batch put(const Bytes& key, const Bytes& value) {
  Batch batch;
  batch.put(key, value);
  return batch;
}

void wait_for(const std::atomic<bool>& flag) { flag.wait(false); }
void set(std::atomic<bool>& flag) {
  flag = true;
  flag.notify_all();
}

// Collects outcomes, in the order in which they are told.
class Outcomes {
 public:
  Completion next() {
    ++asked_;
    return [this](Result<Sequence> outcome) {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
      told_.fetch_add(1);
      told_.notify_all();
    };
  }
  const std::vector<Result<Sequence>>& wait() {
    for (std::size_t told = told_; told < asked_; told = told_) told_.wait(told);
    return outcomes_;
  }

 private:
  std::size_t asked_ = 0;
  std::mutex mutex_;
  std::vector<Result<Sequence>> outcomes_;
  std::atomic<std::size_t> told_{0};
};

class CommitAsync : public testing::TestWithParam<SyncMode> {
 protected:
  void SetUp() override { open(); }
  void open() { store_ = world_.open(with(GetParam())).value(); }
  Bytes got(const Bytes& key) {
    const auto found = store_->get(Space::user, key);
    EXPECT_TRUE(found.ok()) << found.status().to_string();
    return found.ok() && *found ? (*found)->value : Bytes("absent");
  }

  CrashWorld world_;
  std::unique_ptr<EngineStore> store_;
};

TEST_P(CommitAsync, TellsTheSequencesInTheirOrder) {
  Outcomes outcomes;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(
        store_->commit_async(put("key" + std::to_string(i), "value"), outcomes.next()).ok());
  }
  Sequence expected = 0;
  for (const Result<Sequence>& outcome : outcomes.wait()) {
    ASSERT_TRUE(outcome.ok()) << outcome.status().to_string();
    ASSERT_EQ(*outcome, ++expected);
  }
  EXPECT_EQ(expected, 2000U);
  EXPECT_EQ(got("key1999"), "value");
  const Stats stats = store_->stats();
  EXPECT_EQ(stats.puts, 2000U);
  EXPECT_EQ(stats.batches_committed, 2000U);
  if (GetParam() == SyncMode::always) {
    EXPECT_LT(stats.syncs, 2000U) << "no two shared a sync";
  }
}

TEST_P(CommitAsync, WhatIsToldIsThereAndSurvivesAsTheModeSays) {
  const std::uint64_t seed = test_seed();
  std::atomic<int> wrong{0};
  Outcomes outcomes;
  for (int i = 0; i < 300; ++i) {
    const Bytes key = "key" + std::to_string(i);
    ASSERT_TRUE(store_
                    ->commit_async(put(key, "value"),
                                   [&, key, done = outcomes.next()](Result<Sequence> outcome) {
                                     const bool is_durable =
                                         GetParam() != SyncMode::always ||
                                         store_->stats().durable_sequence >= outcome.value();
                                     const auto found = store_->get(Space::user, key);
                                     if (!found.ok() || !*found || !is_durable) ++wrong;
                                     done(std::move(outcome));
                                   })
                    .ok());
  }
  outcomes.wait();
  EXPECT_EQ(wrong, 0);
  if (GetParam() != SyncMode::always) {
    ASSERT_TRUE(store_->sync().ok());
  }
  world_.disk->power_cut(seed);
  store_.reset();
  open();
  for (int i = 0; i < 300; ++i) ASSERT_EQ(got("key" + std::to_string(i)), "value");
}

TEST_P(CommitAsync, AConflictIsToldAndChangesNothing) {
  Outcomes outcomes;
  Batch batch = put("key", "first");
  batch.require_absent("key");
  ASSERT_TRUE(store_->commit_async(batch, outcomes.next()).ok());
  // Rests on the one before, which may be queued.
  Batch second = put("key", "second");
  second.require_absent("key");
  ASSERT_TRUE(store_->commit_async(second, outcomes.next()).ok());
  Batch check;
  check.require_present("key");
  ASSERT_TRUE(store_->commit_async(check, outcomes.next()).ok());
  const auto& told = outcomes.wait();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(std::ranges::count_if(told, [](const auto& outcome) { return outcome.ok(); }), 2);
  EXPECT_EQ(
      std::ranges::count_if(
          told, [](const auto& outcome) { return outcome.status().code() == Code::conflict; }),
      1);
  EXPECT_EQ(got("key"), "first");
  EXPECT_EQ(store_->stats().last_sequence, 1U);
  EXPECT_EQ(store_->stats().conflicts, 1U);
}

TEST_P(CommitAsync, WhatIsWrongWithTheCallIsReturnedAndNotTold) {
  const auto never = [](const Result<Sequence>&) { FAIL() << "told"; };
  EXPECT_EQ(store_->commit_async(put("", "value"), never).code(), Code::invalid_argument);
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(store_->commit_async(put("key", "value"), never).code(), Code::invalid_argument);
}

TEST_P(CommitAsync, MayBeCalledByWhoIsTold) {
  std::atomic<int> left{500};
  std::function<void(Result<Sequence>)> next = [&](const Result<Sequence>& outcome) {
    EXPECT_TRUE(outcome.ok());
    const int number = --left;
    if (number == 0) return left.notify_all();
    EXPECT_TRUE(store_->commit_async(put(std::to_string(number), "value"), next).ok());
  };
  ASSERT_TRUE(store_->commit_async(put("first", "value"), next).ok());
  for (int now = left; now != 0; now = left) left.wait(now);
  EXPECT_EQ(store_->stats().last_sequence, 500U);
}

TEST_P(CommitAsync, LargeValuesGoAlong) {
  Outcomes outcomes;
  const Bytes large(3 * kMiB, 'v');
  ASSERT_TRUE(store_->commit_async(put("large", large), outcomes.next()).ok());
  ASSERT_TRUE(outcomes.wait()[0].ok());
  EXPECT_EQ(got("large"), large);
}

TEST_P(CommitAsync, ClosingTellsAll) {
  std::atomic<int> told{0};
  std::atomic<int> committed{0};
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(store_
                    ->commit_async(put("key" + std::to_string(i), "value"),
                                   [&](const Result<Sequence>& outcome) {
                                     ++told;
                                     committed += outcome.ok() ? 1 : 0;
                                   })
                    .ok());
  }
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(told, 500);
  EXPECT_EQ(committed, 500);
  store_.reset();
  open();
  EXPECT_EQ(store_->stats().keys, 500U);
}

TEST_P(CommitAsync, AFailureIsToldToAllThatItMeets) {
  ASSERT_TRUE(store_->put(Space::user, "before", "value").ok());
  world_.disk->set_read_only(true);
  std::atomic<std::uint64_t> committed{0};
  std::atomic<std::uint64_t> failed{0};
  std::uint64_t accepted = 0;
  for (int i = 0; i < 100; ++i) {
    const Status status = store_->commit_async(
        put("key" + std::to_string(i), Bytes(10'000, 'v')),
        [&](const Result<Sequence>& outcome) { ++(outcome.ok() ? committed : failed); });
    // When the log is broken nothing more is accepted.
    accepted += status.ok() ? 1U : 0U;
  }
  (void)store_->close().ok();
  EXPECT_GT(failed, 0U);
  EXPECT_EQ(committed + failed, accepted);
  store_.reset();
  world_.disk->set_read_only(false);
  open();
  EXPECT_EQ(store_->stats().keys, 1 + committed);
}

TEST_P(CommitAsync, SharesGroupsWithThoseThatWait) {
  constexpr int kThreads = 3;
  constexpr int kWrites = 400;
  Outcomes outcomes[kThreads];
  std::vector<std::thread> threads;
  threads.reserve(2 * kThreads);
  std::atomic<int> failed{0};
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < kWrites; ++i) {
        const Bytes key = "async" + std::to_string(number) + "/" + std::to_string(i);
        if (!store_->commit_async(put(key, "value"), outcomes[number].next()).ok()) ++failed;
      }
    });
    threads.emplace_back([&, number] {
      for (int i = 0; i < kWrites; ++i) {
        const Bytes key = "waiting" + std::to_string(number) + "/" + std::to_string(i);
        if (!store_->put(Space::user, key, "value").ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (Outcomes& each : outcomes) {
    for (const auto& outcome : each.wait()) failed += outcome.ok() ? 0 : 1;
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(store_->stats().keys, 2U * kThreads * kWrites);
  store_.reset();
  open();
  EXPECT_EQ(store_->stats().keys, 2U * kThreads * kWrites);
}

// --- Slow callbacks ------------------------------------------------------------------------------

// The first callback does not end before somebody says so; the others note that they were told.
class SlowCallback : public testing::Test {
 protected:
  void SetUp() override {
    store_ = world_.open(with(SyncMode::never)).value();
    ASSERT_TRUE(store_
                    ->commit_async(put("first", "v"),
                                   [this](const Result<Sequence>& outcome) {
                                     set(in_callback_);
                                     wait_for(end_callback_);
                                     note(outcome);
                                   })
                    .ok());
    accepted_ = 1;
    wait_for(in_callback_);
  }
  Status commit() {
    TALEA_TRY(store_->commit_async(put("key", "v"),
                                   [this](const Result<Sequence>& outcome) { note(outcome); }));
    if (++accepted_ == kAcceptedMax) set(all_accepted_);
    return {};
  }
  void note(const Result<Sequence>& outcome) {
    ++told_;
    if (!outcome.ok() || *outcome != told_) ++wrong_;  // once each, in their order
  }
  void end_callback() { set(end_callback_); }
  static constexpr std::uint64_t kAcceptedMax = 1 + Sequencer::kToldMax;
  CrashWorld world_;
  std::unique_ptr<EngineStore> store_;
  std::atomic<bool> in_callback_{false};
  std::atomic<bool> end_callback_{false};
  std::atomic<bool> all_accepted_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> told_{0};
  std::atomic<std::uint64_t> wrong_{0};
};

TEST_F(SlowCallback, HoldsUpWhoCommitsMoreThanAreTold) {
  constexpr std::uint64_t kCommits = kAcceptedMax + 5000;
  std::thread committing([this] {
    while (accepted_ < kCommits) ASSERT_TRUE(commit().ok());
  });
  wait_for(all_accepted_);
  // So that more would be accepted by now, as a rule, if nothing held them up.
  for (int i = 0; i < 50; ++i) std::this_thread::yield();
  EXPECT_EQ(accepted_, kAcceptedMax);  // the next has to wait
  EXPECT_EQ(store_->stats().last_sequence, kAcceptedMax);
  end_callback();
  committing.join();
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(told_, kCommits);
  EXPECT_EQ(wrong_, 0U);
}

TEST_F(SlowCallback, LetsGoOfWhoWaitsForItWhenTheStoreCloses) {
  std::thread committing([this] {
    Status refused;
    while (refused.ok()) refused = commit();
    EXPECT_EQ(refused.code(), Code::invalid_argument) << refused.to_string();
    end_callback();  // and never, if nobody lets go
  });
  wait_for(all_accepted_);
  ASSERT_TRUE(store_->close().ok());
  committing.join();
  EXPECT_EQ(accepted_, kAcceptedMax);
  EXPECT_EQ(told_, kAcceptedMax);
  EXPECT_EQ(wrong_, 0U);
  store_.reset();
  store_ = world_.open(with(SyncMode::never)).value();
  EXPECT_EQ(store_->stats().last_sequence, kAcceptedMax);
}

// The thread that tells is the only one that makes room.
TEST_F(SlowCallback, MayItselfCommitMoreThanAreTold) {
  while (accepted_ < kAcceptedMax) ASSERT_TRUE(commit().ok());
  std::atomic<bool> committed{false};
  std::thread committing([this] { EXPECT_TRUE(commit().ok()); });
  end_callback();
  committing.join();
  ASSERT_TRUE(store_
                  ->commit_async(put("key", "v"),
                                 [&](const Result<Sequence>& outcome) {
                                   note(outcome);
                                   for (std::uint64_t i = 0; i < kAcceptedMax + 10; ++i) {
                                     if (!commit().ok()) ++wrong_;
                                   }
                                   set(committed);
                                 })
                  .ok());
  ++accepted_;
  wait_for(committed);
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(told_, accepted_);
  EXPECT_EQ(wrong_, 0U);
}

// A callback that meets a bound for writers cannot wait: who ends the waiting may wait for it.
TEST(CallbackAtABound, IsRefusedAtOnce) {
  for (const int threads : {0, 1}) {
    for (const SyncMode mode : {SyncMode::always, SyncMode::never}) {
      SCOPED_TRACE(std::to_string(threads) + " threads, " + std::string(sync_mode_name(mode)));
      CrashWorld world;  // whose clock stands still: a wait would be for ever
      Options options = with(mode);
      options.worker_threads = static_cast<std::uint32_t>(threads);
      auto store =
          EngineStore::open(world.seams(), CrashWorld::kPath, options, {.undo_changes = 10})
              .value();
      for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(store->put(Space::user, "key" + std::to_string(i), "v").ok());
      }
      std::optional<Snapshot> snapshot = store->snapshot().value();
      std::vector<Status> refused;
      std::atomic<bool> told{false};
      Batch overwrites;  // as many as the bound allows
      for (int i = 0; i < 10; ++i) overwrites.put("key" + std::to_string(i), "newer");
      ASSERT_TRUE(
          store
              ->commit_async(overwrites,
                             [&](const Result<Sequence>& outcome) {
                               EXPECT_TRUE(outcome.ok()) << outcome.status().to_string();
                               refused.push_back(store->put(Space::user, "key1", "v").status());
                               refused.push_back(store->remove(Space::user, "key1").status());
                               refused.push_back(
                                   store->commit(Batch().put("key1", "v"), nullptr).status());
                               refused.push_back(store->commit_async(
                                   Batch().put("key1", "v"), [](const Result<Sequence>&) {
                                     ADD_FAILURE() << "told of what was refused";
                                   }));
                               set(told);
                             })
              .ok());
      wait_for(told);
      ASSERT_EQ(refused.size(), 4U);
      for (const Status& status : refused) {
        EXPECT_EQ(status.code(), Code::exhausted) << status.to_string();
        EXPECT_NE(status.message().find("the limit is 10"), BytesView::npos) << status.to_string();
      }
      EXPECT_EQ(store->stats().batches_rejected, 4U);
      EXPECT_EQ(snapshot->get("key1").value(), "v");
      snapshot.reset();
      EXPECT_TRUE(store->put(Space::user, "key1", "newest").ok());
      ASSERT_TRUE(store->close().ok());
    }
  }
}

// --- No thread for the callbacks -----------------------------------------------------------------

// A machine that gives threads, or does not.
class ThreadsOfATest final : public Executor {
 public:
  explicit ThreadsOfATest(Executor& steps) : steps_(steps) {}
  bool gives_threads = true;

  Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                              std::function<void()> step) override {
    return steps_.every(period, std::move(step));
  }
  Result<std::thread> start(std::function<void()> work) override {
    if (!gives_threads) return Status::exhausted("the test gives no more threads");
    return Executor::start(std::move(work));
  }

 private:
  Executor& steps_;
};

TEST(WithoutAThread, ACommitIsRefusedAndTheNextOneServedWhenThereIsOne) {
  CrashWorld world;
  ThreadsOfATest threads(*world.executor);
  auto store = EngineStore::open({*world.disk, *world.clock, *world.random, threads},
                                 CrashWorld::kPath, with(SyncMode::always))
                   .value();
  threads.gives_threads = false;
  const auto never = [](const Result<Sequence>&) { ADD_FAILURE() << "told of what was refused"; };
  for (const Bytes& value : {Bytes("v"), Bytes(2 * kMiB, 'v')}) {
    const Status refused = store->commit_async(put("refused", value), never);
    EXPECT_EQ(refused.code(), Code::exhausted) << refused.to_string();
    EXPECT_NE(refused.message().find("threads"), BytesView::npos) << refused.to_string();
  }
  EXPECT_EQ(store->stats().extent_bytes_written, 0U) << "refused before the disk is filled";
  EXPECT_EQ(store->put(Space::user, "waits", "v").value(), 1U);
  threads.gives_threads = true;
  Outcomes outcomes;
  ASSERT_TRUE(store->commit_async(put("told", "v"), outcomes.next()).ok());
  EXPECT_EQ(outcomes.wait()[0].value(), 2U);
  ASSERT_TRUE(store->close().ok());
  store.reset();
  EXPECT_EQ(contents_of(*world.open(with(SyncMode::always)).value()).value(),
            (Model{{"told", "v"}, {"waits", "v"}}));
}

TEST(WithoutAThread, TheStoreCloses) {
  CrashWorld world;
  ThreadsOfATest threads(*world.executor);
  auto store = EngineStore::open({*world.disk, *world.clock, *world.random, threads},
                                 CrashWorld::kPath, with(SyncMode::always))
                   .value();
  threads.gives_threads = false;
  EXPECT_EQ(store->commit_async(put("key", "v"), [](const Result<Sequence>&) {}).code(),
            Code::exhausted);
  EXPECT_TRUE(store->close().ok());
}

INSTANTIATE_TEST_SUITE_P(Modes, CommitAsync,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) {
                           return mode.param == SyncMode::always     ? "always"
                                  : mode.param == SyncMode::interval ? "interval"
                                                                     : "never";
                         });

// With keys that are not in memory a commit is waited for, and told all the same.
TEST(CommitAsyncWithABudget, TellsToo) {
  CrashWorld world;
  Options options = with(SyncMode::never);
  options.memory_budget = kMemoryBudgetMin;
  {
    auto store = world.open(options).value();
    for (int i = 0; i < 3000; ++i) {
      ASSERT_TRUE(store->put(Space::user, "key" + std::to_string(i), "value").ok());
    }
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->close().ok());
  }
  auto store = world.open(options).value();
  Outcomes outcomes;
  for (int i = 0; i < 3000; i += 3) {
    ASSERT_TRUE(store->commit_async(put("key" + std::to_string(i), "newer"), outcomes.next()).ok());
  }
  for (const auto& outcome : outcomes.wait()) ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(store->get(Space::user, "key2997").value()->value, "newer");
  EXPECT_EQ(store->get(Space::user, "key2998").value()->value, "value");
  EXPECT_EQ(store->stats().keys, 3000U);
}

// --- Held up in the middle -----------------------------------------------------------------------

thread_local bool is_held = false;

// A disk whose syncs of log segments do what a test says.
class HeldDisk final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  std::function<Status()> before_sync;  // of a log segment

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    std::unique_ptr<File> file = TALEA_TRY(ForwardingFileSystem::open(path, mode));
    if (!path.ends_with(".log")) return file;
    return std::unique_ptr<File>(std::make_unique<HeldFile>(*this, std::move(file)));
  }

 private:
  class HeldFile final : public ForwardingFile {
   public:
    HeldFile(HeldDisk& disk, std::unique_ptr<File> file)
        : ForwardingFile(std::move(file)), disk_(disk) {}
    Status sync_data() override {
      if (disk_.before_sync != nullptr) TALEA_TRY(disk_.before_sync());
      return ForwardingFile::sync_data();
    }

   private:
    HeldDisk& disk_;
  };
};

class HeldCommit : public testing::Test {
 protected:
  void open(const Options& options) {
    store_ = EngineStore::open({disk_, *world_.clock, *world_.random, *world_.executor},
                               CrashWorld::kPath, options)
                 .value();
    ASSERT_TRUE(store_->put(Space::user, "a", "v").ok());
  }
  // Others, behind what is held up.
  void wait_for_queued(std::size_t commits) const {
    while (store_->queued_commits() < commits) std::this_thread::yield();
  }
  // A put that is held up in its sync till release_ is set, and ends in `outcome` then.
  std::thread hold_a_put(const Status& outcome) {
    disk_.before_sync = [this, outcome]() -> Status {
      if (!is_held) return {};
      set(holding_);
      wait_for(release_);
      return outcome;
    };
    std::thread held([this] {
      is_held = true;
      put_ = store_->put(Space::user, "b", "v").status();
    });
    wait_for(holding_);
    return held;
  }

  CrashWorld world_;
  HeldDisk disk_{*world_.disk};
  std::unique_ptr<EngineStore> store_;
  std::atomic<bool> holding_{false};
  std::atomic<bool> release_{false};
  Status put_;
};

TEST_F(HeldCommit, ACheckIsToldNoSequenceThatMayBeRejected) {
  open(with(SyncMode::always));
  std::thread held = hold_a_put(Status::io_error("the test says so"));
  std::atomic<bool> told{false};
  Sequence sequence = 0;
  Batch check;
  check.require_absent("another");
  ASSERT_TRUE(store_
                  ->commit_async(check,
                                 [&](const Result<Sequence>& outcome) {
                                   sequence = outcome.value();
                                   set(told);
                                 })
                  .ok());
  wait_for(told);
  EXPECT_EQ(sequence, 1U);
  set(release_);
  held.join();
  EXPECT_FALSE(put_.ok());
  (void)store_->close().ok();
}

TEST_F(HeldCommit, WhoWaitsDoesNotWaitForAStrangersCallback) {
  open(with(SyncMode::always));
  std::atomic<bool> in_callback{false};
  std::atomic<bool> end_callback{false};
  ASSERT_TRUE(store_
                  ->commit_async(put("first", "v"),
                                 [&](const Result<Sequence>&) {
                                   set(in_callback);
                                   wait_for(end_callback);
                                 })
                  .ok());
  wait_for(in_callback);
  std::thread held = hold_a_put({});
  ASSERT_TRUE(store_->commit_async(put("second", "v"), [](const Result<Sequence>&) {}).ok());
  std::thread waiting([&] { EXPECT_TRUE(store_->put(Space::user, "third", "v").ok()); });
  wait_for_queued(2);
  set(release_);
  held.join();
  waiting.join();  // for ever, if it waits for the callback
  set(end_callback);
  EXPECT_TRUE(store_->close().ok());  // after which no callback looks at the flags
}

TEST_F(HeldCommit, WithoutThreadsOfItsOwnACallbackMayCommitBesideACheckpoint) {
  Options options = with(SyncMode::always);
  options.worker_threads = 0;
  options.checkpoint_bytes = kMiB;
  options.compaction_interval = std::chrono::milliseconds(0);
  open(options);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(store_->put(Space::user, "a" + std::to_string(i), Bytes(50'000, 'v')).ok());
  }
  std::atomic<bool> in_callback{false};
  std::atomic<bool> committed{false};
  ASSERT_TRUE(
      store_
          ->commit_async(
              put("first", "v"),
              [&](const Result<Sequence>&) {
                set(in_callback);
                wait_for(holding_);
                world_.clock->advance_ms(1000);  // a checkpoint is due
                EXPECT_TRUE(
                    store_->commit_async(put("second", "v"), [](const Result<Sequence>&) {}).ok());
                set(committed);
              })
          .ok());
  wait_for(in_callback);
  std::thread held = hold_a_put({});
  wait_for_queued(2);  // the second, and the cut of the checkpoint
  set(release_);
  held.join();
  wait_for(committed);
  EXPECT_TRUE(store_->close().ok());
}

TEST_F(HeldCommit, ASyncThatFailsBesideWritersIsAnErrorOfTheirs) {
  Options options = with(SyncMode::never);
  options.segment_bytes = 64 * kMiB;
  open(options);
  disk_.before_sync = [] { return Status::io_error("the test says so"); };
  std::atomic<bool> failed{false};
  std::vector<std::thread> writers;
  writers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      while (store_->put(Space::user, "b", "v").ok()) {
      }
      set(failed);
    });
  }
  EXPECT_EQ(store_->sync().code(), Code::io_error);
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(failed);
}

// --- Snapshots beside the end of segments
// ----------------------------------------------------------

TEST(RetiredSegments, AreLeftByAllTombstonesWhateverIsPinnedMeanwhile) {
  CrashWorld world;
  Options options = with(SyncMode::never);
  options.segment_bytes = 64 * kKiB;
  options.checkpoint_bytes = 0;
  auto store = world.open(options).value();
  std::atomic<bool> stop{false};
  std::vector<std::thread> pinning;
  pinning.reserve(3);
  for (int i = 0; i < 3; ++i) {
    pinning.emplace_back([&] {
      while (!stop) {
        EXPECT_TRUE(store->snapshot().ok());
        std::this_thread::yield();
      }
    });
  }
  const auto key = [](int i) { return "key" + std::to_string(i); };
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(store->put(Space::user, key(i), Bytes(500, 'v')).ok());
    }
    ASSERT_TRUE(store->checkpoint().ok());
    for (int i = 0; i < 60; ++i) ASSERT_TRUE(store->remove(Space::user, key(i)).ok());
    ASSERT_TRUE(store->checkpoint().ok());
    for (int i = 0; i < 6; ++i) store->maintain();
    ASSERT_TRUE(store->put(Space::user, "z" + std::to_string(round), "v").ok());
  }
  stop = true;
  for (std::thread& thread : pinning) thread.join();
  EXPECT_EQ(store->stats().keys, 60U);
}

}  // namespace
}  // namespace talea
