// libxcrypt, through crypt_r, which is safe among threads.
#include "crypto/bcrypt.h"

#include <crypt.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "crypto/secret.h"

namespace talea {
namespace {

constexpr std::size_t kHashBytes = 60;
constexpr int kCostMin = 4;
constexpr int kCostMax = 31;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_base64(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
}

}  // namespace

int bcrypt_cost(BytesView hash) {
  if (hash.size() != kHashBytes) return 0;
  if (!hash.starts_with("$2a$") && !hash.starts_with("$2b$") && !hash.starts_with("$2y$")) return 0;
  if (!is_digit(hash[4]) || !is_digit(hash[5]) || hash[6] != '$') return 0;
  if (!std::all_of(hash.begin() + 7, hash.end(), is_base64)) return 0;
  const int cost = 10 * (hash[4] - '0') + (hash[5] - '0');
  return cost >= kCostMin && cost <= kCostMax ? cost : 0;
}

Result<bool> bcrypt_matches(BytesView password, BytesView hash) {
  if (password.find('\0') != BytesView::npos) return false;
  Bytes phrase(password.substr(0, kBcryptPasswordBytesMax));
  const auto data = std::make_unique<crypt_data>();
  const char* const made = crypt_r(phrase.c_str(), Bytes(hash).c_str(), data.get());
  // What it cannot do begins with '*', and is no longer than that.
  const bool is_made = made != nullptr && made[0] == '$';
  const bool matches = is_made && equal_in_constant_time(made, hash);
  wipe(phrase);
  wipe({reinterpret_cast<unsigned char*>(data.get()), sizeof(crypt_data)});
  if (!is_made) return Status::invalid_argument("the system's libcrypt refuses this bcrypt hash");
  return matches;
}

}  // namespace talea
