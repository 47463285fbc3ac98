#include "codec/crc32.h"

#include <isa-l/crc.h>

namespace talea {

std::uint32_t crc32(std::uint32_t crc, BytesView data) {
  return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

}  // namespace talea
