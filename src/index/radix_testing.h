// For tests of the radix tree: keys in memory, in the place of a log.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/random.h"
#include "index/radix_tree.h"

namespace talea {

/// Keeps every key that was added; a word is 2 * (its number + 1).
///
/// Threads: adding is externally synchronised; a key may be read by those who got its word.
class KeysInMemory final : public KeySource {
 public:
  explicit KeysInMemory(std::size_t keys_max) { keys_.reserve(keys_max); }

  std::uint64_t add(BytesView key) {
    // Readers look at the others meanwhile: they must not move.
    if (keys_.size() == keys_.capacity()) std::abort();
    keys_.emplace_back(key);
    return 2 * keys_.size();
  }
  BytesView key_at(std::uint64_t word, Bytes&) const override { return keys_.data()[word / 2 - 1]; }

 private:
  std::vector<Bytes> keys_;
};

/// Keys of the awkward sorts: few different bytes, so that many are prefixes of others; 0x00
/// and 0xff; long shared prefixes, of more bytes than a node holds; digits; fully random ones.
class AwkwardKeys {
 public:
  explicit AwkwardKeys(Random& random) : random_(random) {}

  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }

  Bytes next() {
    switch (below(6)) {
      case 0: return from_alphabet({"\x00\xff", 2}, below(10));
      case 1: return from_alphabet("ab", below(8));
      case 2: {
        Bytes key = from_alphabet("xy", below(3)) + Bytes(below(3) * 15, 'p');
        return key + from_alphabet({"pq\x00\xff", 4}, below(4));
      }
      case 3: return "user" + from_alphabet("0123456789", 3);
      case 4: return Bytes(below(4) * 2, '\0') + static_cast<char>(below(256));
      default: {
        Bytes key;
        for (std::uint64_t i = below(3) + 1; i > 0; --i) {
          key.push_back(static_cast<char>(below(256)));
        }
        return key;
      }
    }
  }

 private:
  Bytes from_alphabet(BytesView alphabet, std::uint64_t bytes) {
    Bytes key;
    for (std::uint64_t i = 0; i < bytes; ++i) key.push_back(alphabet[below(alphabet.size())]);
    return key;
  }

  Random& random_;
};

}  // namespace talea
