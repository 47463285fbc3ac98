#include "log/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace talea {

namespace {

// Space is taken in pieces of this size, so that an append that must wait for the thread in the
// background waits for one piece. It is that of a huge page, and a piece ends where one ends: then
// the kernel may hold it as one.
constexpr std::uint64_t kTakenAtOnce = 2 * kMiB;

std::uint64_t piece_after(std::uint64_t taken, std::uint64_t target) {
  return std::min(target - taken, kTakenAtOnce - taken % kTakenAtOnce);
}

// A block of zeros to write from.
const Bytes& zeros() {
  static const Bytes block(kTakenAtOnce, '\0');
  return block;
}

}  // namespace

Result<std::unique_ptr<File>> create_segment_file(FileSystem& file_system,
                                                  const std::string& directory,
                                                  const SegmentHeader& header) {
  const std::string path = join_path(directory, segment_file_name(header.kind, header.id));
  std::unique_ptr<File> file = TALEA_TRY(file_system.open(path, OpenMode::create_new));
  Status made = file->pwrite(0, encode_segment_header(header));
  if (made.ok()) made = file->sync_data();
  if (made.ok()) made = file_system.sync_directory(directory);
  if (made.ok()) return file;
  // No manifest names it yet. Should it stay, the next open removes it.
  (void)file_system.remove(path).ok();
  return made;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& file_system,
                                                             const std::string& directory,
                                                             const Setup& setup) {
  const std::string path =
      join_path(directory, segment_file_name(setup.header.kind, setup.header.id));
  Cipher cipher = TALEA_TRY(setup.header.cipher_to_write(setup.keys));
  std::unique_ptr<File> file = TALEA_TRY(create_segment_file(file_system, directory, setup.header));
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(std::move(file), setup));
  Status mapped = writer->map_segment(path, setup, std::move(cipher));
  if (mapped.ok()) return writer;
  (void)file_system.remove(path).ok();
  return mapped;
}

Status SegmentWriter::map_segment(const std::string& path, const Setup& setup, Cipher cipher) {
  const bool mapped = fill_ != Setup::Fill::written;
  std::unique_ptr<Mapping> mapping =
      TALEA_TRY(file_->map(0, bytes_planned_, mapped ? MapAccess::write : MapAccess::read));
  if (mapped) {
    mapping_ = mapping.get();
    memory_ = mapping->data();
    if (fill_ == Setup::Fill::mapped_unsynced) mapping->use_huge_pages(true);
  }
  segment_ = std::make_shared<Segment>(setup.header, setup.cache->file(path), std::move(cipher));
  segment_->adopt(std::move(mapping));
  segment_->set_end(kSegmentHeaderBytes);
  return {};
}

Status SegmentWriter::take(std::uint64_t from, std::uint64_t bytes) {
  if (fill_ == Setup::Fill::written) {
    return file_->pwrite(from, BytesView(zeros()).substr(0, bytes));
  }
  TALEA_TRY(file_->allocate(from, bytes));
  (void)mapping_->prefault(from, bytes).ok();  // else the stores fault the pages in
  return {};
}

std::uint64_t SegmentWriter::step_from(std::uint64_t taken) const {
  const std::uint64_t step =
      std::clamp(taken, kAheadBytesMin, kAheadBytesMax) / kSegmentHeaderBytes * kSegmentHeaderBytes;
  return std::min(taken + step, bytes_planned_);
}

Status SegmentWriter::take_space(std::uint64_t needed) {
  if (needed <= taken_.load(std::memory_order_acquire)) [[likely]]
    return {};
  MutexLock lock(taking_mutex_);
  std::uint64_t taken = taken_.load(std::memory_order_relaxed);
  std::uint64_t target = std::max(needed, step_from(taken));
  while (taken < needed) {
    const std::uint64_t piece = piece_after(taken, target);
    Status took = take(taken, piece);
    if (!took.ok()) {
      // No room for a whole step: then for what is needed now, or not at all.
      if (target == needed || took.code() != Code::exhausted) return took;
      target = needed;
      continue;
    }
    taken += piece;
    taken_.store(taken, std::memory_order_release);
  }
  return {};
}

bool SegmentWriter::wants_space(Ahead ahead) const {
  constexpr std::uint64_t kMost = kAheadBytesMax / 2;
  const std::uint64_t wanted =
      ahead == Ahead::full ? kMost : std::min(end() - kSegmentHeaderBytes, kMost);
  return taken_.load(std::memory_order_relaxed) - end() < wanted;
}

void SegmentWriter::take_ahead(Ahead ahead) {
  while (wants_space(ahead)) {
    MutexLock lock(taking_mutex_);
    const std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    const std::uint64_t target = step_from(taken);
    if (target <= taken) return;
    const std::uint64_t piece = piece_after(taken, target);
    if (!take(taken, piece).ok()) return;
    taken_.store(taken + piece, std::memory_order_release);
  }
}

Status SegmentWriter::append(BytesView bytes) {
  char* const to = TALEA_TRY(reserve(bytes.size()));
  std::memcpy(to, bytes.data(), bytes.size());
  return commit(bytes.size());
}

Result<char*> SegmentWriter::reserve(std::uint64_t bytes) {
  // Another thread may just have found that a sync failed.
  if (!is_usable()) return Status::io_error("a sync of " + segment_->name() + " failed");
  TALEA_ASSERT(end() + bytes <= bytes_planned_);
  Status space = take_space(end() + bytes);
  if (!space.ok()) {
    // Only zeros were written, and only behind end(): nothing that could be taken for a record.
    if (space.code() != Code::exhausted) usable_ = false;
    return std::move(space).with_context("take space for " + segment_->name());
  }
  if (memory_ != nullptr) return memory_ + end();
  if (staged_.size() < bytes) staged_.resize(bytes);
  return staged_.data();
}

Status SegmentWriter::commit(std::uint64_t bytes) {
  const std::uint64_t end = this->end();
  if (memory_ == nullptr) {
    Status written = file_->pwrite(end, BytesView(staged_).substr(0, bytes));
    if (!written.ok()) {
      usable_ = false;
      return std::move(written).with_context("append to " + segment_->name());
    }
  }
  end_.store(end + bytes, std::memory_order_relaxed);
  segment_->set_end(end + bytes);
  return {};
}

Status SegmentWriter::sync() {
  MutexLock lock(syncing_mutex_);
  TALEA_TRY(Status(sync_failure_));
  Status synced = file_->sync_data();
  if (synced.ok()) return {};
  usable_ = false;
  sync_failure_ = std::move(synced).with_context("sync " + segment_->name());
  return sync_failure_;
}

Status SegmentWriter::cut(std::uint64_t end) {
  // It is only read from now on, and where memory is short again and again from the disk.
  if (fill_ == Setup::Fill::mapped_unsynced) mapping_->use_huge_pages(false);
  return file_->truncate(end);
}

Status SegmentWriter::blank() {
  TALEA_TRY(cut(kSegmentHeaderBytes));
  return file_->sync_data();
}

}  // namespace talea
