// Data: the keys and values of the workloads, the same bytes for every side.
//
// Entry number `id` has one key and one value, both functions of the seed, so nothing needs to be
// remembered to check what a store returns. Keys are hexadecimal digits of a bijection of the id:
// distinct, and in no order. Values are windows into one pool: they cost the timed loop no
// generation and no miss of the cache. The pool has random bytes, which do not compress, or JSON.
#pragma once

#include <cstddef>
#include <cstdint>

#include "talea/bytes.h"

namespace talea::bench {

inline constexpr std::uint64_t kDefaultSeed = 20120;

/// Threads: immutable.
class KeySet {
 public:
  /// The keys of entries first_id, first_id + 1, ... `key_bytes` must be a multiple of 16.
  KeySet(std::uint64_t seed, std::uint64_t first_id, std::size_t count, std::size_t key_bytes);

  std::size_t size() const { return bytes_.size() / key_bytes_; }
  BytesView operator[](std::size_t position) const {
    return {bytes_.data() + position * key_bytes_, key_bytes_};
  }

 private:
  std::size_t key_bytes_;
  Bytes bytes_;  // key after key
};

/// Threads: immutable.
class ValuePool {
 public:
  /// For values of up to `value_bytes_max`. `is_text`: of JSON, as a server would write it, of
  /// which a compressor makes about a third.
  ValuePool(std::uint64_t seed, std::size_t value_bytes_max, bool is_text = false);

  /// The value of entry `id`; valid as long as the pool.
  BytesView value(std::uint64_t id, std::size_t value_bytes) const;

 private:
  Bytes bytes_;
};

}  // namespace talea::bench
