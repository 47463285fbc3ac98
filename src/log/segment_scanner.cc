#include "log/segment_scanner.h"

#include <algorithm>

namespace talea {

namespace {

constexpr std::uint64_t kWindowBytes = 1 << 20;
// Enough for the header of any record, so that most decodes need one look.
constexpr std::uint64_t kFirstLookBytes = 256;
// find_next_valid() may check so many times the bytes it was given before it gives up.
constexpr std::uint64_t kSearchWorkFactor = 16;

}  // namespace

SegmentScanner::SegmentScanner(const Segment& segment, std::uint64_t end)
    : segment_(segment), end_(std::max(end, kSegmentHeaderBytes)) {}

Result<BytesView> SegmentScanner::window(std::uint64_t bytes) {
  bytes = std::min(bytes, end_ - offset_);
  const std::uint64_t buffer_end = buffer_offset_ + buffer_.size();
  if (offset_ < buffer_offset_ || offset_ + bytes > buffer_end) {
    const std::uint64_t wanted = std::min(std::max(bytes, kWindowBytes), end_ - offset_);
    Status read = read_exactly(segment_.file(), offset_, wanted, buffer_);
    if (!read.ok()) return std::move(read).with_context(segment_.name());
    buffer_offset_ = offset_;
  }
  return BytesView(buffer_).substr(offset_ - buffer_offset_);
}

Result<RecordDecode> SegmentScanner::decode_here(RecordView& out) {
  BytesView view = TALEA_TRY(window(kFirstLookBytes));
  RecordDecode decoded = decode_record(view, offset_, segment_.context(), out);
  while (decoded.outcome == DecodeOutcome::need_more && decoded.bytes_needed > view.size() &&
         decoded.bytes_needed <= end_ - offset_) {
    view = TALEA_TRY(window(decoded.bytes_needed));
    decoded = decode_record(view, offset_, segment_.context(), out);
  }
  return decoded;
}

Result<SegmentScanner::Step> SegmentScanner::next(RecordView& out) {
  if (offset_ == end_) return Step::end;
  const RecordDecode decoded = TALEA_TRY(decode_here(out));
  if (decoded.outcome != DecodeOutcome::ok) {
    problem_ = decoded.problem;
    return Step::bad;
  }
  offset_ += out.bytes;
  return Step::record;
}

Result<bool> SegmentScanner::find_next_valid() {
  RecordView record;
  std::uint64_t work = 0;
  const std::uint64_t work_max = kSearchWorkFactor * (end_ - offset_) + kWindowBytes;
  const std::uint64_t began = offset_;
  while (offset_ < end_) {
    ++offset_;
    if (offset_ == end_) break;
    const RecordDecode decoded = TALEA_TRY(decode_here(record));
    if (decoded.outcome == DecodeOutcome::ok) return true;
    // A decode that went as far as the check has read the whole record it was promised.
    if (decoded.outcome == DecodeOutcome::bad) work += record.bytes;
    if (work > work_max) {
      return segment_.corruption_at(
          began, "so many damaged records follow that their extent cannot be found");
    }
  }
  return false;
}

Result<std::uint64_t> SegmentScanner::end_of_nonzero() {
  const std::uint64_t began = offset_;
  std::uint64_t last = began;
  while (offset_ < end_) {
    const BytesView view = TALEA_TRY(window(kWindowBytes));
    const std::size_t position = view.find_last_not_of('\0');
    if (position != BytesView::npos) last = offset_ + position + 1;
    offset_ += view.size();
  }
  offset_ = began;
  return last;
}

}  // namespace talea
