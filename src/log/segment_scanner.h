// SegmentScanner: reads the records of a log segment one after another, as replay and verify do,
// and finds the next good one behind a bad one.
#pragma once

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

  /// Scans [kSegmentHeaderBytes, `end`), where `end` is at most the length of the file.
  SegmentScanner(const Segment& segment, std::uint64_t end);

  /// Reads the record at offset() and moves behind it. After `bad` the scanner stays where it is.
  /// The views in `out` are valid until the next call.
  /// Cost: one read for each MiB; memory for the longest record.
  /// Errors: io_error
  Result<Step> next(RecordView& out);

  /// After `bad`: moves to the next offset at which a record is valid; false, and at the end,
  /// when there is none. A record is recognised by its check alone, at any offset.
  /// Errors: io_error; corruption when the bytes are made to look like so many long records that
  ///         the search would take longer than a few scans
  Result<bool> find_next_valid();

  /// After `bad`: the offset behind the last byte in [offset(), end) that is not zero; offset()
  /// when all are. A tail that was never written is all zero.
  Result<std::uint64_t> end_of_nonzero();

  std::uint64_t offset() const { return offset_; }
  std::string_view problem() const { return problem_; }

 private:
  // Makes at least `bytes` bytes at offset_ available, or all there are, and returns them.
  Result<BytesView> window(std::uint64_t bytes);
  Result<RecordDecode> decode_here(RecordView& out);

  const Segment& segment_;
  const std::uint64_t end_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::string_view problem_;
  Bytes buffer_;
  std::uint64_t buffer_offset_ = 0;
};

}  // namespace talea
