#include "log/segment.h"

#include "base/assert.h"

namespace talea {

Result<std::shared_ptr<Segment>> Segment::open(FileSystem& file_system,
                                               const std::string& directory, SegmentKind kind,
                                               std::uint32_t id, const StoreId& store_id,
                                               OpenMode mode, const KeyRing* keys) {
  const std::string path = join_path(directory, segment_file_name(kind, id));
  return check(TALEA_TRY(file_system.open(path, mode)), kind, id, store_id, keys);
}

Result<std::shared_ptr<Segment>> Segment::open(FileCache& cache, const std::string& directory,
                                               SegmentKind kind, std::uint32_t id,
                                               const StoreId& store_id, const KeyRing* keys) {
  return check(cache.file(join_path(directory, segment_file_name(kind, id))), kind, id, store_id,
               keys);
}

Result<std::shared_ptr<Segment>> Segment::check(std::unique_ptr<File> file, SegmentKind kind,
                                                std::uint32_t id, const StoreId& store_id,
                                                const KeyRing* keys) {
  const std::string name = segment_file_name(kind, id);
  Bytes block(kSegmentHeaderBytes, '\0');
  auto got = file->pread(0, block.data(), block.size());
  if (!got.ok()) return std::move(got).status().with_context(name);
  block.resize(*got);
  auto header = decode_segment_header(block);
  if (!header.ok()) return std::move(header).status().with_context(name);
  if (header->id != id || header->kind != kind) {
    return Status::corruption(name + ": its header says that it is " +
                              segment_file_name(header->kind, header->id) +
                              "; somebody renamed or copied it");
  }
  if (header->store_id != store_id) {
    return Status::corruption(name + ": it belongs to another store; somebody copied it here");
  }
  // Whoever can put files here must not be believed more than one who can read them.
  if (keys != nullptr && !header->is_encrypted()) {
    return Status::corruption(name +
                              ": it is not encrypted, and the store is; somebody put it "
                              "here");
  }
  std::shared_ptr<const PlaceCipher> cipher = header->cipher(keys);
  if (keys != nullptr && cipher == nullptr) {
    return Status::corruption(name + ": it is encrypted with data key " +
                              std::to_string(header->key_id) +
                              ", which the key file of the store does not have");
  }
  return std::make_shared<Segment>(*header, std::move(file), std::move(cipher));
}

Segment::Segment(const SegmentHeader& header, std::unique_ptr<File> file,
                 std::shared_ptr<const PlaceCipher> cipher)
    : header_(header),
      context_(header, std::move(cipher)),
      name_(segment_file_name(header.kind, header.id)),
      file_(std::move(file)) {}

Status Segment::map(std::uint64_t bytes) {
  auto mapped = file_->map(0, bytes, MapAccess::read);
  if (!mapped.ok()) return std::move(mapped).status().with_context("map " + name_);
  adopt(std::move(mapped).value());
  return {};
}

void Segment::set_sealed(std::uint64_t end) {
  set_end(end);
  checked_ = std::make_unique<CheckedBlocks>(memory_, end, context_);
}

void Segment::adopt(std::unique_ptr<Mapping> mapping) {
  mapping_ = std::move(mapping);
  memory_ = mapping_->bytes().data();
  const MapAccess access = mapping_->data() != nullptr ? MapAccess::write : MapAccess::read;
  auto watched = MapGuard::watch(memory_, mapping_->bytes().size(), access, unreadable_);
  if (watched.ok()) watched_ = std::move(watched).value();  // else as without a guard
  set_end(mapping_->bytes().size());
}

Status Segment::unreadable() const {
  return Status::io_error(name_ +
                          ": the disk failed below its memory map; what was read is not to be "
                          "believed. Look into the kernel's log (dmesg) for a failing disk");
}

namespace {

constexpr std::size_t kCheckBytes = 4;

// What the key and value of the entry at `at` are bound to.
BytesView associated_with(const char* at, const StoredEntry& entry) {
  const char* const begin = at + kCheckBytes;
  return {begin, static_cast<std::size_t>(entry.key.data() - begin)};
}

}  // namespace

bool Segment::open_entry(std::uint32_t offset, StoredEntry& out) const {
  const std::size_t key_bytes = out.key.size();
  const std::size_t value_bytes = out.value.size();
  char* const opened = out.opened.make(key_bytes + value_bytes);
  const bool is_genuine =
      context_.cipher != nullptr && (out.flags & kFlagEncrypted) != 0 &&
      context_.cipher->open(offset, associated_with(memory_ + offset, out),
                            {out.key.data(), key_bytes + value_bytes + kSealTagBytes}, opened);
  if (!is_genuine) return false;
  out.key = {opened, key_bytes};
  out.value = {opened + key_bytes, value_bytes};
  return true;
}

bool Segment::open_key(std::uint32_t offset, StoredEntry& out) const {
  if (out.is_extent_list()) return open_entry(offset, out);
  if (context_.cipher == nullptr || (out.flags & kFlagEncrypted) == 0) return false;
  const std::size_t key_bytes = out.key.size();
  char* const opened = out.opened.make(key_bytes);
  context_.cipher->peek(offset, out.key, opened);
  out.key = {opened, key_bytes};
  out.value = {};
  return true;
}

std::uint64_t Segment::next_entry(std::uint64_t offset) const {
  const std::uint64_t end = memory_bytes_.load(std::memory_order_acquire);
  constexpr std::size_t kFlagsOffset = 4;
  if (offset < end && is_follows_at(memory_, offset)) offset += kFollowsBytes;
  if (offset + kBatchHeaderBytes < end &&
      (static_cast<std::uint8_t>(memory_[offset + kFlagsOffset]) & kFlagBatch) != 0) {
    offset += kBatchHeaderBytes;
  }
  return offset;
}

bool Segment::has_batch_header(std::uint32_t offset, const StoredEntry& entry) const {
  if (entry.lead > offset) return false;
  const std::uint64_t header = offset - entry.lead;
  return decode_batch_sequence({memory_ + header, kBatchHeaderBytes}, header, context_).has_value();
}

std::uint64_t Segment::time_at(std::uint32_t offset, const StoredEntry& entry) const {
  if (entry.is_in_batch()) {
    constexpr std::size_t kNowOffset = 16;  // in the batch header
    TALEA_ASSERT(entry.lead <= offset);
    return load_fixed<std::uint64_t>(memory_ + (offset - entry.lead) + kNowOffset);
  }
  // Behind check, flags, further flags and the sequence.
  const char* const end = memory_ + offset + entry.body;
  const char* next = memory_ + offset + 5 + ((entry.flags & kFlagMore) != 0 ? 1 : 0);
  next = internal::skip_varint(next, end);
  std::uint64_t now = 0;
  if (next != nullptr) next = internal::read_varint(next, end, now);
  TALEA_ASSERT(next != nullptr);
  return context_.base_now + now;
}

Status Segment::corruption_at(std::uint64_t offset, std::string_view problem) const {
  return Status::corruption(name_ + " at offset " + std::to_string(offset) + ": " +
                            std::string(problem));
}

Result<EntryView> Segment::read_entry(EntryExtent place, Scratch& scratch) const {
  Status read = read_exactly(*file_, place.offset, place.bytes, scratch.stored);
  if (!read.ok()) return std::move(read).with_context(name_);
  std::string_view problem;
  const std::optional<EntryView> entry =
      decode_entry(scratch.stored, place.offset, context_, problem, &scratch.opened);
  if (!entry) return corruption_at(place.offset, problem);
  return *entry;
}

Result<Sequence> Segment::sequence_of(const EntryView& entry) const {
  if (entry.sequence) return *entry.sequence;
  // The distance was covered by the entry's check; a distance beyond the file's start would still
  // be valid-checksum nonsense.
  if (entry.header_distance > entry.place.offset - kSegmentHeaderBytes) {
    return corruption_at(entry.place.offset, "its batch would begin before the segment");
  }
  const std::uint64_t header_offset = entry.place.offset - entry.header_distance;
  Bytes header;
  Status read = read_exactly(*file_, header_offset, kBatchHeaderBytes, header);
  if (!read.ok()) return std::move(read).with_context(name_);
  const std::optional<Sequence> sequence = decode_batch_sequence(header, header_offset, context_);
  if (!sequence) return corruption_at(header_offset, "the batch header is damaged");
  return *sequence;
}

}  // namespace talea
