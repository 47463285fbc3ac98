// EngineStore: the embedded store. Joins opening, sequencer, logs and live state.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/commit_log.h"
#include "engine/extent_store.h"
#include "engine/live_state.h"
#include "engine/metrics.h"
#include "engine/opening.h"
#include "engine/seams.h"
#include "engine/sequencer.h"
#include "store/store.h"

namespace talea {

/// Threads: safe, but for close() and destruction.
class EngineStore final : public Store {
 public:
  /// As Engine::open, on a world of the caller's choice.
  static Result<std::unique_ptr<EngineStore>> open(const Seams& seams, const std::string& path,
                                                   const Options& options);
  ~EngineStore() override;

  Result<Sequence> put(Space space, BytesView key, BytesView value);
  Result<Sequence> remove(Space space, BytesView key);
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override;
  Result<bool> apply(Sequence sequence, const Batch& batch) override;

  Result<std::optional<Versioned>> get(Space space, BytesView key) override;
  Result<std::optional<Bytes>> get_value(Space space, BytesView key);
  Result<Scan> scan(Space space, const ScanRange& range) override;
  Result<ValueWriter> write_value();
  Result<std::optional<ValueReader>> read_value(Space space, BytesView key);

  Status sync();
  Stats stats() const;
  std::vector<SegmentInfo> segments() const;
  const RecoveryReport& recovery() const { return report_; }
  Status close();

  /// Errors: invalid_argument   closed, or opened for reading only
  Status check_usable(bool for_writing) const;

 private:
  friend class EngineScan;

  EngineStore(const Seams& seams, const std::string& path, const Options& options,
              OpenedDirectory opened);

  Status begin_syncing();
  // An entry as it is found: where, and decoded into `scratch`.
  struct Read {
    LiveState::Found found;
    EntryView entry;
  };
  Result<std::optional<Read>> read_entry(Space space, BytesView key, Bytes& scratch) const;
  // The value of an entry that was read, whole; an extent list is followed.
  Result<Bytes> whole_value(const Read& read) const;
  Result<ValueReader> make_reader(const Read& read) const;

  Result<Sequence> write(const Batch& batch, std::optional<Sequence> sequence,
                         FailedPrecondition* failed);
  Result<Sequence> write_one(const EntrySource& entry);
  Result<ExtentList> store_value(BytesView value);
  Result<Sequence> commit_encoded(const Sequencer::Request& request, std::uint64_t puts,
                                  std::uint64_t removes);
  void count_outcome(const Result<Sequence>& committed);

  const Seams seams_;
  const Options options_;
  const std::uint64_t instance_;  // marks the StoredValues that are ours
  const RecoveryReport report_;
  std::unique_ptr<FileLock> lock_;
  const std::unique_ptr<FileCache> cache_;
  const std::unique_ptr<LiveState> live_;
  mutable Metrics metrics_;
  ManifestKeeper manifest_;
  ExtentStore extents_;
  CommitLog log_;
  Sequencer sequencer_;
  std::atomic<bool> closed_{false};
  std::unique_ptr<Executor::Registration> syncing_;  // last: its steps use all of the above
};

}  // namespace talea
