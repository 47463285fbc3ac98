// What a store must do before a ledger writes to it, found out by asking, not by its name.
#pragma once

#include <string_view>

#include "s3/client.h"

namespace talea {

/// The object that conditions are tried on, below the prefix. It stays there, so that the next who
/// looks needs a request less.
inline constexpr std::string_view kProbeName = "_talea_probe";

/// Ok when the bucket keeps versions and puts heed their conditions. Writes no entry.
///
/// Cost: 3 requests; 4 the first time in a prefix, or without s3:GetBucketVersioning.
///
/// Errors: unsupported   it does not; the message says what
Status check_store(s3::Client& client);

}  // namespace talea
