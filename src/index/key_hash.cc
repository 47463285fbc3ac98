#include "index/key_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace talea {

std::uint64_t hash_key(Space space, BytesView key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), static_cast<XXH64_hash_t>(space));
}

}  // namespace talea
