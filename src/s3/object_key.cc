#include "s3/object_key.h"

#include <array>

#include "crypto/md5.h"
#include "s3/answers.h"

namespace talea::s3 {
namespace {

// How many bytes the character at the beginning of `text` has; 0 when it is not UTF-8.
// Source: RFC 3629 section 4.
std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = utf8_character(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace

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
