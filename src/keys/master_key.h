// The master key, from where Encryption says.
#pragma once

#include "crypto/secret.h"
#include "io/file_system.h"
#include "talea/encryption.h"

namespace talea {

/// Errors: invalid_argument   no source is named, or several; or it is not there, or holds no key
///         denied             others may read the file
///         io_error, and those of Encryption::key_source
Result<SecretKey> load_master_key(FileSystem& file_system, const Encryption& encryption);

}  // namespace talea
