// Readers of the past beside writers, checkpoints, merges and compaction.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr int kKeys = 40;
constexpr int kRounds = 60;

Engine open_or_die(const std::string& name, Retention retention) {
  Options options;
  options.sync = SyncMode::never;
  options.segment_bytes = 64 * kKiB;
  options.checkpoint_bytes = kMiB;
  options.compaction_interval = milliseconds(10);
  options.retention = retention;
  auto opened = Engine::open(test_directory() + "/" + name, options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

Bytes key_of(int i) { return "key" + std::to_string(100 + i); }

// Each batch puts its own round under every key, and removes one of them in every fifth round: so
// the whole store is of one round at any sequence.
Bytes value_of(int round) { return std::to_string(round) + Bytes(400, 'v'); }

class PastReaders {
 public:
  explicit PastReaders(Engine& engine) : engine_(engine) {}

  void write() {
    for (int round = 0; round < kRounds; ++round) {
      Batch batch;
      for (int i = 0; i < kKeys; ++i) batch.put(key_of(i), value_of(round));
      if (round % 5 == 0) batch.remove(key_of(round % kKeys));
      const Result<Sequence> committed = engine_.commit(batch);
      ASSERT_TRUE(committed.ok()) << committed.status().to_string();
      if (round == 0) first_ = *committed;
      last_.store(*committed);
      if (round % 15 == 14) {
        ASSERT_TRUE(engine_.compact().ok());
      }
      if (round % 7 == 6) {
        ASSERT_TRUE(engine_.checkpoint().ok());
      }
    }
    is_done_.store(true);
  }

  // What a get at a sequence says, and a scan.
  void read(std::uint64_t seed, bool all_is_kept) {
    SeededSteps steps{seed};
    while (!is_done_.load()) {
      const Sequence last = last_.load();
      if (last == 0) continue;
      const Sequence at = first_ + steps.next() % (last - first_ + 1);
      const int round = static_cast<int>(at - first_);
      const int key = static_cast<int>(steps.next() % kKeys);
      const bool is_removed = round % 5 == 0 && key == round % kKeys;
      const auto got = engine_.get(key_of(key), At::sequence(at));
      if (!got.ok()) {
        ASSERT_FALSE(all_is_kept) << got.status().to_string();
        ASSERT_EQ(got.status().code(), Code::not_found) << got.status().to_string();
        continue;
      }
      ASSERT_EQ(got->has_value(), !is_removed) << "key " << key << " at round " << round;
      if (*got) {
        ASSERT_EQ((*got)->value, value_of(round));
        ASSERT_EQ((*got)->revision, at);
      }
      if (steps.next() % 8 == 0) {
        ASSERT_NO_FATAL_FAILURE(scan(at, round, all_is_kept));
      }
      if (steps.next() % 8 == 0) {
        ASSERT_NO_FATAL_FAILURE(list(key, all_is_kept));
      }
    }
  }

 private:
  struct SeededSteps {
    std::uint64_t state;
    std::uint64_t next() {
      state = state * 6364136223846793005U + 1442695040888963407U;
      return state >> 33;
    }
  };

  void scan(Sequence at, int round, bool all_is_kept) {
    auto scan = engine_.scan({}, At::sequence(at));
    if (!scan.ok()) {
      ASSERT_FALSE(all_is_kept) << scan.status().to_string();
      return;
    }
    int rows = 0;
    for (;;) {
      const Result<bool> next = scan->next();
      ASSERT_TRUE(next.ok()) << next.status().to_string();
      if (!*next) break;
      ASSERT_EQ(scan->value().value(), value_of(round));
      ++rows;
    }
    ASSERT_EQ(rows, kKeys - (round % 5 == 0 ? 1 : 0)) << "at round " << round;
  }

  void list(int key, bool all_is_kept) {
    const Sequence last = last_.load();
    const auto revisions = engine_.history(key_of(key));
    ASSERT_TRUE(revisions.ok()) << revisions.status().to_string();
    ASSERT_FALSE(revisions->empty());
    ASSERT_GE(revisions->front().sequence, last);
    for (std::size_t i = 1; i < revisions->size(); ++i) {
      ASSERT_EQ((*revisions)[i].sequence + 1, (*revisions)[i - 1].sequence) << "a gap";
    }
    if (all_is_kept) {
      ASSERT_EQ(revisions->back().sequence, first_);
    }
  }

  Engine& engine_;
  std::atomic<Sequence> first_{0};
  std::atomic<Sequence> last_{0};
  std::atomic<bool> is_done_{false};
};

TEST(HistoryConcurrency, ReadersOfThePastSeeItAsItWasBesideWritersAndCompaction) {
  for (const Retention retention : {Retention::all(), Retention::revisions(5)}) {
    const bool all_is_kept = retention == Retention::all();
    Engine engine = open_or_die(all_is_kept ? "all" : "some", retention);
    PastReaders past(engine);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { past.write(); });
    for (std::uint64_t reader = 1; reader <= 3; ++reader) {
      threads.emplace_back([&past, reader, all_is_kept] { past.read(reader, all_is_kept); });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(engine.close().ok());
  }
}

}  // namespace
}  // namespace talea
