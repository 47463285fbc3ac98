// What a Store promises to several threads, on every store there is.
#include <array>
#include <atomic>
#include <thread>

#include "tests/conformance/store_test_base.h"

namespace talea {
namespace {

constexpr int kThreads = 8;

// The thread sanitizer does not see how RocksDB, which was not built with it, orders its threads,
// and takes what it reads for races. What is ours in that store is in the one in memory as well.
std::vector<StoreKind> kinds_of_this_build() {
  std::vector<StoreKind> kinds = store_kinds();
#if defined(__SANITIZE_THREAD__)
  std::erase(kinds, StoreKind::rocksdb);
#endif
  return kinds;
}

class StoreConcurrency : public StoreConformance {
 protected:
  // Runs work(thread) on all of them.
  template <typename Work>
  void on_threads(const Work& work) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&work, thread] { work(thread); });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreConcurrency, testing::ValuesIn(kinds_of_this_build()),
                         [](const auto& kind) { return store_kind_name(kind.param); });

TEST_P(StoreConcurrency, OfThoseThatRequireAKeyToBeAbsentOneWins) {
  constexpr int kKeys = 200;
  std::array<std::atomic<int>, kKeys> wins{};
  std::atomic<int> others{0};
  on_threads([&](int thread) {
    for (int i = 0; i < kKeys; ++i) {
      const Bytes key = "key" + std::to_string(i);
      const auto committed =
          store().commit(Batch().require_absent(key).put(key, std::to_string(thread)), nullptr);
      if (committed.ok()) {
        ++wins[static_cast<std::size_t>(i)];
      } else if (committed.status().code() != Code::conflict) {
        ++others;
      }
    }
  });
  for (const std::atomic<int>& won : wins) EXPECT_EQ(won.load(), 1);
  EXPECT_EQ(others.load(), 0);
  EXPECT_EQ(last_sequence(), static_cast<Sequence>(kKeys)) << "who lost used no sequence";
}

TEST_P(StoreConcurrency, IncrementsUnderARevisionAreNotLost) {
  commit(Batch().put("count", "0"));
  constexpr int kEach = 50;
  std::atomic<int> failures{0};
  on_threads([&](int /*thread*/) {
    for (int i = 0; i < kEach;) {
      const auto found = store().get(Space::user, "count");
      if (!found.ok() || !*found) {
        ++failures;
        return;
      }
      const Bytes next = std::to_string(std::stoi((*found)->value) + 1);
      const auto committed = store().commit(
          Batch().require_revision("count", (*found)->revision).put("count", next), nullptr);
      if (committed.ok()) ++i;
    }
  });
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(get("count"), std::to_string(kThreads * kEach));
}

// Every batch puts all keys of its group to one value: a scan, and a state, that sees two of them
// differ saw half a batch.
TEST_P(StoreConcurrency, ReadersSeeWholeBatches) {
  constexpr int kKeys = 20;
  const auto batch_of = [](int value) {
    Batch batch;
    for (int i = 0; i < kKeys; ++i) {
      batch.put("key" + std::to_string(10 + i), std::to_string(value));
    }
    return batch;
  };
  commit(batch_of(0));
  std::atomic<int> torn{0};
  std::atomic<int> writers{kThreads / 2};
  on_threads([&](int thread) {
    if (thread < kThreads / 2) {
      for (int i = 0; i < 100; ++i) {
        if (!store().commit(batch_of(thread * 1000 + i), nullptr).ok()) ++torn;
      }
      --writers;
      return;
    }
    do {
      const bool reverse = thread % 2 == 0;
      Scan scan = store().scan(Space::user, {.reverse = reverse}).value();
      const std::vector<ScannedRow> rows = rows_of(scan).value();
      bool is_whole = rows.size() == kKeys;
      for (const ScannedRow& row : rows) {
        is_whole = is_whole && row.value == rows[0].value && row.revision == rows[0].revision;
      }
      const MemoryState seen = state();
      for (const auto& [place, value] : seen.rows) {
        is_whole = is_whole && value.revision == seen.last_sequence;
      }
      if (!is_whole) ++torn;
    } while (writers.load() > 0);
  });
  EXPECT_EQ(torn.load(), 0);
}

TEST_P(StoreConcurrency, AnAppliedSequenceIsAppliedByOne) {
  constexpr Sequence kSequences = 200;
  std::atomic<Sequence> applied{0};
  on_threads([&](int thread) {
    for (Sequence sequence = 1; sequence <= kSequences; ++sequence) {
      const auto done =
          store().apply(sequence, Batch().put("key", std::to_string(thread), Space{3}));
      if (done.ok() && *done) ++applied;
    }
  });
  EXPECT_LE(applied.load(), kSequences);
  EXPECT_GT(applied.load(), 0U);
  EXPECT_EQ(last_sequence(), kSequences);
  EXPECT_EQ(versioned("key", Space{3})->revision, kSequences);
}

}  // namespace
}  // namespace talea
