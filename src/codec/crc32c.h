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

}  // namespace talea
