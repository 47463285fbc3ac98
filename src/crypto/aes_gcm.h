// AES-256-GCM: hides what is sealed, and opens nothing that was changed, cut, or is presented with
// other associated data.
//
// A nonce must never be used twice with one key: that gives both contents away, and lets anyone
// forge. With random nonces one key seals at most 2^32 times (NIST SP 800-38D, section 8.3).
#pragma once

#include <array>
#include <memory>

#include "crypto/secret.h"
#include "talea/bytes.h"

struct evp_cipher_ctx_st;  // OpenSSL's

namespace talea {

/// Threads: externally synchronised.
class Aes256Gcm {
 public:
  static constexpr std::size_t kNonceBytes = 12;
  static constexpr std::size_t kTagBytes = 16;
  using Nonce = std::array<unsigned char, kNonceBytes>;

  explicit Aes256Gcm(const SecretKey& key);
  Aes256Gcm(Aes256Gcm&&) noexcept;
  Aes256Gcm& operator=(Aes256Gcm&&) noexcept;
  ~Aes256Gcm();

  static Nonce make_nonce(Random& random);

  /// Appends the sealed form of `plaintext` to `out`: as many bytes, and the tag behind them.
  /// `plaintext`, `associated`: below 2 GiB each.
  void seal(const Nonce& nonce, BytesView associated, BytesView plaintext, Bytes& out);
  /// Appends what was sealed to `out`. False, with `out` as it was, when `sealed` or `associated`
  /// is not what seal() made or got, or the key or nonce is another one.
  [[nodiscard]] bool open(const Nonce& nonce, BytesView associated, BytesView sealed, Bytes& out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

}  // namespace talea
