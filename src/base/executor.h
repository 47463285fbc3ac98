// Executor: the seam through which background work runs.
//
// A piece of background work is a Task whose step() does one bounded slice and returns. In
// production a thread calls it at its period, or a caller of the store does when there are to be no
// threads; in tests nothing runs until the test calls it, so that every interleaving can be
// replayed.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "base/clock.h"
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
  /// A thread that does `work`, whatever of it there is; the caller joins it.
  /// Errors: exhausted   the machine has no thread left
  virtual Result<std::thread> start(std::function<void()> work);
};

/// One thread for each registration, as long as there are no more than `threads_max`. The last of
/// the threads takes what is registered then as well, and runs the steps one after the other: a
/// long one delays the others.
class ThreadExecutor final : public Executor {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  /// `threads_max`: at least 1.
  explicit ThreadExecutor(std::size_t threads_max = kNoLimit);
  ~ThreadExecutor() override;
  Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                              std::function<void()> step) override;
  /// How many threads there are.
  std::size_t threads() const;

 private:
  struct Threads;
  const std::unique_ptr<Threads> threads_;
};

/// No thread of its own: whoever calls run_due() runs what is due.
class InlineExecutor final : public Executor {
 public:
  /// `clock` outlives the executor.
  explicit InlineExecutor(Clock& clock);
  ~InlineExecutor() override;
  Result<std::unique_ptr<Registration>> every(std::chrono::milliseconds period,
                                              std::function<void()> step) override;
  /// Runs, on the caller, each step whose period is over since it last ended. Returns at once while
  /// another thread does so. Cost when nothing is due: a look at the clock.
  void run_due();

 private:
  struct Jobs;
  const std::shared_ptr<Jobs> jobs_;
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
