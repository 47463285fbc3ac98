#include "base/mutex.h"

#include <thread>

#include "base/assert.h"

namespace talea {

namespace {

// A little longer than most slices of patient threads, in looks of some tens of nanoseconds each.
constexpr int kUrgentLooks = 1000;
// And than most sections of other mutexes.
constexpr int kLooks = 200;

// How many urgent threads go before a patient one.
constexpr std::uint32_t kServedFirst = 64;
// A patient thread looks so often at once, and then now and then: who has the lock may be reading
// from a disk. To be woken instead would be the urgent one's work.
constexpr int kPatientLooks = 100;
constexpr std::chrono::microseconds kPatientPause{50};

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
  served_.fetch_add(1);
  urgent_.fetch_sub(1);
}

void PriorityMutex::lock_patient() {
  const std::uint32_t served = served_.load();
  for (int look = 0; urgent_.load() > 0; ++look) {
    if (served_.load() - served >= kServedFirst) return lock_urgent();
    if (look < kPatientLooks) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPatientPause);
    }
  }
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
