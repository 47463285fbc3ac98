// SHA-256: two contents with one digest are one content, also when somebody tries to make them
// differ. CRC-32C (codec/crc32c.h) finds accidents and is several times faster.
//
//     Sha256 hash;
//     hash.update(first_part);
//     hash.update(second_part);
//     const Sha256Digest digest = hash.finish();
#pragma once

#include <array>
#include <memory>
#include <string>

#include "talea/bytes.h"

struct evp_md_ctx_st;  // OpenSSL's

namespace talea {

using Sha256Digest = std::array<unsigned char, 32>;

/// Threads: externally synchronised.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  /// Cost: 0.6 ns a byte with the SHA instructions of the processor, 1.9 without, and some 10 ns
  /// for a part of any length.
  void update(BytesView part);
  /// The digest of all parts. Call it once; then the object is of no more use.
  Sha256Digest finish();

  static Sha256Digest of(BytesView whole);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// 64 lower-case digits.
std::string to_hex(const Sha256Digest& digest);

}  // namespace talea
