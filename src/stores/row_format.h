// The rows of a RowStore, as bytes.
//
// Format: docs/formats/rocksdb-store.md. In memory it is the same, and nobody else's.
#pragma once

#include <cstdint>
#include <optional>

#include "talea/batch.h"
#include "talea/result.h"

namespace talea {

/// What the store is at; the row under kHeadKey.
struct StoreHead {
  Sequence last_sequence = 0;
  std::uint64_t last_time_ms = 0;
};
inline constexpr BytesView kHeadKey("\0", 1);
/// In front of all keys of values, and of all that say what is due.
inline constexpr BytesView kValueTag("\1", 1);
inline constexpr BytesView kDueTag("\2", 1);

Bytes encode_head(const StoreHead& head);
/// Errors: corruption    damaged
///         unsupported   another version, or a feature unknown here
Result<StoreHead> decode_head(BytesView bytes);

/// The place of a key of a space; that of the empty key is below all of the space.
Bytes place_of(Space space, BytesView key);
/// The lowest place above all of the space.
Bytes end_of_space(Space space);
struct Place {
  Space space = Space::user;
  BytesView key = {};
};
/// Nothing when `bytes` is no place of a key.
std::optional<Place> decode_place(BytesView bytes);

/// What is under a key.
struct ValueRow {
  Sequence revision = 0;
  std::uint64_t time_ms = 0;
  std::uint64_t expiry_ms = 0;  // 0: never
  BytesView value = {};

  bool is_expired(std::uint64_t now_ms) const { return expiry_ms != 0 && expiry_ms <= now_ms; }
};
Bytes encode_value(const ValueRow& row);
/// Nothing when `bytes` makes no sense.
std::optional<ValueRow> decode_value(BytesView bytes);

/// Says when to look whether a key has expired. Its row has no value.
struct Due {
  std::uint64_t expiry_ms = 0;
  Space space = Space::user;
  BytesView key = {};
};
Bytes encode_due(const Due& due);
std::optional<Due> decode_due(BytesView bytes);

}  // namespace talea
