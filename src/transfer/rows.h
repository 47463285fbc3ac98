// Rows of a home in the order of their keys, where a value may be too long for memory: a home that
// streams values is asked how long each is before it is read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "home/home.h"

namespace talea {

/// Whether values of any length go in and out in pieces: an engine's store.
bool streams_values(const HomeAbilities& abilities);
/// Whether values are JSON: a ledger.
bool keeps_json(const HomeAbilities& abilities);

struct Row {
  Bytes key = {};
  /// Empty where it is long.
  Bytes value = {};
  std::uint64_t expiry_ms = 0;
  bool is_long = false;
};

/// What `key` is now. A value of more than `long_bytes` is left where it is.
Result<std::optional<Row>> read_row(Home& home, BytesView key, std::uint64_t long_bytes);

/// Threads: externally synchronised.
class RowCursor {
 public:
  /// `home` outlives it.
  static Result<RowCursor> open(Home& home, std::uint64_t long_bytes);
  /// False at the end. Call it before the first too.
  /// Errors: corruption   keys that are not in order
  Result<bool> next();
  /// Valid until next().
  const Row& row() const { return row_; }

 private:
  RowCursor(Home& home, std::uint64_t long_bytes, std::unique_ptr<HomeCursor> cursor);

  Home* home_;
  std::uint64_t long_bytes_;
  bool reads_each_;
  bool has_row_ = false;
  std::unique_ptr<HomeCursor> cursor_;
  Row row_;
};

/// Keys of a home in order, without values.
/// Threads: externally synchronised.
class Keys {
 public:
  /// With `with_past`: those as well that are removed and have a past.
  static Result<Keys> open(Home& home, bool with_past);
  /// False at the end. Call it before the first too.
  Result<bool> next();
  /// Valid until next().
  BytesView key() const { return cursor_->key(); }

 private:
  explicit Keys(std::unique_ptr<HomeCursor> cursor) : cursor_(std::move(cursor)) {}

  std::unique_ptr<HomeCursor> cursor_;
};

/// Rows of a home for keys that somebody else names, in order.
/// Threads: externally synchronised.
class RowFinder {
 public:
  /// With `each_alone` every key is looked up; else all rows are gone through, which costs less
  /// where most of them are asked for.
  static Result<RowFinder> open(Home& home, std::uint64_t long_bytes, bool each_alone);
  /// The row of `key`, which is above the one asked for before; null: there is none. Valid until
  /// the next call.
  Result<const Row*> find(BytesView key);

 private:
  RowFinder(Home& home, std::uint64_t long_bytes, bool each_alone)
      : home_(&home), long_bytes_(long_bytes), each_alone_(each_alone) {}
  Status go_on();

  Home* home_;
  std::uint64_t long_bytes_;
  bool each_alone_;
  // Nothing behind the last row: a scan makes the home remember what is written while it is open.
  std::optional<RowCursor> rows_;
  std::optional<Row> found_;
};

}  // namespace talea
