// Extents: where large values lie. A value above kInlineValueBytesMax is cut into chunks that are
// written to extent segments, and the log entry holds an extent list that says where they are.
//
// Format: docs/formats/extent.md.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "log/segment.h"
#include "talea/bytes.h"
#include "talea/limits.h"

namespace talea {

/// All chunks of a value but its last have exactly so many bytes of content.
inline constexpr std::uint64_t kChunkBytesMax = kInlineValueBytesMax;
inline constexpr std::uint64_t kChunkHeaderBytes = 32;
/// Behind the content of a chunk that is sealed.
inline constexpr std::uint64_t kChunkTagBytes = PlaceCipher::kTagBytes;

/// Chunks of one value that follow each other in one segment.
struct ExtentPiece {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;  // of the first chunk's header
  std::uint64_t bytes = 0;   // of content
  bool is_sealed = false;    // all of a list are, or none
  friend bool operator==(const ExtentPiece&, const ExtentPiece&) = default;

  std::uint64_t chunks() const { return (bytes + kChunkBytesMax - 1) / kChunkBytesMax; }
  /// What a chunk takes besides its content.
  std::uint64_t chunk_overhead() const {
    return kChunkHeaderBytes + (is_sealed ? kChunkTagBytes : 0);
  }
  std::uint64_t disk_bytes() const { return bytes + chunks() * chunk_overhead(); }
};

struct ExtentList {
  /// Random; every chunk repeats it, so that a chunk of another value never passes for ours.
  std::uint64_t value_id = 0;
  std::uint64_t bytes = 0;
  std::vector<ExtentPiece> pieces;
  friend bool operator==(const ExtentList&, const ExtentList&) = default;
};

Bytes encode_extent_list(const ExtentList& list);
/// Nothing when `bytes` are no list: pieces whose lengths do not add up, or would not be whole
/// chunks, included.
std::optional<ExtentList> decode_extent_list(BytesView bytes);

struct ChunkPlace {
  std::uint64_t value_id = 0;
  std::uint64_t number = 0;  // of the chunk in its value, from 0
  std::uint32_t offset = 0;  // of its header in the segment
};

/// Appends a chunk with `content`, 1 to kChunkBytesMax bytes, sealed if its segment is encrypted.
void append_chunk(const ChunkPlace& place, BytesView content, const SegmentContext& context,
                  Bytes& out);

/// Reads and checks a chunk of `bytes` bytes of content. `scratch` gets header and content; the
/// content is returned.
/// Errors: corruption, io_error
Result<BytesView> read_chunk(const Segment& segment, const ChunkPlace& place, std::uint64_t bytes,
                             Bytes& scratch);

/// The content length in a chunk header that is at the front of `bytes` and whose check over the
/// header and `content` is right; used by verify, which walks a segment without a list.
struct ChunkHeader {
  std::uint64_t value_id = 0;
  std::uint64_t number = 0;
  std::uint32_t content_bytes = 0;
  bool is_sealed = false;
};
std::optional<ChunkHeader> decode_chunk_header(BytesView header);
bool chunk_is_valid(BytesView header, BytesView content, std::uint64_t offset,
                    const SegmentContext& context);

}  // namespace talea
