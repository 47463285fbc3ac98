// The state of a store, read through scans alone: what a state hash is compared with.
#pragma once

#include <optional>
#include <span>

#include "engine/engine_store.h"
#include "store/state.h"

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

}  // namespace talea
