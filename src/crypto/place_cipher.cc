#include "crypto/place_cipher.h"

#include <algorithm>
#include <cstring>

namespace talea {
namespace {

// The offset as 8 bytes, little-endian, then zeros.
GcmCipher::Nonce nonce_of(std::uint64_t offset) {
  GcmCipher::Nonce nonce{};
  for (std::size_t i = 0; i < sizeof offset; ++i) {
    nonce[i] = static_cast<unsigned char>(offset >> (8 * i));
  }
  return nonce;
}

std::unique_ptr<const GcmCipher> fastest(const SecretKey& key) {
  std::unique_ptr<const GcmCipher> made = make_ipsec_mb_gcm(key);
  return made != nullptr ? std::move(made) : make_openssl_gcm(key);
}

}  // namespace

PlaceCipher::PlaceCipher(const SecretKey& key) : cipher_(fastest(key)) {}

void PlaceCipher::seal(std::uint64_t offset, BytesView associated, BytesView first,
                       BytesView second, char* out) const {
  const GcmCipher::Tag tag = cipher_->encrypt(nonce_of(offset), associated, first, second, out);
  std::memcpy(out + first.size() + second.size(), tag.data(), tag.size());
}

bool PlaceCipher::open(std::uint64_t offset, BytesView associated, BytesView sealed,
                       char* out) const {
  if (sealed.size() < kTagBytes) return false;
  const BytesView hidden = sealed.substr(0, sealed.size() - kTagBytes);
  GcmCipher::Tag tag;
  std::memcpy(tag.data(), sealed.data() + hidden.size(), tag.size());
  if (cipher_->decrypt(nonce_of(offset), associated, hidden, tag, out)) return true;
  wipe({reinterpret_cast<unsigned char*>(out), hidden.size()});  // nobody may use it
  return false;
}

void PlaceCipher::peek(std::uint64_t offset, BytesView hidden, char* out) const {
  if (!hidden.empty()) cipher_->peek(nonce_of(offset), hidden, out);
}

}  // namespace talea
