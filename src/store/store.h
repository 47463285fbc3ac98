// Store: all that the rest of Talea knows of an engine.
//
// Whoever builds on storage (authentication, a server, replication) takes a Store&, so that it
// works unchanged on any of them.
#pragma once

#include <memory>
#include <optional>

#include "store/state.h"
#include "talea/batch.h"
#include "talea/engine.h"
#include "talea/result.h"

namespace talea {

/// Threads: safe.
class Store {
 public:
  virtual ~Store() = default;

  /// As Engine::commit.
  virtual Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) = 0;
  /// As Engine::apply.
  virtual Result<bool> apply(Sequence sequence, const Batch& batch) = 0;
  /// As Engine::get_versioned.
  virtual Result<std::optional<Versioned>> get(Space space, BytesView key) = 0;
  /// As Engine::scan. The scan must not outlive the store.
  virtual Result<Scan> scan(Space space, const ScanRange& range) = 0;
  /// All that the store holds now, of all spaces, whatever is written meanwhile. The reader must
  /// not outlive the store.
  virtual Result<std::unique_ptr<StateReader>> read_state() = 0;
};

/// What a store implements to be scanned; see Scan. It reads rows ahead, and gets the word again at
/// the end of those.
struct Scan::State {
  virtual ~State() = default;
  /// Reads further rows, of which none is the present one yet; false at the end.
  virtual Result<bool> read_on() = 0;
  /// As Scan::value() where the row does not have it.
  virtual Result<BytesView> other_value() = 0;
  virtual Result<Sequence> revision() = 0;
  /// The row without its value; its key is valid until next().
  virtual Result<StateRow> describe() = 0;

  Rows rows;
};

/// Checks the limits of limits.h.
/// Errors: invalid_argument, with the limit and what was given
Status check_key(BytesView key);
Status check_expiry(Expiry expiry);
Status check_batch(const Batch& batch);
/// What apply() takes, beside that.
/// Errors: invalid_argument
Status check_applied(Sequence sequence, const Batch& batch);

/// Whether `operation` is about what its key has before the batch: Expiry::keep(), set_expiry().
bool depends_on_present(const Batch::Operation& operation);
/// The moment at which what is put at `now_ms` expires, 0: never; `kept`: that which the key has.
std::uint64_t moment_of(Expiry expiry, std::uint64_t now_ms, std::uint64_t kept);

/// Whether `precondition` holds when its key is at revision `found`; none: absent.
bool holds(const Batch::Precondition& precondition, const std::optional<Sequence>& found);
/// The conflict of the precondition at `position` of its batch.
Status precondition_failed(std::size_t position, const Batch::Precondition& precondition,
                           const std::optional<Sequence>& found);

/// The keys of a ScanRange: from `start` on, before `end`.
struct KeyBounds {
  Bytes start;
  std::optional<Bytes> end;
};
KeyBounds bounds_of(const ScanRange& range);
/// The lowest key above all that begin with `prefix`; none when there is no such key.
std::optional<Bytes> end_of_prefix(BytesView prefix);

}  // namespace talea
