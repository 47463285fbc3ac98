// Records and entries: a decoder reads nothing outside its bytes, what it accepts encodes again to
// the same bytes, and an entry alone says what it says in its record.
//
// Input: a byte of options (bit 0: make the checks right), then a record.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "record_checks.h"

namespace {

constexpr std::uint64_t kOffset = 4096;

void check_accepted(const talea::RecordView& record, talea::BytesView bytes,
                    const talea::SegmentContext& context) {
  TALEA_ASSERT(record.bytes <= bytes.size());
  std::vector<talea::EntrySource> sources;
  for (const talea::EntryView& entry : record.entries) {
    sources.push_back(talea::source_of(entry));
    std::string_view problem;
    const auto alone =
        talea::decode_entry(bytes.substr(entry.place.offset - kOffset, entry.place.bytes),
                            entry.place.offset, context, problem);
    TALEA_ASSERT(alone && alone->key == entry.key && alone->value == entry.value &&
                 alone->space == entry.space && alone->is_remove == entry.is_remove &&
                 alone->claims == entry.claims && alone->header_distance == entry.header_distance);
  }
  // A reader takes a batch of one; a writer makes none.
  if (sources.size() == 1 && !record.entries[0].sequence) return;
  talea::Bytes again;
  std::vector<talea::EntryExtent> places;
  talea::finish_record(
      talea::encode_batch(sources),
      {record.sequence, record.now, kOffset, record.synced_through, record.follows}, context, again,
      places);
  TALEA_ASSERT(again == bytes.substr(0, record.bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const talea::SegmentContext context(talea::fuzz_header());
  if (size == 0) return 0;
  // Of exactly this size, so that a read behind the end is seen.
  std::vector<char> bytes(data + 1, data + size);
  if ((data[0] & 1) != 0) talea::fix_record(bytes.data(), bytes.size(), kOffset, context);
  const talea::BytesView view(bytes.data(), bytes.size());

  talea::RecordView record;
  const talea::RecordDecode decoded = talea::decode_record(view, kOffset, context, record);
  switch (decoded.outcome) {
    case talea::DecodeOutcome::ok: check_accepted(record, view, context); break;
    case talea::DecodeOutcome::need_more: TALEA_ASSERT(decoded.bytes_needed > view.size()); break;
    case talea::DecodeOutcome::bad: TALEA_ASSERT(!decoded.problem.empty()); break;
  }
  std::string_view problem;
  if ((data[0] & 1) != 0) talea::fix_entry(bytes.data(), bytes.size(), kOffset, context);
  const auto entry = talea::decode_entry(view, kOffset, context, problem);
  TALEA_ASSERT(entry || !problem.empty());
  (void)talea::decode_batch_sequence(view, kOffset, context).has_value();
  return 0;
}
