// PlaceCipher: AES-256-GCM for the parts of one file. A part is sealed for its offset in the file,
// which is the nonce: so no nonce has to be stored, and a part that was moved does not open.
//
// What makes that safe is for the caller to keep: a key belongs to one file, and each offset of it
// is sealed once, or always with the same content. docs/formats/segment.md says how.
#pragma once

#include <cstdint>
#include <memory>

#include "crypto/gcm.h"
#include "crypto/secret.h"
#include "talea/bytes.h"

namespace talea {

/// Threads: safe.
class PlaceCipher {
 public:
  static constexpr std::size_t kTagBytes = GcmCipher::kTagBytes;

  /// `key`: of one file.
  explicit PlaceCipher(const SecretKey& key);

  /// Writes the sealed form of `first` and `second`, one behind the other, to `out`: as many bytes
  /// and kTagBytes. `out` overlaps neither.
  void seal(std::uint64_t offset, BytesView associated, BytesView first, BytesView second,
            char* out) const;
  /// Writes to `out` what was sealed: kTagBytes less than `sealed` has, which may be none. False,
  /// and nothing of it in `out`, when that was not sealed here, for this offset, with `associated`.
  [[nodiscard]] bool open(std::uint64_t offset, BytesView associated, BytesView sealed,
                          char* out) const;
  /// Writes the first `hidden.size()` bytes of what was sealed to `out`. Nothing says that they are
  /// genuine: for comparisons, whose outcome is checked otherwise. Cost: a third of open().
  void peek(std::uint64_t offset, BytesView hidden, char* out) const;

 private:
  const std::unique_ptr<const GcmCipher> cipher_;
};

}  // namespace talea
