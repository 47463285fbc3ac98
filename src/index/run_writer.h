// RunWriter: writes a run, front to back, in constant memory but for its filter and index.
//
//     RunWriter writer(std::move(file), {.identity = identity, .keys_expected = 1'000'000});
//     for (...) TALEA_TRY(writer.add(space, key, revision));    // in the order of rows
//     RunStats stats = TALEA_TRY(writer.finish());              // durable but for its name
//
// Format: docs/formats/run.md.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "index/run_block.h"
#include "index/run_format.h"
#include "io/file_system.h"
#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

/// Threads: externally synchronised.
class RunWriter {
 public:
  struct Options {
    RunIdentity identity = {};
    /// An estimate of the distinct keys, for the size of the filter: 1.4 bytes of file and memory
    /// for each. Too low a number costs false positives, never rows.
    std::uint64_t keys_expected = 0;
    /// The size that blocks stay below; smaller ones make small tests deep.
    std::uint64_t block_bytes = kRunBlockBytes;
    /// Of a store that is encrypted: the newest of them is used.
    const KeyRing* keys = nullptr;
  };

  /// `file`: empty. It is no run before finish() has returned ok; the caller removes what a failure
  /// leaves behind.
  RunWriter(std::unique_ptr<File> file, const Options& options);

  /// Adds a row. Rows come in ascending order of (space, key), and those of a key from its newest
  /// to its oldest sequence; that, and the limits of docs/formats/run.md, "Rows and their order",
  /// are asserted.
  ///
  /// Cost: one copy; a write each 256 KiB, a sync each 16 MiB.
  /// Errors: exhausted, io_error   the writer is of no more use, and says so again
  Status add(Space space, BytesView key, const RunRevision& revision) {
    return add_row_key(run_row_key(space, key), revision);
  }
  /// The same; `row_key`: as run_row_key() makes it.
  Status add_row_key(BytesView row_key, const RunRevision& revision);

  /// Writes the rest, syncs the file and returns what it holds. Its name is durable after the next
  /// FileSystem::sync_directory. Call it once.
  Result<RunStats> finish();

  /// What was added so far.
  const RunStats& stats() const { return stats_; }
  /// Of the file, when finish() has returned ok.
  std::uint64_t file_bytes() const { return layout_.file_bytes(); }

 private:
  /// What the index and the root say a block begins with; docs/formats/run.md, "Blocks".
  struct Separator {
    Bytes key = {};
    Sequence sequence = ~Sequence{0};
  };
  struct IndexBlock {
    Separator separator;
    Bytes content;
  };

  Separator separator_before(BytesView row_key) const;
  void count(BytesView row_key, const RunRevision& revision, bool is_new_key);
  void insert_into_filter(BytesView row_key);
  Status close_data_block();
  void close_index_block();
  /// Appends the check of the part that begins at `begin` of buffer_.
  void append_check(std::size_t begin);
  /// The same of a block, which is sealed before.
  void finish_block(std::size_t begin);
  /// Seals the content from `begin` of buffer_ on; the tag goes to its end.
  void seal(std::size_t begin);
  /// What a block's content may have at most.
  std::uint64_t content_bytes_max() const;
  Status append_filter();
  Status append_index_and_root();
  void append_properties();
  std::uint64_t position() const { return written_ + buffer_.size(); }
  Status flush();
  Status flush_if_full();

  std::unique_ptr<File> file_;
  Options options_;
  std::uint32_t check_seed_;
  std::uint32_t key_id_ = 0;
  std::shared_ptr<const PlaceCipher> cipher_;  // of a store that is encrypted
  Status failure_;
  bool finished_ = false;

  Bytes buffer_;               // of the file, not yet written
  std::uint64_t written_ = 0;  // bytes of the file in front of buffer_
  std::uint64_t synced_ = 0;   // of them
  Bytes filter_;               // pages without their checks

  RunBlockBuilder data_{RunBlockKind::data};
  Separator data_separator_;  // of the block in data_
  RunBlockBuilder index_{RunBlockKind::index};
  Separator index_separator_;             // of the block in index_
  std::vector<IndexBlock> index_blocks_;  // finished; their offsets are known at the end

  RunStats stats_;
  RunLayout layout_;
  std::uint32_t features_ = 0;
  Bytes first_row_key_;
  Bytes last_row_key_;
  Sequence last_sequence_ = 0;
};

}  // namespace talea
