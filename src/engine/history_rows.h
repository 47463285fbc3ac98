// HistoryRows: all rows of history runs, of each key the newest first, each once.
//
// What RunSetIterator is for the index, where a key has one row. Here the newest layer decides
// about each row (key, sequence), and rows of a key may come from any layer; see history.h.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "index/run_set.h"

namespace talea {

/// What is asked for: the youngest revision of neither a higher sequence nor a later time.
struct RevisionLimit {
  Sequence sequence_max = ~Sequence{0};
  std::uint64_t time_max = UINT64_MAX;

  bool admits(Sequence sequence, std::uint64_t time) const {
    return sequence <= sequence_max && time <= time_max;
  }
};

/// The row of the key that `limit` asks for, among all layers.
/// Cost: a look at a filter and a block of each layer; with a time, at some tens of blocks.
/// Errors: corruption, io_error
Result<std::optional<RunRevision>> find_row(const RunSet& runs, Space space, BytesView key,
                                            const RevisionLimit& limit);
/// The row of just this sequence, as the newest layer has it.
Result<std::optional<RunRevision>> find_exact_row(const RunSet& runs, Space space, BytesView key,
                                                  Sequence sequence);

/// At no row; seek first. It keeps the runs open.
///
/// Errors, of all that move: corruption, io_error   it is at no row then
/// Threads: externally synchronised.
class HistoryRows {
 public:
  explicit HistoryRows(std::shared_ptr<const RunSet> runs);

  bool valid() const { return current_ != nullptr; }
  // Of the row; asserted: valid(). Keys are valid until the iterator moves.
  BytesView row_key() const;
  Space space() const { return run_space_of(row_key()); }
  BytesView key() const { return run_key_of(row_key()); }
  RunRevision revision() const;

  Status seek_first();
  /// To the first row at or after (row_key, at_or_below).
  Status seek(BytesView row_key, Sequence at_or_below = ~Sequence{0});
  /// To the first row of the last key before `row_key`.
  Status seek_key_before(BytesView row_key);
  Status seek_last_key();
  Status next();

 private:
  Status settle(Status moved);
  Status seek_key_of_last();

  std::shared_ptr<const RunSet> runs_;
  std::vector<RunIterator> layers_;  // newest first
  RunIterator* current_ = nullptr;
};

}  // namespace talea
