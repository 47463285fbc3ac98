// bcrypt, to compare with hashes that come from elsewhere. We make none: it takes no memory and
// looks at no more than 72 bytes.
#pragma once

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

/// What of a password bcrypt looks at.
inline constexpr std::size_t kBcryptPasswordBytesMax = 72;

/// The cost of `hash`, 4 to 31: it takes 2^cost rounds. 0 when it is no hash of bcrypt's:
/// `$2a$`, `$2b$` or `$2y$`, two digits, `$`, and 53 characters of salt and hash.
int bcrypt_cost(BytesView hash);

/// Whether `hash`, of which bcrypt_cost() is not 0, was made from `password`. Never of a password
/// with a NUL, where bcrypt would stop reading.
/// Cost: about 4 ms * 2^(cost - 6).
/// Errors: invalid_argument   not a hash that the system's libcrypt can check
Result<bool> bcrypt_matches(BytesView password, BytesView hash);

}  // namespace talea
