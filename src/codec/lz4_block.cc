#include "codec/lz4_block.h"

#include <lz4.h>

#include "base/assert.h"

namespace talea {

bool compress_lz4(BytesView value, Bytes& block) {
  if (value.size() < 2) return false;
  TALEA_ASSERT(value.size() <= LZ4_MAX_INPUT_SIZE);
  block.resize(value.size() - 1);
  const int bytes = LZ4_compress_default(value.data(), block.data(), static_cast<int>(value.size()),
                                         static_cast<int>(block.size()));
  if (bytes <= 0) return false;  // it does not fit
  block.resize(static_cast<std::size_t>(bytes));
  return true;
}

bool decompress_lz4(BytesView block, char* out, std::size_t value_bytes) {
  if (block.size() > LZ4_MAX_INPUT_SIZE || value_bytes > LZ4_MAX_INPUT_SIZE) return false;
  const int bytes = LZ4_decompress_safe(block.data(), out, static_cast<int>(block.size()),
                                        static_cast<int>(value_bytes));
  return bytes >= 0 && static_cast<std::size_t>(bytes) == value_bytes;
}

bool decompress_lz4(BytesView block, std::size_t value_bytes, Bytes& value) {
  value.resize(value_bytes);
  return decompress_lz4(block, value.data(), value_bytes);
}

}  // namespace talea
