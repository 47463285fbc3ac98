// EngineStateReader: all that the embedded store holds, as of one batch.
//
// Scans of one space after the other, under one pin. They check every entry that they pass, not
// only what was not checked before: damage that is found too late would be in the copy as well.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/snapshot_registry.h"
#include "store/store.h"

namespace talea {

class EngineStore;
struct EngineScanState;

/// Lifetime: must not outlive its store. For as long as it lives, what was replaced since stays in
/// memory and on disk. Threads: externally synchronised.
class EngineStateReader final : public StateReader {
 public:
  /// `spaces`: ascending. `last_time_ms`: no batch that `pin` sees has a later `now`.
  EngineStateReader(const EngineStore& store, SnapshotRegistry::Pin pin, std::vector<Space> spaces,
                    std::uint64_t last_time_ms);

  Sequence last_sequence() const override { return pin_.sequence(); }
  std::uint64_t last_time_ms() const override { return last_time_ms_; }
  bool may_expire() const override { return may_expire_; }
  /// Errors: corruption, io_error; invalid_argument when the store was closed
  Result<bool> next() override;
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override;

 private:
  const EngineStore& store_;
  const SnapshotRegistry::Pin pin_;
  const bool may_expire_;
  const std::uint64_t last_time_ms_;
  std::vector<Space> spaces_;
  std::size_t scanned_ = 0;                 // of spaces_, the present one included
  std::optional<Scan> scan_;                // of the present one
  EngineScanState* scanned_row_ = nullptr;  // of scan_
  StateRow row_;
  BytesView small_value_;                   // what is left of a value that is in memory
  std::optional<ValueReader> large_value_;  // one that is not
};

}  // namespace talea
