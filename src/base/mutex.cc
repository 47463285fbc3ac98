#include "base/mutex.h"

#include "base/assert.h"

namespace talea {

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
