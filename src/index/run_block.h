// The sorted block of a run: rows in order, their keys with shared prefixes cut off, their numbers
// in columns of equal width. Data, index and root blocks are all of this kind; docs/formats/run.md,
// "Blocks", is the authority.
//
//     keys      row 0   "user:1000"    whole
//               row 1   ········1      8 shared with row 0, suffix "1"
//               row 2   ·······10      7 shared with row 1, suffix "10"
//               ...
//               row 16  ······144      restart point: 6 shared with row 0
//     columns   sequence  base 77001, width 3:  4 0 6 ...   row 0 has 77005, row 1 77001
//               segment   base 12,    width 0:              all rows have 12
//
// RunBlock::parse() validates all of a block, so that what is read from a RunBlock afterwards
// cannot fail. Where a block is a view of mapped memory it is validated once and looked at often,
// and its bytes may in the meantime become others, when a disk gives a page back wrong. Numbers are
// still within the block then, by construction; whoever takes keys is told that they are damaged,
// or finds another row, and reads nothing outside the block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "index/run_format.h"
#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

inline constexpr std::uint64_t kRunRestartInterval = 16;

enum class RunBlockKind : std::uint8_t { data = 1, index = 2, root = 3, properties = 4 };

/// In the order of the format. Index and root blocks have restart, sequence, offset and bytes.
enum class RunColumn : std::uint8_t {
  restart,
  flags,
  sequence,
  time,
  expiry,
  segment,
  offset,
  bytes,
};
inline constexpr std::size_t kRunColumns = 8;

/// The numbers of one row; `restart` is the block's business.
using RunNumbers = std::array<std::uint64_t, kRunColumns>;

/// Bits of RunColumn::flags.
inline constexpr std::uint64_t kRunFlagTombstone = 1;
inline constexpr std::uint64_t kRunFlagExpiry = 2;
inline constexpr std::uint64_t kRunFlagExtents = 4;

RunNumbers run_numbers(const RunRevision& revision);
/// What an index or root block says of the block (without check) that a separator stands for.
RunNumbers run_numbers(Sequence sequence, std::uint64_t offset, std::uint64_t bytes);

/// Gathers rows and encodes them as the content of a block.
///
/// Threads: externally synchronised.
class RunBlockBuilder {
 public:
  explicit RunBlockBuilder(RunBlockKind kind) : kind_(kind) {}

  /// Adds a row, which comes after all rows added so far. False, and nothing is added, when the
  /// content would exceed `content_bytes_max`; the first row always fits.
  bool add(BytesView key, const RunNumbers& numbers, std::uint64_t content_bytes_max);
  bool empty() const { return rows_.empty(); }
  /// Appends the content to `to` and forgets the rows.
  void finish(Bytes& to);

 private:
  struct Range {
    std::uint64_t min = ~std::uint64_t{0};
    std::uint64_t max = 0;

    void include(std::uint64_t value);
    std::uint64_t base() const { return min > max ? 0 : min; }
    unsigned width() const;
  };
  using Ranges = std::array<Range, kRunColumns>;

  static void include_row(Ranges& ranges, const RunNumbers& numbers);
  std::uint64_t values_in(std::size_t column, std::uint64_t rows) const;
  std::uint64_t content_bytes(const Ranges& ranges, std::uint64_t rows,
                              std::uint64_t key_area_bytes) const;
  void append_column(Bytes& to, std::size_t column) const;

  RunBlockKind kind_;
  Bytes key_area_;
  Bytes first_key_;
  Bytes last_key_;
  std::vector<RunNumbers> rows_;  // restart is filled in for restart points only
  Ranges ranges_;
};

/// A validated block. Immutable; moves, and then its views and cursors are of no more use.
class RunBlock {
 public:
  /// Bytes that `content` of parse() must have behind the content, so that a number can be loaded
  /// from anywhere in it.
  static constexpr std::size_t kSlackBytes = 9;

  /// `content`: of a block, and kSlackBytes of any value. `features`: as the header announces.
  /// Errors: corruption   the content breaks the grammar; the message says how
  static Result<RunBlock> parse(RunBlockKind kind, std::uint32_t features,
                                std::vector<char> content);

  /// The same, of content in memory that outlives the block and has kSlackBytes behind it.
  static Result<RunBlock> parse_view(RunBlockKind kind, std::uint32_t features, BytesView content);
  /// The same, of content that parse_view() has validated before.
  /// Cost: some 30 nanoseconds; what is left to do is to find the columns.
  /// Errors: corruption   they are not where they were
  static Result<RunBlock> view_again(RunBlockKind kind, BytesView content);

