#include "log/segment_writer.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {

namespace {

// Space is written ahead in steps that double, so that a store with one small write stays small
// and a busy one pays one step for thousands of writes.
constexpr std::uint64_t kAheadBytesMin = 64 * kKiB;
constexpr std::uint64_t kAheadBytesMax = 4 * kMiB;

// A block of zeros to write from; at the static limit of one step.
const Bytes& zeros() {
  static const Bytes block(kAheadBytesMax, '\0');
  return block;
}

}  // namespace

SegmentWriter::SegmentWriter(std::shared_ptr<Segment> segment, const Setup& setup)
    : segment_(std::move(segment)),
      bytes_planned_(setup.bytes_planned),
      write_ahead_(setup.write_ahead) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& file_system,
                                                             const std::string& directory,
                                                             const Setup& setup) {
  const std::string name = segment_file_name(setup.header.kind, setup.header.id);
  std::unique_ptr<File> file =
      TALEA_TRY(file_system.open(join_path(directory, name), OpenMode::create_new));
  TALEA_TRY(file->pwrite(0, encode_segment_header(setup.header)));
  TALEA_TRY(file->sync_data());
  TALEA_TRY(file_system.sync_directory(directory));
  auto segment = std::make_shared<Segment>(setup.header, std::move(file));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(segment), setup));
}

Status SegmentWriter::take_space(std::uint64_t bytes) {
  const std::uint64_t needed = end_ + bytes;
  if (!write_ahead_ || needed <= written_ahead_) return {};
  const std::uint64_t step = std::clamp(written_ahead_, kAheadBytesMin, kAheadBytesMax) /
                             kSegmentHeaderBytes * kSegmentHeaderBytes;
  // Beyond the planned length (a batch larger than a segment) exactly what is needed.
  std::uint64_t target = std::max(needed, std::min(written_ahead_ + step, bytes_planned_));
  while (written_ahead_ < target) {
    const std::uint64_t chunk = std::min(target - written_ahead_, kAheadBytesMax);
    Status written = segment_->file().pwrite(written_ahead_, BytesView(zeros()).substr(0, chunk));
    if (!written.ok()) {
      // No room for a whole step: then for what is needed now, or not at all.
      if (target == needed || written.code() != Code::exhausted) return written;
      target = needed;
      continue;
    }
    written_ahead_ += chunk;
  }
  return {};
}

Status SegmentWriter::append(BytesView bytes) {
  TALEA_ASSERT(usable_);
  TALEA_ASSERT(end_ + bytes.size() <= UINT32_MAX);
  Status space = take_space(bytes.size());
  if (!space.ok()) {
    // Only zeros were written, and only behind end(): nothing that could be taken for a record.
    usable_ = space.code() == Code::exhausted;
    return std::move(space).with_context("take space for " + segment_->name());
  }
  Status written = segment_->file().pwrite(end_, bytes);
  if (!written.ok()) {
    usable_ = false;
    return std::move(written).with_context("append to " + segment_->name());
  }
  end_ += bytes.size();
  return {};
}

Status SegmentWriter::sync() {
  Status synced = segment_->file().sync_data();
  if (synced.ok()) return {};
  usable_ = false;
  return std::move(synced).with_context("sync " + segment_->name());
}

Status SegmentWriter::trim() {
  if (written_ahead_ <= end_) return {};
  return segment_->file().truncate(end_);
}

}  // namespace talea
