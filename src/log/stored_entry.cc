#include "log/stored_entry.h"

#include "codec/crc32c.h"

namespace talea {

bool stored_entry_matches(const char* at, const StoredEntry& entry, std::uint64_t offset,
                          const SegmentContext& context) {
  constexpr std::size_t kCheckBytes = 4;
  char body_check[4];
  store_fixed(body_check, crc32c(0, {at + entry.body, entry.bytes - entry.body}));
  const std::uint32_t seed = context.check_seed ^ static_cast<std::uint32_t>(offset);
  const std::uint32_t front = crc32c(seed, {at + kCheckBytes, entry.body - kCheckBytes});
  return crc32c(front, {body_check, sizeof body_check}) == load_fixed<std::uint32_t>(at);
}

}  // namespace talea
