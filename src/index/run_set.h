// RunSet: several runs as one sorted map, and RunMerger, which makes one run of them.
//
// Runs are layers. For a key, the newest layer that has a row of it decides, be it a tombstone;
// what older layers say of the key is shadowed:
//
//     layer 0 (newest)            bravo -> 9                 delta removed
//     layer 1           alpha -> 3            charlie -> 5   delta -> 6
//     layer 2 (oldest)  alpha -> 1  bravo -> 2
//     ------------------------------------------------------------------
//     seen              alpha -> 3  bravo -> 9  charlie -> 5
//
// A look-up asks layer after layer, and each layer's filter first, so that layers without the key
// cost next to nothing. A merge drops what is shadowed, and tombstones when there is nothing below
// that they could hide.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "index/run_file.h"
#include "index/run_key.h"
#include "index/run_reader.h"
#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

class RunSetIterator;

/// Threads: immutable; safe.
class RunSet : public std::enable_shared_from_this<RunSet> {
 public:
  /// Shared with other sets and with iterators; immutable.
  using Run = std::shared_ptr<const RunReader>;

  static std::shared_ptr<const RunSet> of(std::vector<Run> newest_first);

  const std::vector<Run>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }

  /// The row of the key that decides: of the newest layer that has one at or below `at_or_below`,
  /// its newest such row. It may be a tombstone.
  ///
  /// Cost: a look at the filter of each layer that is asked, and at a block of the one that
  /// answers; 0.0054 blocks for each layer without the key.
  /// Errors: corruption, io_error
  Result<std::optional<RunRevision>> get(Space space, BytesView key,
                                         Sequence at_or_below = ~Sequence{0}) const {
    return get(RunKey(space, key), at_or_below);
  }
  Result<std::optional<RunRevision>> get(const RunKey& key,
                                         Sequence at_or_below = ~Sequence{0}) const;

  struct View {
    /// Rows with a higher sequence are not there.
    Sequence at_or_below = ~Sequence{0};
    /// Whether a removed key is a row, its tombstone, or none.
    bool tombstones = false;
  };
  /// At no row; seek first. It keeps the runs open.
  RunSetIterator iterate(const View& view) const;
  RunSetIterator iterate() const;

  /// Of all layers; what is shadowed counts.
  std::uint64_t rows() const;
  std::uint64_t keys() const;
  std::uint64_t memory_bytes() const;
  /// How many look-ups in a layer went on to a data block.
  std::uint64_t data_blocks_looked_at() const;

 private:
  explicit RunSet(std::vector<Run> newest_first) : runs_(std::move(newest_first)) {}

  const std::vector<Run> runs_;
};

/// One run, key by key: of each key the newest row at or below a sequence.
///
/// Threads: externally synchronised.
class RunKeyIterator {
 public:
  RunKeyIterator(const RunReader& run, Sequence at_or_below);

  bool valid() const { return rows_.valid(); }
  BytesView row_key() const { return rows_.row_key(); }
  RunRevision revision() const { return rows_.revision(); }

  /// To the first key at or after `row_key`.
  Status seek(BytesView row_key);
  /// To the last key before `row_key`.
  Status seek_before(BytesView row_key);
  Status seek_first();
  Status seek_last();
  Status next();
  Status prev();

 private:
  /// From the newest row of a key to a row that is seen, of it or of a later key.
  Status settle_forward();
  /// From the oldest row of a key to the row of it that is seen, or that of an earlier key.
  Status settle_backward();

  RunIterator rows_;
  const Sequence at_or_below_;
  /// No key has two rows, and all are seen: then there is nothing to settle.
  const bool plain_;
  Bytes key_;  // where next() and prev() began
};

/// A place in a RunSet; moves in both directions. After a failure it is at no row: seek again.
///
/// Cost: a step compares the keys of all layers; turning round seeks in each.
/// Errors, of all that move: corruption, io_error
/// Threads: externally synchronised.
class RunSetIterator {
 public:
  RunSetIterator(RunSetIterator&&) = default;
  RunSetIterator& operator=(RunSetIterator&&) = default;

  /// False before the first seek, beyond either end and after a failure.
  bool valid() const { return current_ != nullptr; }
  // Of the row; asserted: valid(). Keys are valid until the iterator moves.
  BytesView row_key() const;
  Space space() const { return run_space_of(row_key()); }
  BytesView key() const { return run_key_of(row_key()); }
  RunRevision revision() const;

  /// To the first key at or after (space, key).
  Status seek(Space space, BytesView key);
  /// To the last key before (space, key).
  Status seek_before(Space space, BytesView key);
  Status seek_first();
  Status seek_last();
  // To the neighbour, or beyond the end. Asserted: valid().
  Status next();
  Status prev();

 private:
  friend class RunSet;

  enum class Direction { forward, backward };
  struct Layer {
    RunKeyIterator keys;
    bool at_current = false;  // its key is that of current_
  };

  RunSetIterator(std::shared_ptr<const RunSet> set, const RunSet::View& view);

  /// Moves every layer with `move` and goes to the row that comes first in `direction`.
  template <typename Move>
  Status move_all(Direction direction, Move move);
  Status step(Direction direction);
  void choose();
  Status skip_tombstones();
  Status settle(Status status);

  std::shared_ptr<const RunSet> set_;
  RunSet::View view_;
  std::vector<Layer> layers_;  // newest first
  Layer* current_ = nullptr;
  Direction direction_ = Direction::forward;
};

inline RunSetIterator RunSet::iterate() const { return iterate(View()); }

/// Writes what is seen of `inputs` as one run, some rows at a time.
///
///     RunMerger merger(inputs, std::move(writer), {.drop_tombstones = true});
///     while (!TALEA_TRY(merger.step(10'000))) {}
///     RunFileInfo info = TALEA_TRY(merger.finish());
///
/// Until the manifest names the new run instead of the old ones nothing has changed; a merger that
/// is given up removes its file.
///
/// Threads: externally synchronised.
class RunMerger {
 public:
  struct Options {
    /// When `inputs` go down to the oldest layer: nothing is below that a tombstone could hide.
    bool drop_tombstones = false;
  };

  /// `inputs`: layers next to one another. `writer`: new, for at least inputs->keys() keys.
  RunMerger(const std::shared_ptr<const RunSet>& inputs, std::unique_ptr<RunFileWriter> writer,
            const Options& options);

  /// Goes on by up to `rows_max` keys; true when all are done.
  /// Cost: a step over the inputs for each, and 256 KiB written at a time.
  /// Errors: corruption, exhausted, io_error   the merger is of no more use
  Result<bool> step(std::uint64_t rows_max);

  /// Asserted: step() returned true. Errors: exhausted, io_error
  Result<RunFileInfo> finish();
  std::uint64_t rows_written() const { return writer_->stats().rows; }

 private:
  /// A writer asserts what comes from disks here.
  Status check_row() const;

  RunSetIterator rows_;
  std::unique_ptr<RunFileWriter> writer_;
  const Options options_;
  Bytes last_row_key_;
  bool begun_ = false;
};

}  // namespace talea
