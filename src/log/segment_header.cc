#include "log/segment_header.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea {

namespace {

constexpr BytesView kMagic = "TALEASEG";
constexpr std::size_t kFieldsEnd = 96;
constexpr std::size_t kCheckOffset = kSegmentHeaderBytes - 4;

struct KindName {
  SegmentKind kind;
  std::string_view name;
};
constexpr KindName kKindNames[] = {
    {SegmentKind::log, "log"}, {SegmentKind::data, "data"}, {SegmentKind::extent, "extent"}};

constexpr std::size_t kIdDigits = 10;

BytesView as_bytes(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

}  // namespace

std::uint32_t SegmentHeader::check_seed() const {
  Bytes id_bytes;
  append_fixed(id_bytes, std::uint64_t{id});
  return crc32c(crc32c(0, as_bytes(salt)), id_bytes);
}

void SegmentHeader::encrypt(const KeyRing* keys) {
  if (keys == nullptr) return;
  features |= kFeatureEncryption;
  key_id = keys->newest();
}

std::shared_ptr<const PlaceCipher> SegmentHeader::cipher(const KeyRing* keys) const {
  if (keys == nullptr || !is_encrypted()) return nullptr;
  return keys->cipher(key_id, salt, "talea segment v1");
}

Result<std::shared_ptr<const PlaceCipher>> SegmentHeader::cipher_to_write(
    const KeyRing* keys) const {
  std::shared_ptr<const PlaceCipher> found = cipher(keys);
  if (found == nullptr && is_encrypted()) {
    return Status::unavailable("data key " + std::to_string(key_id) +
                               " was replaced while a file was made for it; try again");
  }
  return found;
}

Bytes encode_segment_header(const SegmentHeader& header) {
  TALEA_ASSERT(header.id != 0 && (header.features & ~kFeaturesSupported) == 0);
  TALEA_ASSERT(header.is_encrypted() == (header.key_id != 0));
  Bytes block;
  block.reserve(kSegmentHeaderBytes);
  block += kMagic;
  append_fixed(block, kSegmentVersion);
  append_fixed(block, static_cast<std::uint8_t>(header.kind));
  append_fixed(block, std::uint8_t{0});
  append_fixed(block, header.features);
  append_fixed(block, std::uint64_t{header.id});
  append_fixed(block, header.first_sequence);
  append_fixed(block, header.base_now);
  block += as_bytes(header.store_id);
  block += as_bytes(header.salt);
  append_fixed(block, header.key_id);
  append_fixed(block, static_cast<std::uint32_t>(kSegmentHeaderBytes));
  TALEA_ASSERT(block.size() == kFieldsEnd);
  block.resize(kCheckOffset, '\0');
  append_fixed(block, crc32c(0, block));
  return block;
}

Result<SegmentHeader> decode_segment_header(BytesView block) {
  if (block.size() < kSegmentHeaderBytes) {
    return Status::corruption("the segment header is cut short: " + std::to_string(block.size()) +
                              " of " + std::to_string(kSegmentHeaderBytes) + " bytes");
  }
  block = block.substr(0, kSegmentHeaderBytes);
  if (block.substr(0, kMagic.size()) != kMagic) {
    return Status::corruption("not a segment: the file does not begin with TALEASEG");
  }
  const char* at = block.data();
  // Magic, version, features and check keep their places in all versions, so that a damaged header
  // is never taken for a newer one.
  if (crc32c(0, block.substr(0, kCheckOffset)) != load_fixed<std::uint32_t>(at + kCheckOffset)) {
    return Status::corruption("the check of the segment header does not match");
  }
  const auto version = load_fixed<std::uint16_t>(at + 8);
  if (version != kSegmentVersion) {
    return Status::unsupported("segment version " + std::to_string(version) +
                               "; this build reads version " + std::to_string(kSegmentVersion) +
                               ". Open it with a newer Talea");
  }
  SegmentHeader header;
  header.features = load_fixed<std::uint32_t>(at + 12);
  const std::string missing = unsupported_features(header.features, kFeaturesSupported);
  if (!missing.empty()) {
    return Status::unsupported("the segment uses " + missing +
                               ", which this build does not have. Open it with a newer Talea");
  }
  const auto kind = load_fixed<std::uint8_t>(at + 10);
  if (kind < 1 || kind > 3) {
    return Status::unsupported("segment kind " + std::to_string(kind) +
                               " is unknown to this build. Open it with a newer Talea");
  }
  header.kind = static_cast<SegmentKind>(kind);
  const auto id = load_fixed<std::uint64_t>(at + 16);
  const auto key_id = load_fixed<std::uint32_t>(at + 88);
  const BytesView reserved = block.substr(kFieldsEnd, kCheckOffset - kFieldsEnd);
  if (id == 0 || id > UINT32_MAX || load_fixed<std::uint32_t>(at + 92) != kSegmentHeaderBytes ||
      load_fixed<std::uint8_t>(at + 11) != 0 ||
      reserved.find_first_not_of('\0') != BytesView::npos ||
      (key_id != 0) != ((header.features & kFeatureEncryption) != 0)) {
    return Status::corruption("the segment header is valid and makes no sense");
  }
  header.id = static_cast<std::uint32_t>(id);
  header.first_sequence = load_fixed<std::uint64_t>(at + 24);
  header.base_now = load_fixed<std::uint64_t>(at + 32);
  std::copy_n(at + 40, header.store_id.size(), header.store_id.begin());
  std::copy_n(at + 56, header.salt.size(), header.salt.begin());
  header.key_id = key_id;
  return header;
}

std::string_view segment_kind_name(SegmentKind kind) {
  for (const KindName& known : kKindNames) {
    if (known.kind == kind) return known.name;
  }
  return "unknown";
}

std::string segment_file_name(SegmentKind kind, std::uint32_t id) {
  const std::string digits = std::to_string(id);
  return std::string(kIdDigits - digits.size(), '0') + digits + "." +
         std::string(segment_kind_name(kind));
}

std::optional<SegmentFileName> parse_segment_file_name(const std::string& name) {
  for (const KindName& known : kKindNames) {
    std::uint32_t id = 0;
    if (name.size() < kIdDigits) return std::nullopt;
    const auto [end, error] = std::from_chars(name.data(), name.data() + kIdDigits, id);
    if (error != std::errc() || end != name.data() + kIdDigits) return std::nullopt;
    if (id != 0 && name == segment_file_name(known.kind, id))
      return SegmentFileName{known.kind, id};
  }
  return std::nullopt;
}

}  // namespace talea
