// StateReader: all that a store holds at one sequence, row by row. What a hash, a stream and a
// restore see of a store, and of each other.
//
// Format: docs/formats/state.md, which says what a row is.
#pragma once

#include <cstdint>

#include "talea/batch.h"
#include "talea/result.h"

namespace talea {

/// Where a store may keep what it needs to expire keys. It follows from the other spaces and is no
/// part of a state.
inline constexpr Space kExpirySpace{1};

/// A key with a value.
struct StateRow {
  Space space = Space::user;
  BytesView key = {};
  Sequence revision = 0;
  /// In milliseconds since 1970; 0: never.
  std::uint64_t expiry_ms = 0;
  std::uint64_t value_bytes = 0;
  /// `now` of the batch that put the value.
  std::uint64_t time_ms = 0;
};

/// Walks the rows in the order of (space, key), once.
///
///     while (TALEA_TRY(reader.next())) {
///       use(reader.row());
///       for (;;) {
///         const BytesView piece = TALEA_TRY(reader.read_value());
///         if (piece.empty()) break;
///         use(piece);
///       }
///     }
///
/// Threads: externally synchronised.
class StateReader {
 public:
  virtual ~StateReader() = default;

  /// What the rows are the state at: no revision is higher, and no time later.
  virtual Sequence last_sequence() const = 0;
  virtual std::uint64_t last_time_ms() const = 0;
  /// Whether there may be a row that expires.
  virtual bool may_expire() const { return false; }

  /// Moves to the next row, whatever was read of the value of this one; false at the end.
  /// Errors: corruption, io_error, and what the source of the rows says; the reader is of no more
  ///         use then
  virtual Result<bool> next() = 0;
  /// The row that next() found. Its key is valid until next().
  virtual const StateRow& row() const = 0;
  /// The next piece of its value, empty at the end; valid until the next call. Together they have
  /// row().value_bytes bytes.
  virtual Result<BytesView> read_value() = 0;
};

}  // namespace talea
