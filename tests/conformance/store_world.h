// The stores that the conformance suite runs on, each with a clock and background work that the
// test moves by hand, and restarts where the store outlives its process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "store/store.h"

namespace talea {

enum class StoreKind { engine, encrypted_engine, memory, rocksdb };

/// Those that are in this build.
std::vector<StoreKind> store_kinds();
/// Of these, those that are there again after a restart.
std::vector<StoreKind> lasting_store_kinds();
std::string store_kind_name(StoreKind kind);

/// Threads: as its store; restart() and close() need the other calls to have returned.
class StoreWorld {
 public:
  static constexpr std::uint64_t kBegan = 1'700'000'000'000;

  static std::unique_ptr<StoreWorld> make(StoreKind kind);
  virtual ~StoreWorld() = default;

  virtual Store& store() = 0;
  virtual Status close() = 0;
  enum class End { closed, killed };
  /// Opens it again, after it was closed or as if the process had ended. One in memory is empty
  /// then.
  virtual Status restart(End end) = 0;

  ManualClock& clock() { return clock_; }
  /// What would be done in the background by now.
  void work() { executor_.step_all(); }

 protected:
  ManualClock clock_{kBegan};
  ManualExecutor executor_;
};

}  // namespace talea
