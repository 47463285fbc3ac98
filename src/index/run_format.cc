#include "index/run_format.h"

#include <algorithm>
#include <string>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea {
namespace {

// Offsets in the header.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFeaturesAt = 12;
constexpr std::size_t kFileIdAt = 16;
constexpr std::size_t kFirstSequenceAt = 24;
constexpr std::size_t kBaseNowAt = 32;
constexpr std::size_t kStoreIdAt = 40;
constexpr std::size_t kSaltAt = 56;
constexpr std::size_t kKeyIdAt = 88;
constexpr std::size_t kHeaderBytesAt = 92;
constexpr std::size_t kHeaderReservedAt = 96;
constexpr std::size_t kHeaderCheckAt = kRunHeaderBytes - kRunCheckBytes;

// Offsets in the footer.
constexpr std::size_t kFooterReservedAt = 136;
constexpr std::size_t kFooterCheckAt = 244;
constexpr std::size_t kFooterMagicAt = 248;

bool all_zero(BytesView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

/// The numbers of the footer in their order.
template <typename Footer>
auto footer_numbers(Footer& footer) {
  auto& [stats, layout] = footer;
  return std::array{
      &stats.rows,           &stats.keys,          &stats.tombstones,    &stats.sequence_min,
      &stats.sequence_max,   &stats.time_min_ms,   &stats.time_max_ms,   &stats.live_bytes,
      &layout.data_blocks,   &layout.index_blocks, &layout.bloom_blocks, &layout.data_end,
      &layout.filter_offset, &layout.index_offset, &layout.root_offset,  &layout.properties_offset};
}
static_assert(8 + 16 * 8 == kFooterReservedAt);

bool layout_is_possible(const RunLayout& layout) {
  constexpr std::uint64_t kBloomBlocksMax = 0xffff'ffff;
  const std::uint64_t padded =
      (layout.data_end + kRunFilterPageBytes - 1) / kRunFilterPageBytes * kRunFilterPageBytes;
  return layout.data_end >= kRunHeaderBytes && layout.data_end <= layout.footer_offset &&
         layout.filter_offset == padded && layout.bloom_blocks >= 1 &&
         layout.bloom_blocks <= kBloomBlocksMax &&
         layout.index_offset ==
             layout.filter_offset + run_filter_pages(layout.bloom_blocks) * kRunFilterPageBytes &&
         layout.index_offset <= layout.root_offset &&
         layout.root_offset < layout.properties_offset &&
         layout.properties_offset < layout.footer_offset &&
         layout.properties_offset - layout.root_offset > kRunCheckBytes &&
         layout.footer_offset - layout.properties_offset > kRunCheckBytes;
}

/// Memory is taken by these numbers.
bool stats_are_possible(const RunStats& stats, const RunLayout& layout) {
  constexpr std::uint64_t kRowBytesMin = 2;
  return stats.rows <= (layout.data_end - kRunHeaderBytes) / kRowBytesMin &&
         stats.keys <= stats.rows && stats.tombstones <= stats.rows;
}

}  // namespace

void write_run_row_key(Space space, BytesView key, char* to) {
  const auto number = static_cast<std::uint32_t>(space);
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>(number >> shift);
  key.copy(to, key.size());
}

Bytes run_row_key(Space space, BytesView key) {
  Bytes row_key(kRunSpaceBytes + key.size(), '\0');
  write_run_row_key(space, key, row_key.data());
  return row_key;
}

Space run_space_of(BytesView row_key) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < kRunSpaceBytes; ++i) {
    number = number << 8 | static_cast<unsigned char>(row_key[i]);
  }
  return static_cast<Space>(number);
}

BytesView run_key_of(BytesView row_key) { return row_key.substr(kRunSpaceBytes); }

int compare_run_rows(BytesView key, Sequence sequence, BytesView other_key,
                     Sequence other_sequence) {
  const int order = key.compare(other_key);
  if (order != 0) return order;
  if (sequence == other_sequence) return 0;
  return sequence > other_sequence ? -1 : 1;  // the newest revision comes first
}

std::shared_ptr<const PlaceCipher> run_cipher(const KeyRing* keys, std::uint32_t key_id,
                                              const RunIdentity& identity) {
  if (keys == nullptr || key_id == 0) return nullptr;
  return keys->cipher(key_id, identity.salt, "talea run v1");
}

std::uint32_t run_check_seed(const RunIdentity& identity) {
  Bytes bytes(identity.salt.begin(), identity.salt.end());
  append_fixed(bytes, identity.file_id);
  return crc32c(0, bytes);
}

std::uint32_t run_check(std::uint32_t check_seed, std::uint64_t offset, BytesView part) {
  return crc32c(check_seed ^ static_cast<std::uint32_t>(offset), part);
}

std::uint64_t run_filter_pages(std::uint64_t bloom_blocks) {
  return (bloom_blocks + kRunBloomBlocksPerPage - 1) / kRunBloomBlocksPerPage;
}

