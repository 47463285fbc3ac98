// Mutexes that clang's thread-safety analysis understands.
//
// Members say which mutex guards them (TALEA_GUARDED_BY), functions which one they need
// (TALEA_REQUIRES), and `clang++ -Werror=thread-safety` proves it. Under g++ the annotations are
// nothing. Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#if defined(__clang__)
#define TALEA_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TALEA_THREAD_ATTRIBUTE(x)
#endif

#define TALEA_CAPABILITY(name) TALEA_THREAD_ATTRIBUTE(capability(name))
#define TALEA_SCOPED_CAPABILITY TALEA_THREAD_ATTRIBUTE(scoped_lockable)
#define TALEA_GUARDED_BY(mutex) TALEA_THREAD_ATTRIBUTE(guarded_by(mutex))
#define TALEA_PT_GUARDED_BY(mutex) TALEA_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
#define TALEA_REQUIRES(...) TALEA_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TALEA_REQUIRES_SHARED(...) TALEA_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define TALEA_EXCLUDES(...) TALEA_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define TALEA_ACQUIRE(...) TALEA_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TALEA_ACQUIRE_SHARED(...) TALEA_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define TALEA_RELEASE(...) TALEA_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TALEA_RELEASE_GENERIC(...) TALEA_THREAD_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define TALEA_RETURN_CAPABILITY(mutex) TALEA_THREAD_ATTRIBUTE(lock_returned(mutex))
#define TALEA_NO_THREAD_SAFETY_ANALYSIS TALEA_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace talea {

class CondVar;

/// A mutual exclusion lock. Who finds it taken stays awake for some microseconds: sections are
/// short, and to sleep and be woken costs more than most of them.
class TALEA_CAPABILITY("mutex") Mutex {
 public:
  void lock() TALEA_ACQUIRE() TALEA_NO_THREAD_SAFETY_ANALYSIS {
    if (!mutex_.try_lock()) [[unlikely]]
      lock_taken();
  }
  void unlock() TALEA_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  void lock_taken();

  std::mutex mutex_;
};

/// Holds a Mutex for a scope; may be released early and taken again.
class TALEA_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TALEA_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() TALEA_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() TALEA_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() TALEA_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// A condition variable for a Mutex. Waiters check their condition in a loop.
class CondVar {
 public:
  void wait(Mutex& mutex) TALEA_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  /// False when `timeout` passed first.
  bool wait_for(Mutex& mutex, std::chrono::nanoseconds timeout) TALEA_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool woken = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

/// A lock with two sides. Whoever takes it as *urgent* has a caller waiting; who takes it as
/// *patient* does so again and again, for one slice of a long work after the other. A std::mutex is
/// not fair: a patient thread that releases it has it back before one that slept is awake, for
/// milliseconds on end. So no patient thread takes it while an urgent one waits, and an urgent one
/// waits some microseconds awake, because a slice is short. Patience has an end: a thread that let
/// some tens of them go before it is urgent itself, or many of them would shut it out for ever.
class TALEA_CAPABILITY("mutex") PriorityMutex {
 public:
  void lock_urgent() TALEA_ACQUIRE() TALEA_NO_THREAD_SAFETY_ANALYSIS {
    if (!mutex_.try_lock()) [[unlikely]]
      wait_urgent();
  }
  void lock_patient() TALEA_ACQUIRE() TALEA_NO_THREAD_SAFETY_ANALYSIS;
  void unlock() TALEA_RELEASE() { mutex_.unlock(); }

 private:
  void wait_urgent() TALEA_NO_THREAD_SAFETY_ANALYSIS;

  std::mutex mutex_;
  std::atomic<std::uint32_t> urgent_{0};  // that wait
  std::atomic<std::uint32_t> served_{0};  // that waited
};

class TALEA_SCOPED_CAPABILITY UrgentLock {
 public:
  explicit UrgentLock(PriorityMutex& mutex) TALEA_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock_urgent();
  }
  ~UrgentLock() TALEA_RELEASE() { mutex_.unlock(); }
  UrgentLock(const UrgentLock&) = delete;
  UrgentLock& operator=(const UrgentLock&) = delete;

 private:
  PriorityMutex& mutex_;
};

class TALEA_SCOPED_CAPABILITY PatientLock {
 public:
  explicit PatientLock(PriorityMutex& mutex) TALEA_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock_patient();
  }
  ~PatientLock() TALEA_RELEASE() { mutex_.unlock(); }
  PatientLock(const PatientLock&) = delete;
  PatientLock& operator=(const PatientLock&) = delete;

 private:
  PriorityMutex& mutex_;
};

/// Many readers or one writer. A waiting writer goes before readers that come after it: with
/// std::shared_mutex, which is the other way here, eight scanning threads let one put through in
/// twelve seconds. So a thread that holds it shared must not take it shared again.
class TALEA_CAPABILITY("shared mutex") SharedMutex {
 public:
  SharedMutex();
  ~SharedMutex();
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() TALEA_ACQUIRE();
  void unlock() TALEA_RELEASE();
  void lock_shared() TALEA_ACQUIRE_SHARED();
  void unlock_shared() TALEA_THREAD_ATTRIBUTE(release_shared_capability());

 private:
  pthread_rwlock_t lock_;
};

class TALEA_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) TALEA_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriteLock() TALEA_RELEASE() { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class TALEA_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) TALEA_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() TALEA_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace talea