  RunBlock(RunBlock&&) = default;
  RunBlock& operator=(RunBlock&&) = default;

  std::uint64_t rows() const { return rows_; }

  /// The first row that is at or after (`key`, `sequence`), rows() if there is none; `is_key` when
  /// it is a row of `key`. Decodes no key.
  struct Place {
    std::uint64_t row = 0;
    bool is_key = false;
    bool is_exact = false;  // and of `sequence`
  };
  /// Nothing when the keys are damaged.
  std::optional<Place> find(BytesView key, Sequence sequence) const;
  /// The last row at or before (`key`, `sequence`); rows() when all are after it. Nothing when the
  /// keys are damaged.
  std::optional<std::uint64_t> find_last_at_or_before(BytesView key, Sequence sequence) const;

  /// `row` < rows(). `column`: not restart.
  std::uint64_t number(RunColumn column, std::uint64_t row) const {
    return columns_[static_cast<std::size_t>(column)].value(content_, row);
  }
  Sequence sequence(std::uint64_t row) const { return number(RunColumn::sequence, row); }
  std::size_t memory_bytes() const { return sizeof *this + owned_.size(); }
  /// Of a data block.
  RunRevision revision(std::uint64_t row) const;

 private:
  friend class RunCursor;

  struct Column {
    std::uint64_t base = 0;
    unsigned width = 0;
    std::size_t bits_at = 0;  // in the content

    std::uint64_t packed(const char* content, std::uint64_t i) const;
    std::uint64_t value(const char* content, std::uint64_t i) const {
      return base + packed(content, i);
    }
  };

  RunBlock() = default;
  BytesView first_key() const { return {content_ + first_key_at_, first_key_bytes_}; }
  BytesView key_area() const { return {content_ + key_area_at_, key_area_bytes_}; }
  std::uint64_t restarts() const;
  std::uint64_t restart(std::uint64_t r) const { return columns_[0].value(content_, r); }
  /// Where row r * kRunRestartInterval is, compared with (`key`, `sequence`).
  int compare_restart(std::uint64_t r, BytesView key, Sequence sequence) const;
  /// How many restart points are at or before (`key`, `sequence`).
  std::uint64_t restarts_at_or_before(BytesView key, Sequence sequence) const;
  std::uint64_t values_in(std::size_t column) const;

  Status parse_heads(RunBlockKind kind);
  Status find_first_key();
  Status check_numbers(RunBlockKind kind, std::uint32_t features) const;
  Status check_largest(RunColumn column, std::uint64_t largest) const;
  Status check_keys(RunBlockKind kind) const;
  Status validate(RunBlockKind kind, std::uint32_t features);

  std::vector<char> owned_;        // empty in a view
  const char* content_ = nullptr;  // in owned_, or whoever lends it
  std::size_t content_bytes_ = 0;
  std::uint64_t rows_ = 0;
  std::size_t key_area_at_ = 0;
  std::size_t key_area_bytes_ = 0;
  std::size_t first_key_at_ = 0;  // in the content
  std::size_t first_key_bytes_ = 0;
  std::array<Column, kRunColumns> columns_ = {};
};

/// A place in a block, with the key that is there. The block outlives it and does not move.
///
/// Threads: externally synchronised.
class RunCursor {
 public:
  /// At the end of `block`.
  explicit RunCursor(const RunBlock& block) : block_(&block), row_(block.rows()) {}

  /// False at the end.
  bool valid() const { return row_ < block_->rows(); }
  const RunBlock& block() const { return *block_; }
  std::uint64_t row() const { return row_; }
  /// At the end: of the last row, when it was reached by next() or seek().
  BytesView key() const { return key_; }
  /// The keys are not what they were when the block was validated; the cursor is at the end.
  bool damaged() const { return damaged_; }
  Sequence sequence() const { return block_->sequence(row_); }

  /// To `row`, which is at most rows().
  void move_to(std::uint64_t row);
  void next();
  /// To the first row that is at or after (`key`, `sequence`).
  void seek(BytesView key, Sequence sequence);
  /// To the last row that is at or before (`key`, `sequence`). False, and at the end, when all
  /// rows are after it.
  bool seek_last_at_or_before(BytesView key, Sequence sequence);

 private:
  /// Takes the key of row_ at next_key_at_; key_ is that of the row before, or any at a restart.
  void decode_key();

  const RunBlock* block_;
  std::uint64_t row_;
  bool damaged_ = false;
  std::size_t next_key_at_ = 0;  // in the key area, of the row after this one
  Bytes key_;
};

}  // namespace talea
