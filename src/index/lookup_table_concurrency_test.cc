#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "base/random.h"
#include "index/lookup_table.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Word = LookupTable::Word;

/// What a word stands for. Written by plain stores before the word is put, so that the thread
/// sanitizer sees a table that does not order them.
struct Entry {
  std::uint64_t key = 0;
  std::uint64_t version = 0;
};

struct Findings {
  std::atomic<std::uint64_t> found = 0;
  std::atomic<std::uint64_t> missed = 0;
  std::atomic<std::uint64_t> stale = 0;
  std::atomic<std::uint64_t> from_the_future = 0;
};

/// A few keys, so that every bucket is busy, whose versions rise. The writer says in `done_` which
/// version it has put, after put() returned, and in `begun_` which one it is about to put.
class World {
 public:
  static constexpr std::uint64_t kKeys = 64;

  explicit World(std::size_t entries_max) : entries_(entries_max) {}

  void put(std::uint64_t key) {
    const std::uint64_t version = ++versions_[key];
    begun_[key] = version;
    const Word word = add({key, version});
    table_.put(hash(key), words_[key], word);
    words_[key] = word;
    done_[key] = version;
  }

  /// Takes a version, too: those below must not be found any more.
  void erase(std::uint64_t key) {
    table_.erase(hash(key), words_[key]);
    words_[key] = 0;
    done_[key] = versions_[key] + 1;
    begun_[key] = ++versions_[key];
  }

  /// Begins, goes on with, or ends a growth.
  void grow(std::uint64_t choice) {
    if (!table_.is_growing()) {
      table_.begin_growth(16 + choice % 256);
      next_to_fill_ = 0;
    } else if (next_to_fill_ < kKeys) {
      const std::uint64_t key = next_to_fill_++;
      if (words_[key] != 0) table_.fill(hash(key), words_[key]);
    } else {
      table_.finish_growth();
      table_.collect();
      ++growths_;
    }
  }

  void check(std::uint64_t key, Findings& findings) const {
    const EpochGuard guard(epochs_);
    const std::uint64_t oldest = done_[key];
    std::uint64_t version = 0;
    const Word word = table_.find(guard, hash(key), [&](Word candidate) {
      const Entry& entry = entries_[candidate / 2];
      version = entry.version;
      return entry.key == key;
    });
    if (word == 0) {
      ++findings.missed;
      return;
    }
    ++findings.found;
    if (version < oldest) ++findings.stale;
    if (version > begun_[key]) ++findings.from_the_future;
  }

  std::size_t growths() const { return growths_; }

 private:
  /// Sixteen buckets at most and four tags.
  static std::uint64_t hash(std::uint64_t key) { return (key * 7 % 16) << 60 | key % 4; }
  Word add(const Entry& entry) {
    entries_.at(++last_entry_) = entry;
    return 2 * last_entry_;
  }

  mutable EpochDomain epochs_;
  LookupTable table_{epochs_, 64};
  std::vector<Entry> entries_;
  std::size_t last_entry_ = 0;
  std::array<Word, kKeys> words_{};
  std::array<std::uint64_t, kKeys> versions_{};
  std::array<std::atomic<std::uint64_t>, kKeys> begun_{};
  std::array<std::atomic<std::uint64_t>, kKeys> done_{};
  std::uint64_t next_to_fill_ = 0;
  std::size_t growths_ = 0;
};

// Seen to fail, and by the thread sanitizer to race, with each of these faults planted: put() that
// stores without release; put() that leaves the old word and takes another slot; a growth that
// erase() does not reach; a table that is unmapped by finish_growth().
TEST(LookupTable, ReadersNeverSeeWhatWasReplacedBeforeTheyBegan) {
  constexpr std::size_t kChanges = 300'000;
  constexpr int kReaders = 3;
  SeededRandom random(test_seed());
  World world(kChanges + 2);
  Findings findings;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, seed = random.next_u64()] {
      SeededRandom own(seed);
      while (!done) world.check(own.next_u64() % World::kKeys, findings);
    });
  }
  for (std::size_t i = 0; i < kChanges; ++i) {
    const std::uint64_t choice = random.next_u64();
    const std::uint64_t key = (choice >> 8) % World::kKeys;
    switch (choice % 16) {
      case 0: world.erase(key); break;
      case 1:
      case 2: world.grow(choice >> 20); break;
      default: world.put(key); break;
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(findings.found, 0u);
  EXPECT_EQ(findings.stale, 0u);
  EXPECT_EQ(findings.from_the_future, 0u);
  EXPECT_GT(world.growths(), 100u);
  std::printf("%llu found, %llu not, %zu growths\n",
              static_cast<unsigned long long>(findings.found),
              static_cast<unsigned long long>(findings.missed), world.growths());
}

}  // namespace
}  // namespace talea
