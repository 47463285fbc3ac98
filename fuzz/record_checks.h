// Makes the checks of a record right, so that a fuzzer gets below them: what it changes in a record
// would otherwise never be looked at.
#pragma once

#include <cstdint>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/varint.h"
#include "log/record.h"

namespace talea {

/// The header that the targets use; inputs hold no salt.
inline SegmentHeader fuzz_header() {
  SegmentHeader header;
  header.features = kEntryFeatures | kFeaturePrepared;
  header.id = 1;
  header.first_sequence = 1;
  header.base_now = 1'700'000'000'000;
  return header;
}

inline std::uint32_t check_over(std::uint32_t seed, BytesView prefix, BytesView body) {
  char body_check[4];
  store_fixed(body_check, crc32c(0, body));
  return crc32c(crc32c(seed, prefix), {body_check, sizeof body_check});
}

/// Makes the check of the entry of a batch at the front of `bytes` right and returns its length; 0
/// when there is none that parses.
inline std::size_t fix_entry(char* bytes, std::size_t size, std::uint64_t offset,
                             const SegmentContext& context) {
  if (size < 5) return 0;
  BytesView rest(bytes + 5, size - 5);
  std::uint64_t distance = 0;
  std::uint64_t space = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  if (!take_varint(rest, distance)) return 0;
  const std::size_t body = size - rest.size();
  if (!take_varint(rest, space) || !take_varint(rest, key_bytes) ||
      !take_varint(rest, value_bytes) || key_bytes > rest.size() ||
      value_bytes > rest.size() - key_bytes) {
    return 0;
  }
  const std::size_t end = size - rest.size() + key_bytes + value_bytes;
  const std::uint32_t seed = context.check_seed ^ static_cast<std::uint32_t>(offset);
  store_fixed(bytes, check_over(seed, {bytes + 4, body - 4}, {bytes + body, end - body}));
  return end;
}

/// Makes all checks of the record at the front of `bytes` right, as far as it can be parsed.
inline void fix_record(char* bytes, std::size_t size, std::uint64_t offset,
                       const SegmentContext& context) {
  if (size < 5) return;
  if ((static_cast<unsigned char>(bytes[4]) & kFlagBatch) == 0) {
    const auto outline = outline_single({bytes, size}, context);
    if (!outline || outline->bytes > size) return;
    const std::uint32_t seed = context.check_seed ^ static_cast<std::uint32_t>(offset);
    store_fixed(bytes, check_over(seed, {bytes + 4, outline->body - 4},
                                  {bytes + outline->body, outline->bytes - outline->body}));
    return;
  }
  if (size < kBatchHeaderBytes) return;
  const auto count = load_fixed<std::uint32_t>(bytes + 40);
  std::uint32_t entries_check = 0;
  std::size_t at = kBatchHeaderBytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t length = fix_entry(bytes + at, size - at, offset + at, context);
    if (length == 0) break;
    entries_check = crc32c(entries_check, {bytes + at, 4});
    at += length;
  }
  if ((static_cast<unsigned char>(bytes[5]) & kMoreFollows) != 0 && size - at >= 8) {
    entries_check = crc32c(entries_check, {bytes + at, 8});
  }
  store_fixed(bytes + 44, entries_check);
  store_fixed(bytes, crc32c(context.check_seed ^ static_cast<std::uint32_t>(offset),
                            {bytes + 4, kBatchHeaderBytes - 4}));
}

}  // namespace talea
