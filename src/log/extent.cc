#include "log/extent.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/varint.h"

namespace talea {

namespace {

constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kCheckedHeaderBytes = kChunkHeaderBytes - kCheckBytes;
constexpr std::uint32_t kChunkSealed = 2;  // a flag
// Is added to the number of pieces of a list whose chunks are sealed.
constexpr std::uint64_t kListSealed = std::uint64_t{1} << 32;

// The check covers the rest of the header, then the CRC of the content; see record.h for why.
std::uint32_t chunk_check(BytesView header, BytesView content, std::uint64_t offset,
                          const SegmentContext& context) {
  const std::uint32_t seed = context.check_seed ^ static_cast<std::uint32_t>(offset);
  char content_check[4];
  store_fixed(content_check, crc32c(0, content));
  return crc32c(crc32c(seed, header.substr(kCheckBytes, kCheckedHeaderBytes)),
                {content_check, sizeof content_check});
}

}  // namespace

Bytes encode_extent_list(const ExtentList& list) {
  TALEA_ASSERT(!list.pieces.empty());
  Bytes bytes;
  append_fixed(bytes, list.value_id);
  append_varint(bytes, list.bytes);
  append_varint(bytes, list.pieces.size() + (list.pieces.front().is_sealed ? kListSealed : 0));
  for (const ExtentPiece& piece : list.pieces) {
    append_varint(bytes, piece.segment);
    append_varint(bytes, piece.offset);
    append_varint(bytes, piece.bytes);
  }
  return bytes;
}

std::optional<ExtentList> decode_extent_list(BytesView bytes) {
  ExtentList list;
  std::uint64_t count = 0;
  if (bytes.size() < sizeof list.value_id) return std::nullopt;
  list.value_id = load_fixed<std::uint64_t>(bytes.data());
  bytes.remove_prefix(sizeof list.value_id);
  if (!take_varint(bytes, list.bytes) || !take_varint(bytes, count)) return std::nullopt;
  const bool is_sealed = count >= kListSealed;
  if (is_sealed) count -= kListSealed;
  if (list.bytes > kStreamedValueBytesMax || count == 0 || count > bytes.size()) {
    return std::nullopt;
  }
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    ExtentPiece piece;
    piece.is_sealed = is_sealed;
    if (!take_varint(bytes, segment) || !take_varint(bytes, offset) ||
        !take_varint(bytes, piece.bytes)) {
      return std::nullopt;
    }
    const bool last = i + 1 == count;
    if (segment == 0 || segment > UINT32_MAX || offset < kSegmentHeaderBytes ||
        offset > UINT32_MAX || piece.bytes == 0 || piece.bytes > kStreamedValueBytesMax ||
        (!last && piece.bytes % kChunkBytesMax != 0) || offset + piece.disk_bytes() > UINT32_MAX) {
      return std::nullopt;
    }
    piece.segment = static_cast<std::uint32_t>(segment);
    piece.offset = static_cast<std::uint32_t>(offset);
    total += piece.bytes;
    list.pieces.push_back(piece);
  }
  if (!bytes.empty() || total != list.bytes) return std::nullopt;
  return list;
}

void append_chunk(const ChunkPlace& place, BytesView content, const SegmentContext& context,
                  Bytes& out) {
  TALEA_ASSERT(!content.empty() && content.size() <= kChunkBytesMax);
  TALEA_ASSERT(context.is_encrypted() == (context.cipher != nullptr));
  const std::size_t start = out.size();
  out.append(kCheckBytes, '\0');
  append_fixed(out, context.is_encrypted() ? kChunkSealed : std::uint32_t{0});  // flags
  append_fixed(out, place.value_id);
  append_fixed(out, place.number);
  append_fixed(out, static_cast<std::uint32_t>(content.size()));
  append_fixed(out, static_cast<std::uint32_t>(content.size()));  // before compression
  TALEA_ASSERT(out.size() == start + kChunkHeaderBytes);
  if (context.cipher == nullptr) {
    out += content;
  } else {
    out.resize(out.size() + content.size() + kChunkTagBytes);
    const BytesView header = BytesView(out).substr(start + kCheckBytes, kCheckedHeaderBytes);
    context.cipher->seal(place.offset, header, content, {}, out.data() + start + kChunkHeaderBytes);
  }
  const BytesView chunk = BytesView(out).substr(start);
  store_fixed(out.data() + start,
              chunk_check(chunk, chunk.substr(kChunkHeaderBytes), place.offset, context));
}

std::optional<ChunkHeader> decode_chunk_header(BytesView header) {
  if (header.size() < kChunkHeaderBytes) return std::nullopt;
  const char* at = header.data();
  ChunkHeader chunk;
  chunk.value_id = load_fixed<std::uint64_t>(at + 8);
  chunk.number = load_fixed<std::uint64_t>(at + 16);
  chunk.content_bytes = load_fixed<std::uint32_t>(at + 24);
  const auto flags = load_fixed<std::uint32_t>(at + 4);
  chunk.is_sealed = flags == kChunkSealed;
  if ((flags & ~kChunkSealed) != 0 || chunk.content_bytes == 0 ||
      chunk.content_bytes > kChunkBytesMax ||
      load_fixed<std::uint32_t>(at + 28) != chunk.content_bytes) {
    return std::nullopt;
  }
  return chunk;
}

bool chunk_is_valid(BytesView header, BytesView content, std::uint64_t offset,
                    const SegmentContext& context) {
  return load_fixed<std::uint32_t>(header.data()) == chunk_check(header, content, offset, context);
}

Result<BytesView> read_chunk(const Segment& segment, const ChunkPlace& place, std::uint64_t bytes,
                             Bytes& scratch) {
  const SegmentContext& context = segment.context();
  const std::uint64_t tag_bytes = context.is_encrypted() ? kChunkTagBytes : 0;
  Status read =
      read_exactly(segment.file(), place.offset, kChunkHeaderBytes + bytes + tag_bytes, scratch);
  if (!read.ok()) return std::move(read).with_context(segment.name());
  const BytesView header = BytesView(scratch).substr(0, kChunkHeaderBytes);
  const BytesView content = BytesView(scratch).substr(kChunkHeaderBytes);
  const std::optional<ChunkHeader> chunk = decode_chunk_header(header);
  if (!chunk_is_valid(header, content, place.offset, context)) {
    return segment.corruption_at(place.offset, "the check of a chunk does not match");
  }
  if (!chunk) {
    return segment.corruption_at(place.offset, "the chunk header is valid and makes no sense");
  }
  if (chunk->value_id != place.value_id || chunk->number != place.number ||
      chunk->content_bytes != bytes) {
    return segment.corruption_at(place.offset, "this chunk belongs to another value");
  }
  if (chunk->is_sealed != context.is_encrypted()) {
    return segment.corruption_at(place.offset, "the chunk header is valid and makes no sense");
  }
  if (!chunk->is_sealed) return content;
  char* const opened = scratch.data() + kChunkHeaderBytes;
  if (context.cipher == nullptr ||
      !context.cipher->open(place.offset, header.substr(kCheckBytes), content, opened)) {
    return segment.corruption_at(place.offset, "the chunk is intact, and not what was sealed here");
  }
  return BytesView(opened, bytes);
}

}  // namespace talea
