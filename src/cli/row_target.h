// Where `import` puts rows, some of them at a time: our engine in batches of its own, so that a
// large value is written when it comes and is not held; any other home in lists of writes.
#pragma once

#include <memory>
#include <optional>

#include "cli/context.h"
#include "talea/batch.h"

namespace talea::cli {

/// Threads: externally synchronised.
class RowTarget {
 public:
  virtual ~RowTarget() = default;

  /// Adds a row to those that are committed next.
  /// Errors: invalid_argument   such a row cannot be; nothing was added, and nobody was asked
  virtual Status add(BytesView key, BytesView value, const std::optional<Expiry>& expiry) = 0;
  /// Rows that are added and not committed.
  virtual std::uint64_t rows() const = 0;
  /// Whether they are to be committed before another one comes, however few rows were asked for.
  virtual bool is_full() const = 0;
  /// After a failure nothing may be added.
  virtual Status commit() = 0;
  /// After the last commit: only now others see it, and it may be reported.
  virtual Status publish() = 0;
  /// Rows that are committed and not published.
  virtual HomePending pending() = 0;
  /// How many keys there are, where that costs nothing.
  virtual std::optional<std::uint64_t> keys() = 0;
  virtual Status close() = 0;
};

/// Opens the store, creating it when it is missing.
Result<std::unique_ptr<RowTarget>> open_row_target(Context& context);

}  // namespace talea::cli
