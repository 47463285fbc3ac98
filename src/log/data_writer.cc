#include "log/data_writer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "talea/limits.h"

namespace talea {

namespace {

// Of a huge page, and each write but the last ends where one ends: then the kernel may hold it as
// one.
constexpr std::size_t kWriteBytes = 2 * kMiB;

}  // namespace

DataWriter::DataWriter(FileSystem& file_system, std::string directory, const SegmentHeader& header,
                       std::unique_ptr<File> file, std::shared_ptr<const PlaceCipher> cipher)
    : file_system_(file_system),
      directory_(std::move(directory)),
      header_(header),
      context_(header, std::move(cipher)),
      file_(std::move(file)),
      buffer_(encode_segment_header(header)) {}

Result<std::unique_ptr<DataWriter>> DataWriter::create(FileSystem& file_system,
                                                       const std::string& directory,
                                                       const SegmentHeader& header,
                                                       const KeyRing* keys) {
  TALEA_ASSERT(header.kind == SegmentKind::data);
  auto cipher = TALEA_TRY(header.cipher_to_write(keys));
  const std::string path = join_path(directory, segment_file_name(header.kind, header.id));
  std::unique_ptr<File> file = TALEA_TRY(file_system.open(path, OpenMode::create_new));
  return std::unique_ptr<DataWriter>(
      new DataWriter(file_system, directory, header, std::move(file), std::move(cipher)));
}

DataWriter::~DataWriter() {
  if (!keep_) (void)file_system_.remove(path()).ok();
}

std::string DataWriter::path() const {
  return join_path(directory_, segment_file_name(header_.kind, header_.id));
}

Result<EntryExtent> DataWriter::add(const EntrySource& entry, Sequence sequence,
                                    std::uint64_t now) {
  TALEA_ASSERT(!keep_);
  if (!failure_.ok()) return failure_;
  const EntryExtent place = append_single(
      entry, {.sequence = sequence, .now = now, .offset = bytes()}, context_, buffer_);
  ++summary_.entries;
  summary_.lowest_sequence =
      summary_.entries == 1 ? sequence : std::min(summary_.lowest_sequence, sequence);
  summary_.highest_sequence = std::max(summary_.highest_sequence, sequence);
  if (buffer_.size() >= kWriteBytes) TALEA_TRY(flush(kWriteBytes));
  return place;
}

Status DataWriter::flush(std::size_t count) {
  failure_ = file_->pwrite(written_, BytesView(buffer_).substr(0, count));
  if (!failure_.ok()) {
    failure_ = std::move(failure_).with_context("write " + path());
    return failure_;
  }
  written_ += count;
  buffer_.erase(0, count);
  return {};
}

Result<DataSummary> DataWriter::finish() {
  TALEA_ASSERT(!keep_);
  if (!failure_.ok()) return failure_;
  TALEA_TRY(flush(buffer_.size()));
  failure_ = file_->sync_data();
  if (failure_.ok()) failure_ = file_system_.sync_directory(directory_);
  if (!failure_.ok()) return Status(failure_).with_context("sync " + path());
  keep_ = true;
  summary_.bytes = written_;
  return summary_;
}

}  // namespace talea
