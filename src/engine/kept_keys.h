// KeptKeys: keys of entries that are needed for longer than the entry is. Where an entry lies in
// its segment as it was put, its key stays there, and a view of it is kept; one that was sealed is
// copied.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "log/stored_entry.h"
#include "talea/limits.h"

namespace talea {

/// Threads: externally synchronised.
class KeptKeys {
 public:
  /// Good until clear(), and for as long as the segment.
  BytesView keep(const StoredEntry& entry) {
    if (entry.opened.data() == nullptr) [[likely]]
      return entry.key;
    return copy(entry.key);
  }
  /// The same of a key that keep() returned elsewhere, of an entry that was sealed if `copied`.
  BytesView keep(BytesView key, bool copied) { return copied ? copy(key) : key; }

  void clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    used_ = 0;
  }

 private:
  // Room for the longest key.
  static constexpr std::size_t kBlockBytes = 128 * kKiB;

  BytesView copy(BytesView key) {
    if (blocks_.empty() || key.size() > kBlockBytes - used_) {
      blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
      used_ = 0;
    }
    char* const to = blocks_.back().get() + used_;
    std::memcpy(to, key.data(), key.size());
    used_ += key.size();
    return {to, key.size()};
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = 0;  // of the last
};

}  // namespace talea
