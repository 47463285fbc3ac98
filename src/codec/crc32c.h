// CRC-32C (Castagnoli): the checksum of all our formats.
//
// Source: RFC 3720, appendix B.4 (test vectors). Speed: isa-l for what is long, the SSE4.2
// instruction for what is short, where the call would cost more than the work.
#pragma once

#include <cstdint>

#include "talea/bytes.h"

namespace talea {

/// The CRC of the bytes that `crc` covers followed by `data`; start with 0.
std::uint32_t crc32c(std::uint32_t crc, BytesView data);

/// The CRC of the last `bytes` bytes of something, from the CRC of the `whole` of it and that of
/// the `front` before them. With the CRCs of a few prefixes of a file at hand, that of any range
/// of it costs no read of the range.
/// Cost: about 30 multiplications of 32 steps for a GiB, fewer for less.
/// Source: the algebra of zlib's crc32_combine, with this polynomial.
std::uint32_t crc32c_of_rest(std::uint32_t front, std::uint32_t whole, std::uint64_t bytes);

}  // namespace talea
