// The fixed parts of a run file: header, footer, checks and the limits of rows.
// docs/formats/run.md is the authority; the names here are the names there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "codec/format.h"
#include "crypto/key_ring.h"
#include "index/bloom_filter.h"
#include "talea/batch.h"
#include "talea/bytes.h"
#include "talea/limits.h"
#include "talea/result.h"

namespace talea {

inline constexpr BytesView kRunMagic = "TALEARUN";
inline constexpr BytesView kRunFooterMagic = "TALEAEND";
inline constexpr std::uint16_t kRunVersion = 1;

inline constexpr std::uint64_t kRunHeaderBytes = kFileHeaderBytes;
inline constexpr std::uint64_t kRunFooterBytes = 256;
inline constexpr std::uint64_t kRunCheckBytes = 4;

inline constexpr std::uint64_t kRunFilterPageBytes = 4096;
inline constexpr std::uint64_t kRunBloomBlocksPerPage = 127;

/// The size at which a writer closes a block, and the size above which a reader refuses one.
inline constexpr std::uint64_t kRunBlockBytes = 4096;
inline constexpr std::uint64_t kRunBlockBytesMax = 256 * kKiB;

/// A user's key, and what an internal space puts in front of it.
inline constexpr std::uint64_t kRunKeyBytesMax = kKeyBytesMax + kKiB;
inline constexpr std::uint64_t kRunSpaceBytes = 4;
inline constexpr std::uint64_t kRunRowKeyBytesMax = kRunSpaceBytes + kRunKeyBytesMax;
inline constexpr std::uint64_t kRunEntryBytesMax = 0xffff'ffff;

/// Tags of the properties block.
inline constexpr std::uint64_t kRunPropertyFirstRowKey = 1;
inline constexpr std::uint64_t kRunPropertyLastRowKey = 2;

/// Bits of the header's features: those that all formats share, and from 16 on a run's own.
inline constexpr std::uint32_t kRunFeatureExpiry = kFeatureExpiry;
inline constexpr std::uint32_t kRunFeatureTombstone = 1U << 16;
inline constexpr std::uint32_t kRunFeatureExtents = 1U << 17;
inline constexpr std::uint32_t kRunFeaturesSupported =
    kRunFeatureExpiry | kFeatureEncryption | kRunFeatureTombstone | kRunFeatureExtents;

/// Between the content of a part that is sealed and its check.
inline constexpr std::uint64_t kRunTagBytes = PlaceCipher::kTagBytes;
/// Where it stands in a page of the filter.
inline constexpr std::uint64_t kRunFilterTagAt =
    kRunFilterPageBytes - kRunCheckBytes - kRunTagBytes;

/// Where an entry lies.
struct RunAddress {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;

  bool operator==(const RunAddress&) const = default;
};

/// A row without its key.
struct RunRevision {
  Sequence sequence = 0;
  /// `now` of the batch, in milliseconds since 1970.
  std::uint64_t time_ms = 0;
  /// The key was removed here.
  bool tombstone = false;
  /// A past revision whose entry refers to a large value.
  bool extents = false;
  /// In milliseconds since 1970.
  std::optional<std::uint64_t> expiry_ms = {};
  RunAddress address = {};

  bool operator==(const RunRevision&) const = default;
};

/// Who a file is. The salt is random and fresh for each file, the file id never reused.
struct RunIdentity {
  std::uint64_t file_id = 0;
  StoreId store_id = {};
  std::array<unsigned char, 32> salt = {};

  bool operator==(const RunIdentity&) const = default;
};

struct RunHeader {
  RunIdentity identity = {};
  std::uint32_t features = 0;
  Sequence first_sequence = 0;
  std::uint64_t base_now_ms = 0;
  std::uint32_t key_id = 0;

  bool is_encrypted() const { return (features & kFeatureEncryption) != 0; }
};

/// What a run holds, as its footer states it; zeros without rows.
struct RunStats {
  std::uint64_t rows = 0;
  std::uint64_t keys = 0;
  std::uint64_t tombstones = 0;
  Sequence sequence_min = 0;
  Sequence sequence_max = 0;
  std::uint64_t time_min_ms = 0;
  std::uint64_t time_max_ms = 0;
  /// Bytes of the entries that are the newest of their key in this run, and no tombstones.
  std::uint64_t live_bytes = 0;

  bool operator==(const RunStats&) const = default;
};

/// Where the parts of the file are. Each ends where the next begins.
struct RunLayout {
  std::uint64_t data_blocks = 0;
  std::uint64_t index_blocks = 0;
  std::uint64_t bloom_blocks = 1;
  std::uint64_t data_end = kRunHeaderBytes;
  std::uint64_t filter_offset = 0;
  std::uint64_t index_offset = 0;
  std::uint64_t root_offset = 0;
  std::uint64_t properties_offset = 0;
  std::uint64_t footer_offset = 0;

  std::uint64_t file_bytes() const { return footer_offset + kRunFooterBytes; }
};

struct RunFooter {
  RunStats stats = {};
  RunLayout layout = {};
};

/// Space and key as one string whose byte order is the order of rows.
Bytes run_row_key(Space space, BytesView key);
/// The same into `to`, which has room for kRunSpaceBytes + key.size() bytes.
void write_run_row_key(Space space, BytesView key, char* to);
Space run_space_of(BytesView row_key);
BytesView run_key_of(BytesView row_key);

/// Negative, zero or positive as the row (`key`, `sequence`) is before, at or after the other.
int compare_run_rows(BytesView key, Sequence sequence, BytesView other_key,
                     Sequence other_sequence);

/// What seals and opens the parts of the run with this identity and key. Null when `keys` is, or
/// has no such key.
std::shared_ptr<const PlaceCipher> run_cipher(const KeyRing* keys, std::uint32_t key_id,
                                              const RunIdentity& identity);

std::uint32_t run_check_seed(const RunIdentity& identity);
/// The check of the bytes of a part that begins at `offset` of the file.
std::uint32_t run_check(std::uint32_t check_seed, std::uint64_t offset, BytesView part);

std::uint64_t run_filter_pages(std::uint64_t bloom_blocks);
/// Where a Bloom block begins, in bytes from the begin of the filter.
inline std::uint64_t run_bloom_block_at(std::uint64_t bloom_block) {
  return bloom_block / kRunBloomBlocksPerPage * kRunFilterPageBytes +
         bloom_block % kRunBloomBlocksPerPage * kBloomBlockBytes;
}

Bytes encode_run_header(const RunHeader& header);
/// `bytes`: kRunHeaderBytes.
/// Errors: corruption   no header, or a damaged one
///         unsupported  another version, or a feature unknown here
Result<RunHeader> decode_run_header(BytesView bytes);

Bytes encode_run_footer(const RunFooter& footer, std::uint32_t check_seed);
/// `bytes`: kRunFooterBytes, the last ones of a file of `file_bytes` bytes. The layout returned
/// is one that is possible within the file.
/// Errors: corruption
Result<RunFooter> decode_run_footer(BytesView bytes, std::uint64_t file_bytes,
                                    std::uint32_t check_seed);

}  // namespace talea
