// ContentHash: the hash of what a copy holds, entry after entry; copy.h says over what.
#pragma once

#include <cstdint>

#include "codec/fixed.h"
#include "crypto/sha256.h"
#include "transfer/copy.h"

namespace talea {

/// Threads: externally synchronised.
class ContentHash {
 public:
  /// An entry whose value comes in pieces: begin, pieces, end.
  void begin(BytesView key) {
    hash_.update(key);
    add_number(key.size());
    value_bytes_ = 0;
  }
  void add_piece(BytesView piece) {
    hash_.update(piece);
    value_bytes_ += piece.size();
  }
  void end(bool is_remove, std::uint64_t expiry_ms) {
    add_number(value_bytes_);
    hash_.update(is_remove ? BytesView("\1", 1) : BytesView("\0", 1));
    add_number(expiry_ms);
    ++entries_;
  }

  void add(BytesView key, BytesView value, bool is_remove, std::uint64_t expiry_ms) {
    begin(key);
    add_piece(value);
    end(is_remove, expiry_ms);
  }

  /// Call it once, at the end.
  CopySide finish() { return {.entries = entries_, .hash = hash_.finish()}; }

 private:
  void add_number(std::uint64_t number) {
    char bytes[sizeof number];
    store_fixed(bytes, number);
    hash_.update({bytes, sizeof bytes});
  }

  Sha256 hash_;
  std::uint64_t entries_ = 0;
  std::uint64_t value_bytes_ = 0;
};

}  // namespace talea
