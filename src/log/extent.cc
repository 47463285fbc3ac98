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
  append_varint(bytes, list.pieces.size());
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
  if (list.bytes > kStreamedValueBytesMax || count == 0 || count > bytes.size()) {
    return std::nullopt;
  }
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    ExtentPiece piece;
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

Bytes encode_chunk_header(const ChunkPlace& place, BytesView content,
                          const SegmentContext& context) {
  TALEA_ASSERT(!content.empty() && content.size() <= kChunkBytesMax);
  Bytes header(kCheckBytes, '\0');
  append_fixed(header, std::uint32_t{0});  // flags
  append_fixed(header, place.value_id);
  append_fixed(header, place.number);
  append_fixed(header, static_cast<std::uint32_t>(content.size()));
  append_fixed(header, static_cast<std::uint32_t>(content.size()));  // before compression
  TALEA_ASSERT(header.size() == kChunkHeaderBytes);
  store_fixed(header.data(), chunk_check(header, content, place.offset, context));
  return header;
}

std::optional<ChunkHeader> decode_chunk_header(BytesView header) {
  if (header.size() < kChunkHeaderBytes) return std::nullopt;
  const char* at = header.data();
  ChunkHeader chunk;
  chunk.value_id = load_fixed<std::uint64_t>(at + 8);
  chunk.number = load_fixed<std::uint64_t>(at + 16);
  chunk.content_bytes = load_fixed<std::uint32_t>(at + 24);
  if (load_fixed<std::uint32_t>(at + 4) != 0 || chunk.content_bytes == 0 ||
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
  Status read = read_exactly(segment.file(), place.offset, kChunkHeaderBytes + bytes, scratch);
  if (!read.ok()) return std::move(read).with_context(segment.name());
  const BytesView header = BytesView(scratch).substr(0, kChunkHeaderBytes);
  const BytesView content = BytesView(scratch).substr(kChunkHeaderBytes);
  const std::optional<ChunkHeader> chunk = decode_chunk_header(header);
  if (!chunk_is_valid(header, content, place.offset, segment.context())) {
    return segment.corruption_at(place.offset, "the check of a chunk does not match");
  }
  if (!chunk) {
    return segment.corruption_at(place.offset, "the chunk header is valid and makes no sense");
  }
  if (chunk->value_id != place.value_id || chunk->number != place.number ||
      chunk->content_bytes != bytes) {
    return segment.corruption_at(place.offset, "this chunk belongs to another value");
  }
  return content;
}

}  // namespace talea
