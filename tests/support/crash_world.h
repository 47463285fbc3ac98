// CrashWorld: everything outside the engine, under the control of a test; and a workload that
// knows at every moment what the store must hold.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "engine/seams.h"
#include "io/crash_file_system.h"
#include "talea/engine.h"

namespace talea {

/// A machine: its disk, its clock, its randomness, its background work.
struct CrashWorld {
  CrashWorld() : disk(std::make_unique<CrashFileSystem>()) {}
  explicit CrashWorld(std::unique_ptr<CrashFileSystem> disk_in) : disk(std::move(disk_in)) {}

  /// The same disk as it is now, in a world of its own.
  CrashWorld clone() const { return CrashWorld(disk->clone()); }
  Seams seams() { return {*disk, *clock, *random, *executor}; }
  Result<std::unique_ptr<EngineStore>> open(const Options& options) {
    return EngineStore::open(seams(), kPath, options);
  }

  static constexpr const char* kPath = "/store";

  std::unique_ptr<CrashFileSystem> disk;
  std::unique_ptr<ManualClock> clock = std::make_unique<ManualClock>();
  std::unique_ptr<SeededRandom> random = std::make_unique<SeededRandom>(1);
  std::unique_ptr<ManualExecutor> executor = std::make_unique<ManualExecutor>();
};

using Model = std::map<Bytes, Bytes>;

/// All that a store holds, read by a scan, and again by get() and by multi_get().
/// Errors: the first that a read met; corruption when they disagree
Result<Model> contents_of(EngineStore& store);
/// Whether each `key...` of a CrashWorkload expires as its value says.
Status check_expiries(EngineStore& store);

/// A fixed sequence of operations, made from a seed, and what they must lead to.
class CrashWorkload {
 public:
  struct Operation {
    enum class Kind { put, remove, batch, large, reopen, checkpoint, compact, step } kind;
    /// What it changes; an absent value removes.
    std::vector<std::pair<Bytes, std::optional<Bytes>>> changes;
  };

  /// `interleaved`: among these operations there are checkpoints, compactions and steps of the
  /// background. The others are the same as without.
  enum class Maintenance { none, interleaved };
  CrashWorkload(std::uint64_t seed, std::size_t operations,
                Maintenance maintenance = Maintenance::none);

  struct Run {
    /// The state if the operation of unknown outcome did not happen, and if it did. The same when
    /// there is none.
    Model before;
    Model after;
    /// What was acknowledged, in its order, and how much of it the store said is durable.
    std::vector<const Operation*> history;
    std::size_t durable = 0;
    /// The operation of unknown outcome.
    const Operation* unknown_operation = nullptr;
    std::size_t acknowledged = 0;
    std::size_t rejected = 0;
    bool unknown = false;
    /// Checkpoints and compactions that were done, and that failed.
    std::size_t maintained = 0;
    std::size_t unmaintained = 0;
    /// Why opening failed, if it did.
    Status open_failure;
    std::unique_ptr<EngineStore> store;  // still open, unless opening failed

    /// Whether a power cut may leave `found`: all that is durable, then a prefix of the rest, and
    /// behind all of it perhaps what is unknown.
    bool may_leave(const Model& found) const;
  };
  /// Runs all operations, going on after those that were rejected, until one has an unknown
  /// outcome or the store cannot be opened.
  Run run(CrashWorld& world, const Options& options) const;

  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

}  // namespace talea
