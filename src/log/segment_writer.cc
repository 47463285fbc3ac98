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
    : segment_(std::move(segment)), bytes_planned_(setup.bytes_planned), ahead_(setup.ahead) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& file_system,
                                                             const std::string& directory,
                                                             const Setup& setup) {
  const std::string path =
      join_path(directory, segment_file_name(setup.header.kind, setup.header.id));
  std::unique_ptr<File> file = TALEA_TRY(file_system.open(path, OpenMode::create_new));
  Status made = file->pwrite(0, encode_segment_header(setup.header));
  if (made.ok()) made = file->sync_data();
  if (made.ok()) made = file_system.sync_directory(directory);
  if (!made.ok()) {
    // No manifest names it yet. Should it stay, the next open removes it.
    (void)file_system.remove(path).ok();
    return made;
  }
  auto segment = std::make_shared<Segment>(setup.header, std::move(file));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(segment), setup));
}

Status SegmentWriter::take(std::uint64_t bytes) {
  File& file = segment_->file();
  if (ahead_ == Setup::Ahead::reserved) return file.allocate(taken_, bytes);
  return file.pwrite(taken_, BytesView(zeros()).substr(0, bytes));
}

Status SegmentWriter::take_space(std::uint64_t bytes) {
  const std::uint64_t needed = end_ + bytes;
  if (needed <= taken_) return {};
  const std::uint64_t step = std::clamp(taken_, kAheadBytesMin, kAheadBytesMax) /
                             kSegmentHeaderBytes * kSegmentHeaderBytes;
  // Beyond the planned length (a batch larger than a segment) exactly what is needed.
  std::uint64_t target = std::max(needed, std::min(taken_ + step, bytes_planned_));
  while (taken_ < target) {
    const std::uint64_t chunk = std::min(target - taken_, kAheadBytesMax);
    Status taken = take(chunk);
    if (!taken.ok()) {
      // No room for a whole step: then for what is needed now, or not at all.
      if (target == needed || taken.code() != Code::exhausted) return taken;
      target = needed;
      continue;
    }
    taken_ += chunk;
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

Status SegmentWriter::cut(std::uint64_t end) { return segment_->file().truncate(end); }

}  // namespace talea
