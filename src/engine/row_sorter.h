// RowSorter: entries in any order in, in the order of their sequences out; for whoever writes a log
// from what lies in the order of keys.
//
// An external merge sort. What fills the buffer is sorted and written to a data segment; at the end
// there are several of them, each sorted, and reading takes the lowest of their heads:
//
//     5 9 2 | 7 1 8  ->  .data: 2 5 9     heads: 2, 1  ->  1 2 5 7 8 9
//                        .data: 1 7 8
//
// The segments are scratch: no manifest names them, so that opening removes what a crash left of
// them (docs/formats/directory.md).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "engine/seams.h"
#include "io/file_cache.h"
#include "log/record.h"
#include "log/segment.h"
#include "log/segment_scanner.h"

namespace talea {

/// Threads: externally synchronised.
class RowSorter {
 public:
  struct Setup {
    Seams seams;
    std::string directory;
    StoreId store_id{};
    /// A file id that was never given.
    std::function<Result<std::uint32_t>()> take_id;
    /// What is sorted at once. Memory is that, and a MiB for each time that it was filled.
    std::uint64_t buffer_bytes = 0;
  };
  explicit RowSorter(Setup setup);
  /// Removes its files.
  ~RowSorter();
  RowSorter(const RowSorter&) = delete;
  RowSorter& operator=(const RowSorter&) = delete;

  struct Row {
    Sequence sequence = 0;
    std::uint64_t now = 0;
    EntrySource entry = {};
  };

  /// Errors: exhausted, io_error; the sorter is of no more use
  Status add(const Row& row);
  /// Ends the adding.
  Status finish();
  /// The next row, nothing behind the last; its views are valid until the next call.
  /// Errors: corruption   what was written is not what is read
  ///         io_error
  Result<std::optional<Row>> next();

 private:
  // A row in the buffer.
  struct Pending {
    Sequence sequence;
    std::uint64_t now;
    Space space;
    bool is_extent_list;
    EntryClaims claims;
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    std::size_t offset;  // of key and value
  };
  // A sorted segment that is being read.
  struct Sorted {
    Sorted(std::shared_ptr<Segment> of, std::uint64_t end)
        : segment(std::move(of)), scanner(*segment, end) {}
    std::shared_ptr<Segment> segment;
    SegmentScanner scanner;
    RecordView record;  // its head
  };
  struct Later {
    bool operator()(const Sorted* one, const Sorted* other) const {
      return one->record.sequence > other->record.sequence;
    }
  };

  Status flush();
  // Moves to the next row of `sorted`, and puts it among the heads if there is one.
  Status advance(Sorted& sorted);

  const Setup setup_;
  FileCache cache_;
  Bytes buffer_;
  std::vector<Pending> pending_;
  struct Written {
    std::uint32_t id;
    std::uint64_t bytes;
  };
  std::vector<Written> written_;
  std::vector<std::unique_ptr<Sorted>> sorted_;
  std::priority_queue<Sorted*, std::vector<Sorted*>, Later> heads_;
  Sorted* current_ = nullptr;  // the row that next() gave last
};

}  // namespace talea
