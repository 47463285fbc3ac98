#include "engine/history_rows.h"

#include <utility>

#include "base/assert.h"

namespace talea {

namespace {

// Rows of a key are in the order of their sequences, and times do not descend with them: halving
// what sequences there may be finds the first that is not too late.
Result<std::optional<RunRevision>> find_in(const RunReader& run, const RunKey& key,
                                           const RevisionLimit& limit) {
  std::optional<RunRevision> row = TALEA_TRY(run.get(key, limit.sequence_max));
  if (!row || row->time_ms <= limit.time_max) return row;
  std::optional<RunRevision> found;
  Sequence low = 1;
  Sequence high = row->sequence - 1;
  while (low <= high) {
    const Sequence middle = low + (high - low) / 2;
    row = TALEA_TRY(run.get(key, middle));
    if (row && row->time_ms > limit.time_max) {
      high = row->sequence - 1;
    } else {
      if (row) found = row;
      low = middle + 1;
    }
  }
  return found;
}

}  // namespace

Result<std::optional<RunRevision>> find_row(const RunSet& runs, Space space, BytesView key,
                                            const RevisionLimit& limit) {
  const RunKey row_key(space, key);
  std::optional<RunRevision> youngest;
  for (const RunSet::Run& run : runs.runs()) {
    const std::optional<RunRevision> row = TALEA_TRY(find_in(*run, row_key, limit));
    if (row && (!youngest || row->sequence > youngest->sequence)) youngest = row;
  }
  return youngest;
}

Result<std::optional<RunRevision>> find_exact_row(const RunSet& runs, Space space, BytesView key,
                                                  Sequence sequence) {
  const RunKey row_key(space, key);
  for (const RunSet::Run& run : runs.runs()) {
    std::optional<RunRevision> row = TALEA_TRY(run->get(row_key, sequence));
    if (row && row->sequence == sequence) return row;
  }
  return std::optional<RunRevision>();
}

// --- HistoryRows ---------------------------------------------------------------------------------

HistoryRows::HistoryRows(std::shared_ptr<const RunSet> runs) : runs_(std::move(runs)) {
  layers_.reserve(runs_->runs().size());
  for (const RunSet::Run& run : runs_->runs()) layers_.push_back(run->iterate());
}

BytesView HistoryRows::row_key() const {
  TALEA_ASSERT(valid());
  return current_->row_key();
}

RunRevision HistoryRows::revision() const {
  TALEA_ASSERT(valid());
  return current_->revision();
}

// The row that comes first; of equal ones that of the newest layer.
Status HistoryRows::settle(Status moved) {
  current_ = nullptr;
  TALEA_TRY(std::move(moved));
  for (RunIterator& layer : layers_) {
    if (!layer.valid()) continue;
    const bool is_first = current_ == nullptr ||
                          compare_run_rows(layer.row_key(), layer.revision().sequence,
                                           current_->row_key(), current_->revision().sequence) < 0;
    if (is_first) current_ = &layer;
  }
  return {};
}

Status HistoryRows::seek_first() {
  Status moved;
  for (RunIterator& layer : layers_) {
    if (moved.ok()) moved = layer.seek_first();
  }
  return settle(std::move(moved));
}

Status HistoryRows::seek(BytesView row_key, Sequence at_or_below) {
  const Bytes key(row_key);  // it may be a view of what moves
  Status moved;
  for (RunIterator& layer : layers_) {
    if (moved.ok()) moved = layer.seek_row_key(key, at_or_below);
  }
  return settle(std::move(moved));
}

// Each layer is at the last row before a key, or at none: goes to the first row of the last key
// that they are at.
Status HistoryRows::seek_key_of_last() {
  std::optional<Bytes> last;
  for (const RunIterator& layer : layers_) {
    if (layer.valid() && (!last || layer.row_key() > *last)) last = Bytes(layer.row_key());
  }
  current_ = nullptr;
  return last ? seek(*last) : Status();
}

Status HistoryRows::seek_key_before(BytesView row_key) {
  const Bytes key(row_key);
  current_ = nullptr;
  for (RunIterator& layer : layers_) {
    TALEA_TRY(layer.seek_row_key(key));
    TALEA_TRY(layer.valid() ? layer.prev() : layer.seek_last());
  }
  return seek_key_of_last();
}

Status HistoryRows::seek_last_key() {
  current_ = nullptr;
  for (RunIterator& layer : layers_) TALEA_TRY(layer.seek_last());
  return seek_key_of_last();
}

Status HistoryRows::next() {
  TALEA_ASSERT(valid());
  const Bytes key(current_->row_key());
  const Sequence sequence = current_->revision().sequence;
  for (RunIterator& layer : layers_) {
    const bool is_same =
        layer.valid() && layer.revision().sequence == sequence && layer.row_key() == BytesView(key);
    if (!is_same) continue;
    if (Status moved = layer.next(); !moved.ok()) return settle(std::move(moved));
  }
  return settle({});
}

}  // namespace talea
