// The hash by which a key in a space is found: in the lookup table, and among what was overwritten.
#pragma once

#include <cstdint>

#include "talea/batch.h"
#include "talea/bytes.h"

namespace talea {

/// The same in every process: nothing on disk has it, but tests may rely on it. All 64 bits are
/// fit for use. Cost: a few nanoseconds up to 16 bytes, then a nanosecond for each 10 to 20.
/// Source: XXH3, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
std::uint64_t hash_key(Space space, BytesView key);

}  // namespace talea
