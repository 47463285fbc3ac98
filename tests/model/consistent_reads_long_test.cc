// What readers see while others write, at full size: scans of a million keys (E9), and sums over
// snapshots (E10). The readers decide when a test ends; the writers go on until then.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Options busy_options() {
  Options options;
  options.sync = SyncMode::never;
  options.compaction_interval = std::chrono::milliseconds(100);
  return options;
}

// Runs `write(thread)` again and again in so many threads, as long as it lives.
template <typename Write>
class Writers {
 public:
  Writers(unsigned count, Write write) {
    for (unsigned thread = 0; thread < count; ++thread) {
      threads_.emplace_back([this, thread, write] {
        for (std::uint64_t turn = 0; !done_; ++turn) write(thread, turn);
      });
    }
  }
  ~Writers() {
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::vector<std::thread> threads_;
};

// --- Scans ---------------------------------------------------------------------------------------

constexpr std::uint64_t kKeys = 1'000'000;

// Keys come in groups of three. The first is never written again; the others change in one batch:
// both have the same value, or neither is there.
constexpr std::uint64_t kGroup = 3;
constexpr std::uint64_t kGroups = kKeys / kGroup;

Bytes key_of(std::uint64_t number) {
  const Bytes digits = std::to_string(number);
  return "k" + Bytes(7 - digits.size(), '0') + digits;
}

void write_group(Engine& engine, std::uint64_t group, const Bytes& value) {
  Batch batch;
  for (std::uint64_t number = group * kGroup + 1; number < (group + 1) * kGroup; ++number) {
    if (value.empty()) {
      batch.remove(key_of(number));
    } else {
      batch.put(key_of(number), value);
    }
  }
  const auto committed = engine.commit(batch);
  ASSERT_TRUE(committed.ok()) << committed.status().to_string();
}

struct Row {
  std::uint64_t number = 0;
  Bytes value;
};

// The rows of a scan, in ascending order. They come strictly in order.
std::vector<Row> rows_of(Engine& engine, const ScanRange& range) {
  std::vector<Row> rows;
  Bytes last;
  Scan scan = engine.scan(range).value();
  while (scan.next().value()) {
    EXPECT_TRUE(rows.empty() || (range.reverse ? scan.key() < last : scan.key() > last));
    last = scan.key();
    rows.push_back({std::stoull(last.substr(1)), Bytes(scan.value().value())});
  }
  if (range.reverse) std::reverse(rows.begin(), rows.end());
  return rows;
}

// Of the numbers from `begin` to before `end`: those that never change are all there, and of those
// that do, groups are whole.
void expect_consistent(const std::vector<Row>& rows, std::uint64_t begin, std::uint64_t end) {
  auto row = rows.begin();
  for (std::uint64_t number = begin; number < end; ++number) {
    const bool is_there = row != rows.end() && row->number == number;
    if (number % kGroup == 0) {
      ASSERT_TRUE(is_there) << number;
      ASSERT_EQ(row->value, key_of(number));
    } else if (number % kGroup == 2 && number > begin) {
      const bool has_twin = row != rows.begin() && std::prev(row)->number == number - 1;
      ASSERT_EQ(is_there, has_twin) << number;
      ASSERT_TRUE(!is_there || row->value == std::prev(row)->value) << number;
    }
    if (is_there) ++row;
  }
  ASSERT_EQ(row, rows.end());
}

TEST(ScansLong, OfAMillionKeysAreConsistentWhileOthersWrite) {
  Engine engine = Engine::open(test_directory() + "/store", busy_options()).value();
  const std::uint64_t seed = test_seed();
  for (std::uint64_t group = 0; group < kGroups; ++group) {
    ASSERT_TRUE(engine.put(key_of(group * kGroup), key_of(group * kGroup)).ok());
    write_group(engine, group, "first");
  }
  const Writers writers(2, [&](unsigned thread, std::uint64_t turn) {
    SeededRandom random(seed + 2 * turn + thread);
    const std::uint64_t group = random.next_u64() % kGroups;
    const bool removes = random.next_u64() % 3 == 0;
    write_group(engine, group, removes ? "" : std::to_string(turn) + "/" + std::to_string(thread));
  });
  SeededRandom random(seed);
  const auto below = [&](std::uint64_t bound) { return random.next_u64() % bound; };
  constexpr std::uint64_t kEnd = kGroups * kGroup;
  for (int i = 0; i < 3000 && !testing::Test::HasFailure(); ++i) {
    const bool reverse = below(2) == 0;
    switch (below(3)) {
      case 0: {  // a range
        const std::uint64_t begin = below(kEnd - 2000);
        const std::uint64_t end = begin + below(2000);
        expect_consistent(
            rows_of(engine, {.start = key_of(begin), .end = key_of(end), .reverse = reverse}),
            begin, end);
        break;
      }
      case 1: {  // a prefix: a hundred or a thousand numbers
        const std::uint64_t size = below(2) == 0 ? 100 : 1000;
        const std::uint64_t begin = below(kEnd / size) * size;
        const Bytes prefix = key_of(begin).substr(0, size == 100 ? 6 : 5);
        expect_consistent(rows_of(engine, {.prefix = prefix, .reverse = reverse}), begin,
                          std::min(begin + size, kEnd));
        break;
      }
      default: {  // page by page: the last key of a page is the cursor
        const std::uint64_t begin = below(kEnd - 2000) / kGroup * kGroup;
        const std::uint64_t end = begin + 600;
        ScanRange range{
            .start = key_of(begin), .end = key_of(end), .reverse = reverse, .limit = 77};
        std::vector<Row> unchanging;
        for (;;) {
          const std::vector<Row> page = rows_of(engine, range);
          ASSERT_LE(page.size(), range.limit);
          for (const Row& row : page) {
            if (row.number % kGroup == 0) unchanging.push_back(row);
          }
          if (page.size() < range.limit) break;
          if (reverse) {
            range.end = key_of(page.front().number);
          } else {
            range.start = key_of(page.back().number) + '\0';
          }
        }
        // Each page is of its own time: what does not change is there once, and nowhere else.
        ASSERT_EQ(unchanging.size(), 200U);
        for (const Row& row : unchanging) ASSERT_EQ(row.value, key_of(row.number));
      }
    }
  }
  // All of it, both ways.
  expect_consistent(rows_of(engine, {}), 0, kEnd);
  expect_consistent(rows_of(engine, {.reverse = true}), 0, kEnd);
}

// --- Sums ----------------------------------------------------------------------------------------

TEST(SnapshotsLong, TheSumOfBalancesIsConstantOverAMillionReads) {
  constexpr std::uint64_t kAccounts = 16;
  constexpr std::uint64_t kBalance = 1000;
  constexpr int kReads = 1'000'000;
  Engine engine = Engine::open(test_directory() + "/store", busy_options()).value();
  const auto account = [](std::uint64_t number) { return "account" + std::to_string(number); };
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(engine.put(account(i), std::to_string(kBalance)).ok());
  }
  const std::uint64_t seed = test_seed();
  std::atomic<std::uint64_t> transfers{0};
  {
    const Writers writers(8, [&](unsigned thread, std::uint64_t turn) {
      SeededRandom random(seed + 8 * turn + thread);
      const std::uint64_t from = random.next_u64() % kAccounts;
      const std::uint64_t to = (from + 1 + random.next_u64() % (kAccounts - 1)) % kAccounts;
      const auto giver = engine.get_versioned(account(from)).value().value();
      const auto taker = engine.get_versioned(account(to)).value().value();
      const std::uint64_t has = std::stoull(giver.value);
      const std::uint64_t amount = has == 0 ? 0 : random.next_u64() % has;
      Batch batch;
      batch.require_revision(account(from), giver.revision);
      batch.require_revision(account(to), taker.revision);
      batch.put(account(from), std::to_string(has - amount));
      batch.put(account(to), std::to_string(std::stoull(taker.value) + amount));
      const auto committed = engine.commit(batch);
      if (committed.ok()) ++transfers;
      EXPECT_TRUE(committed.ok() || committed.status().code() == Code::conflict);
    });
    Bytes value;
    for (int read = 0; read < kReads; ++read) {
      const Snapshot snapshot = engine.snapshot().value();
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i < kAccounts; ++i) {
        ASSERT_TRUE(snapshot.get(account(i), value).value());
        sum += std::stoull(value);
      }
      ASSERT_EQ(sum, kAccounts * kBalance) << "in read " << read;
    }
  }
  EXPECT_GT(transfers.load(), 1000U);
}

}  // namespace
}  // namespace talea
