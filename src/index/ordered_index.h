// OrderedIndex: key -> the place of its newest entry, in key order.
//
// This is the contract that every index of the engine meets: an upsert returns the place it
// replaced, so that the caller can account for garbage, and walking goes both ways from any key.
// Behind it stands a B-tree of whole keys (abseil): simple, and 121 bytes for each key of 16 to 32
// bytes, measured at 2 M. Keys of all spaces are in one order: by space, then by bytes.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <optional>

#include "talea/batch.h"
#include "talea/bytes.h"

namespace talea {

/// Where an entry lies.
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
  friend bool operator==(const Location&, const Location&) = default;
};

/// Threads: externally synchronised; const members may run at the same time.
class OrderedIndex {
 public:
  struct Row {
    Bytes key;
    Location location;
    friend bool operator==(const Row&, const Row&) = default;
  };

  /// Sets the location of `key` and returns the one it had.
  std::optional<Location> upsert(Space space, BytesView key, const Location& location);
  /// Removes `key` and returns the location it had.
  std::optional<Location> remove(Space space, BytesView key);
  std::optional<Location> find(Space space, BytesView key) const;

  /// The first key of `space` at or above `from`, or behind it when `inclusive` is false.
  std::optional<Row> at_or_after(Space space, BytesView from, bool inclusive) const;
  /// The last key of `space` below `before`; the last of all when `before` is absent.
  std::optional<Row> before(Space space, std::optional<BytesView> before) const;

  std::uint64_t size() const { return map_.size(); }

 private:
  // The space as four bytes, big end first, so that the order of composites is that of (space,
  // key).
  static Bytes compose(Space space, BytesView key);
  static Space take_space(BytesView& composite);

  absl::btree_map<Bytes, Location> map_;
};

}  // namespace talea
