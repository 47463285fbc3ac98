// Turns: one caller at a time, in the order in which they came.
#pragma once

#include <cstdint>

#include "base/mutex.h"

namespace talea {

/// Threads: safe.
class Turns {
 public:
  /// A turn, until it is destroyed; may hold none.
  class Turn {
   public:
    Turn() = default;
    explicit Turn(Turns* turns) : turns_(turns) {}
    Turn(Turn&& other) noexcept : turns_(other.turns_) { other.turns_ = nullptr; }
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->end();
    }
    explicit operator bool() const { return turns_ != nullptr; }

   private:
    Turns* turns_ = nullptr;
  };

  Turn wait() {
    MutexLock lock(mutex_);
    const std::uint64_t mine = next_++;
    while (serving_ != mine) ended_.wait(mutex_);
    return Turn(this);
  }

  /// None when somebody has a turn or waits for one.
  Turn try_now() {
    MutexLock lock(mutex_);
    if (serving_ != next_) return {};
    ++next_;
    return Turn(this);
  }

 private:
  void end() {
    {
      MutexLock lock(mutex_);
      ++serving_;
    }
    ended_.notify_all();
  }

  Mutex mutex_;
  CondVar ended_;
  std::uint64_t next_ TALEA_GUARDED_BY(mutex_) = 0;
  std::uint64_t serving_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea
