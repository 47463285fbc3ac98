// Perturbation: makes threads meet where they seldom meet by themselves.
//
// Two means, both drawn from a seed, neither of which waits for time to pass:
//   - wherever the store calls out through a seam, to a file or a clock, the thread may give way
//   - before an operation a thread may set itself a timer of some microseconds, which stops it in
//     the middle of what it does: at any instruction, inside a lock or before a publication, until
//     the others have come a few operations further (or cannot, because they wait for it)
//
// The second is a signal, whose handler gives way in a loop. The thread sanitizer delivers signals
// late, at the next call into the system or the library; the address sanitizer at once.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "tests/support/forwarding_file_system.h"
#include "tests/trust/history.h"

namespace talea::trust {

/// One at a time in a process: it has SIGUSR1 to itself.
///
/// Threads: safe.
class Perturbation {
 public:
  /// `clock` tells how far the others have come; it outlives this.
  Perturbation(const HistoryClock& clock, std::uint64_t seed);
  ~Perturbation();
  Perturbation(const Perturbation&) = delete;
  Perturbation& operator=(const Perturbation&) = delete;

  /// Gives way, at times.
  void at_seam();

  /// The timer of one thread, made and used by that thread alone.
  class Stopper {
   public:
    explicit Stopper(Perturbation& perturbation);
    ~Stopper();
    Stopper(const Stopper&) = delete;
    Stopper& operator=(const Stopper&) = delete;
    /// Stops the thread a little later, at times.
    void stop_soon();

   private:
    Perturbation& perturbation_;
    timer_t timer_{};
  };

 private:
  std::uint64_t draw();

  std::atomic<std::uint64_t> drawn_;
};

/// A clock that gives way at every call, at times.
///
/// Threads: safe.
class PerturbedClock final : public Clock {
 public:
  PerturbedClock(Clock& clock, Perturbation& perturbation)
      : clock_(clock), perturbation_(perturbation) {}
  std::uint64_t wall_ms() override {
    perturbation_.at_seam();
    return clock_.wall_ms();
  }
  std::uint64_t monotonic_ns() override {
    perturbation_.at_seam();
    return clock_.monotonic_ns();
  }

 private:
  Clock& clock_;
  Perturbation& perturbation_;
};

/// A file system that gives way before and after every call, at times. Nothing is synced: these
/// tests end no process and cut no power, and can do with thousands of syncs that take no time.
///
/// Threads: safe.
class PerturbedFileSystem final : public ForwardingFileSystem {
 public:
  PerturbedFileSystem(FileSystem& file_system, Perturbation& perturbation)
      : ForwardingFileSystem(file_system), perturbation_(perturbation) {}

  /// The next sync of a file fails, once.
  void fail_next_sync() { fail_next_sync_.store(true); }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;

 private:
  class PerturbedFile;

  Perturbation& perturbation_;
  std::atomic<bool> fail_next_sync_{false};
};

}  // namespace talea::trust
