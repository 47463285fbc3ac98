// StoredEntry: an entry of a segment, read where it lies in memory.
//
// The hot half of reading. record.h decodes and checks bytes that nobody vouches for; here the
// bytes are those of a mapped segment to which the index points, and what is wanted is the key, the
// value, and no work beyond it. Lengths are still compared with the end of the memory, so that
// nonsense is refused and never followed.
//
// Format: docs/formats/log.md.
#pragma once

#include <bit>
#include <cstdint>

#include "codec/fixed.h"
#include "log/record.h"

namespace talea {

struct StoredEntryFields {
  std::uint8_t flags = 0;
  std::uint32_t space = 0;
  /// Of a single: its sequence less the first one of the segment. Of an entry of a batch: the
  /// distance back to the header.
  std::uint64_t lead = 0;
  std::uint32_t body = 0;   // where the body begins, behind the start of the entry
  std::uint32_t bytes = 0;  // of the whole entry
  BytesView key;
  BytesView value;     // as it is stored, but opened if it was sealed
  EntryClaims claims;  // good if the flags say so

  bool is_remove() const { return (flags & kFlagRemove) != 0; }
  bool is_extent_list() const { return (flags & kFlagExtents) != 0; }
  bool is_in_batch() const { return (flags & kFlagInBatch) != 0; }
  bool is_compressed() const { return (flags & kFlagLz4) != 0; }
  bool expires() const { return (flags & kFlagExpiry) != 0; }
  /// 0: never.
  std::uint64_t expiry_ms() const { return expires() ? claims.expiry_ms : 0; }
  /// Whether the key is gone at `time_ms`.
  bool is_expired(std::uint64_t time_ms) const { return expires() && claims.expiry_ms <= time_ms; }
  /// The entry as it is to be stored again.
  EntrySource source() const {
    EntryClaims said;
    if (expires()) said.expiry_ms = claims.expiry_ms;
    if (is_compressed()) said.raw_value_bytes = claims.raw_value_bytes;
    return {Space{space}, key, value, is_remove(), is_extent_list(), said};
  }
  /// Length of the value as it was put.
  std::uint64_t raw_value_bytes() const {
    return is_compressed() ? claims.raw_value_bytes : value.size();
  }
};

/// An entry, and what its views point into if that is not the segment.
struct StoredEntry : StoredEntryFields {
  StoredEntry() = default;
  StoredEntry(const StoredEntry& other) : StoredEntryFields(other), opened(other.opened) {
    move_views(other);
  }
  StoredEntry(StoredEntry&&) noexcept = default;
  StoredEntry& operator=(const StoredEntry& other) {
    if (this == &other) return *this;
    StoredEntryFields::operator=(other);
    opened = other.opened;
    move_views(other);
    return *this;
  }
  StoredEntry& operator=(StoredEntry&&) noexcept = default;
  ~StoredEntry() = default;

  OpenedBytes opened;

 private:
  // From the bytes that `other` owns to their copy.
  void move_views(const StoredEntry& other) {
    const char* const from = other.opened.data();
    if (from == nullptr) [[likely]]
      return;
    const auto moved = [&](BytesView view) {
      const bool is_inside = view.data() >= from && view.data() <= from + other.opened.room();
      return is_inside ? BytesView(opened.data() + (view.data() - from), view.size()) : view;
    };
    key = moved(key);
    value = moved(value);
  }
};

namespace internal {

/// The varint at `at`, or null when it goes beyond `end` or is none.
inline const char* read_varint(const char* at, const char* end, std::uint64_t& value) {
  if (at < end && static_cast<signed char>(*at) >= 0) [[likely]] {
    value = static_cast<unsigned char>(*at);
    return at + 1;
  }
  if (end - at >= 2 && static_cast<signed char>(at[1]) >= 0) {
    value = static_cast<std::uint64_t>(static_cast<unsigned char>(*at) & 0x7f) |
            static_cast<std::uint64_t>(static_cast<unsigned char>(at[1])) << 7;
    return at + 2;
  }
  std::uint64_t result = 0;
  for (unsigned shift = 0; shift < 64 && at < end; shift += 7, ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = result;
      return at + 1;
    }
  }
  return nullptr;
}

inline const char* skip_varint(const char* at, const char* end) {
  if (end - at >= 8) [[likely]] {
    // The first byte without a continuation bit ends it; the lowest byte is the first.
    const std::uint64_t ends = ~load_fixed<std::uint64_t>(at) & 0x8080808080808080U;
    if (ends != 0) [[likely]]
      return at + std::countr_zero(ends) / 8 + 1;
  }
  while (at < end) {
    if (static_cast<signed char>(*at++) >= 0) return at;
  }
  return nullptr;
}

}  // namespace internal

