// What every home does alike, unless it can do better.
#include "home/home.h"

#include <algorithm>

namespace talea {
namespace {

constexpr std::size_t kPieceBytes = 1 * kMiB;

}  // namespace

Result<bool> Home::read(BytesView key, const std::optional<At>& at, const StateSink& sink) {
  const std::optional<HomeEntry> entry = TALEA_TRY(get(key, at));
  if (!entry) return false;
  if (!entry->value.empty()) TALEA_TRY(sink(entry->value));
  return true;
}

Result<std::unique_ptr<HomeCursor>> Home::keys_with_past() {
  return scan({}, /*keys_only=*/true, {});
}

Result<std::uint64_t> Home::put_pieces(BytesView key, const StateSource& source,
                                       const HomeCondition& condition, Expiry expiry) {
  const std::uint64_t bytes_max = abilities().value_bytes_max;
  Bytes value;
  for (;;) {
    const std::size_t before = value.size();
    value.resize(before + kPieceBytes);
    const std::size_t got = TALEA_TRY(source(value.data() + before, kPieceBytes));
    value.resize(before + got);
    if (got == 0) return put(key, value, condition, expiry);
    if (value.size() > bytes_max) {
      return Status::exhausted(std::string(abilities().name) + " takes values of up to " +
                               std::to_string(bytes_max) + " bytes; this one is longer");
    }
  }
}

}  // namespace talea
