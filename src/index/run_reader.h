// RunReader: look-ups and scans in a run. RunIterator: a place in it.
//
//     RunReader run = TALEA_TRY(RunReader::open(std::move(file), path));
//     std::optional<RunRevision> newest = TALEA_TRY(run.get(Space::user, "alpha"));
//
//     RunIterator rows = run.iterate();
//     for (TALEA_TRY(rows.seek(Space::user, "a")); rows.valid(); TALEA_TRY(rows.next())) { ... }
//
// A look-up goes through four steps, and reads the file in the last one only when index and filter
// are held:
//
//     filter ── absent ──> nothing
//        └─ perhaps ──> root block ──> index block ──> data block ──> row, or nothing
//
// Every block is checked and validated in full before a row of it is used (run_block.h). What is
// damaged is `corruption` with file and offset; it is never a wrong row and never an absent key.
//
// Through a mapping a part is checked when it is first looked at, and after that read where it
// lies: no copy, no system call, nothing held, and most of the cost of a look-up is gone. In return
// damage that comes later is not noticed, as long as the run is open.
//
// Format: docs/formats/run.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "index/run_block.h"
#include "index/run_checked_parts.h"
#include "index/run_format.h"
#include "index/run_key.h"
#include "io/file_system.h"
#include "io/map_guard.h"
#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

class RunIterator;

/// Threads: immutable after open(); safe.
class RunReader {
 public:
  struct Options {
    /// Keep the index in memory (about 0.2 bytes a row), or read a block of it at each look-up.
    bool hold_index = true;
    /// Keep the filter in memory (1.4 bytes a key), or read a page of it at each look-up.
    bool hold_filter = true;
    /// Hold neither, and read through a mapping of the file, which must support it.
    bool mapped = false;
    /// Of a store that is encrypted. Not with `mapped`.
    const KeyRing* keys = nullptr;
  };

  /// `path`: for messages.
  ///
  /// Cost: at most four reads, of what is held; independent of the number of rows otherwise.
  /// Errors: corruption   not a run, damaged, or cut short; the message names file and offset
  ///         unsupported  another version, or a feature unknown here
  ///         io_error
  static Result<RunReader> open(std::unique_ptr<File> file, std::string path,
                                const Options& options);
  static Result<RunReader> open(std::unique_ptr<File> file, std::string path) {
    return open(std::move(file), std::move(path), Options());
  }

  const RunHeader& header() const { return header_; }
  const RunStats& stats() const { return stats_; }
  const RunLayout& layout() const { return layout_; }
  /// Of the lowest and the highest row. Asserted: there is a row.
  Space first_space() const { return run_space_of(checked(first_row_key_)); }
  BytesView first_key() const { return run_key_of(checked(first_row_key_)); }
  Space last_space() const { return run_space_of(checked(last_row_key_)); }
  BytesView last_key() const { return run_key_of(checked(last_row_key_)); }
  /// Of the memory held.
  std::uint64_t memory_bytes() const;

  /// False when the run has no row of the key.
  /// Errors: corruption, io_error   only when the filter is not held
  Result<bool> may_contain(Space space, BytesView key) const;

  /// The newest row of the key whose sequence is at most `at_or_below`: a value, a tombstone, or
  /// nothing.
  ///
  /// Cost: no read when the filter knows the key to be absent, else one (without index or filter
  /// held: one more for each). Mapped: none, but pages that are not in memory.
  /// Errors: corruption, io_error
  Result<std::optional<RunRevision>> get(Space space, BytesView key,
                                         Sequence at_or_below = ~Sequence{0}) const {
    return get(RunKey(space, key), at_or_below);
  }
  Result<std::optional<RunRevision>> get(const RunKey& key,
                                         Sequence at_or_below = ~Sequence{0}) const;

  /// How many look-ups went on to a data block; the others were settled by the filter.
  std::uint64_t data_blocks_looked_at() const { return counters_->data_blocks.load(); }

  /// At no row; seek first. The reader outlives it and does not move.
  RunIterator iterate() const;

  /// Reads every byte of the file anew and checks all of it, also what no look-up would notice.
  /// Cost: reads the file once; memory for its filter.
  /// Errors: corruption, at the first fault; unsupported, io_error
  Status verify() const;

 private:
  friend class RunIterator;
  friend class RunVerifier;

  RunReader(File& file, std::string path, const Options& options)
      : file_(&file), path_(std::move(path)), options_(options) {}

  static BytesView checked(const Bytes& row_key);

  struct Counters {
    std::atomic<std::uint64_t> data_blocks = 0;
  };

  Status load();
  Status load_root_and_index(std::uint64_t tail_offset, BytesView tail);
  Status load_properties(BytesView content);
  Status load_filter();
  Status load_mapping(std::uint64_t file_bytes);