/// Reads the entry at `at`; memory goes to `end`. False when no entry can be there. What is sealed
/// stays so.
///
/// Cost: a few nanoseconds; touches nothing of the value. Checks no checksum.
inline bool read_stored_entry(const char* at, const char* end, StoredEntry& out) {
  constexpr std::ptrdiff_t kBytesMin = 10;  // check, flags, and one byte for each of five fields
  if (end - at < kBytesMin) return false;
  const char* next = at + 4;
  out.flags = static_cast<std::uint8_t>(*next++);
  std::uint8_t more = 0;
  if ((out.flags & kFlagMore) != 0) more = static_cast<std::uint8_t>(*next++);
  next = internal::read_varint(next, end, out.lead);
  if (next == nullptr) return false;
  if (!out.is_in_batch()) {
    next = internal::skip_varint(next, end);  // now
    for (std::uint8_t claims = more; next != nullptr && claims != 0;
         claims = static_cast<std::uint8_t>(claims & (claims - 1))) {
      next = internal::skip_varint(next, end);
    }
    if (next == nullptr) return false;
  }
  out.body = static_cast<std::uint32_t>(next - at);
  std::uint64_t space = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  if ((next = internal::read_varint(next, end, space)) == nullptr) return false;
  if ((next = internal::read_varint(next, end, key_bytes)) == nullptr) return false;
  if ((next = internal::read_varint(next, end, value_bytes)) == nullptr) return false;
  std::size_t tag_bytes = 0;
  if ((out.flags & (kFlagExpiry | kFlagLz4 | kFlagEncrypted)) != 0) [[unlikely]] {
    if ((out.flags & kFlagEncrypted) != 0) tag_bytes = kSealTagBytes;
    if (out.expires()) next = internal::read_varint(next, end, out.claims.expiry_ms);
    if (next != nullptr && out.is_compressed()) {
      next = internal::read_varint(next, end, out.claims.raw_value_bytes);
    }
    if (next == nullptr) return false;
  }
  const auto rest = static_cast<std::uint64_t>(end - next);
  if (key_bytes > rest || value_bytes > rest - key_bytes) return false;
  if (tag_bytes > rest - key_bytes - value_bytes) [[unlikely]]
    return false;
  out.space = static_cast<std::uint32_t>(space);
  out.key = {next, static_cast<std::size_t>(key_bytes)};
  out.value = {next + key_bytes, static_cast<std::size_t>(value_bytes)};
  out.bytes = static_cast<std::uint32_t>(static_cast<std::uint64_t>(next - at) + key_bytes +
                                         value_bytes + tag_bytes);
  return true;
}

/// Whether what lies at `offset` of a segment, mapped at `memory`, is no entry but kFollowsBytes
/// that say which record the first one follows: for walks from entry to entry.
/// `offset`: behind an entry, or kSegmentHeaderBytes.
inline bool is_follows_at(const char* memory, std::uint64_t offset) {
  constexpr std::size_t kMoreOffset = 5;
  constexpr std::size_t kEntriesBytesOffset = 32;
  const char* const first = memory + kSegmentHeaderBytes;
  if (offset < kSegmentHeaderBytes + kBatchHeaderBytes ||
      (static_cast<std::uint8_t>(first[4]) & kFlagBatch) == 0 ||
      (static_cast<std::uint8_t>(first[kMoreOffset]) & kMoreFollows) == 0) {
    return false;
  }
  return offset == kSegmentHeaderBytes + kBatchHeaderBytes +
                       load_fixed<std::uint64_t>(first + kEntriesBytesOffset);
}

/// Whether the entry at `at`, which read_stored_entry() read and which lies at `offset` of its
/// segment, passes its check. Cost: a CRC of the entry, 7 ns for 100 bytes.
bool stored_entry_matches(const char* at, const StoredEntry& entry, std::uint64_t offset,
                          const SegmentContext& context);

}  // namespace talea
