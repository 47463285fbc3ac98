// Batch: the unit of atomicity. A batch is committed as a whole or not at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "talea/bytes.h"

namespace talea {

/// The number of a committed batch: strictly increasing, never reused, 0 before the first one.
/// The sequence at which a key got its value is the key's *revision*.
using Sequence = std::uint64_t;

/// A numbered key space inside a store. Keys of different spaces never meet; a batch may span
/// several. Users' keys live in Space::user.
enum class Space : std::uint32_t { user = 0 };

/// How long a key lives.
///
/// From its expiry on a key is absent: for reads at once, and its space comes back soon after. Time
/// is that of the store: its clock, and never before the last batch.
class Expiry {
 public:
  /// The key lives until it is removed. What put() means when it says nothing, also where the key
  /// had an expiry before.
  static constexpr Expiry never() { return {Kind::never, 0}; }
  /// `time_to_live` after the commit: 1 ms to kTimeToLiveMsMax.
  static constexpr Expiry after(std::chrono::milliseconds time_to_live) {
    const auto ms = time_to_live.count();
    return {Kind::after, ms > 0 ? static_cast<std::uint64_t>(ms) : 0};
  }
  /// At a moment, in milliseconds since 1970: 1 to kExpiryMsMax. One that has passed is legal: the
  /// key is gone at once.
  static constexpr Expiry at(std::uint64_t unix_ms) { return {Kind::at, unix_ms}; }
  /// The one that the key has before the batch; never, when it is absent. Not behind another
  /// operation on the same key.
  static constexpr Expiry keep() { return {Kind::keep, 0}; }

  enum class Kind : std::uint8_t { never, after, at, keep };
  constexpr Kind kind() const { return kind_; }
  /// Of after() the time to live, of at() the moment.
  constexpr std::uint64_t ms() const { return ms_; }

 private:
  constexpr Expiry(Kind kind, std::uint64_t ms) : kind_(kind), ms_(ms) {}
  Kind kind_;
  std::uint64_t ms_;
};

/// A value that is already on disk, made by ValueWriter::finish(). It may be put once or several
/// times, in the engine that made it and before that engine closes. Never putting it is no leak
/// beyond disk space: its chunks are garbage after the next open.
class StoredValue {
 public:
  /// Length of the value, in bytes.
  std::uint64_t bytes() const { return bytes_; }

 private:
  friend class Batch;
  friend class ValueWriter;
  StoredValue() = default;  // one that was never written must not be put
  std::uint64_t bytes_ = 0;
  std::uint64_t owner_ = 0;  // the engine instance that made it
  Bytes extent_list_;        // docs/formats/extent.md, "Extent list"
  Bytes inline_value_;       // of a value that is small enough; then there is no owner
};

/// Operations and preconditions to be committed together.
///
/// Preconditions are evaluated against the state before the batch, all of them before any
/// operation. Operations apply in order; the last one on a key wins. Keys and values are copied
/// in; limits are checked by commit(), so that building a batch cannot fail.
///
/// Threads: a value; externally synchronised.
class Batch {
 public:
  Batch& put(BytesView key, BytesView value, Space space = Space::user);
  Batch& put(BytesView key, const StoredValue& value, Space space = Space::user);
  /// As put(), and the key expires.
  Batch& put(BytesView key, BytesView value, Expiry expiry, Space space = Space::user);
  Batch& put(BytesView key, const StoredValue& value, Expiry expiry, Space space = Space::user);
  /// Changes when `key` expires and leaves its value; the key gets a new revision. A key that is
  /// absent stays so, and that is no error. Not after another operation on the same key.
  Batch& set_expiry(BytesView key, Expiry expiry, Space space = Space::user);
  /// Removing an absent key is no error.
  Batch& remove(BytesView key, Space space = Space::user);

  /// The commit fails with `conflict` unless `key` is absent.
  Batch& require_absent(BytesView key, Space space = Space::user);
  /// The commit fails with `conflict` unless `key` has a value.
  Batch& require_present(BytesView key, Space space = Space::user);
  /// The commit fails with `conflict` unless `key` has a value and got it at `revision`.
  Batch& require_revision(BytesView key, Sequence revision, Space space = Space::user);

  /// Number of operations; preconditions do not count.
  std::size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty() && preconditions_.empty(); }
  void clear();

  // What follows is how stores read a batch; users have no need of it.

  struct Operation {
    enum class Kind : std::uint8_t { put, put_stored, remove, set_expiry } kind;
    Space space;
    Bytes key;
    Bytes value = {};  // put: the value. put_stored: its extent list
    std::uint64_t stored_owner = 0;
    Expiry expiry = Expiry::never();
  };
  struct Precondition {
    enum class Kind : std::uint8_t { absent, present, revision } kind;
    Space space;
    Bytes key;
    Sequence revision = 0;
  };
  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<Precondition>& preconditions() const { return preconditions_; }
  void add(Operation operation) { operations_.push_back(std::move(operation)); }
  void add(Precondition precondition) { preconditions_.push_back(std::move(precondition)); }

 private:
  std::vector<Operation> operations_;
  std::vector<Precondition> preconditions_;
};

/// Which precondition of a batch failed, and what was found instead.
struct FailedPrecondition {
  /// Position in the order in which the preconditions were added.
  std::size_t position = 0;
  /// The revision of the key that was found; none when the key is absent.
  std::optional<Sequence> found;
};

}  // namespace talea
