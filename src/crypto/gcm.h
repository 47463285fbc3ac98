// GcmCipher: AES-256-GCM with one key, for small texts at a time. What PlaceCipher works with.
//
// OpenSSL's interface takes 350 ns to begin and end a text, whatever its length; intel-ipsec-mb's
// takes 45. So that one is used where it was built in and the processor has the instructions for
// it; docs/adr/0010-encryption-at-rest.md has the figures. Both give the same bytes.
#pragma once

#include <array>
#include <memory>

#include "crypto/secret.h"
#include "talea/bytes.h"

namespace talea {

/// Threads: safe.
class GcmCipher {
 public:
  static constexpr std::size_t kNonceBytes = 12;
  static constexpr std::size_t kTagBytes = 16;
  using Nonce = std::array<unsigned char, kNonceBytes>;
  using Tag = std::array<unsigned char, kTagBytes>;

  virtual ~GcmCipher() = default;

  /// Writes `first` and `second`, encrypted, one behind the other to `out`, and returns their tag.
  virtual Tag encrypt(const Nonce& nonce, BytesView associated, BytesView first, BytesView second,
                      char* out) const = 0;
  /// Writes `hidden`, decrypted, to `out`. False: the tag is not its, and `out` is for nobody.
  [[nodiscard]] virtual bool decrypt(const Nonce& nonce, BytesView associated, BytesView hidden,
                                     const Tag& tag, char* out) const = 0;
  /// The same of the front of a hidden text, without any tag.
  virtual void peek(const Nonce& nonce, BytesView hidden, char* out) const = 0;
};

std::unique_ptr<const GcmCipher> make_openssl_gcm(const SecretKey& key);
/// Null where this is not to be had.
std::unique_ptr<const GcmCipher> make_ipsec_mb_gcm(const SecretKey& key);

}  // namespace talea
