// The key of an object as it is sent, and the header fields that every object gets.
#pragma once

#include <string>
#include <string_view>

#include "s3/request.h"
#include "talea/bytes.h"
#include "talea/result.h"
#include "talea/s3.h"

namespace talea::s3 {

inline constexpr std::size_t kObjectKeyBytesMax = 1024;

/// `prefix` and `key`.
/// Errors: invalid_argument   S3 has no such key
Result<std::string> whole_key(std::string_view prefix, std::string_view key);

/// Content type, nonce, and the KMS key where there is one.
void add_object_headers(S3Request& request, const S3Options& options, std::string_view content_type,
                        std::string_view nonce);

/// The base64 text of the MD5: S3 asks for it with DeleteObjects.
std::string content_md5(BytesView body);

}  // namespace talea::s3
