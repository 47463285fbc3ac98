#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace talea {
namespace {

/// Runs `work` on `count` threads and waits for all.
template <typename Work>
void on_threads(int count, const Work& work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

TEST(Mutex, ExcludesOtherThreads) {
  Mutex mutex;
  int count = 0;
  on_threads(4, [&] {
    for (int i = 0; i < 10'000; ++i) {
      const MutexLock lock(mutex);
      ++count;
    }
  });
  EXPECT_EQ(count, 40'000);
}

TEST(PriorityMutex, ExcludesOtherThreads) {
  PriorityMutex mutex;
  int count = 0;
  std::atomic<int> number = 0;
  on_threads(4, [&] {
    const bool is_urgent = number++ % 2 == 0;
    for (int i = 0; i < 10'000; ++i) {
      if (is_urgent) {
        const UrgentLock lock(mutex);
        ++count;
      } else {
        const PatientLock lock(mutex);
        ++count;
      }
    }
  });
  EXPECT_EQ(count, 40'000);
}

// However eager the patient one is, it has the lock at most once more: it may be past its look.
TEST(PriorityMutex, AnUrgentThreadWaitsForOneSlice) {
  PriorityMutex mutex;
  std::atomic<int> slices = 0;
  std::atomic<bool> is_over = false;
  std::thread patient([&] {
    while (!is_over) {
      const PatientLock lock(mutex);
      ++slices;
      // Longer than the urgent one stays awake.
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(300);
      while (std::chrono::steady_clock::now() < until) {
      }
    }
  });
  while (slices == 0) std::this_thread::yield();
  int waited_longer = 0;
  for (int i = 0; i < 100; ++i) {
    const int before = slices;
    const UrgentLock lock(mutex);
    if (slices > before + 2) ++waited_longer;
  }
  is_over = true;
  patient.join();
  // But for when this thread was stopped between its look at `slices` and the lock.
  EXPECT_LE(waited_longer, 10);
}

// There is always an urgent one that waits, and they do not shut the patient one out.
TEST(PriorityMutex, APatientThreadGetsItsTurn) {
  PriorityMutex mutex;
  constexpr int kTurns = 3;
  std::atomic<int> number = 0;
  std::atomic<int> turns = 0;
  std::atomic<int> urgent_turns = 0;
  on_threads(9, [&] {
    if (number++ == 0) {
      while (urgent_turns < 100'000) std::this_thread::yield();
      for (; turns < kTurns; ++turns) const PatientLock lock(mutex);
      return;
    }
    while (turns < kTurns && urgent_turns < 2'000'000'000) {
      const UrgentLock lock(mutex);
      for (int i = 0; i < 20; ++i) ++urgent_turns;
    }
  });
  EXPECT_LT(urgent_turns, 2'000'000'000);
}

TEST(MutexLock, CanBeReleasedEarlyAndTakenAgain) {
  Mutex mutex;
  MutexLock lock(mutex);
  lock.unlock();
  std::thread([&mutex] { const MutexLock other(mutex); }).join();
  lock.lock();
}

TEST(MutexLock, ReleasedEarlyIsNotReleasedTwice) {
  Mutex mutex;
  {
    MutexLock lock(mutex);
    lock.unlock();
  }
  const MutexLock again(mutex);
}

TEST(CondVar, WakesAWaiter) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  std::thread waker([&] {
    const MutexLock lock(mutex);
    ready = true;
    changed.notify_one();
  });
  {
    const MutexLock lock(mutex);
    while (!ready) changed.wait(mutex);
    EXPECT_TRUE(ready);
  }
  waker.join();
}

TEST(CondVar, WakesAllWaiters) {
  Mutex mutex;
  CondVar changed;
  int waiting = 0;
  bool ready = false;
  std::thread waker([&] {
    const MutexLock lock(mutex);
    while (waiting < 4) changed.wait(mutex);
    ready = true;
    changed.notify_all();
  });
  on_threads(4, [&] {
    const MutexLock lock(mutex);
    ++waiting;
    changed.notify_all();
    while (!ready) changed.wait(mutex);
  });
  waker.join();
}

TEST(CondVar, WaitForHoldsTheMutexAgainAfterItsTimeout) {
  Mutex mutex;
  CondVar changed;
  const MutexLock lock(mutex);
  // Nobody notifies, and a spurious wake-up is lawful: only the end of the wait is promised.
  while (changed.wait_for(mutex, std::chrono::nanoseconds(1))) {
  }
}

TEST(SharedMutex, AdmitsReadersTogether) {
  SharedMutex mutex;
  std::atomic<int> inside = 0;
  // Each reader stays until all are in: this ends only if they share the lock.
  on_threads(4, [&] {
    const ReadLock lock(mutex);
    ++inside;
    while (inside.load() < 4) std::this_thread::yield();
  });
  EXPECT_EQ(inside.load(), 4);
}

TEST(SharedMutex, AWriterIsAlone) {
  SharedMutex mutex;
  int count = 0;
  on_threads(4, [&] {
    for (int i = 0; i < 5'000; ++i) {
      {
        const WriteLock lock(mutex);
        ++count;
      }
      const ReadLock lock(mutex);
      EXPECT_GT(count, 0);
    }
  });
  EXPECT_EQ(count, 20'000);
}

}  // namespace
}  // namespace talea
