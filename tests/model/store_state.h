// The state of a store, read in two ways: as the store gives it, and through scans alone.
#pragma once

#include <optional>
#include <span>

#include "engine/engine_store.h"
#include "store/state_stream.h"

namespace talea {

/// Reads the given spaces of `store`, in which nothing is written meanwhile. Its rows have no time.
class ScannedState final : public StateReader {
 public:
  ScannedState(EngineStore& store, std::span<const Space> spaces)
      : store_(store), spaces_(spaces), last_sequence_(store.stats().last_sequence) {}

  Sequence last_sequence() const override { return last_sequence_; }
  std::uint64_t last_time_ms() const override { return 0; }
  Result<bool> next() override {
    while (!spaces_.empty()) {
      if (!scan_) scan_ = TALEA_TRY(store_.scan(spaces_.front(), {}));
      if (TALEA_TRY(scan_->next())) {
        value_ = TALEA_TRY(scan_->value());
        row_ = {.space = spaces_.front(),
                .key = scan_->key(),
                .revision = TALEA_TRY(scan_->revision()),
                .value_bytes = value_.size()};
        return true;
      }
      scan_.reset();
      spaces_ = spaces_.subspan(1);
    }
    return false;
  }
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override { return std::exchange(value_, {}); }

 private:
  EngineStore& store_;
  std::span<const Space> spaces_;
  const Sequence last_sequence_;
  std::optional<Scan> scan_;
  StateRow row_;
  BytesView value_;
};

/// The state hash of a store in which nothing is written meanwhile.
/// Errors: those of reading; corruption when scans of `spaces`, which are all there are, see
/// another
///         state than the store gives
inline Result<StateHash> checked_state_hash(EngineStore& store, std::span<const Space> spaces) {
  const StateHash given = TALEA_TRY(hash_state(*TALEA_TRY(store.read_state())));
  ScannedState scanned(store, spaces);
  if (TALEA_TRY(hash_state(scanned)) == given) return given;
  return Status::corruption("scans see another state than read_state() gives");
}

}  // namespace talea
