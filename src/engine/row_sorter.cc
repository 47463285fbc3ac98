#include "engine/row_sorter.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "log/data_writer.h"

namespace talea {
namespace {

// Descriptors for reading; there may be more files.
constexpr std::size_t kOpenFilesMax = 256;

}  // namespace

RowSorter::RowSorter(Setup setup)
    : setup_(std::move(setup)), cache_(setup_.seams.file_system, kOpenFilesMax) {}

RowSorter::~RowSorter() {
  sorted_.clear();
  for (const Written& file : written_) {
    const std::string name = segment_file_name(SegmentKind::data, file.id);
    (void)setup_.seams.file_system.remove(join_path(setup_.directory, name)).ok();
  }
}

Status RowSorter::add(const Row& row) {
  const EntrySource& entry = row.entry;
  TALEA_ASSERT(!entry.is_remove);
  const std::uint64_t bytes = entry.key.size() + entry.value.size();
  if (!pending_.empty() && buffer_.size() + bytes > setup_.buffer_bytes) TALEA_TRY(flush());
  pending_.push_back({.sequence = row.sequence,
                      .now = row.now,
                      .space = entry.space,
                      .is_extent_list = entry.is_extent_list,
                      .claims = entry.claims,
                      .key_bytes = static_cast<std::uint32_t>(entry.key.size()),
                      .value_bytes = static_cast<std::uint32_t>(entry.value.size()),
                      .offset = buffer_.size()});
  buffer_ += entry.key;
  buffer_ += entry.value;
  return {};
}

Status RowSorter::flush() {
  if (pending_.empty()) return {};
  std::sort(pending_.begin(), pending_.end(),
            [](const Pending& one, const Pending& other) { return one.sequence < other.sequence; });
  SegmentHeader header;
  header.kind = SegmentKind::data;
  header.features = kEntryFeatures;
  header.id = TALEA_TRY(setup_.take_id());
  header.store_id = setup_.store_id;
  header.first_sequence = pending_.front().sequence;
  header.base_now = std::min_element(pending_.begin(), pending_.end(), [](auto& one, auto& other) {
                      return one.now < other.now;
                    })->now;
  setup_.seams.random.fill(header.salt);
  const KeyRing* const keys = setup_.seams.key_ring();
  header.encrypt(keys);
  auto writer =
      TALEA_TRY(DataWriter::create(setup_.seams.file_system, setup_.directory, header, keys));
  for (const Pending& row : pending_) {
    const BytesView bytes = BytesView(buffer_).substr(row.offset, row.key_bytes + row.value_bytes);
    TALEA_TRY(writer->add({.space = row.space,
                           .key = bytes.substr(0, row.key_bytes),
                           .value = bytes.substr(row.key_bytes),
                           .is_extent_list = row.is_extent_list,
                           .claims = row.claims},
                          row.sequence, row.now));
  }
  const DataSummary summary = TALEA_TRY(writer->finish());
  written_.push_back({header.id, summary.bytes});
  pending_.clear();
  buffer_.clear();
  return {};
}

Status RowSorter::finish() {
  TALEA_TRY(flush());
  buffer_ = {};
  pending_ = {};
  sorted_.reserve(written_.size());
  for (const Written& file : written_) {
    sorted_.push_back(std::make_unique<Sorted>(
        TALEA_TRY(Segment::open(cache_, setup_.directory, SegmentKind::data, file.id,
                                setup_.store_id, setup_.seams.key_ring())),
        file.bytes));
    TALEA_TRY(advance(*sorted_.back()));
  }
  return {};
}

Status RowSorter::advance(Sorted& sorted) {
  switch (TALEA_TRY(sorted.scanner.next(sorted.record))) {
    case SegmentScanner::Step::end: return {};
    case SegmentScanner::Step::bad:
      return sorted.segment->corruption_at(sorted.scanner.offset(), sorted.scanner.problem());
    case SegmentScanner::Step::record: break;
  }
  heads_.push(&sorted);
  return {};
}

Result<std::optional<RowSorter::Row>> RowSorter::next() {
  if (current_ != nullptr) TALEA_TRY(advance(*std::exchange(current_, nullptr)));
  if (heads_.empty()) return std::optional<Row>();
  current_ = heads_.top();
  heads_.pop();
  const RecordView& record = current_->record;
  return std::optional<Row>({record.sequence, record.now, source_of(record.entries.front())});
}

}  // namespace talea
