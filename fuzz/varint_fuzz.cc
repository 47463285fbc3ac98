// Varints: what decodes encodes again to the bytes it came from, and a refusal takes nothing.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/varint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const talea::BytesView input(reinterpret_cast<const char*>(data), size);
  talea::BytesView rest = input;
  talea::Bytes encoded;
  std::uint64_t value = 0;
  while (talea::take_varint(rest, value)) {
    talea::append_varint(encoded, value);
    TALEA_ASSERT(encoded.size() + rest.size() == input.size());
    TALEA_ASSERT(input.starts_with(encoded));
  }
  TALEA_ASSERT(input.substr(encoded.size()) == rest);
  return 0;
}
