#include "engine/state_reader.h"

#include <algorithm>
#include <utility>

#include "engine/engine_store.h"
#include "engine/expiry_hint.h"

namespace talea {
namespace {

// The spaces that have keys, and perhaps some that had, ascending. A key that is in no tree yet is
// in a run.
Result<std::vector<Space>> spaces_of(const LiveState& live) {
  std::vector<Space> spaces = live.spaces();
  if (!live.may_be_incomplete()) return spaces;
  RunSetIterator rows = live.runs()->iterate();
  TALEA_TRY(rows.seek_first());
  while (rows.valid()) {
    const Space space = rows.space();
    spaces.push_back(space);
    if (space == Space{UINT32_MAX}) break;
    TALEA_TRY(rows.seek(Space{static_cast<std::uint32_t>(space) + 1}, {}));
  }
  std::sort(spaces.begin(), spaces.end());
  spaces.erase(std::unique(spaces.begin(), spaces.end()), spaces.end());
  return spaces;
}

}  // namespace

EngineStateReader::EngineStateReader(const EngineStore& store, SnapshotRegistry::Pin pin,
                                     std::vector<Space> spaces, std::uint64_t last_time_ms)
    : store_(store),
      pin_(std::move(pin)),
      may_expire_(std::find(spaces.begin(), spaces.end(), kExpirySpace) != spaces.end()),
      last_time_ms_(last_time_ms) {
  // Hints follow from the rows.
  std::erase(spaces, kExpirySpace);
  spaces_ = std::move(spaces);
}

Result<bool> EngineStateReader::next() {
  large_value_.reset();
  small_value_ = {};
  while (!scan_ || !TALEA_TRY(scan_->next())) {
    if (scanned_ == spaces_.size()) return false;
    auto scan = store_.make_scan(spaces_[scanned_++], {}, store_.live_->pin_again(pin_),
                                 /*time_ms=*/0, VerifyReads::always);
    scanned_row_ = scan.get();
    scan_.emplace(std::move(scan));
  }
  row_ = TALEA_TRY(scanned_row_->describe());
  if (row_.value_bytes > kInlineValueBytesMax) {
    large_value_ = TALEA_TRY(scanned_row_->read_value());
  } else {
    small_value_ = TALEA_TRY(scan_->value());
  }
  return true;
}

Result<BytesView> EngineStateReader::read_value() {
  if (large_value_) return large_value_->read();
  return std::exchange(small_value_, {});
}

Result<std::unique_ptr<StateReader>> EngineStore::read_state() {
  TALEA_TRY(check_usable(false));
  SnapshotRegistry::Pin pin = live_->pin();
  // Asked after the pin was made, both cover all that it sees.
  std::vector<Space> spaces = TALEA_TRY(spaces_of(*live_));
  const std::uint64_t last_time_ms = sequencer_.last_now();
  return std::unique_ptr<StateReader>(
      std::make_unique<EngineStateReader>(*this, std::move(pin), std::move(spaces), last_time_ms));
}

}  // namespace talea
