// Argon2id (RFC 9106): a hash of passwords that is slow and takes much memory, so that guessing is
// as dear for whoever stole the hashes.
#pragma once

#include <cstdint>
#include <span>

#include "talea/bytes.h"
#include "talea/status.h"

namespace talea {

struct Argon2idCost {
  std::uint32_t memory_kib;  // at least 8 for each lane
  std::uint32_t passes;
  std::uint32_t lanes;
};

/// Fills `out`, 4 bytes or more, with the hash of `password` and `salt`, 8 bytes or more.
/// Cost: memory_kib of memory; with 19 MiB, 2 passes and 1 lane about 20 ms. On this thread alone,
/// whatever the lanes.
/// Errors: exhausted         there is no memory
///         invalid_argument  a length or a cost that Argon2 does not have
Status argon2id(BytesView password, BytesView salt, const Argon2idCost& cost,
                std::span<unsigned char> out);

}  // namespace talea
