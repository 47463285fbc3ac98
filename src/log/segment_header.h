// The first block of every segment file: what the file is, to which store it belongs, and the
// salt that makes its checksums its own.
//
// Format: docs/formats/segment.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "codec/format.h"
#include "crypto/key_ring.h"
#include "talea/bytes.h"
#include "talea/engine.h"
#include "talea/result.h"

namespace talea {

inline constexpr std::uint16_t kSegmentVersion = 1;
inline constexpr std::uint64_t kSegmentHeaderBytes = kFileHeaderBytes;

/// The features that this build can read.
inline constexpr std::uint32_t kFeaturesSupported = kFeatureExpiry | kFeatureLz4 |
                                                    kFeatureEncryption | kFeatureExtents |
                                                    kFeaturePrepared | kFeatureState;
/// Those that every segment with entries announces: any entry may make use of them.
inline constexpr std::uint32_t kEntryFeatures = kFeatureExpiry | kFeatureLz4 | kFeatureExtents;

struct SegmentHeader {
  SegmentKind kind = SegmentKind::log;
  std::uint32_t features = 0;
  std::uint32_t id = 0;
  Sequence first_sequence = 0;
  std::uint64_t base_now = 0;  // ms since 1970
  StoreId store_id{};
  std::array<unsigned char, 32> salt{};
  std::uint32_t key_id = 0;

  /// Mixed into every check of the segment: bytes of another segment, or of an earlier life of a
  /// recycled one, never look valid here.
  std::uint32_t check_seed() const;

  bool is_encrypted() const { return (features & kFeatureEncryption) != 0; }
  /// For a new file of a store with `keys`: names the newest of them. Null: no change.
  void encrypt(const KeyRing* keys);
  /// What opens the content. Null when it is not encrypted, or `keys` do not have its key.
  std::shared_ptr<const PlaceCipher> cipher(const KeyRing* keys) const;
  /// The same for a file that is about to be made.
  /// Errors: unavailable   its key was just let go: name the newest, and try again
  Result<std::shared_ptr<const PlaceCipher>> cipher_to_write(const KeyRing* keys) const;
};

/// The kSegmentHeaderBytes bytes of the header.
Bytes encode_segment_header(const SegmentHeader& header);

/// `block`: the first kSegmentHeaderBytes bytes of the file, or all it has.
/// Errors: corruption, unsupported; without the name of the file, which the caller adds.
Result<SegmentHeader> decode_segment_header(BytesView block);

/// "0000000017.log".
std::string segment_file_name(SegmentKind kind, std::uint32_t id);

struct SegmentFileName {
  SegmentKind kind;
  std::uint32_t id;
};
/// Nothing when `name` is not exactly a name that segment_file_name makes for an id from 1 on.
std::optional<SegmentFileName> parse_segment_file_name(const std::string& name);

}  // namespace talea
