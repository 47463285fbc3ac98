#include "base/mutex.h"

#include <thread>

#include "base/assert.h"

namespace talea {

namespace {

// A little longer than most slices of patient threads, in looks of some tens of nanoseconds each.
constexpr int kUrgentLooks = 1000;
// And than most sections of other mutexes.
constexpr int kLooks = 200;

bool lock_awake(std::mutex& mutex, int looks) {
  for (int look = 0; look < looks; ++look) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    if (mutex.try_lock()) return true;
  }
  return false;
}

}  // namespace

void Mutex::lock_taken() {
  if (!lock_awake(mutex_, kLooks)) mutex_.lock();
}

void PriorityMutex::wait_urgent() {
  urgent_.fetch_add(1);
  if (!lock_awake(mutex_, kUrgentLooks)) mutex_.lock();
  urgent_.fetch_sub(1);
}

void PriorityMutex::lock_patient() TALEA_NO_THREAD_SAFETY_ANALYSIS {
  while (urgent_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  mutex_.lock();
}

SharedMutex::SharedMutex() {
  pthread_rwlockattr_t attributes;
  TALEA_ASSERT(pthread_rwlockattr_init(&attributes) == 0);
  TALEA_ASSERT(pthread_rwlockattr_setkind_np(&attributes,
                                             PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
  TALEA_ASSERT(pthread_rwlock_init(&lock_, &attributes) == 0);
  TALEA_ASSERT(pthread_rwlockattr_destroy(&attributes) == 0);
}

SharedMutex::~SharedMutex() { TALEA_ASSERT(pthread_rwlock_destroy(&lock_) == 0); }

void SharedMutex::lock() TALEA_NO_THREAD_SAFETY_ANALYSIS {
  TALEA_ASSERT(pthread_rwlock_wrlock(&lock_) == 0);
}
void SharedMutex::unlock() TALEA_NO_THREAD_SAFETY_ANALYSIS {
  TALEA_ASSERT(pthread_rwlock_unlock(&lock_) == 0);
}
void SharedMutex::lock_shared() TALEA_NO_THREAD_SAFETY_ANALYSIS {
  TALEA_ASSERT(pthread_rwlock_rdlock(&lock_) == 0);
}
void SharedMutex::unlock_shared() TALEA_NO_THREAD_SAFETY_ANALYSIS {
  TALEA_ASSERT(pthread_rwlock_unlock(&lock_) == 0);
}

}  // namespace talea
