// ChangeReader: what was committed, in the order in which it was.
//
//     ChangeReader changes = TALEA_TRY(engine.changes(cursor));
//     for (;;) {
//       while (TALEA_TRY(changes.next())) use(changes.change());
//       cursor = changes.position();                       // to go on from here another time
//       TALEA_TRY(changes.wait(std::chrono::seconds(10)));
//     }
//
// A reader sees every committed batch, from every way of writing, once, whole and in order, from
// the moment at which readers of the store see it. It reads the log, so it holds nothing back: what
// the store has compacted away since is lost to a reader that is too slow, and it is told which.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "talea/batch.h"
#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

class ValueReader;
struct Versioned;

/// One key of a batch.
struct Change {
  /// Of the batch, and the revision of what is put.
  Sequence sequence = 0;
  /// The batch's time, in milliseconds since 1970; it never goes back.
  std::uint64_t time_ms = 0;
  BytesView key = {};
  /// The key was removed, also if it was absent before, or had expired.
  bool is_remove = false;
  /// What was put, if it has at most kInlineValueBytesMax bytes; else see ChangeReader::read_value.
  BytesView value = {};
  std::uint64_t value_bytes = 0;
  /// When what was put expires, in milliseconds since 1970; 0: never.
  std::uint64_t expiry_ms = 0;
  /// None of the same batch follows.
  bool is_last_of_batch = false;
};

/// Batches that a reader asked for and that are not in the log any more: both ends included.
struct LostChanges {
  Sequence first = 0;
  Sequence last = 0;
};

/// Lifetime: must not outlive its engine. Threads: externally synchronised.
class ChangeReader {
 public:
  ChangeReader(ChangeReader&&) noexcept;
  ChangeReader& operator=(ChangeReader&&) noexcept;
  ~ChangeReader();

  /// Moves to the next change; false when there is none yet.
  ///
  /// Cost: a check of each batch; no copy but of compressed values.
  /// Errors: not_found    batches are not in the log any more: lost() says which. The next call
  ///                      goes on behind them; what they changed is seen by reading the store
  ///         corruption, io_error; invalid_argument when the engine was closed
  Result<bool> next();
  /// The change; valid until next().
  const Change& change() const;
  /// The value of the change, in pieces, however long.
  /// Errors: not_found   it is a large one that was replaced since, and its file is gone
  ///         invalid_argument   there is no change, or it removed the key
  Result<ValueReader> read_value() const;
  /// What the key had before the batch of the change, of a store that keeps its past
  /// (Options::retention); nothing if it was absent.
  ///
  /// Cost: as Engine::get(key, At).
  /// Errors: not_found   that is not kept; also corruption, exhausted and io_error, as get()
  ///         invalid_argument   there is no change
  Result<std::optional<Versioned>> old_value() const;
  /// Sleeps until there may be another change, at most for `timeout`. False if there was none.
  Result<bool> wait(std::chrono::milliseconds timeout) const;
  /// The last batch that was seen to its end. Engine::changes() goes on behind it.
  Sequence position() const;
  /// After next() was `not_found`.
  std::optional<LostChanges> lost() const;

  struct State;
  explicit ChangeReader(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace talea
