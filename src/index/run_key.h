// RunKey: a key as runs order and hash it, made once for look-ups in any number of runs.
#pragma once

#include <array>
#include <cstdint>

#include "index/bloom_filter.h"
#include "index/run_format.h"
#include "talea/bytes.h"

namespace talea {

/// Immutable.
class RunKey {
 public:
  /// Cost: a copy and a hash of the key; no memory for keys of up to kInlineBytes.
  RunKey(Space space, BytesView key) : bytes_(kRunSpaceBytes + key.size()) {
    char* to = inline_.data();
    if (bytes_ > inline_.size()) {
      long_.resize(bytes_);
      to = long_.data();
    }
    write_run_row_key(space, key, to);
    hash_ = bloom_hash(row_key());
  }
  RunKey(const RunKey&) = delete;
  RunKey& operator=(const RunKey&) = delete;

  BytesView row_key() const {
    return {bytes_ > inline_.size() ? long_.data() : inline_.data(), bytes_};
  }
  std::uint64_t hash() const { return hash_; }

 private:
  static constexpr std::size_t kInlineBytes = 100;

  std::array<char, kRunSpaceBytes + kInlineBytes> inline_;
  Bytes long_;
  std::size_t bytes_;
  std::uint64_t hash_ = 0;
};

}  // namespace talea