  Status damaged(std::uint64_t offset, std::string_view what) const;
  /// Errors: corruption   the file ends before offset + bytes
  Status read(std::uint64_t offset, char* out, std::uint64_t bytes) const;
  Status check_part(std::uint64_t offset, BytesView part_and_check) const;
  Status check_filter_page(std::uint64_t offset, BytesView page) const;
  /// The same, and opens it where it lies if it is sealed.
  Status open_filter_page(std::uint64_t offset, char* page) const;
  /// Checks a block, opens it if it is sealed, and leaves its content.
  Status open_block(std::uint64_t offset, std::vector<char>& part_and_check) const;
  /// The same of a page of the mapping; only the first time it is looked at.
  Status check_mapped_page(std::uint64_t offset) const;
  Result<RunBlock> parse_block(RunBlockKind kind, std::uint64_t offset,
                               std::vector<char> part_and_check) const;
  /// Where the block that row `row` of the block `above` stands for lies; inside its part of the
  /// file, and of possible length.
  struct Extent {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  Result<Extent> extent_of(RunBlockKind kind, const RunBlock& above, std::uint64_t row) const;
  Status check_begin(RunBlockKind kind, const RunBlock& block, std::uint64_t offset,
                     const RunBlock& above, std::uint64_t row) const;
  /// The block that row `row` of `above` stands for.
  Result<RunBlock> read_block(RunBlockKind kind, const RunBlock& above, std::uint64_t row) const;
  Result<RunBlock> mapped_block(RunBlockKind kind, const RunBlock& above, std::uint64_t row) const;
  /// The same, shared: an index block may be held.
  Result<std::shared_ptr<const RunBlock>> share_block(RunBlockKind kind, const RunBlock& above,
                                                      std::uint64_t row) const;
  Result<std::optional<RunRevision>> get_from(const RunBlock& index_block, const RunKey& key,
                                              Sequence at_or_below) const;
  Result<bool> may_contain(const RunKey& key) const;
  Result<bool> look_into_filter(const RunKey& key) const;
  Result<std::optional<RunRevision>> look_up(const RunKey& key, Sequence at_or_below) const;
  /// Whether the mapping may be believed: to be asked after it was read.
  Status read_status() const {
    if (unreadable_ == nullptr || !MapGuard::damaged(*unreadable_)) [[likely]]
      return {};
    return unreadable();
  }
  Status unreadable() const;
  /// What was found intact is not any more.
  Status changed(std::uint64_t offset) const;

  std::unique_ptr<File> owned_file_;
  File* file_;
  std::string path_;
  Options options_;

  RunHeader header_;
  RunStats stats_;
  RunLayout layout_;
  std::uint32_t check_seed_ = 0;
  std::shared_ptr<const PlaceCipher> cipher_;  // of one that is encrypted
  Bytes first_row_key_;
  Bytes last_row_key_;
  // Shared with iterators and look-ups; immutable.
  std::shared_ptr<const RunBlock> root_;
  std::vector<std::shared_ptr<const RunBlock>> held_index_;  // empty when not held
  Bytes held_filter_;                                        // empty when not held
  std::unique_ptr<Mapping> mapping_;                         // null unless mapped
  std::unique_ptr<std::atomic<bool>> unreadable_;            // the disk failed below the mapping
  MapGuard::Region watched_;                                 // ends before the mapping
  std::unique_ptr<RunCheckedParts> checked_;                 // of the mapping
  std::unique_ptr<Counters> counters_ = std::make_unique<Counters>();
};

/// A place in a run; moves in both directions. After a failure it is at no row: seek again.
///
/// Cost: one read for each data block entered (and for each index block, when not held).
/// Errors, of all that move: corruption, io_error
/// Lifetime: must not outlive its reader, which must not move. Threads: externally synchronised.
class RunIterator {
 public:
  /// False before the first seek, beyond either end and after a failure.
  bool valid() const { return data_.has_value(); }
  // Of the row; asserted: valid(). Keys are valid until the iterator moves.
  BytesView row_key() const;
  Space space() const { return run_space_of(row_key()); }
  BytesView key() const { return run_key_of(row_key()); }
  RunRevision revision() const;

  /// To the first row at or after (space, key, sequence): the newest revision of the key at or
  /// below `at_or_below`, or what comes after all of them.
  Status seek(Space space, BytesView key, Sequence at_or_below = ~Sequence{0});
  Status seek_row_key(BytesView row_key, Sequence at_or_below = ~Sequence{0});
  Status seek_first();
  Status seek_last();
  // To the neighbour, or beyond the end. Asserted: valid().
  Status next();
  Status prev();

 private:
  friend class RunReader;

  /// A row of the root block or of an index block. It stands for the block below.
  struct Above {
    std::shared_ptr<const RunBlock> block;
    std::uint64_t row = 0;
  };
  struct Place {
    explicit Place(std::shared_ptr<const RunBlock> of) : block(std::move(of)), cursor(*block) {}
    std::shared_ptr<const RunBlock> block;
    RunCursor cursor;
  };

  explicit RunIterator(const RunReader& reader) : reader_(&reader), root_{reader.root_} {}

  Status try_seek(BytesView row_key, Sequence sequence);
  Status try_seek_last();
  Status try_next();
  Status try_prev();
  /// To the first row of the next data block, or beyond the end.
  Status enter_next_block();
  /// To the index block that root_ is at, or the data block that index_ is at.
  Status enter_index_block();
  Status enter_data_block();
  /// Of the data block.
  std::uint64_t block_offset() const { return index_.block->number(RunColumn::offset, index_.row); }
  /// That the data cursor did not find its block changed.
  Status undamaged() const;
  /// After a failure the iterator is at no row.
  Status settle(Status status);

  const RunReader* reader_;
  Above root_;
  Above index_;
  std::optional<Place> data_;
};

inline RunIterator RunReader::iterate() const { return RunIterator(*this); }

}  // namespace talea
