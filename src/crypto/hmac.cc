#include "crypto/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>
#include <string>

#include "base/assert.h"

namespace talea {
namespace {

// Looked up once in a process, as in sha256.cc.
EVP_MAC* algorithm() {
  static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  TALEA_ASSERT(fetched != nullptr);
  return fetched;
}

struct Free {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

const unsigned char* data_of(BytesView bytes) {
  // A null pointer would stand for "the key of before".
  static constexpr unsigned char kNothing = 0;
  return bytes.empty() ? &kNothing : reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

Sha256Digest hmac_sha256(BytesView key, BytesView text) {
  const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_new(algorithm()));
  TALEA_ASSERT(context != nullptr);
  std::string digest_name = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name.data(), 0),
      OSSL_PARAM_construct_end()};
  Sha256Digest digest{};
  std::size_t bytes = 0;
  TALEA_ASSERT(EVP_MAC_init(context.get(), data_of(key), key.size(), parameters) == 1);
  TALEA_ASSERT(EVP_MAC_update(context.get(), data_of(text), text.size()) == 1);
  TALEA_ASSERT(EVP_MAC_final(context.get(), digest.data(), &bytes, digest.size()) == 1);
  TALEA_ASSERT(bytes == digest.size());
  return digest;
}

}  // namespace talea
