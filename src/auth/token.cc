#include "auth/token.h"

namespace talea {
namespace {

constexpr std::string_view kUserPrefix = "usr-";
constexpr std::string_view kKeyPrefix = "key-";
constexpr std::string_view kTokenPrefix = "talea_";
constexpr BytesView kHashIntroduction("talea api key 1\0", 16);
constexpr std::size_t kIdDigits = 2 * sizeof(AuthId::bytes);
constexpr std::size_t kSecretDigits = 2 * SecretKey::kBytes;

void append_digits(std::string& text, std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_digits(std::string_view text, std::span<unsigned char> bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<unsigned char>(16 * high + low);
  }
  return true;
}

std::optional<AuthId> parse_id(std::string_view prefix, std::string_view text) {
  AuthId id;
  if (!text.starts_with(prefix) || !read_digits(text.substr(prefix.size()), id.bytes)) return {};
  if (id.is_none()) return {};
  return id;
}

std::string id_text(std::string_view prefix, const AuthId& id) {
  std::string text(prefix);
  append_digits(text, id.bytes);
  return text;
}

}  // namespace

std::string user_id_text(const AuthId& id) { return id_text(kUserPrefix, id); }
std::string key_id_text(const AuthId& id) { return id_text(kKeyPrefix, id); }
std::optional<AuthId> parse_user_id(std::string_view text) { return parse_id(kUserPrefix, text); }
std::optional<AuthId> parse_key_id(std::string_view text) { return parse_id(kKeyPrefix, text); }

std::string token_text(const ApiToken& token) {
  std::string text;
  // At once: a string that grows leaves what it had in memory that it gives back.
  text.reserve(kTokenPrefix.size() + kIdDigits + 1 + kSecretDigits);
  text += kTokenPrefix;
  append_digits(text, token.key.bytes);
  text += '_';
  append_digits(text, token.secret.bytes());
  return text;
}

std::optional<ApiToken> parse_token(std::string_view text) {
  ApiToken token;
  const std::size_t secret_at = kTokenPrefix.size() + kIdDigits + 1;
  if (text.size() != secret_at + kSecretDigits || !text.starts_with(kTokenPrefix) ||
      text[secret_at - 1] != '_' ||
      !read_digits(text.substr(kTokenPrefix.size(), kIdDigits), token.key.bytes) ||
      !read_digits(text.substr(secret_at), token.secret.bytes())) {
    return {};
  }
  return token;
}

Sha256Digest hash_of(const ApiToken& token) {
  Bytes message(kHashIntroduction);
  message += token.key.view();
  message += token.secret.view();
  const Sha256Digest digest = Sha256::of(message);
  wipe(message);
  return digest;
}

}  // namespace talea
