#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "index/radix_testing.h"
#include "index/radix_tree.h"
#include "talea/limits.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Word = RadixTree::Word;

/// What the readers have to say at the end; a test macro in each step would be slow.
struct Findings {
  std::atomic<std::uint64_t> finds = 0;
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<std::uint64_t> wrong_keys = 0;
  std::atomic<std::uint64_t> lost_stable_keys = 0;
  std::atomic<std::uint64_t> disorders = 0;
};

/// The tree that one writer changes and readers check. Some keys are stable: they are there from
/// the first to the last moment, though their words change.
class World {
 public:
  World(Random& random, std::size_t entries_max) : keys_(entries_max) {
    AwkwardKeys awkward(random);
    for (int i = 0; i < 300; ++i) {
      const Bytes key = awkward.next();
      if (stable_set_.insert(key).second) stable_.push_back(key);
      changing_.push_back(awkward.next());
    }
    std::erase_if(changing_, [&](const Bytes& key) { return stable_set_.contains(key); });
    for (const Bytes& key : stable_) upsert(key);
  }

  const std::vector<Bytes>& stable() const { return stable_; }
  const std::vector<Bytes>& changing() const { return changing_; }

  void upsert(BytesView key) { tree_.upsert(key, keys_.add(key)); }
  void remove(BytesView key) { tree_.remove(key); }
  void move(BytesView key) {
    std::optional<Word> word;
    {
      const EpochGuard guard(epochs_);
      word = tree_.find(guard, key);
    }
    if (word && !tree_.replace(key, *word, keys_.add(key))) std::abort();
  }

  void check_find(std::size_t choice, Findings& findings) const {
    const bool is_stable = choice % 2 == 0;
    const std::vector<Bytes>& keys = is_stable ? stable_ : changing_;
    const Bytes& key = keys[choice / 2 % keys.size()];
    const EpochGuard guard(epochs_);
    const std::optional<Word> word = tree_.find(guard, key);
    Bytes scratch;
    if (word && keys_.key_at(*word, scratch) != key) ++findings.wrong_keys;
    if (!word && is_stable) ++findings.lost_stable_keys;
    ++findings.finds;
  }

  /// The same for some at once, from stable and changing ones by turns.
  void check_find_many(std::size_t choice, Findings& findings) const {
    constexpr std::size_t kKeys = 20;
    std::array<BytesView, kKeys> keys;
    for (std::size_t i = 0; i < kKeys; ++i) {
      const std::vector<Bytes>& from = i % 2 == 0 ? stable_ : changing_;
      keys[i] = from[(choice / 2 + 7 * i) % from.size()];
    }
    std::array<Word, kKeys> words;
    const EpochGuard guard(epochs_);
    tree_.find_many(guard, keys, words);
    Bytes scratch;
    for (std::size_t i = 0; i < kKeys; ++i) {
      if (words[i] != 0 && keys_.key_at(words[i], scratch) != keys[i]) ++findings.wrong_keys;
      if (words[i] == 0 && i % 2 == 0) ++findings.lost_stable_keys;
    }
    findings.finds += kKeys;
  }

  /// Rows come in order, and every stable key between the first and the last is among them.
  void check_rows(std::size_t choice, Findings& findings) const {
    const bool ascending = choice % 2 == 0;
    const Bytes& from = changing_[choice / 2 % changing_.size()];
    std::array<Word, 64> words;
    const EpochGuard guard(epochs_);
    const std::size_t count = tree_.rows(
        guard, RadixTree::Bound{from},
        ascending ? RadixTree::Direction::ascending : RadixTree::Direction::descending, words);
    std::vector<BytesView> found;
    Bytes scratch;
    for (std::size_t i = 0; i < count; ++i) found.push_back(keys_.key_at(words[i], scratch));
    if (!ascending) std::reverse(found.begin(), found.end());
    for (std::size_t i = 1; i < found.size(); ++i) {
      if (found[i - 1] >= found[i]) ++findings.disorders;
    }
    if (!found.empty()) {
      if (ascending ? found.front() < from : found.back() > from) ++findings.disorders;
    }
    // Between the bound and the end of the rows, or of all keys when there were fewer.
    const bool to_the_end = count < words.size();
    auto stable = stable_set_.begin();
    auto stable_end = stable_set_.end();
    if (ascending) {
      stable = stable_set_.lower_bound(from);
      if (!to_the_end) stable_end = stable_set_.upper_bound(Bytes(found.back()));
    } else {
      if (!to_the_end) stable = stable_set_.lower_bound(Bytes(found.front()));
      stable_end = stable_set_.upper_bound(from);
    }
    for (; stable != stable_end; ++stable) {
      if (!std::binary_search(found.begin(), found.end(), BytesView(*stable))) {
        ++findings.lost_stable_keys;
      }
    }
    findings.rows += count;
  }

