// OpenSSL's EVP interface. The key is expanded once for each object; a message sets the nonce.
#include "crypto/aes_gcm.h"

#include <openssl/evp.h>

#include <climits>

#include "base/assert.h"

namespace talea {
namespace {

// Looked up once in a process: a search through OpenSSL's providers costs more than sealing a short
// message. Never freed: it is of use until the end.
const EVP_CIPHER* cipher() {
  static EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  TALEA_ASSERT(fetched != nullptr);
  return fetched;
}

const unsigned char* bytes_of(BytesView view) {
  return reinterpret_cast<const unsigned char*>(view.data());
}
unsigned char* bytes_at(Bytes& bytes, std::size_t offset) {
  return reinterpret_cast<unsigned char*>(bytes.data() + offset);
}

int length_of(BytesView view) {
  TALEA_ASSERT(view.size() <= INT_MAX);
  return static_cast<int>(view.size());
}

}  // namespace

void Aes256Gcm::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

Aes256Gcm::Aes256Gcm(const SecretKey& key) : context_(EVP_CIPHER_CTX_new()) {
  TALEA_ASSERT(context_ != nullptr);
  TALEA_ASSERT(
      EVP_CipherInit_ex2(context_.get(), cipher(), key.bytes().data(), nullptr, 1, nullptr) == 1);
}
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;
Aes256Gcm::~Aes256Gcm() = default;

Aes256Gcm::Nonce Aes256Gcm::make_nonce(Random& random) {
  Nonce nonce;
  random.fill(nonce);
  return nonce;
}

void Aes256Gcm::seal(const Nonce& nonce, BytesView associated, BytesView plaintext, Bytes& out) {
  EVP_CIPHER_CTX* const context = context_.get();
  int written = 0;
  TALEA_ASSERT(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
  TALEA_ASSERT(EVP_EncryptUpdate(context, nullptr, &written, bytes_of(associated),
                                 length_of(associated)) == 1);
  const std::size_t before = out.size();
  out.resize(before + plaintext.size() + kTagBytes);
  TALEA_ASSERT(EVP_EncryptUpdate(context, bytes_at(out, before), &written, bytes_of(plaintext),
                                 length_of(plaintext)) == 1);
  TALEA_ASSERT(written == length_of(plaintext));
  TALEA_ASSERT(EVP_EncryptFinal_ex(context, bytes_at(out, before + plaintext.size()), &written) ==
               1);
  TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                   bytes_at(out, before + plaintext.size())) == 1);
}

bool Aes256Gcm::open(const Nonce& nonce, BytesView associated, BytesView sealed, Bytes& out) {
  if (sealed.size() < kTagBytes) return false;
  EVP_CIPHER_CTX* const context = context_.get();
  const BytesView hidden = sealed.substr(0, sealed.size() - kTagBytes);
  Bytes tag(sealed.substr(hidden.size()));
  int written = 0;
  TALEA_ASSERT(EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
  TALEA_ASSERT(EVP_DecryptUpdate(context, nullptr, &written, bytes_of(associated),
                                 length_of(associated)) == 1);
  const std::size_t before = out.size();
  out.resize(before + hidden.size() + 1);  // OpenSSL takes no null pointer for an empty message
  TALEA_ASSERT(EVP_DecryptUpdate(context, bytes_at(out, before), &written, bytes_of(hidden),
                                 length_of(hidden)) == 1);
  TALEA_ASSERT(written == length_of(hidden));
  TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  const bool is_intact =
      EVP_DecryptFinal_ex(context, bytes_at(out, before + hidden.size()), &written) == 1;
  if (!is_intact) wipe({bytes_at(out, before), hidden.size()});  // nobody may use it
  out.resize(is_intact ? before + hidden.size() : before);
  return is_intact;
}

}  // namespace talea
