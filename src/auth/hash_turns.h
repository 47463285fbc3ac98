// HashTurns: how many hashes of passwords may run at once, and how many callers may wait. A hash
// takes 19 MiB and a core for 20 ms, and anyone may ask for one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "talea/auth.h"
#include "talea/result.h"

namespace talea {

/// Threads: safe.
class HashTurns {
 public:
  HashTurns(std::uint32_t running_max, std::uint32_t waiting_max)
      : running_max_(running_max), waiting_max_(waiting_max) {}

  /// What `work` returns, once it has its turn. It waits while others work, and they end.
  /// Errors: exhausted   too many wait already; besides those of `work`
  template <typename Work>
  auto run(Work work) -> decltype(work()) {
    TALEA_TRY(begin());
    const Turn turn(*this);
    return work();
  }

  std::uint32_t waiting() const {
    MutexLock lock(mutex_);
    return waiting_;
  }

 private:
  // Ends also when there is no memory for what `work` does.
  class Turn {
   public:
    explicit Turn(HashTurns& turns) : turns_(turns) {}
    ~Turn() { turns_.end(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    HashTurns& turns_;
  };

  Status begin() {
    MutexLock lock(mutex_);
    if (running_ < running_max_ && waiting_ == 0) {  // nobody is overtaken
      ++running_;
      return {};
    }
    if (waiting_ == waiting_max_) {
      return Status::exhausted("hashes of passwords: " + std::to_string(running_max_) +
                               " run and " + std::to_string(waiting_max_) +
                               " wait already; try again later");
    }
    ++waiting_;
    while (running_ == running_max_) turn_.wait(mutex_);
    --waiting_;
    ++running_;
    return {};
  }
  void end() {
    MutexLock lock(mutex_);
    --running_;
    turn_.notify_one();
  }

  const std::uint32_t running_max_;
  const std::uint32_t waiting_max_;
  mutable Mutex mutex_;
  CondVar turn_;
  std::uint32_t running_ TALEA_GUARDED_BY(mutex_) = 0;
  std::uint32_t waiting_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea
