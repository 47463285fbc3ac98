// Executor: the seam through which background work runs.
//
// A piece of background work is a Task whose step() does one bounded slice and returns. In
// production a thread calls it at its period; in tests nothing runs until the test calls it, so
// that every interleaving can be replayed.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "talea/result.h"

namespace talea {

/// Threads: safe.
class Executor {
 public:
  /// Ends the registration when it is destroyed, after a running step has returned.
  class Registration {
   public:
    virtual ~Registration() = default;
  };

  virtual ~Executor() = default;
  /// Calls `step` every `period` until the registration is destroyed. Steps of one registration
  /// never overlap.
  /// Errors: exhausted   the machine has no thread left
  virtual Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                                      std::function<void()> step) = 0;
};

/// One thread for each registration.
class ThreadExecutor final : public Executor {
 public:
  Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                              std::function<void()> step) override;
};

/// Runs nothing by itself. step_all() runs every registered step once, on the caller.
class ManualExecutor final : public Executor {
 public:
  ManualExecutor();
  ~ManualExecutor() override;
  Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                              std::function<void()> step) override;
  void step_all();

 private:
  struct Steps;
  std::shared_ptr<Steps> steps_;
};

}  // namespace talea
