// Records: how a batch lies in a log segment, and an entry inside it.
//
// A batch of one operation is a *single*, in the shortest form there is:
//
//     check | flags | sequence | now | space | key length | value length | key | value
//
// A longer one is a batch header and its entries, each with a check of its own, because a location
// in the index points at an entry and reads no more than that:
//
//     header: check | flags | ... | sequence | now | count | check of the checks | length
//     entry:  check | flags | distance back to the header | space | ... | key | value
//
// Encoding has two halves. encode_batch() does all that is proportional to the data and needs no
// lock: lengths, copies, the CRC of each body. finish_record() adds what is known only when the
// batch gets its place: sequence, time, offset and the segment's seed. The check is therefore
// the CRC of the few bytes in front of the body followed by the *CRC of the body*.
//
// Format: docs/formats/log.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "codec/varint.h"
#include "crypto/place_cipher.h"
#include "log/opened_bytes.h"
#include "log/segment_header.h"
#include "talea/batch.h"

namespace talea {

/// Flag bits of a record and of an entry.
enum RecordFlag : std::uint8_t {
  kFlagBatch = 0x01,      // a batch header; without it and kFlagInBatch, a single
  kFlagRemove = 0x02,     // the key is removed; there is no value
  kFlagExpiry = 0x04,     // an expiry follows the lengths
  kFlagLz4 = 0x08,        // the value is compressed; its raw length follows these
  kFlagEncrypted = 0x10,  // key and value are sealed; the tag ends the entry
  kFlagExtents = 0x20,    // the value is an extent list
  kFlagMore = 0x40,       // a byte of MoreFlag bits follows the flags
  kFlagInBatch = 0x80,    // an entry of a batch
};
enum MoreFlag : std::uint8_t {
  kMoreSyncedThrough = 0x01,
  kMoreHashLink = 0x02,
  kMoreFollows = 0x04,
};

inline constexpr std::size_t kBatchHeaderBytes = 48;
/// Space, key length, value length, expiry, and the length before compression.
inline constexpr std::size_t kBodyHeaderBytesMax = 5 * kVarintBytesMax;
/// Ends an entry whose key and value are sealed.
inline constexpr std::size_t kSealTagBytes = PlaceCipher::kTagBytes;
/// Behind the entries of a batch that says which record it follows: the first of a segment.
inline constexpr std::size_t kFollowsBytes = 8;

/// What makes the bytes of one segment mean what they mean.
struct SegmentContext {
  std::uint32_t check_seed = 0;
  std::uint32_t features = 0;
  Sequence first_sequence = 0;
  std::uint64_t base_now = 0;
  /// Of an encrypted segment. Without it records can be found and checked, and not read.
  std::shared_ptr<const PlaceCipher> cipher;

  explicit SegmentContext(const SegmentHeader& header,
                          std::shared_ptr<const PlaceCipher> with = nullptr)
      : check_seed(header.check_seed()),
        features(header.features),
        first_sequence(header.first_sequence),
        base_now(header.base_now),
        cipher(std::move(with)) {}

  bool is_encrypted() const { return (features & kFeatureEncryption) != 0; }
};

/// What an entry may say of its value besides.
struct EntryClaims {
  friend bool operator==(const EntryClaims&, const EntryClaims&) = default;

  /// When the key expires, in milliseconds since 1970; 0: never.
  std::uint64_t expiry_ms = 0;
  /// Length of the value before it was compressed; 0: it is not.
  std::uint64_t raw_value_bytes = 0;
};

/// One operation as it is to be stored: views into a Batch.
struct EntrySource {
  Space space = Space::user;
  BytesView key = {};
  BytesView value = {};
  bool is_remove = false;
  bool is_extent_list = false;
  EntryClaims claims = {};
};

/// A batch on its way to the log: everything but its place. A single is not copied before it has
/// one: it refers to the key and value of its EntrySource, which must last as long.
struct EncodedBatch {
  struct Mark {
    std::uint32_t start;       // of the entry, in `bytes`
    std::uint32_t body;        // of its body, in `bytes`
    std::uint32_t content;     // of its key, in `bytes`
    std::uint32_t end;         // of the entry, in `bytes`
    std::uint32_t body_check;  // CRC of bytes [body, end); not of one that is to be sealed
  };
  struct Single {
    std::uint8_t flags = 0;
    std::uint8_t header_bytes = 0;  // in front of the key, in the body
    char header[kBodyHeaderBytesMax] = {};
    std::uint32_t body_check = 0;
    BytesView key;
    BytesView value;
  };
  std::optional<Single> single;
  /// It goes to an encrypted segment: keys and values are sealed when they get their place.
  bool is_sealed = false;
  // Of any other batch: the entries, their checks and tags still zero.
  Bytes bytes;
  std::vector<Mark> marks;

