// AES-256-GCM of OpenSSL. Its contexts are for one thread at a time, so each call takes one of some
// that are kept.
#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <climits>

#include "base/assert.h"
#include "crypto/gcm.h"

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

class OpenSslGcm final : public GcmCipher {
 public:
  explicit OpenSslGcm(const SecretKey& key) : key_(key) {}
  ~OpenSslGcm() override {
    for (auto& kept : kept_) delete kept.load(std::memory_order_acquire);
  }
  OpenSslGcm(const OpenSslGcm&) = delete;
  OpenSslGcm& operator=(const OpenSslGcm&) = delete;

  Tag encrypt(const Nonce& nonce, BytesView associated, BytesView first, BytesView second,
              char* out) const override {
    const Lease lease(*this);
    EVP_CIPHER_CTX* const context = (*lease).sealing;
    int written = 0;
    TALEA_ASSERT(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
    TALEA_ASSERT(EVP_EncryptUpdate(context, nullptr, &written, bytes_of(associated),
                                   length_of(associated)) == 1);
    for (const BytesView part : {first, second}) {
      if (part.empty()) continue;
      TALEA_ASSERT(EVP_EncryptUpdate(context, bytes_at(out), &written, bytes_of(part),
                                     length_of(part)) == 1);
      TALEA_ASSERT(written == length_of(part));
      out += part.size();
    }
    Tag tag;
    TALEA_ASSERT(EVP_EncryptFinal_ex(context, tag.data(), &written) == 1);
    TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) == 1);
    return tag;
  }

  bool decrypt(const Nonce& nonce, BytesView associated, BytesView hidden, const Tag& tag,
               char* out) const override {
    const Lease lease(*this);
    EVP_CIPHER_CTX* const context = (*lease).sealing;
    int written = 0;
    TALEA_ASSERT(EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
    TALEA_ASSERT(EVP_DecryptUpdate(context, nullptr, &written, bytes_of(associated),
                                   length_of(associated)) == 1);
    if (!hidden.empty()) {
      TALEA_ASSERT(EVP_DecryptUpdate(context, bytes_at(out), &written, bytes_of(hidden),
                                     length_of(hidden)) == 1);
      TALEA_ASSERT(written == length_of(hidden));
    }
    Tag expected = tag;
    TALEA_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected.data()) ==
                 1);
    Tag none;
    return EVP_DecryptFinal_ex(context, none.data(), &written) == 1;
  }

  void peek(const Nonce& nonce, BytesView hidden, char* out) const override {
    const Lease lease(*this);
    EVP_CIPHER_CTX* const context = (*lease).peeking;
    // The counter of GCM, whose first block of content is number 2 (NIST SP 800-38D, section 7.1).
    unsigned char counter[kCounterBytes] = {};
    std::copy(nonce.begin(), nonce.end(), counter);
    counter[kCounterBytes - 1] = 2;
    int written = 0;
    TALEA_ASSERT(EVP_EncryptInit_ex2(context, nullptr, nullptr, counter, nullptr) == 1);
    TALEA_ASSERT(EVP_EncryptUpdate(context, bytes_at(out), &written, bytes_of(hidden),
                                   length_of(hidden)) == 1);
  }

 private:
  struct Context {
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
  class Lease {
   public:
    explicit Lease(const OpenSslGcm& cipher) : cipher_(cipher) {
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
    const OpenSslGcm& cipher_;
    std::unique_ptr<Context> context_;
  };

  const SecretKey key_;
  // More threads than this at once make contexts and throw them away.
  static constexpr std::size_t kKept = 4;
  mutable std::array<std::atomic<Context*>, kKept> kept_{};
};

}  // namespace

std::unique_ptr<const GcmCipher> make_openssl_gcm(const SecretKey& key) {
  return std::make_unique<const OpenSslGcm>(key);
}

}  // namespace talea
