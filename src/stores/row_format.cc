#include "stores/row_format.h"

#include <string>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/format.h"
#include "talea/limits.h"

namespace talea {
namespace {

constexpr BytesView kMagic = "TALEAROW";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint32_t kFeaturesSupported = 0;
constexpr std::size_t kHeadBytes = 40;
constexpr std::size_t kHeadCheckedBytes = 36;
constexpr std::size_t kValueHeaderBytes = 24;
constexpr std::size_t kPlaceHeaderBytes = 5;
constexpr std::size_t kDueHeaderBytes = 13;

// Big-endian, so that the order of the bytes is the order of the numbers.
template <typename Integer>
void append_ordered(Bytes& to, Integer value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    to.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

template <typename Integer>
Integer load_ordered(BytesView from) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Integer>(value << 8 | static_cast<unsigned char>(from[i]));
  }
  return value;
}

bool is_key(BytesView key) { return key.size() >= kKeyBytesMin && key.size() <= kKeyBytesMax; }

}  // namespace

Bytes encode_head(const StoreHead& head) {
  Bytes out(kMagic);
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, kFeaturesSupported);
  append_fixed(out, head.last_sequence);
  append_fixed(out, head.last_time_ms);
  append_fixed(out, std::uint32_t{0});
  append_fixed(out, crc32c(0, out));
  return out;
}

Result<StoreHead> decode_head(BytesView bytes) {
  // The first fields and the check keep their places in all versions.
  if (bytes.size() != kHeadBytes || bytes.substr(0, kMagic.size()) != kMagic ||
      load_fixed<std::uint32_t>(bytes.data() + kHeadCheckedBytes) !=
          crc32c(0, bytes.substr(0, kHeadCheckedBytes))) {
    return Status::corruption("the head of the store is damaged: a wrong length, magic or check");
  }
  const auto version = load_fixed<std::uint16_t>(bytes.data() + 8);
  if (version != kVersion) {
    return Status::unsupported("the store has version " + std::to_string(version) +
                               "; this build reads version " + std::to_string(kVersion));
  }
  const auto features = load_fixed<std::uint32_t>(bytes.data() + 12);
  if (const std::string unknown = unsupported_features(features, kFeaturesSupported);
      !unknown.empty()) {
    return Status::unsupported("the store has features unknown to this build: " + unknown);
  }
  const StoreHead head = {load_fixed<std::uint64_t>(bytes.data() + 16),
                          load_fixed<std::uint64_t>(bytes.data() + 24)};
  if (load_fixed<std::uint16_t>(bytes.data() + 10) != 0 ||
      load_fixed<std::uint32_t>(bytes.data() + 32) != 0 || head.last_sequence > kSequenceMax) {
    return Status::corruption("the head of the store is valid and makes no sense");
  }
  return head;
}

Bytes place_of(Space space, BytesView key) {
  Bytes out;
  out.reserve(kPlaceHeaderBytes + key.size());
  out += kValueTag;
  append_ordered(out, static_cast<std::uint32_t>(space));
  out += key;
  return out;
}

Bytes end_of_space(Space space) {
  if (space == Space{UINT32_MAX}) return Bytes(kDueTag);
  return place_of(Space{static_cast<std::uint32_t>(space) + 1}, {});
}

std::optional<Place> decode_place(BytesView bytes) {
  if (bytes.size() < kPlaceHeaderBytes || !bytes.starts_with(kValueTag)) return std::nullopt;
  const Place place = {Space{load_ordered<std::uint32_t>(bytes.substr(1))},
                       bytes.substr(kPlaceHeaderBytes)};
  if (!is_key(place.key)) return std::nullopt;
  return place;
}

Bytes encode_value(const ValueRow& row) {
  Bytes out;
  out.reserve(kValueHeaderBytes + row.value.size());
  append_fixed(out, row.revision);
  append_fixed(out, row.time_ms);
  append_fixed(out, row.expiry_ms);
  out += row.value;
  return out;
}

std::optional<ValueRow> decode_value(BytesView bytes) {
  if (bytes.size() < kValueHeaderBytes) return std::nullopt;
  const ValueRow row = {.revision = load_fixed<std::uint64_t>(bytes.data()),
                        .time_ms = load_fixed<std::uint64_t>(bytes.data() + 8),
                        .expiry_ms = load_fixed<std::uint64_t>(bytes.data() + 16),
                        .value = bytes.substr(kValueHeaderBytes)};
  const bool makes_sense = row.revision >= 1 && row.revision <= kSequenceMax &&
                           row.expiry_ms <= kExpiryMsMax && row.value.size() <= kValueBytesMax;
  if (!makes_sense) return std::nullopt;
  return row;
}

Bytes encode_due(const Due& due) {
  Bytes out;
  out.reserve(kDueHeaderBytes + due.key.size());
  out += kDueTag;
  append_ordered(out, due.expiry_ms);
  append_ordered(out, static_cast<std::uint32_t>(due.space));
  out += due.key;
  return out;
}

std::optional<Due> decode_due(BytesView bytes) {
  if (bytes.size() < kDueHeaderBytes || !bytes.starts_with(kDueTag)) return std::nullopt;
  const Due due = {load_ordered<std::uint64_t>(bytes.substr(1)),
                   Space{load_ordered<std::uint32_t>(bytes.substr(9))},
                   bytes.substr(kDueHeaderBytes)};
  if (!is_key(due.key)) return std::nullopt;
  return due;
}

}  // namespace talea
