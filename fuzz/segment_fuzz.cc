// Segments: a header that is accepted encodes again to the same bytes; a scan of any bytes ends,
// moves forward, and finds again behind damage what it found without it.
//
// Input: a byte of options, then
//   bit 1 set    the first bytes of a header; the rest is zero. Bit 0: make its check right
//   bit 1 clear  what follows the header. Bit 0: make the checks of records right, one after
//   another
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "log/segment_scanner.h"
#include "memory_file.h"
#include "record_checks.h"

namespace {

void fuzz_segment_header(talea::Bytes block, bool fix) {
  block.resize(talea::kSegmentHeaderBytes, '\0');
  const std::size_t check = block.size() - 4;
  if (fix) {
    talea::store_fixed(block.data() + check,
                       talea::crc32c(0, talea::BytesView(block).substr(0, check)));
  }
  const auto header = talea::decode_segment_header(block);
  TALEA_ASSERT(!header.ok() || talea::encode_segment_header(*header) == block);
}

void fuzz_content(const talea::BytesView input, bool fix) {
  const talea::SegmentHeader header = talea::fuzz_header();
  const talea::SegmentContext context(header);
  talea::Bytes bytes = talea::encode_segment_header(header);
  std::uint64_t at = bytes.size();
  bytes += input;
  talea::RecordView record;
  while (fix && at < bytes.size()) {
    talea::fix_record(bytes.data() + at, bytes.size() - at, at, context);
    const auto decoded =
        talea::decode_record(talea::BytesView(bytes).substr(at), at, context, record);
    if (decoded.outcome != talea::DecodeOutcome::ok) break;
    at += record.bytes;
  }
  const std::uint64_t end = bytes.size();
  const talea::Segment segment(header, std::make_unique<talea::MemoryFile>(std::move(bytes)));

  talea::SegmentScanner scanner(segment, end);
  std::uint64_t position = scanner.offset();
  for (;;) {
    const auto step = scanner.next(record);
    TALEA_ASSERT(step.ok());
    if (*step == talea::SegmentScanner::Step::end) break;
    if (*step == talea::SegmentScanner::Step::record) {
      TALEA_ASSERT(scanner.offset() == position + record.bytes);
      if (position > talea::kSegmentHeaderBytes) {
        talea::SegmentScanner search(segment, end, position - 1);
        TALEA_ASSERT(search.find_next_valid().value() && search.offset() == position);
      }
    } else {
      TALEA_ASSERT(scanner.offset() == position && !scanner.problem().empty());
      const auto nonzero_end = scanner.end_of_nonzero();
      TALEA_ASSERT(nonzero_end.ok() && *nonzero_end >= position && *nonzero_end <= end);
      const auto found = scanner.find_next_valid();
      TALEA_ASSERT(found.ok() && scanner.offset() > position);
      if (!*found) break;
    }
    position = scanner.offset();
  }
  TALEA_ASSERT(scanner.offset() == end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const talea::BytesView input(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool fix = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) {
    fuzz_segment_header(talea::Bytes(input), fix);
  } else {
    fuzz_content(input, fix);
  }
  return 0;
}
