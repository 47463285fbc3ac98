// SegmentScanner: reads the records of a log segment one after another, as replay and verify do,
// and finds the next good one behind a bad one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "log/record.h"
#include "log/segment.h"

namespace talea {

/// Threads: externally synchronised.
class SegmentScanner {
 public:
  enum class Step {
    record,  // `out` holds the next record
    end,     // the scan reached its end
    bad,     // what lies at offset() is no record; problem() says why
  };

  /// Scans [`begin`, `end`), where `end` is at most the length of the file. Lifetime: within that
  /// of `segment`.
  SegmentScanner(const Segment& segment, std::uint64_t end,
                 std::uint64_t begin = kSegmentHeaderBytes);

  /// Reads the record at offset() and moves behind it. After `bad` the scanner stays where it is.
  /// The views in `out` are valid until the next call.
  /// Cost: one read for each MiB; memory for the longest record.
  /// Errors: io_error
  Result<Step> next(RecordView& out);

  /// After `bad`: moves to the next offset at which a record is valid; false, and at the end,
  /// when there is none. A record is recognised by its check alone, at any offset.
  ///
  /// Cost: every offset is tried, and ordinary text looks like the header of a record at every
  /// sixth. So a check costs at most kLookBytes and never the length that a header claims: for
  /// longer ones the CRC of the claimed range is computed from those of two prefixes, noted at
  /// every kMarkBytes of the file. Three reads of the rest in all, or about a microsecond a
  /// byte for bytes that were made to be slow; a 64th of the rest in memory.
  /// Errors: io_error
  Result<bool> find_next_valid();

  /// After `bad`: the offset behind the last byte in [offset(), end) that is not zero; offset()
  /// when all are. A tail that was never written is all zero.
  Result<std::uint64_t> end_of_nonzero();

  std::uint64_t offset() const { return offset_; }
  std::string_view problem() const { return problem_; }
  /// See RecordDecode.
  bool is_forged() const { return is_forged_; }

 private:
  // Makes at least `bytes` bytes at offset_ available, or all there are, and returns them.
  Result<BytesView> window(std::uint64_t bytes);
  Result<RecordDecode> decode_here(RecordView& out);
  // Whether the record that seems to begin at offset_, of which `look` is the front, is not ruled
  // out by a check that costs little.
  Result<bool> may_be_valid(BytesView look);
  // The CRC of the file from marked_from_ to `end`.
  Result<std::uint32_t> crc_through(std::uint64_t end);

  const Segment& segment_;
  const std::uint64_t end_;
  std::uint64_t offset_;
  std::string_view problem_;
  bool is_forged_ = false;
  Bytes buffer_;
  std::uint64_t buffer_offset_ = 0;

  // marks_[i] is the CRC of i * kMarkBytes bytes from marked_from_ on; empty until one is needed.
  std::uint64_t marked_from_ = 0;
  std::vector<std::uint32_t> marks_;
};

}  // namespace talea
