// HKDF-SHA-256 (RFC 5869): several keys from one, of which none tells anything about the others.
#pragma once

#include "crypto/secret.h"
#include "talea/bytes.h"

namespace talea {

/// Fills `out`, at most 8160 bytes. `key`: secret and of full strength, not a password. `info` says
/// what the result is for: another info, another result. `salt` may be empty.
void hkdf_sha256(BytesView key, BytesView salt, BytesView info, std::span<unsigned char> out);

}  // namespace talea
