#include "s3/object_key.h"

#include <array>

#include "codec/utf8.h"
#include "crypto/md5.h"
#include "s3/answers.h"

namespace talea::s3 {

Result<std::string> whole_key(std::string_view prefix, std::string_view key) {
  std::string whole(prefix);
  whole.append(key);
  if (whole.empty()) return Status::invalid_argument("the key of an object is not empty");
  if (whole.size() > kObjectKeyBytesMax) {
    return Status::invalid_argument("the key of an object has at most " +
                                    std::to_string(kObjectKeyBytesMax) + " bytes; this has " +
                                    std::to_string(whole.size()) + " with its prefix");
  }
  if (!is_utf8(whole)) return Status::invalid_argument("the key of an object is UTF-8");
  return whole;
}

void add_object_headers(S3Request& request, const S3Options& options, std::string_view content_type,
                        std::string_view nonce) {
  request.headers.push_back({"content-type", std::string(content_type)});
  request.headers.push_back({std::string(kNonceHeader), std::string(nonce)});
  if (options.kms_key_id.empty()) return;
  request.headers.push_back({"x-amz-server-side-encryption", "aws:kms"});
  request.headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", options.kms_key_id});
}

std::string content_md5(BytesView body) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::array<unsigned char, 16> digest = md5(body);
  std::string text;
  for (std::size_t i = 0; i < digest.size(); i += 3) {
    const auto byte = [&](std::size_t at) { return at < digest.size() ? digest[at] : 0U; };
    const unsigned bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += kDigits[bits >> shift & 63];
  }
  text.replace(22, 2, "==");  // 16 bytes are 22 digits
  return text;
}

}  // namespace talea::s3
