// Manifests: what is accepted encodes again to the same bytes.
//
// Input: a byte of options (bit 0: make the check right), then a manifest.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  talea::Bytes bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0 && bytes.size() >= 4) {
    const std::size_t check = bytes.size() - 4;
    talea::store_fixed(bytes.data() + check,
                       talea::crc32c(0, talea::BytesView(bytes).substr(0, check)));
  }
  const auto manifest = talea::decode_manifest(bytes);
  TALEA_ASSERT(!manifest.ok() || talea::encode_manifest(*manifest) == bytes);
  return 0;
}
