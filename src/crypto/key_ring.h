// KeyRing: the data keys of a store, by id, and from them the keys of its files.
//
// Each file has a key of its own: HKDF of the data key that its header names, with the file's salt,
// which is random and never used again. So offsets can serve as nonces.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "crypto/place_cipher.h"
#include "crypto/secret.h"

namespace talea {

/// A key that many files name.
struct DataKey {
  std::uint32_t id = 0;  // 1 and more
  std::uint64_t made_ms = 0;
  SecretKey key;
};

/// A key stays for as long as a cipher of it is there; whoever has a file open has one.
/// Threads: safe.
class KeyRing {
 public:
  using Salt = std::array<unsigned char, 32>;

  /// What new files name; 0 while there is none.
  std::uint32_t newest() const TALEA_EXCLUDES(mutex_);
  /// All, ids ascending.
  std::vector<DataKey> all() const TALEA_EXCLUDES(mutex_);
  /// The newest is the one with the highest id.
  void add(const DataKey& key) TALEA_EXCLUDES(mutex_);
  /// Takes out all but the newest of whose ciphers none is in use.
  std::vector<DataKey> take_unused() TALEA_EXCLUDES(mutex_);

  /// For the file whose header has this key id and salt; `use` says what kind of file it is. Null
  /// when the ring has no such key. Cost: some microseconds.
  std::shared_ptr<const PlaceCipher> cipher(std::uint32_t id, const Salt& salt, BytesView use) const
      TALEA_EXCLUDES(mutex_);

 private:
  struct Held {
    DataKey key;
    std::shared_ptr<const void> in_use;  // shared with each cipher
  };

  mutable Mutex mutex_;
  std::map<std::uint32_t, Held> keys_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
