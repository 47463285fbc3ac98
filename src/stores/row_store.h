// RowStore: a Store over an ordered map (ordered_rows.h). All that is the same for every such map
// is here: preconditions, sequences, time and expiry, scans, the state.
//
// One commit runs at a time. Under one mutex its preconditions are evaluated against the rows, it
// gets its sequence and its time, and all that it changes goes to the map as one write: the values,
// the row that says what the store is at, and for each key that expires a row that says when to
// look. Readers wait for nobody.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "store/store.h"
#include "stores/ordered_rows.h"
#include "stores/row_format.h"

namespace talea {

/// Threads: safe, but for close() and destruction.
class RowStore final : public Store {
 public:
  /// The references outlive the store.
  struct Setup {
    Clock& clock;
    Executor& executor;
    /// For messages: "the memory store".
    std::string name;
    bool read_only = false;
    /// Calls OrderedRows::sync so often; 0: never.
    std::chrono::milliseconds sync_interval{0};
  };

  /// Begins with what is in `rows`; where there is nothing, a store that is empty.
  /// Errors: corruption, unsupported; invalid_argument   the rows are not those of a store
  static Result<std::unique_ptr<RowStore>> open(Setup setup, std::unique_ptr<OrderedRows> rows);

  /// Errors, of all writes: as Engine::put, and invalid_argument for a StoredValue, which belongs
  /// to an engine.
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override;
  Result<bool> apply(Sequence sequence, const Batch& batch) override;
  Result<std::optional<Versioned>> get(Space space, BytesView key) override;
  Result<Scan> scan(Space space, const ScanRange& range) override;
  Result<std::unique_ptr<StateReader>> read_state() override;

  /// Makes all durable, where rows are on a disk; every later call is refused. What the rows hold,
  /// a lock among it, goes when the store is destroyed.
  Status close();

 private:
  friend class RowScan;
  friend class RowStateReader;

  RowStore(Setup setup, std::unique_ptr<OrderedRows> rows);
  Status begin();
  Status read_head();

  Status check_usable(bool for_writing) const;
  std::uint64_t now_ms() const { return std::max(setup_.clock.wall_ms(), last_time_ms_.load()); }
  // A value and what keeps it.
  struct Present {
    OrderedRows::Found found;
    ValueRow row;
  };
  // Also of a key that has expired.
  Result<std::optional<Present>> look_up(Space space, BytesView key) const;
  // Not of one that has.
  Result<std::optional<Present>> look_up(Space space, BytesView key, std::uint64_t now_ms) const;
  Status damaged(BytesView place) const;

  Status evaluate(const Batch& batch, std::uint64_t now_ms, FailedPrecondition* failed)
      TALEA_REQUIRES(mutex_);
  Result<Sequence> write(const Batch& batch, Sequence sequence, std::uint64_t now_ms)
      TALEA_REQUIRES(mutex_);
  // Writes `changes` and with them what the store is at then.
  Status write(std::vector<OrderedRows::Change> changes, const StoreHead& head)
      TALEA_REQUIRES(mutex_);

  // What an operation puts and when that expires; nothing when it comes to nothing.
  struct Resolved {
    BytesView value = {};
    std::uint64_t expiry_ms = 0;
    bool is_remove = false;
  };
  static std::optional<Resolved> resolve(const Batch::Operation& operation, std::uint64_t now_ms,
                                         const std::optional<Present>& present);

  // One slice of removing what has expired.
  void reap();
  Result<std::uint64_t> reap_some(std::uint64_t now_ms);
  void expects(std::uint64_t expiry_ms);

  const Setup setup_;
  const std::unique_ptr<OrderedRows> rows_;
  std::atomic<bool> closed_{false};
  Mutex mutex_;
  Sequence last_sequence_ TALEA_GUARDED_BY(mutex_) = 0;
  Status broken_ TALEA_GUARDED_BY(mutex_);
  // No batch that readers see is of a later time.
  std::atomic<std::uint64_t> last_time_ms_{0};
  // Nothing is due before. 0 at first: the store may have been closed for long.
  std::atomic<std::uint64_t> next_due_ms_{0};
  // Whether a key may expire: what has never had one need not look whether it replaces one.
  bool may_expire_ TALEA_GUARDED_BY(mutex_) = false;
  // Last: their steps use all of the above.
  std::unique_ptr<Executor::Registration> reaping_;
  std::unique_ptr<Executor::Registration> syncing_;
};

}  // namespace talea
