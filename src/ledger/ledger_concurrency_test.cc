// Many writers, many callers, many requests at once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "ledger/ordered_work.h"
#include "ledger/turns.h"
#include "tests/support/ledger_world.h"

namespace talea {
namespace {

constexpr int kWriters = 8;
constexpr int kSets = 100;

// Waits cost no time: the writers do not agree on a clock that stands still.
LedgerSeams impatient(LedgerWorld& world) {
  LedgerSeams seams = world.seams();
  seams.wait = [](std::chrono::milliseconds) { std::this_thread::yield(); };
  return seams;
}

Ledger open(LedgerWorld& world, const LedgerOptions& options = {}) {
  S3Options at;
  at.bucket = LedgerWorld::kBucket;
  at.endpoint = "http://fake.test";
  at.credentials = S3Credentials{"AKIDEXAMPLE", "secret", {}, {}};
  return Ledger::open(at, options, impatient(world)).value();
}

template <typename Work>
void on_threads(int count, const Work& work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

void expect_all_there(LedgerWorld& world, Ledger& ledger) {
  std::map<std::string, int> times;
  for (const LedgerEntry& entry : world.log()) ++times[entry.value];
  EXPECT_EQ(times.size(), static_cast<std::size_t>(kWriters * kSets));
  for (const auto& [value, count] : times) EXPECT_EQ(count, 1) << value;
  ASSERT_TRUE(ledger.repair().ok());
  expect_sound(ledger);
}

TEST(LedgerConcurrency, EightProcessesThatSetAHundredTimesEachAllSucceed) {
  LedgerWorld world;
  std::atomic<int> succeeded{0};
  on_threads(kWriters, [&](int writer) {
    Ledger ledger = open(world);
    for (int i = 0; i < kSets; ++i) {
      const std::string key = "k" + std::to_string(i % 5);
      const auto set = ledger.set(key, std::to_string(writer * 1000 + i));
      EXPECT_TRUE(set.ok()) << set.status().to_string();
      if (set.ok()) ++succeeded;
    }
  });
  EXPECT_EQ(succeeded, kWriters * kSets);
  Ledger ledger = open(world);
  expect_all_there(world, ledger);
}

TEST(LedgerConcurrency, CallersOfOneProcessQueueAndConflictWithNobody) {
  LedgerWorld world;
  Ledger ledger = open(world);
  ASSERT_TRUE(ledger.get("k0").ok());
  on_threads(kWriters, [&](int writer) {
    for (int i = 0; i < kSets; ++i) {
      const std::string key = "k" + std::to_string(writer);
      EXPECT_TRUE(ledger.set(key, std::to_string(writer * 1000 + i)).ok());
      EXPECT_EQ(value_of(ledger.get(key)), std::to_string(writer * 1000 + i));
    }
  });
  std::uint64_t puts = 0;
  for (const s3::LoggedRequest& request : world.fake().request_log()) {
    if (request.method != "PUT" || request.key == kProbeName) continue;
    ++puts;
    EXPECT_EQ(request.status, 200);
  }
  EXPECT_EQ(puts, static_cast<std::uint64_t>(2 * kWriters * kSets));
  expect_all_there(world, ledger);
}

TEST(LedgerConcurrency, ReadersBesideWritersNeverSeeAKeyGoBack) {
  LedgerWorld world;
  Ledger ledger = open(world);
  ASSERT_TRUE(ledger.set("k", "0").ok());
  std::atomic<bool> done{false};
  on_threads(4, [&](int thread) {
    if (thread == 0) {
      for (int i = 1; i <= kSets; ++i) EXPECT_TRUE(ledger.set("k", std::to_string(i)).ok());
      done = true;
      return;
    }
    std::int64_t last = 0;
    while (!done) {
      const auto got = ledger.get("k");
      ASSERT_TRUE(got.ok() && *got);
      EXPECT_GE((*got)->sequence, last);
      last = (*got)->sequence;
    }
  });
}

TEST(LedgerConcurrency, AnAuditHasNoMoreRequestsUnderWayThanItsWindow) {
  LedgerWorld world;
  LedgerOptions options;
  options.parallel_gets = 4;
  Ledger ledger = open(world, options);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(ledger.set("k" + std::to_string(i), "1").ok());
  Mutex mutex;
  CondVar changed;
  int running = 0;
  int running_max = 0;
  // Each read of a version waits for others to be there, as long as more can come.
  std::atomic<int> started{0};
  world.fake().set_before_each([&](const s3::FakeRequest& request) {
    if (!request.has("versionId")) return;
    MutexLock lock(mutex);
    ++started;
    running_max = std::max(running_max, ++running);
    changed.notify_all();
    if (started <= 4) {
      while (running_max < 4) changed.wait(mutex);
    }
    --running;
  });
  const auto audit = ledger.audit();
  ASSERT_TRUE(audit.ok());
  EXPECT_EQ(audit->entries, 40U);
  EXPECT_EQ(audit->faults, 0U);
  EXPECT_EQ(running_max, 4);
}

TEST(OrderedWork, GivesResultsInOrderFromABoundedWindow) {
  ThreadExecutor executor;
  for (const std::uint32_t window : {1U, 2U, 5U, 64U}) {
    std::atomic<int> taken{0};
    std::atomic<int> given{0};
    int next = 0;
    OrderedWork<int, int> work(executor, window, [](const int& item) { return item * 2; });
    const Status status = work.run(
        [&]() -> Result<std::optional<int>> {
          EXPECT_LT(taken - given, static_cast<int>(window));
          if (next == 200) return std::optional<int>();
          ++taken;
          return std::optional(next++);
        },
        [&](int&& item, int&& output) -> Result<bool> {
          EXPECT_EQ(item, given);
          EXPECT_EQ(output, item * 2);
          ++given;
          return true;
        });
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(given, 200);
  }
}

TEST(OrderedWork, EndsWithTheFailureOfItsInputAfterTheResultsBeforeIt) {
  ThreadExecutor executor;
  int next = 0;
  int given = 0;
  OrderedWork<int, int> work(executor, 4, [](const int& item) { return item; });
  const Status status = work.run(
      [&]() -> Result<std::optional<int>> {
        if (next == 7) return Status::unavailable("no more");
        return std::optional(next++);
      },
      [&](int&&, int&&) -> Result<bool> {
        ++given;
        return true;
      });
  EXPECT_EQ(status.code(), Code::unavailable);
  EXPECT_EQ(given, 7);
}

TEST(OrderedWork, EndsWhenItsSinkSaysSo) {
  ThreadExecutor executor;
  int next = 0;
  int given = 0;
  const auto endless = [&]() -> Result<std::optional<int>> { return std::optional(next++); };
  OrderedWork<int, int> work(executor, 4, [](const int& item) { return item; });
  EXPECT_TRUE(work.run(endless, [&](int&&, int&&) -> Result<bool> { return ++given < 10; }).ok());
  EXPECT_EQ(given, 10);
  OrderedWork<int, int> failing(executor, 4, [](const int& item) { return item; });
  EXPECT_EQ(
      failing
          .run(endless, [](int&&, int&&) -> Result<bool> { return Status::corruption("so it is"); })
          .code(),
      Code::corruption);
}

TEST(Turns, AreGivenToOneAtATime) {
  Turns turns;
  std::atomic<int> inside{0};
  on_threads(4, [&](int) {
    for (int i = 0; i < 200; ++i) {
      const Turns::Turn turn = turns.wait();
      EXPECT_EQ(++inside, 1);
      EXPECT_FALSE(turns.try_now());
      --inside;
    }
  });
  EXPECT_TRUE(turns.try_now());
}

}  // namespace
}  // namespace talea