  RadixTree& tree() { return tree_; }
  std::size_t stable_keys() const { return stable_.size(); }

 private:
  mutable EpochDomain epochs_;
  KeysInMemory keys_;
  // So few nodes may wait that memory is used again, however long a reader is not scheduled.
  RadixTree tree_{epochs_, keys_, 16 * kKiB};
  std::vector<Bytes> stable_;
  std::vector<Bytes> changing_;
  std::set<Bytes> stable_set_;
};

TEST(RadixTree, ReadersSeeOnlyWhatWasWrittenWhileTheWriterWorks) {
  constexpr std::size_t kChanges = 60'000;
  constexpr int kReaders = 3;
  SeededRandom random(test_seed());
  World world(random, 2 * kChanges + 1'000);
  Findings findings;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, seed = random.next_u64()] {
      SeededRandom own(seed);
      while (!done) {
        for (int j = 0; j < 20; ++j) world.check_find(own.next_u64() >> 1, findings);
        world.check_find_many(own.next_u64() >> 1, findings);
        world.check_rows(own.next_u64() >> 1, findings);
      }
    });
  }
  AwkwardKeys choose(random);
  for (std::size_t i = 0; i < kChanges; ++i) {
    const Bytes& stable = world.stable()[choose.below(world.stable().size())];
    const Bytes& changing = world.changing()[choose.below(world.changing().size())];
    // Now most of the changing keys go, and now they come.
    const bool shrinks = (i / 3'000) % 2 == 1;
    switch (choose.below(8)) {
      case 0: world.upsert(stable); break;
      case 1: world.move(stable); break;
      case 2: world.remove(changing); break;
      case 3: world.upsert(changing); break;
      default: shrinks ? world.remove(changing) : world.upsert(changing); break;
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(findings.finds, 0u);
  EXPECT_EQ(findings.wrong_keys, 0u);
  EXPECT_EQ(findings.lost_stable_keys, 0u);
  EXPECT_EQ(findings.disorders, 0u);
  std::printf("%llu finds, %llu rows\n", static_cast<unsigned long long>(findings.finds),
              static_cast<unsigned long long>(findings.rows));

  for (const Bytes& key : world.changing()) world.remove(key);
  EXPECT_EQ(world.tree().size(), world.stable_keys());
  for (const Bytes& key : world.stable()) world.remove(key);
  world.tree().collect();
  EXPECT_EQ(world.tree().node_bytes(), 0u);
}

// A reader that never leaves keeps every node it might be in.
TEST(RadixTree, AReaderInsideKeepsWhatTheWriterReplaces) {
  EpochDomain epochs;
  KeysInMemory keys(1'000);
  RadixTree tree(epochs, keys);
  {
    const EpochGuard guard(epochs);
    for (int i = 0; i < 256; ++i) {
      const Bytes key = Bytes("k") + static_cast<char>(i);
      tree.upsert(key, keys.add(key));
    }
    tree.collect();
    EXPECT_GT(tree.node_bytes(), 2096u);
  }
  tree.collect();
  EXPECT_EQ(tree.node_bytes(), 2096u);
}

}  // namespace
}  // namespace talea
