// Extent lists and chunk headers: a list that is accepted encodes again to the same bytes and keeps
// what its readers rely on.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "log/extent.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const talea::BytesView input(reinterpret_cast<const char*>(data), size);
  if (const auto chunk = talea::decode_chunk_header(input)) {
    TALEA_ASSERT(chunk->content_bytes > 0 && chunk->content_bytes <= talea::kChunkBytesMax);
  }
  const auto list = talea::decode_extent_list(input);
  if (!list) return 0;
  TALEA_ASSERT(talea::encode_extent_list(*list) == input);
  std::uint64_t bytes = 0;
  for (const talea::ExtentPiece& piece : list->pieces) {
    TALEA_ASSERT(piece.segment != 0 && piece.offset >= talea::kSegmentHeaderBytes &&
                 piece.bytes > 0 && piece.offset + piece.disk_bytes() <= UINT32_MAX);
    bytes += piece.bytes;
  }
  TALEA_ASSERT(bytes == list->bytes);
  return 0;
}
