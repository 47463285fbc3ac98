#include "engine/extent_store.h"

#include "base/assert.h"

namespace talea {

namespace {

// Large, because a value of the largest size would otherwise take thousands of files; below
// 4 GiB, because places are 32 bits.
constexpr std::uint64_t kExtentSegmentBytes = 256 * kMiB;

}  // namespace

ExtentStore::ExtentStore(const Setup& setup, ManifestKeeper& manifest, LiveState& live,
                         Metrics& metrics)
    : setup_(setup), manifest_(manifest), live_(live), metrics_(metrics) {}

std::uint64_t ExtentStore::new_value_id() { return setup_.seams.random.next_u64(); }

Result<std::shared_ptr<Segment>> ExtentStore::create_segment() {
  SegmentHeader header;
  header.id = TALEA_TRY(manifest_.take_file_id());
  header.kind = SegmentKind::extent;
  header.base_now = setup_.seams.clock.wall_ms();
  header.store_id = setup_.store_id;
  setup_.seams.random.fill(header.salt);
  const KeyRing* const keys = setup_.seams.key_ring();
  header.encrypt(keys);
  auto cipher = TALEA_TRY(header.cipher_to_write(keys));
  auto file = TALEA_TRY(create_segment_file(setup_.seams.file_system, setup_.directory, header));
  return std::make_shared<Segment>(header, std::move(file), std::move(cipher));
}

Result<std::shared_ptr<ExtentStore::OpenSegment>> ExtentStore::with_room(std::uint64_t bytes) {
  if (active_ != nullptr && active_->end + bytes <= kExtentSegmentBytes) return active_;
  if (active_ != nullptr) TALEA_TRY(seal(*active_));

  if (unlisted_ == nullptr) unlisted_ = TALEA_TRY(create_segment());
  const std::uint32_t id = unlisted_->id();
  TALEA_TRY(manifest_.commit(
      [id](Manifest& manifest) { manifest.add({.kind = SegmentKind::extent, .id = id}); }));
  metrics_.segments_created.add();
  active_ = std::make_shared<OpenSegment>();
  active_->segment = std::move(unlisted_);
  active_->state = &live_.add_segment(active_->segment);
  opened_[id] = active_;
  return active_;
}

Status ExtentStore::seal(OpenSegment& segment) {
  const std::uint32_t id = segment.segment->id();
  const std::uint64_t end = segment.end;
  const std::uint64_t chunks = segment.chunks;
  manifest_.amend([&](Manifest& manifest) {
    ManifestFile* file = manifest.find(id);
    TALEA_ASSERT(file != nullptr);
    file->sealed = true;
    file->bytes = end;
    file->entries = chunks;
  });
  active_ = nullptr;  // `segment` lives on in opened_
  return manifest_.commit([](Manifest&) {});
}

Status ExtentStore::append_chunk(ExtentList& list, std::uint64_t number, BytesView content) {
  const bool seals = setup_.seams.keys != nullptr;
  const ExtentPiece piece{.bytes = content.size(), .is_sealed = seals};
  const std::uint64_t disk_bytes = piece.disk_bytes();
  std::shared_ptr<OpenSegment> open;
  ChunkPlace place{.value_id = list.value_id, .number = number};
  {
    MutexLock lock(mutex_);
    open = TALEA_TRY(with_room(disk_bytes));
    place.offset = static_cast<std::uint32_t>(open->end);
    open->end += disk_bytes;
    ++open->chunks;
    ++open->being_written;
    open->state->set_fill({.end = open->end, .entries = open->chunks});
  }
  const Segment& segment = *open->segment;
  Bytes chunk;
  chunk.reserve(disk_bytes);
  talea::append_chunk(place, content, segment.context(), chunk);
  TALEA_ASSERT(chunk.size() == disk_bytes);
  Status written = segment.file().pwrite(place.offset, chunk);
  end_write(*open);
  TALEA_TRY(std::move(written));
  metrics_.extent_bytes_written.add(chunk.size());

  list.bytes += content.size();
  if (!list.pieces.empty()) {
    ExtentPiece& last = list.pieces.back();
    if (last.segment == segment.id() && last.offset + last.disk_bytes() == place.offset) {
      last.bytes += content.size();
      return {};
    }
  }
  list.pieces.push_back({segment.id(), place.offset, content.size(), seals});
  return {};
}

void ExtentStore::end_write(OpenSegment& segment) {
  MutexLock lock(mutex_);
  if (--segment.being_written == 0) written_.notify_all();
}

Status ExtentStore::finish_files() {
  MutexLock lock(mutex_);
  if (active_ != nullptr) TALEA_TRY(seal(*active_));
  std::vector<std::shared_ptr<OpenSegment>> segments;
  for (const auto& [id, open] : opened_) segments.push_back(open);
  for (const auto& open : segments) {
    while (open->being_written > 0) written_.wait(mutex_);
    // A chunk that could not be written leaves a file that is shorter than its places.
    File& file = open->segment->file();
    if (TALEA_TRY(file.size()) < open->end) TALEA_TRY(file.truncate(open->end));
  }
  return {};
}

Status ExtentStore::sync_segment(OpenSegment& segment) {
  MutexLock lock(segment.sync_mutex);
  if (segment.failed) {
    return Status::io_error("an earlier sync of " + segment.segment->name() +
                            " failed; write the value again");
  }
  Status synced = segment.segment->file().sync_data();
  metrics_.syncs.add();
  if (synced.ok()) return {};
  segment.failed = true;
  MutexLock retiring(mutex_);
  // No new chunk may go where an old one may be lost. Should the manifest refuse to say so now,
  // the next one will; the segment is out of use either way.
  if (active_.get() == &segment) (void)seal(segment).ok();
  return std::move(synced).with_context("sync " + segment.segment->name());
}

Status ExtentStore::sync(const ExtentList& list) {
  std::uint32_t previous = 0;
  for (const ExtentPiece& piece : list.pieces) {
    if (piece.segment == previous) continue;
    previous = piece.segment;
    std::shared_ptr<OpenSegment> open;
    {
      MutexLock lock(mutex_);
      const auto at = opened_.find(piece.segment);
      TALEA_ASSERT(at != opened_.end());
      open = at->second;
    }
    TALEA_TRY(sync_segment(*open));
  }
  return {};
}

Status ExtentStore::close() {
  MutexLock lock(mutex_);
  if (active_ == nullptr) return {};
  return seal(*active_);
}

}  // namespace talea
