#include "log/segment_scanner.h"

#include <algorithm>

#include "codec/crc32c.h"

namespace talea {

namespace {

constexpr std::uint64_t kWindowBytes = 1 << 20;
// Enough for the header of any record, so that most decodes need one look.
constexpr std::uint64_t kFirstLookBytes = 256;
// A search looks at so many bytes from each offset ...
constexpr std::uint64_t kLookBytes = 4096;
// ... and notes the CRC so far at every so many.
constexpr std::uint64_t kMarkBytes = 256;

}  // namespace

SegmentScanner::SegmentScanner(const Segment& segment, std::uint64_t end, std::uint64_t begin)
    : segment_(segment), end_(std::max(end, begin)), offset_(begin) {}

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
    is_forged_ = decoded.is_forged;
    return Step::bad;
  }
  offset_ += out.bytes;
  return Step::record;
}

Result<bool> SegmentScanner::find_next_valid() {
  RecordView record;
  while (offset_ < end_) {
    ++offset_;
    if (offset_ == end_) break;
    const BytesView look = TALEA_TRY(window(kLookBytes)).substr(0, kLookBytes);
    RecordDecode decoded = decode_record(look, offset_, segment_.context(), record);
    const bool goes_on = decoded.outcome == DecodeOutcome::need_more &&
                         decoded.bytes_needed > look.size() &&
                         decoded.bytes_needed <= end_ - offset_;
    if (goes_on && TALEA_TRY(may_be_valid(look))) decoded = TALEA_TRY(decode_here(record));
    if (decoded.outcome == DecodeOutcome::ok) return true;
  }
  return false;
}

Result<bool> SegmentScanner::may_be_valid(BytesView look) {
  const std::optional<SingleOutline> single = outline_single(look, segment_.context());
  // The header of a batch has a check of its own, which was right.
  if (!single) return true;
  const std::uint64_t body = offset_ + single->body;
  const std::uint64_t body_end = offset_ + single->bytes;
  const std::uint32_t front = TALEA_TRY(crc_through(body));
  const std::uint32_t whole = TALEA_TRY(crc_through(body_end));
  return single_check_matches(look, *single, offset_, segment_.context(),
                              crc32c_of_rest(front, whole, body_end - body));
}

Result<std::uint32_t> SegmentScanner::crc_through(std::uint64_t end) {
  Bytes bytes;
  if (marks_.empty()) {
    marked_from_ = offset_;
    std::uint32_t crc = 0;
    marks_.push_back(crc);
    for (std::uint64_t at = marked_from_; at < end_; at += bytes.size()) {
      const std::uint64_t wanted = std::min(kWindowBytes, end_ - at);
      Status read = read_exactly(segment_.file(), at, wanted, bytes);
      if (!read.ok()) return std::move(read).with_context(segment_.name());
      for (BytesView rest = bytes; rest.size() >= kMarkBytes; rest.remove_prefix(kMarkBytes)) {
        crc = crc32c(crc, rest.substr(0, kMarkBytes));
        marks_.push_back(crc);
      }
    }
  }
  const std::uint64_t mark = (end - marked_from_) / kMarkBytes;
  const std::uint64_t mark_offset = marked_from_ + mark * kMarkBytes;
  char block[kMarkBytes];
  const std::size_t wanted = end - mark_offset;
  auto got = segment_.file().pread(mark_offset, block, wanted);
  if (!got.ok()) return std::move(got).status().with_context(segment_.name());
  return crc32c(marks_[mark], {block, *got});
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
