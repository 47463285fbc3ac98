// ExpiryHint: the entry of the internal space 1 that says when to look whether a key has expired.
//
// The batch that puts a key with an expiry puts a hint besides, whose key begins with the time. So
// what is due is at the front of the space, whatever else there is, and a store that opens knows it
// without a look at its keys. A hint may be stale, because the key was put again; a key that
// expires never lacks one.
//
// Format: docs/formats/log.md, "Expiry".
#pragma once

#include <cstdint>
#include <optional>

#include "store/state.h"
#include "talea/batch.h"

namespace talea {

struct ExpiryHint {
  std::uint64_t expiry_ms = 0;
  Space space = Space::user;
  BytesView key = {};

  /// The key of its entry.
  Bytes encode() const;
  /// Nothing when `key` is that of no hint. The views are those of `key`.
  static std::optional<ExpiryHint> decode(BytesView key);
};

/// The lowest key above those of all hints up to `time_ms`.
Bytes end_of_hints(std::uint64_t time_ms);

}  // namespace talea
