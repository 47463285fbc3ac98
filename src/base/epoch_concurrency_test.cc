#include "base/epoch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace talea {
namespace {

/// Remembers what was freed.
class Freed final : public Reclaimer {
 public:
  void reclaim(void* block) override { blocks_.insert(block); }
  bool contains(const void* block) const { return blocks_.contains(const_cast<void*>(block)); }
  std::size_t size() const { return blocks_.size(); }

 private:
  std::set<void*> blocks_;
};

TEST(Epoch, WhatNobodyReadsIsFreedAtOnce) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  int block = 0;
  list.retire(&block, sizeof block);
  EXPECT_FALSE(freed.contains(&block));
  list.collect();
  EXPECT_TRUE(freed.contains(&block));
  EXPECT_EQ(list.bytes(), 0u);
}

TEST(Epoch, AReaderWhoWasInsideKeepsWhatWasRetiredSince) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  int block = 0;
  {
    const EpochGuard guard(domain);
    list.retire(&block, sizeof block);
    for (int i = 0; i < 10; ++i) list.collect();
    EXPECT_FALSE(freed.contains(&block));
  }
  list.collect();
  EXPECT_TRUE(freed.contains(&block));
}

TEST(Epoch, AReaderWhoCameLaterKeepsNothing) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  int early = 0;
  int late = 0;
  auto first = std::make_unique<EpochGuard>(domain);
  list.retire(&early, sizeof early);
  list.collect();
  const EpochGuard second(domain);
  list.retire(&late, sizeof late);
  list.collect();
  first.reset();
  list.collect();
  EXPECT_TRUE(freed.contains(&early));
  EXPECT_FALSE(freed.contains(&late));
}

TEST(Epoch, GuardsMayNest) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  int block = 0;
  {
    const EpochGuard outer(domain);
    list.retire(&block, sizeof block);
    { const EpochGuard inner(domain); }
    list.collect();
    EXPECT_FALSE(freed.contains(&block));
  }
  list.collect();
  EXPECT_TRUE(freed.contains(&block));
}

TEST(Epoch, ManyBlocksAreFreedWithoutBeingAsked) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  std::vector<int> blocks(10 * RetireList::kGroupBlocks);
  for (int& block : blocks) {
    list.retire(&block, sizeof block);
    EXPECT_LE(list.blocks(), RetireList::kGroupBlocks);
  }
  EXPECT_GE(freed.size(), 9 * RetireList::kGroupBlocks);
}

TEST(Epoch, TheListFreesAllWhenItGoes) {
  EpochDomain domain;
  Freed freed;
  int block = 0;
  { RetireList(domain, freed).retire(&block, sizeof block); }
  EXPECT_TRUE(freed.contains(&block));
}

TEST(Epoch, ARetirerAtTheLimitWaitsForTheReader) {
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed, 100);
  int small = 0;
  int large = 0;
  std::atomic<bool> inside = false;
  std::atomic<bool> leave = false;
  std::atomic<bool> left = false;
  std::thread reader([&] {
    auto guard = std::make_unique<EpochGuard>(domain);
    inside = true;
    while (!leave) std::this_thread::yield();
    left = true;
    guard.reset();
  });
  while (!inside) std::this_thread::yield();
  list.retire(&small, 100);
  EXPECT_EQ(freed.size(), 0u);
  leave = true;
  list.retire(&large, 1);  // returns only when the reader has left
  EXPECT_TRUE(left);
  EXPECT_LE(list.bytes(), 100u);
  reader.join();
}

TEST(Epoch, MoreGuardsThanSlotsWaitForOneAnother) {
  EpochDomain domain;
  std::vector<std::unique_ptr<EpochGuard>> guards;
  for (std::size_t i = 0; i < EpochDomain::kGuardsMax; ++i) {
    guards.push_back(std::make_unique<EpochGuard>(domain));
  }
  std::thread one_more([&] { const EpochGuard guard(domain); });
  guards.pop_back();
  one_more.join();
}

/// A block that readers check: once freed, its content is overwritten.
struct Box {
  std::uint64_t value;
  std::uint64_t same;
};

/// Keeps a few boxes and hands them out again, changed by plain stores: a reader who is still
/// there sees a wrong one, and the thread sanitizer a race.
class BoxPool final : public Reclaimer {
 public:
  Box* take(std::uint64_t value) {
    if (free_.empty()) {
      boxes_.push_back(std::make_unique<Box>());
      free_.push_back(boxes_.back().get());
    }
    Box* const box = free_.back();
    free_.pop_back();
    *box = {value, value};
    return box;
  }
  void reclaim(void* block) override {
    Box* const box = static_cast<Box*>(block);
    *box = {1, 2};
    free_.push_back(box);
  }
  std::size_t boxes() const { return boxes_.size(); }

 private:
  std::vector<std::unique_ptr<Box>> boxes_;
  std::vector<Box*> free_;
};

TEST(Epoch, NoReaderSeesABlockThatWasFreed) {
  constexpr int kReaders = 3;
  constexpr std::uint64_t kRounds = 50'000;
  constexpr std::size_t kWaitingMax = 200;
  EpochDomain domain;
  BoxPool pool;
  {
    // So few may wait that boxes are used again, however long a reader is not scheduled.
    RetireList list(domain, pool, kWaitingMax * sizeof(Box));
    std::atomic<Box*> current = pool.take(0);
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> wrong = 0;
    std::vector<std::thread> readers;
    readers.reserve(kReaders);
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        std::uint64_t newest = 0;
        while (!done) {
          const EpochGuard guard(domain);
          const Box* const box = current.load(std::memory_order_acquire);
          if (box->value != box->same || box->value < newest) ++wrong;
          newest = box->value;
        }
      });
    }
    for (std::uint64_t value = 1; value <= kRounds; ++value) {
      Box* const old = current.exchange(pool.take(value), std::memory_order_acq_rel);
      list.retire(old, sizeof *old);
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0u);
    pool.reclaim(current);
  }
  EXPECT_LE(pool.boxes(), kWaitingMax + 2);
}

TEST(Epoch, ManyThreadsComeAndGo) {
  constexpr std::size_t kThreads = 16;
  EpochDomain domain;
  Freed freed;
  RetireList list(domain, freed);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 50; ++j) const EpochGuard guard(domain);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(domain.oldest_reader(), EpochDomain::kNoReader);
  int block = 0;
  list.retire(&block, sizeof block);
  list.collect();
  EXPECT_TRUE(freed.contains(&block));
}

}  // namespace
}  // namespace talea
