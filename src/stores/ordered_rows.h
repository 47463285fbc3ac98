// OrderedRows: what a RowStore is kept in. An ordered map of bytes to bytes that takes several
// changes at once and can be read as of a moment; whoever has that can hold a store.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

/// Keys are ordered by their bytes.
/// Threads: safe, but for write(): one at a time, beside readers.
class OrderedRows {
 public:
  /// Walks the rows as they were when it was made, in both directions. It is at no row at first,
  /// behind the last and before the first one; key() and value() need a row and are valid until it
  /// moves.
  /// Lifetime: must not outlive the rows. Threads: externally synchronised.
  class Cursor {
   public:
    virtual ~Cursor() = default;
    /// To the first row at `key` or above.
    virtual Status seek(BytesView key) = 0;
    /// To the last row below `key`.
    virtual Status seek_before(BytesView key) = 0;
    /// From a row to the one above, and to the one below.
    virtual Status next() = 0;
    virtual Status previous() = 0;
    virtual bool is_at_row() const = 0;
    virtual BytesView key() const = 0;
    virtual BytesView value() const = 0;
  };

  /// A value, which stays as long as its owner.
  struct Found {
    std::shared_ptr<const void> owner;
    BytesView value;
  };
  struct Change {
    Bytes key;
    std::optional<Bytes> value;  // none: the row goes
  };

  virtual ~OrderedRows() = default;
  /// Nothing when there is no such row.
  virtual Result<std::optional<Found>> get(BytesView key) = 0;
  virtual std::unique_ptr<Cursor> cursor() = 0;
  /// Makes all changes, in their order, or none; readers see all of them or none.
  /// Errors: timed_out   they may have happened or not, and no write may follow
  ///         any other   none of them happened
  virtual Status write(std::vector<Change> changes) = 0;
  /// Makes durable what was written, where rows are on a disk.
  virtual Status sync() = 0;
};

}  // namespace talea
