#include "crypto/place_cipher.h"

#include <openssl/evp.h>

#include <climits>
#include <cstring>

#include "base/assert.h"

namespace talea {
namespace {

constexpr std::size_t kCounterBytes = 16;

const EVP_CIPHER* fetched(const char* name) {
  const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  TALEA_ASSERT(cipher != nullptr);
  return cipher;
}

// Looked up once in a process, and never freed.
const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* const cipher = fetched("AES-256-GCM");
  return cipher;
}
const EVP_CIPHER* ctr() {
  static const EVP_CIPHER* const cipher = fetched("AES-256-CTR");
  return cipher;
}

EVP_CIPHER_CTX* make_context(const EVP_CIPHER* cipher, const SecretKey& key) {
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  TALEA_ASSERT(context != nullptr);
  TALEA_ASSERT(EVP_CipherInit_ex2(context, cipher, key.bytes().data(), nullptr, 1, nullptr) == 1);
  return context;
}

const unsigned char* bytes_of(BytesView view) {
  return reinterpret_cast<const unsigned char*>(view.data());
}
unsigned char* bytes_at(char* at) { return reinterpret_cast<unsigned char*>(at); }

int length_of(BytesView view) {
  TALEA_ASSERT(view.size() <= INT_MAX);
  return static_cast<int>(view.size());
}

// The offset as 8 bytes, little-endian, then zeros; behind it the counter of GCM, whose first block
// of content is number 2 (NIST SP 800-38D, section 7.1).
struct Counter {
  explicit Counter(std::uint64_t offset) {
    for (std::size_t i = 0; i < sizeof offset; ++i) {
      bytes[i] = static_cast<unsigned char>(offset >> (8 * i));
    }
  }
  unsigned char bytes[kCounterBytes] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
};

}  // namespace

struct PlaceCipher::Context {
  explicit Context(const SecretKey& key)
      : sealing(make_context(gcm(), key)), peeking(make_context(ctr(), key)) {}
  ~Context() {
    EVP_CIPHER_CTX_free(sealing);
    EVP_CIPHER_CTX_free(peeking);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EVP_CIPHER_CTX* const sealing;
  EVP_CIPHER_CTX* const peeking;
};

// A context that nobody else has, for as long as the lease lives.
class PlaceCipher::Lease {
 public:
  explicit Lease(const PlaceCipher& cipher) : cipher_(cipher) {
    for (auto& kept : cipher.kept_) {
      if (kept.load(std::memory_order_relaxed) == nullptr) continue;
      // Acquire: pairs with the release of whoever gave it back.
      if (Context* const context = kept.exchange(nullptr, std::memory_order_acquire)) {
        context_.reset(context);
        return;
      }
    }
    context_ = std::make_unique<Context>(cipher.key_);
  }
  ~Lease() {
    for (auto& kept : cipher_.kept_) {
      Context* none = nullptr;
      if (kept.load(std::memory_order_relaxed) != nullptr) continue;
      if (kept.compare_exchange_strong(none, context_.get(), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        (void)context_.release();
        return;
      }
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const Context& operator*() const { return *context_; }

 private:
  const PlaceCipher& cipher_;
  std::unique_ptr<Context> context_;
};

PlaceCipher::PlaceCipher(const SecretKey& key) : key_(key) {}

PlaceCipher::~PlaceCipher() {
  for (auto& kept : kept_) delete kept.load(std::memory_order_acquire);
}

void PlaceCipher::seal(std::uint64_t offset, BytesView associated, BytesView first,
                       BytesView second, char* out) const {
  const Lease lease(*this);
  EVP_CIPHER_CTX* const context = (*lease).sealing;
  const Counter counter(offset);
  int written = 0;
  TALEA_ASSERT(EVP_EncryptInit_ex2(context, nullptr, nullptr, counter.bytes, nullptr) == 1);
  TALEA_ASSERT(EVP_EncryptUpdate(context, nullptr, &written, bytes_of(associated),
                                 length_of(associated)) == 1);
  for (const BytesView part : {first, second}) {
    if (part.empty()) continue;
    TALEA_ASSERT(
        EVP_EncryptUpdate(context, bytes_at(out), &written, bytes_of(part), length_of(part)) == 1);
    TALEA_ASSERT(written == length_of(part));
    out += part.size();
  }
  unsigned char none[kTagBytes];
  TALEA_ASSERT(EVP_EncryptFinal_ex(context, none, &written) == 1);
  TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, bytes_at(out)) == 1);
}

bool PlaceCipher::open(std::uint64_t offset, BytesView associated, BytesView sealed,
                       char* out) const {
  if (sealed.size() < kTagBytes) return false;
  const BytesView hidden = sealed.substr(0, sealed.size() - kTagBytes);
  const Lease lease(*this);
  EVP_CIPHER_CTX* const context = (*lease).sealing;
  const Counter counter(offset);
  unsigned char tag[kTagBytes];
  std::memcpy(tag, sealed.data() + hidden.size(), kTagBytes);
  int written = 0;
  TALEA_ASSERT(EVP_DecryptInit_ex2(context, nullptr, nullptr, counter.bytes, nullptr) == 1);
  TALEA_ASSERT(EVP_DecryptUpdate(context, nullptr, &written, bytes_of(associated),
                                 length_of(associated)) == 1);
  if (!hidden.empty()) {
    TALEA_ASSERT(EVP_DecryptUpdate(context, bytes_at(out), &written, bytes_of(hidden),
                                   length_of(hidden)) == 1);
    TALEA_ASSERT(written == length_of(hidden));
  }
  TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag) == 1);
  unsigned char none[kTagBytes];
  if (EVP_DecryptFinal_ex(context, none, &written) == 1) return true;
  wipe({bytes_at(out), hidden.size()});  // nobody may use it
  return false;
}

void PlaceCipher::peek(std::uint64_t offset, BytesView hidden, char* out) const {
  if (hidden.empty()) return;
  const Lease lease(*this);
  EVP_CIPHER_CTX* const context = (*lease).peeking;
  const Counter counter(offset);
  int written = 0;
  TALEA_ASSERT(EVP_EncryptInit_ex2(context, nullptr, nullptr, counter.bytes, nullptr) == 1);
  TALEA_ASSERT(EVP_EncryptUpdate(context, bytes_at(out), &written, bytes_of(hidden),
                                 length_of(hidden)) == 1);
}

}  // namespace talea
