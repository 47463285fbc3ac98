// Bytes that must not be left behind: keys that are wiped when they go, and a comparison that does
// not tell by its time how much was right.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/random.h"
#include "talea/bytes.h"

namespace talea {

/// Fills `bytes` with zeros, in a way that no compiler leaves out.
void wipe(std::span<unsigned char> bytes);
void wipe(Bytes& bytes);

/// Whether `a` and `b` are the same. The time depends on their lengths alone.
bool equal_in_constant_time(BytesView a, BytesView b);

/// A key of 256 bits.
///
/// Threads: a value; externally synchronised.
class SecretKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// All zero: to be filled.
  SecretKey() = default;
  explicit SecretKey(const std::array<unsigned char, kBytes>& bytes) : bytes_(bytes) {}
  /// Fresh, of `random`.
  static SecretKey make(Random& random) {
    SecretKey key;
    random.fill(key.bytes_);
    return key;
  }
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey() { wipe(bytes_); }

  std::span<unsigned char, kBytes> bytes() { return bytes_; }
  std::span<const unsigned char, kBytes> bytes() const { return bytes_; }
  BytesView view() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::array<unsigned char, kBytes> bytes_{};
};

}  // namespace talea