  /// Bytes of the record, at most; its exact size depends on its place.
  std::uint64_t record_bytes_max() const;
};

/// The part of encoding that needs no lock. `entries`: at least one, within limits.h; keys of
/// internal spaces up to kStoredKeyBytesMax. `sealed`: for segments that are encrypted.
EncodedBatch encode_batch(std::span<const EntrySource> entries, bool sealed = false);

/// The place of a batch.
struct RecordPlace {
  Sequence sequence = 0;
  std::uint64_t now = 0;
  std::uint64_t offset = 0;                     // in the segment
  std::optional<Sequence> synced_through = {};  // 1 to sequence - 1; written when given
  /// The sequence of the record before it in the log, 0 for none; for the first record of a segment
  /// that announces kFeaturePrepared. Written when given.
  std::optional<Sequence> follows = {};
};

/// Where an entry lies, from the start of its segment.
struct EntryExtent {
  std::uint32_t offset;
  std::uint32_t bytes;
};

/// Writes the finished record at `out`, which has room for record_bytes_max(), and appends the
/// places of its entries, in order, to `places`. Returns its length.
std::size_t write_record(const EncodedBatch& batch, const RecordPlace& place,
                         const SegmentContext& context, char* out,
                         std::vector<EntryExtent>& places);

/// Appends the finished record to `out` and the places of its entries, in order, to `places`.
void finish_record(const EncodedBatch& batch, const RecordPlace& place,
                   const SegmentContext& context, Bytes& out, std::vector<EntryExtent>& places);

/// Appends `entry` to `out` as a single at `place`, and returns where it lies; for whoever copies
/// entries one by one. The limits and places of encode_batch() and finish_record() hold.
/// Cost: one copy and one CRC of the entry; no memory but for `out`.
EntryExtent append_single(const EntrySource& entry, const RecordPlace& place,
                          const SegmentContext& context, Bytes& out);

/// An entry, decoded; views into the bytes it was decoded from, or into those that were opened.
struct EntryView {
  Space space = Space::user;
  BytesView key;
  BytesView value;
  bool is_remove = false;
  bool is_extent_list = false;
  EntryClaims claims = {};
  /// A single carries its sequence; an entry of a batch the distance back to its header.
  std::optional<Sequence> sequence;
  std::uint64_t header_distance = 0;
  EntryExtent place{};
};

/// The entry as it is to be stored again.
inline EntrySource source_of(const EntryView& entry) {
  return {entry.space, entry.key, entry.value, entry.is_remove, entry.is_extent_list, entry.claims};
}

/// A record, decoded and checked.
struct RecordView {
  Sequence sequence = 0;
  std::uint64_t now = 0;
  std::optional<Sequence> synced_through;
  std::optional<Sequence> follows;
  std::uint64_t bytes = 0;
  std::vector<EntryView> entries;
  /// Of an encrypted segment: what the views of the entries point into.
  OpenedBytes opened;
};

enum class DecodeOutcome {
  ok,
  need_more,  // the record goes on beyond the bytes given
  bad,        // no record: `problem` says why
};

struct RecordDecode {
  DecodeOutcome outcome = DecodeOutcome::bad;
  std::uint64_t bytes_needed = 0;  // with need_more: with fewer it will not be decoded either
  std::string_view problem;        // a literal
  bool is_forged = false;          // bad, though no accident makes it: its seal is not ours
};

/// Decodes the record at the front of `bytes`, which lies at `offset` of its segment. Reads
/// nothing outside `bytes`; allocates nothing that the bytes given do not pay for. A `context` of
/// an encrypted segment without its cipher: keys and values are left as they are stored.
RecordDecode decode_record(BytesView bytes, std::uint64_t offset, const SegmentContext& context,
                           RecordView& out);

/// What the header of a single says, before anything is checked.
struct SingleOutline {
  std::uint64_t body = 0;   // where its body begins
  std::uint64_t bytes = 0;  // of the whole record
};

/// For a search through bytes that are no records, in which a check is to cost less than the length
/// that some header happens to claim: the outline of the single at the front of `bytes`, nothing
/// if none can begin there or its header is cut short.
std::optional<SingleOutline> outline_single(BytesView bytes, const SegmentContext& context);

/// Whether that single passes its check, if `body_check` is the CRC of its body. `bytes` holds its
/// header at least.
bool single_check_matches(BytesView bytes, const SingleOutline& outline, std::uint64_t offset,
                          const SegmentContext& context, std::uint32_t body_check);

/// Decodes and checks one entry (or single), alone. `bytes` is exactly the entry.
/// `problem` is set when nothing is returned. `opened` gets what was
/// sealed; a context with a cipher needs it.
std::optional<EntryView> decode_entry(BytesView bytes, std::uint64_t offset,
                                      const SegmentContext& context, std::string_view& problem,
                                      OpenedBytes* opened = nullptr);

/// The sequence in the batch header at the front of `bytes` (kBatchHeaderBytes of them).
std::optional<Sequence> decode_batch_sequence(BytesView bytes, std::uint64_t offset,
                                              const SegmentContext& context);

}  // namespace talea
