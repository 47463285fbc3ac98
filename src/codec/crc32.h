// CRC-32 of zlib, gzip and IEEE 802.3: for formats of others. Ours have crc32c.h.
#pragma once

#include <cstdint>

#include "talea/bytes.h"

namespace talea {

/// The CRC of the bytes that `crc` covers followed by `data`; start with 0.
std::uint32_t crc32(std::uint32_t crc, BytesView data);

}  // namespace talea
