// Values as LZ4 blocks: one block, no frame. Who stores it stores its length and the length of the
// value beside it.
//
// Format: the LZ4 block format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
#pragma once

#include <cstddef>

#include "talea/bytes.h"

namespace talea {

/// Makes `block` a block of `value`, if that is shorter than the value; else false, and `block` is
/// of no use. `value`: at most 1 GiB.
/// Cost: 0.6 to 1.5 GB/s; `block` grows to the length of the value, and its memory is used again.
bool compress_lz4(BytesView value, Bytes& block);

/// Writes the value of `block` at `out`, which has room for `value_bytes`. False when it is no
/// block of a value of exactly that length; then what is there is of no use. Writes nothing
/// outside, and reads nothing outside `block`, whatever it holds. Cost: 2 GB/s and more.
bool decompress_lz4(BytesView block, char* out, std::size_t value_bytes);
/// The same into `value`, whose memory is used again.
bool decompress_lz4(BytesView block, std::size_t value_bytes, Bytes& value);

}  // namespace talea
