// HMAC-SHA-256 (RFC 2104): shows that a text comes from who has the key.
#pragma once

#include "crypto/sha256.h"
#include "talea/bytes.h"

namespace talea {

/// `key` may have any length.
Sha256Digest hmac_sha256(BytesView key, BytesView text);

}  // namespace talea
