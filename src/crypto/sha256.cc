// SHA-256 through OpenSSL's EVP interface, which takes the processor's instructions where it has
// them.
#include "crypto/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace talea {
namespace {

// Looked up once in a process: a search through OpenSSL's providers costs more than hashing a short
// message. Never freed: it is of use until the end.
const EVP_MD* algorithm() {
  static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TALEA_ASSERT(fetched != nullptr);
  return fetched;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  TALEA_ASSERT(context_ != nullptr);
  TALEA_ASSERT(EVP_DigestInit_ex(context_.get(), algorithm(), nullptr) == 1);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(BytesView part) {
  TALEA_ASSERT(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  unsigned bytes = 0;
  TALEA_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), &bytes) == 1);
  TALEA_ASSERT(bytes == digest.size());
  context_ = nullptr;  // a later use is a null pointer, which OpenSSL refuses
  return digest;
}

Sha256Digest Sha256::of(BytesView whole) {
  Sha256 hash;
  hash.update(whole);
  return hash.finish();
}

std::string to_hex(const Sha256Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

}  // namespace talea