Bytes encode_run_header(const RunHeader& header) {
  Bytes bytes(kRunHeaderBytes, '\0');
  char* at = bytes.data();
  kRunMagic.copy(at, kRunMagic.size());
  store_fixed(at + kVersionAt, kRunVersion);
  store_fixed(at + kFeaturesAt, header.features);
  store_fixed(at + kFileIdAt, header.identity.file_id);
  store_fixed(at + kFirstSequenceAt, header.first_sequence);
  store_fixed(at + kBaseNowAt, header.base_now_ms);
  std::copy(header.identity.store_id.begin(), header.identity.store_id.end(), at + kStoreIdAt);
  std::copy(header.identity.salt.begin(), header.identity.salt.end(), at + kSaltAt);
  store_fixed(at + kKeyIdAt, header.key_id);
  store_fixed(at + kHeaderBytesAt, static_cast<std::uint32_t>(kRunHeaderBytes));
  store_fixed(at + kHeaderCheckAt, crc32c(0, BytesView(bytes).substr(0, kHeaderCheckAt)));
  return bytes;
}

Result<RunHeader> decode_run_header(BytesView bytes) {
  TALEA_ASSERT(bytes.size() == kRunHeaderBytes);
  const char* at = bytes.data();
  if (!bytes.starts_with(kRunMagic)) return Status::corruption("at offset 0: not a run file");
  if (load_fixed<std::uint32_t>(at + kHeaderCheckAt) !=
      crc32c(0, bytes.substr(0, kHeaderCheckAt))) {
    return Status::corruption("at offset 0: the header fails its check");
  }
  const auto version = load_fixed<std::uint16_t>(at + kVersionAt);
  if (version != kRunVersion) {
    return Status::unsupported("run format version " + std::to_string(version) +
                               ", this version of Talea reads 1");
  }
  RunHeader header;
  header.features = load_fixed<std::uint32_t>(at + kFeaturesAt);
  if (const std::string lacking = unsupported_features(header.features, kRunFeaturesSupported);
      !lacking.empty()) {
    return Status::unsupported("uses what this version of Talea cannot read: " + lacking);
  }
  header.key_id = load_fixed<std::uint32_t>(at + kKeyIdAt);
  if (load_fixed<std::uint16_t>(at + 10) != 0 || (header.key_id != 0) != header.is_encrypted() ||
      load_fixed<std::uint32_t>(at + kHeaderBytesAt) != kRunHeaderBytes ||
      !all_zero(bytes.substr(kHeaderReservedAt, kHeaderCheckAt - kHeaderReservedAt))) {
    return Status::corruption("at offset 0: the header breaks its grammar");
  }
  header.identity.file_id = load_fixed<std::uint64_t>(at + kFileIdAt);
  header.first_sequence = load_fixed<std::uint64_t>(at + kFirstSequenceAt);
  header.base_now_ms = load_fixed<std::uint64_t>(at + kBaseNowAt);
  std::copy_n(at + kStoreIdAt, header.identity.store_id.size(), header.identity.store_id.begin());
  std::copy_n(at + kSaltAt, header.identity.salt.size(), header.identity.salt.begin());
  return header;
}

Bytes encode_run_footer(const RunFooter& footer, std::uint32_t check_seed) {
  TALEA_ASSERT(layout_is_possible(footer.layout));
  Bytes bytes;
  append_fixed(bytes, footer.layout.file_bytes());
  for (const std::uint64_t* number : footer_numbers(footer)) append_fixed(bytes, *number);
  TALEA_ASSERT(bytes.size() == kFooterReservedAt);
  bytes.resize(kFooterCheckAt, '\0');
  append_fixed(bytes, run_check(check_seed, footer.layout.footer_offset, bytes));
  bytes += kRunFooterMagic;
  TALEA_ASSERT(bytes.size() == kRunFooterBytes);
  return bytes;
}

Result<RunFooter> decode_run_footer(BytesView bytes, std::uint64_t file_bytes,
                                    std::uint32_t check_seed) {
  TALEA_ASSERT(bytes.size() == kRunFooterBytes);
  const std::uint64_t offset = file_bytes - kRunFooterBytes;
  const std::string where = "at offset " + std::to_string(offset);
  if (bytes.substr(kFooterMagicAt) != kRunFooterMagic) {
    return Status::corruption(where + ": no footer; the file was cut short or never finished");
  }
  if (load_fixed<std::uint32_t>(bytes.data() + kFooterCheckAt) !=
      run_check(check_seed, offset, bytes.substr(0, kFooterCheckAt))) {
    return Status::corruption(where + ": the footer fails its check");
  }
  RunFooter footer;
  footer.layout.footer_offset = offset;
  const char* at = bytes.data();
  const bool length_agrees = load_fixed<std::uint64_t>(at) == file_bytes;
  for (std::uint64_t* number : footer_numbers(footer)) {
    at += sizeof *number;
    *number = load_fixed<std::uint64_t>(at);
  }
  if (!length_agrees || !layout_is_possible(footer.layout) ||
      !stats_are_possible(footer.stats, footer.layout) ||
      !all_zero(bytes.substr(kFooterReservedAt, kFooterCheckAt - kFooterReservedAt))) {
    return Status::corruption(where + ": the footer breaks its grammar");
  }
  return footer;
}

}  // namespace talea
