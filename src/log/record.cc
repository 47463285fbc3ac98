#include "log/record.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/varint.h"
#include "talea/limits.h"

namespace talea {

namespace {

constexpr std::size_t kCheckBytes = 4;
// check, flags, more, sequence, now, distances to synced_through and to the record before
constexpr std::size_t kSinglePrefixBytesMax = kCheckBytes + 2 + 4 * kVarintBytesMax;
constexpr std::size_t kSingleHeaderBytesMax = kSinglePrefixBytesMax + kBodyHeaderBytesMax;
// More than any entry of a batch has before its key; fixed by the format.
constexpr std::size_t kEntryHeaderBytesMax = 66;
// No lawful record has longer entries: the limit of a batch, and what their headers add at most.
constexpr std::uint64_t kRecordBytesMax =
    kBatchInlineBytesMax + kBatchHeaderBytes + kBatchEntriesMax * kEntryHeaderBytesMax;

std::uint32_t seed_at(const SegmentContext& context, std::uint64_t offset) {
  return context.check_seed ^ static_cast<std::uint32_t>(offset);
}

// The check of a single or of an entry: what stands between the check and the body, then the CRC
// of the body.
std::uint32_t entry_check(std::uint32_t seed, BytesView prefix, std::uint32_t body_check) {
  char body_check_bytes[4];
  store_fixed(body_check_bytes, body_check);
  return crc32c(crc32c(seed, prefix), {body_check_bytes, sizeof body_check_bytes});
}

// What stands in front of the key. Returns its end; there is room for kBodyHeaderBytesMax.
char* store_body_header(const EntrySource& entry, char* to) {
  to = store_varint(to, static_cast<std::uint32_t>(entry.space));
  to = store_varint(to, entry.key.size());
  to = store_varint(to, entry.value.size());
  if (entry.claims.expiry_ms != 0) to = store_varint(to, entry.claims.expiry_ms);
  if (entry.claims.raw_value_bytes != 0) to = store_varint(to, entry.claims.raw_value_bytes);
  return to;
}

void append_body(const EntrySource& entry, Bytes& out) {
  char header[kBodyHeaderBytesMax];
  out.append(header, static_cast<std::size_t>(store_body_header(entry, header) - header));
  out += entry.key;
  out += entry.value;
}

std::uint8_t entry_flags(const EntrySource& entry, bool sealed) {
  return static_cast<std::uint8_t>(
      (entry.is_remove ? kFlagRemove : 0) | (sealed ? kFlagEncrypted : 0) |
      (entry.is_extent_list ? kFlagExtents : 0) | (entry.claims.expiry_ms != 0 ? kFlagExpiry : 0) |
      (entry.claims.raw_value_bytes != 0 ? kFlagLz4 : 0));
}

std::uint32_t position_in(const Bytes& bytes) {
  TALEA_ASSERT(bytes.size() <= UINT32_MAX);
  return static_cast<std::uint32_t>(bytes.size());
}

}  // namespace

std::uint64_t EncodedBatch::record_bytes_max() const {
  if (!single) return bytes.size() + kBatchHeaderBytes + kFollowsBytes;
  return kSinglePrefixBytesMax + single->header_bytes + single->key.size() + single->value.size() +
         (is_sealed ? kSealTagBytes : 0);
}

namespace {

EncodedBatch::Single encode_single(const EntrySource& entry, bool sealed) {
  EncodedBatch::Single single;
  single.flags = entry_flags(entry, sealed);
  single.key = entry.key;
  single.value = entry.value;
  const char* const end = store_body_header(entry, single.header);
  single.header_bytes = static_cast<std::uint8_t>(end - single.header);
  if (sealed) return single;  // its check is of what it is sealed to
  const std::uint32_t header_check = crc32c(0, {single.header, single.header_bytes});
  single.body_check = crc32c(crc32c(header_check, entry.key), entry.value);
  return single;
}

}  // namespace

EncodedBatch encode_batch(std::span<const EntrySource> entries, bool sealed) {
  TALEA_ASSERT(!entries.empty());
  EncodedBatch batch;
  batch.is_sealed = sealed;
  if (entries.size() == 1) {
    batch.single = encode_single(entries.front(), sealed);
    return batch;
  }
  batch.marks.reserve(entries.size());
  std::size_t bytes = 0;
  for (const EntrySource& entry : entries) {
    bytes += entry.key.size() + entry.value.size() + 32 + (sealed ? kSealTagBytes : 0);
  }
  batch.bytes.reserve(bytes);

  for (const EntrySource& entry : entries) {
    EncodedBatch::Mark mark{};
    mark.start = position_in(batch.bytes);
    batch.bytes.append(kCheckBytes, '\0');
    batch.bytes.push_back(static_cast<char>(entry_flags(entry, sealed) | kFlagInBatch));
    append_varint(batch.bytes, kBatchHeaderBytes + mark.start);
    mark.body = position_in(batch.bytes);
    append_body(entry, batch.bytes);
    mark.content =
        static_cast<std::uint32_t>(batch.bytes.size() - entry.key.size() - entry.value.size());
    if (sealed) batch.bytes.append(kSealTagBytes, '\0');
    mark.end = position_in(batch.bytes);
    if (!sealed) {
      mark.body_check = crc32c(0, BytesView(batch.bytes).substr(mark.body, mark.end - mark.body));
    }
    batch.marks.push_back(mark);
  }
  return batch;
}

namespace {

// The bits of `more`; those of `mask` alone.
std::uint8_t more_flags(const RecordPlace& place, unsigned mask = ~0U) {
  unsigned more = 0;
  if (place.synced_through) more |= kMoreSyncedThrough;
  if (place.follows) more |= kMoreFollows;
  return static_cast<std::uint8_t>(more & mask);
}

// What is known of a single when it gets its place: all but its body.
struct SinglePrefix {
  char bytes[kSinglePrefixBytesMax];
  std::size_t length;

  SinglePrefix(std::uint8_t flags, const RecordPlace& place, const SegmentContext& context) {
    char* end = bytes + kCheckBytes;
    const std::uint8_t more = more_flags(place);
    *end++ = static_cast<char>(flags | (more != 0 ? kFlagMore : 0));
    if (more != 0) *end++ = static_cast<char>(more);
    end = store_varint(end, place.sequence - context.first_sequence);
    end = store_varint(end, place.now - context.base_now);
    if (place.synced_through) end = store_varint(end, place.sequence - *place.synced_through);
    if (place.follows) end = store_varint(end, place.sequence - *place.follows);
    length = static_cast<std::size_t>(end - bytes);
  }

  void set_check(const RecordPlace& place, const SegmentContext& context,
                 std::uint32_t body_check) {
    store_fixed(bytes, entry_check(seed_at(context, place.offset),
                                   {bytes + kCheckBytes, length - kCheckBytes}, body_check));
  }
};

void check_place(const RecordPlace& place, const SegmentContext& context) {
  TALEA_ASSERT(place.sequence >= context.first_sequence && place.now >= context.base_now);
  TALEA_ASSERT(!place.synced_through ||
               (*place.synced_through != 0 && *place.synced_through < place.sequence));
  TALEA_ASSERT(!place.follows ||
               ((context.features & kFeaturePrepared) != 0 && *place.follows < place.sequence));
}

char* append(char* to, BytesView bytes) { return std::copy(bytes.begin(), bytes.end(), to); }

// Seals what follows at `to` of an entry that lies at `offset`; what it is bound to is in front of
// it, from `associated` on. Returns its end.
char* seal_behind(char* to, const char* associated, std::uint64_t offset,
                  const SegmentContext& context, BytesView key, BytesView value) {
  context.cipher->seal(offset, {associated, static_cast<std::size_t>(to - associated)}, key, value,
                       to);
  return to + key.size() + value.size() + kSealTagBytes;
}

std::uint32_t crc_between(const char* begin, const char* end) {
  return crc32c(0, {begin, static_cast<std::size_t>(end - begin)});
}

std::size_t write_single(const EncodedBatch::Single& single, const RecordPlace& place,
                         const SegmentContext& context, char* out,
                         std::vector<EntryExtent>& places) {
  SinglePrefix prefix(single.flags, place, context);
  char* end = out + prefix.length;
  if (context.cipher == nullptr) {
    prefix.set_check(place, context, single.body_check);
    end =
        append(append(append(end, {single.header, single.header_bytes}), single.key), single.value);
  } else {
    // `out` may be memory of the file: nothing comes there that is not sealed.
    (void)append(out, {prefix.bytes, prefix.length});
    end = seal_behind(append(end, {single.header, single.header_bytes}), out + kCheckBytes,
                      place.offset, context, single.key, single.value);
    prefix.set_check(place, context, crc_between(out + prefix.length, end));
  }
  (void)append(out, {prefix.bytes, prefix.length});
  const auto bytes = static_cast<std::size_t>(end - out);
  places.push_back({static_cast<std::uint32_t>(place.offset), static_cast<std::uint32_t>(bytes)});
  return bytes;
}

// The entries of a batch, as in EncodedBatch::bytes but for what is sealed. Returns their end.
char* seal_entries(const EncodedBatch& batch, std::uint64_t offset, const SegmentContext& context,
                   char* out) {
  char* end = out;
  for (const EncodedBatch::Mark& mark : batch.marks) {
    const BytesView plain(batch.bytes);
    char* const content = append(end, plain.substr(mark.start, mark.content - mark.start));
    end = seal_behind(content, end + kCheckBytes, offset + mark.start, context,
                      plain.substr(mark.content, mark.end - kSealTagBytes - mark.content), {});
  }
  return end;
}

std::size_t write_multiple(const EncodedBatch& batch, const RecordPlace& place,
                           const SegmentContext& context, char* out,
                           std::vector<EntryExtent>& places) {
  char* const header = out;
  std::memset(header, 0, kBatchHeaderBytes);
  char* const entries = header + kBatchHeaderBytes;
  const std::uint64_t entries_offset = place.offset + kBatchHeaderBytes;
  char* end = context.cipher == nullptr ? append(entries, batch.bytes)
                                        : seal_entries(batch, entries_offset, context, entries);
  if (place.follows) {
    store_fixed(end, *place.follows);
    end += kFollowsBytes;
  }

  std::uint32_t entries_check = 0;
  for (const EncodedBatch::Mark& mark : batch.marks) {
    const BytesView prefix(entries + mark.start + kCheckBytes,
                           mark.body - mark.start - kCheckBytes);
    char* check = entries + mark.start;
    const std::uint32_t body_check = context.cipher == nullptr
                                         ? mark.body_check
                                         : crc_between(entries + mark.body, entries + mark.end);
    store_fixed(check,
                entry_check(seed_at(context, entries_offset + mark.start), prefix, body_check));
    entries_check = crc32c(entries_check, {check, kCheckBytes});
    places.push_back(
        {static_cast<std::uint32_t>(entries_offset + mark.start), mark.end - mark.start});
  }
  if (place.follows) {
    entries_check = crc32c(entries_check, {entries + batch.bytes.size(), kFollowsBytes});
  }
  store_fixed(header + 4, std::uint8_t{kFlagBatch});
  store_fixed(header + 5, more_flags(place, kMoreFollows));
  store_fixed(header + 8, place.sequence);
  store_fixed(header + 16, place.now);
  store_fixed(header + 24, place.synced_through.value_or(0));
  store_fixed(header + 32, std::uint64_t{batch.bytes.size()});
  store_fixed(header + 40, static_cast<std::uint32_t>(batch.marks.size()));
  store_fixed(header + 44, entries_check);
  store_fixed(header, crc32c(seed_at(context, place.offset),
                             {header + kCheckBytes, kBatchHeaderBytes - kCheckBytes}));
  return static_cast<std::size_t>(end - out);
}

}  // namespace

std::size_t write_record(const EncodedBatch& batch, const RecordPlace& place,
                         const SegmentContext& context, char* out,
                         std::vector<EntryExtent>& places) {
  check_place(place, context);
  TALEA_ASSERT(place.offset + batch.record_bytes_max() <= UINT32_MAX);
  // Nothing goes unsealed to a segment that is encrypted.
  TALEA_ASSERT(batch.is_sealed == context.is_encrypted());
  TALEA_ASSERT(batch.is_sealed == (context.cipher != nullptr));
  if (batch.single) return write_single(*batch.single, place, context, out, places);
  return write_multiple(batch, place, context, out, places);
}

void finish_record(const EncodedBatch& batch, const RecordPlace& place,
                   const SegmentContext& context, Bytes& out, std::vector<EntryExtent>& places) {
  const std::size_t start = out.size();
  out.resize(start + batch.record_bytes_max());
  out.resize(start + write_record(batch, place, context, out.data() + start, places));
}

EntryExtent append_single(const EntrySource& entry, const RecordPlace& place,
                          const SegmentContext& context, Bytes& out) {
  check_place(place, context);
  TALEA_ASSERT(context.is_encrypted() == (context.cipher != nullptr));
  SinglePrefix prefix(entry_flags(entry, context.is_encrypted()), place, context);
  const std::size_t start = out.size();
  const std::size_t body = start + prefix.length;
  out.append(prefix.bytes, prefix.length);
  if (context.cipher == nullptr) {
    append_body(entry, out);
  } else {
    char header[kBodyHeaderBytesMax];
    out.append(header, static_cast<std::size_t>(store_body_header(entry, header) - header));
    const std::size_t content = out.size();
    out.resize(content + entry.key.size() + entry.value.size() + kSealTagBytes);
    (void)seal_behind(out.data() + content, out.data() + start + kCheckBytes, place.offset, context,
                      entry.key, entry.value);
  }
  prefix.set_check(place, context, crc32c(0, BytesView(out).substr(body)));
  out.replace(start, kCheckBytes, prefix.bytes, kCheckBytes);
  const std::size_t bytes = out.size() - start;
  TALEA_ASSERT(place.offset + bytes <= UINT32_MAX);
  return {static_cast<std::uint32_t>(place.offset), static_cast<std::uint32_t>(bytes)};
}

namespace {

// What stands in front of a key.
struct BodyHeader {
  std::uint64_t space = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  EntryClaims claims;
};

std::string_view check_flags(std::uint8_t flags, const SegmentContext& context) {
  if (context.is_encrypted() != ((flags & kFlagEncrypted) != 0)) {
    return context.is_encrypted() ? "it is not sealed, and all of its segment is"
                                  : "it uses a flag that its segment does not announce";
  }
  unsigned unknown = 0;
  if ((context.features & kFeatureExpiry) == 0) unknown |= kFlagExpiry;
  if ((context.features & kFeatureLz4) == 0) unknown |= kFlagLz4;
  if ((context.features & kFeatureExtents) == 0) unknown |= kFlagExtents;
  if ((flags & unknown) != 0) return "it uses a flag that its segment does not announce";
  constexpr unsigned kOfValues = kFlagExpiry | kFlagLz4 | kFlagExtents;
  if ((flags & kFlagRemove) != 0 && (flags & kOfValues) != 0) {
    return "it removes a key and says something of its value";
  }
  if ((flags & kFlagExtents) != 0 && (flags & kFlagLz4) != 0) {
    return "it compresses an extent list";
  }
  return {};
}

// The bits of `more` that a record of the segment may have.
unsigned more_flags_known(const SegmentContext& context) {
  unsigned known = kMoreSyncedThrough;
  if ((context.features & kFeaturePrepared) != 0) known |= kMoreFollows;
  return known;
}

std::string_view check_body_header(const BodyHeader& header, std::uint8_t flags) {
  if (header.space > UINT32_MAX) return "its space is out of range";
  if (header.key_bytes < kKeyBytesMin || header.key_bytes > kStoredKeyBytesMax) {
    return "its key length is out of range";
  }
  if (header.value_bytes > kBatchInlineBytesMax) return "its value length is out of range";
  if ((flags & kFlagRemove) != 0 && header.value_bytes != 0) {
    return "it removes a key and has a value";
  }
  const EntryClaims& claims = header.claims;
  if ((flags & kFlagExpiry) != 0 && claims.expiry_ms == 0) return "its expiry is out of range";
  if ((flags & kFlagLz4) != 0 && (claims.raw_value_bytes <= header.value_bytes ||
                                  claims.raw_value_bytes > kInlineValueBytesMax)) {
    return "its length before compression is out of range";
  }
  return {};
}

bool take_body_header(BytesView& from, std::uint8_t flags, BodyHeader& header) {
  return take_varint(from, header.space) && take_varint(from, header.key_bytes) &&
         take_varint(from, header.value_bytes) &&
         ((flags & kFlagExpiry) == 0 || take_varint(from, header.claims.expiry_ms)) &&
         ((flags & kFlagLz4) == 0 || take_varint(from, header.claims.raw_value_bytes));
}

// Behind the value.
std::size_t tag_bytes(std::uint8_t flags) {
  return (flags & kFlagEncrypted) != 0 ? kSealTagBytes : 0;
}

// Opens the content of the entry at the front of `bytes`, which has passed its check, into
// `opened`, and returns it; nothing when it is not what was sealed there. In a segment that is not
// encrypted, or whose key is not known, the content as it is.
std::optional<BytesView> open_content(BytesView bytes, std::size_t content_start,
                                      const BodyHeader& header, std::uint64_t offset,
                                      const SegmentContext& context, char* opened) {
  const std::size_t content_bytes = header.key_bytes + header.value_bytes;
  if (context.cipher == nullptr) return bytes.substr(content_start, content_bytes);
  const bool is_genuine =
      context.cipher->open(offset, bytes.substr(kCheckBytes, content_start - kCheckBytes),
                           bytes.substr(content_start, content_bytes + kSealTagBytes), opened);
  if (!is_genuine) return std::nullopt;
  return BytesView(opened, content_bytes);
}

constexpr std::string_view kForged =
    "its check is right, and it was not sealed here with this key: somebody changed it, or KEYS is "
    "of another copy of the store";

void fill_entry(const BodyHeader& header, std::uint8_t flags, BytesView content, EntryView& out) {
  out.space = static_cast<Space>(header.space);
  out.key = content.substr(0, header.key_bytes);
  out.value = content.substr(header.key_bytes, header.value_bytes);
  out.is_remove = (flags & kFlagRemove) != 0;
  out.is_extent_list = (flags & kFlagExtents) != 0;
  out.claims = header.claims;
}

RecordDecode bad(std::string_view problem) {
  return {.outcome = DecodeOutcome::bad,
          .bytes_needed = 0,
          .problem = problem,
          .is_forged = problem == kForged};
}
RecordDecode need(std::uint64_t bytes) {
  return {.outcome = DecodeOutcome::need_more, .bytes_needed = bytes, .problem = "it is cut short"};
}

// A failed take_varint is lack of bytes when the longest header would not have fitted, and
// nonsense otherwise.
RecordDecode malformed(BytesView bytes) {
  if (bytes.size() < kSingleHeaderBytesMax) return need(bytes.size() + 1);
  return bad("its header is malformed");
}

// The header of a single, parsed; nothing of it is checked.
struct SingleHeader {
  std::uint8_t flags = 0;
  Sequence sequence = 0;
  std::uint64_t now = 0;
  std::optional<Sequence> synced_through;
  std::optional<Sequence> follows;
  BodyHeader body;
  std::size_t body_start = 0;
  std::size_t content_start = 0;
  std::uint64_t bytes = 0;  // of the whole record
};

RecordDecode parse_single(BytesView bytes, const SegmentContext& context, SingleHeader& out) {
  if (bytes.size() < kCheckBytes + 1) return need(kCheckBytes + 1);
  const auto flags = load_fixed<std::uint8_t>(bytes.data() + kCheckBytes);
  if ((flags & (kFlagBatch | kFlagInBatch)) != 0) return bad("it is no single");
  if (const auto problem = check_flags(flags, context); !problem.empty()) return bad(problem);
  BytesView rest = bytes.substr(kCheckBytes + 1);
  std::uint8_t more = 0;
  if ((flags & kFlagMore) != 0) {
    if (rest.empty()) return need(bytes.size() + 1);
    more = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
    if (more == 0 || (more & ~more_flags_known(context)) != 0) {
      return bad("it uses a flag that its segment does not announce");
    }
  }
  std::uint64_t sequence_delta = 0;
  std::uint64_t now_delta = 0;
  std::uint64_t synced_distance = 0;
  std::uint64_t follows_distance = 0;
  if (!take_varint(rest, sequence_delta) || !take_varint(rest, now_delta)) return malformed(bytes);
  if ((more & kMoreSyncedThrough) != 0 && !take_varint(rest, synced_distance)) {
    return malformed(bytes);
  }
  if ((more & kMoreFollows) != 0 && !take_varint(rest, follows_distance)) return malformed(bytes);
  out.body_start = bytes.size() - rest.size();
  if (!take_body_header(rest, flags, out.body)) return malformed(bytes);
  out.content_start = bytes.size() - rest.size();
  if (const auto problem = check_body_header(out.body, flags); !problem.empty()) {
    return bad(problem);
  }
  if (sequence_delta > UINT64_MAX - context.first_sequence ||
      now_delta > UINT64_MAX - context.base_now) {
    return bad("its sequence or time is out of range");
  }
  out.flags = flags;
  out.sequence = context.first_sequence + sequence_delta;
  out.now = context.base_now + now_delta;
  if ((more & kMoreSyncedThrough) != 0) {
    if (synced_distance == 0 || synced_distance >= out.sequence) {
      return bad("it claims that a batch is durable which is not before it");
    }
    out.synced_through = out.sequence - synced_distance;
  }
  if ((more & kMoreFollows) != 0) {
    if (follows_distance == 0 || follows_distance > out.sequence) {
      return bad("it follows a batch which is not before it");
    }
    out.follows = out.sequence - follows_distance;
  }
  out.bytes = out.content_start + out.body.key_bytes + out.body.value_bytes + tag_bytes(flags);
  return {.outcome = DecodeOutcome::ok, .bytes_needed = 0, .problem = {}};
}

bool single_matches(BytesView bytes, std::size_t body_start, std::uint64_t offset,
                    const SegmentContext& context, std::uint32_t body_check) {
  const BytesView prefix = bytes.substr(kCheckBytes, body_start - kCheckBytes);
  return entry_check(seed_at(context, offset), prefix, body_check) ==
         load_fixed<std::uint32_t>(bytes.data());
}

RecordDecode decode_single(BytesView bytes, std::uint64_t offset, const SegmentContext& context,
                           RecordView& out) {
  SingleHeader header;
  const RecordDecode parsed = parse_single(bytes, context, header);
  if (parsed.outcome != DecodeOutcome::ok) return parsed;
  if (header.bytes > bytes.size()) return need(header.bytes);
  const std::uint32_t body_check =
      crc32c(0, bytes.substr(header.body_start, header.bytes - header.body_start));
  if (!single_matches(bytes, header.body_start, offset, context, body_check)) {
    return bad("its check does not match");
  }
  out.sequence = header.sequence;
  out.now = header.now;
  out.synced_through = header.synced_through;
  out.follows = header.follows;
  out.bytes = header.bytes;
  char* opened = nullptr;
  if (context.cipher != nullptr) {
    opened = out.opened.make(header.body.key_bytes + header.body.value_bytes);
  }
  const auto content =
      open_content(bytes, header.content_start, header.body, offset, context, opened);
  if (!content) return bad(kForged);
  EntryView entry;
  fill_entry(header.body, header.flags, *content, entry);
  entry.sequence = out.sequence;
  entry.place = {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(out.bytes)};
  out.entries.push_back(entry);
  return {.outcome = DecodeOutcome::ok, .bytes_needed = 0, .problem = {}};
}

// An entry of a batch at the front of `bytes`. Returns its length, 0 when it is bad. `opened` has
// room for as many bytes, if the context has a cipher.
std::uint64_t decode_batch_entry(BytesView bytes, std::uint64_t offset,
                                 const SegmentContext& context, char* opened, EntryView& out,
                                 std::string_view& problem) {
  problem = "an entry of it is cut short or malformed";
  if (bytes.size() < kCheckBytes + 1) return 0;
  const auto flags = load_fixed<std::uint8_t>(bytes.data() + kCheckBytes);
  if ((flags & kFlagInBatch) == 0 || (flags & (kFlagBatch | kFlagMore)) != 0) return 0;
  if (const auto flaw = check_flags(flags, context); !flaw.empty()) return problem = flaw, 0;
  BytesView rest = bytes.substr(kCheckBytes + 1);
  if (!take_varint(rest, out.header_distance) || out.header_distance < kBatchHeaderBytes) return 0;
  const std::size_t body_start = bytes.size() - rest.size();
  BodyHeader header;
  if (!take_body_header(rest, flags, header)) return 0;
  if (const auto flaw = check_body_header(header, flags); !flaw.empty()) return problem = flaw, 0;
  const std::size_t content_start = bytes.size() - rest.size();
  const std::uint64_t total =
      content_start + header.key_bytes + header.value_bytes + tag_bytes(flags);
  if (total > bytes.size()) return 0;
  const std::uint32_t body_check = crc32c(0, bytes.substr(body_start, total - body_start));
  if (entry_check(seed_at(context, offset), bytes.substr(kCheckBytes, body_start - kCheckBytes),
                  body_check) != load_fixed<std::uint32_t>(bytes.data())) {
    return problem = "the check of an entry does not match", 0;
  }
  const auto content = open_content(bytes, content_start, header, offset, context, opened);
  if (!content) return problem = kForged, 0;
  fill_entry(header, flags, *content, out);
  out.place = {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(total)};
  return total;
}

struct BatchHeader {
  Sequence sequence = 0;
  std::uint64_t now = 0;
  Sequence synced_through = 0;  // 0: says nothing
  std::uint64_t entries_bytes = 0;
  std::uint32_t count = 0;
  std::uint32_t entries_check = 0;
  bool has_follows = false;
};

// The batch header at the front of `bytes`, kBatchHeaderBytes at least. Returns what is wrong.
std::string_view parse_batch_header(BytesView bytes, std::uint64_t offset,
                                    const SegmentContext& context, BatchHeader& out) {
  const char* at = bytes.data();
  if (crc32c(seed_at(context, offset),
             bytes.substr(kCheckBytes, kBatchHeaderBytes - kCheckBytes)) !=
      load_fixed<std::uint32_t>(at)) {
    return "its check does not match";
  }
  const auto more = load_fixed<std::uint8_t>(at + 5);
  const unsigned more_known = more_flags_known(context) & kMoreFollows;
  if (load_fixed<std::uint8_t>(at + 4) != kFlagBatch || (more & ~more_known) != 0) {
    return "it uses a flag that its segment does not announce";
  }
  out.has_follows = more != 0;
  out.sequence = load_fixed<std::uint64_t>(at + 8);
  out.now = load_fixed<std::uint64_t>(at + 16);
  out.synced_through = load_fixed<std::uint64_t>(at + 24);
  out.entries_bytes = load_fixed<std::uint64_t>(at + 32);
  out.count = load_fixed<std::uint32_t>(at + 40);
  out.entries_check = load_fixed<std::uint32_t>(at + 44);
  if (load_fixed<std::uint16_t>(at + 6) != 0 || out.count == 0 || out.count > kBatchEntriesMax ||
      out.entries_bytes > kRecordBytesMax || out.sequence < context.first_sequence ||
      out.now < context.base_now || out.synced_through >= out.sequence) {
    return "its batch header is valid and makes no sense";
  }
  return {};
}

RecordDecode decode_multiple(BytesView bytes, std::uint64_t offset, const SegmentContext& context,
                             RecordView& out) {
  if (bytes.size() < kBatchHeaderBytes) return need(kBatchHeaderBytes);
  BatchHeader header;
  if (const auto problem = parse_batch_header(bytes, offset, context, header); !problem.empty()) {
    return bad(problem);
  }
  out.sequence = header.sequence;
  out.now = header.now;
  if (header.synced_through != 0) out.synced_through = header.synced_through;
  const std::uint64_t entries_end = kBatchHeaderBytes + header.entries_bytes;
  out.bytes = entries_end + (header.has_follows ? kFollowsBytes : 0);
  if (out.bytes > bytes.size()) return need(out.bytes);

  BytesView rest = bytes.substr(kBatchHeaderBytes, header.entries_bytes);
  std::uint32_t entries_check = 0;
  char* opened = context.cipher == nullptr ? nullptr : out.opened.make(rest.size());
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const std::uint64_t distance = entries_end - rest.size();
    EntryView entry;
    std::string_view problem;
    const std::uint64_t entry_bytes =
        decode_batch_entry(rest, offset + distance, context, opened, entry, problem);
    if (entry_bytes == 0) return bad(problem);
    if (entry.header_distance != distance) return bad("an entry of it belongs to another batch");
    entries_check = crc32c(entries_check, rest.substr(0, kCheckBytes));
    rest.remove_prefix(entry_bytes);
    if (opened != nullptr) opened += entry.key.size() + entry.value.size();
    out.entries.push_back(entry);
  }
  if (!rest.empty()) return bad("its entries do not fill it");
  if (header.has_follows) {
    const BytesView follows = bytes.substr(entries_end, kFollowsBytes);
    entries_check = crc32c(entries_check, follows);
    out.follows = load_fixed<Sequence>(follows.data());
  }
  if (entries_check != header.entries_check) {
    return bad("the check over its entries does not match");
  }
  if (out.follows && *out.follows >= out.sequence) {
    return bad("it follows a batch which is not before it");
  }
  return {.outcome = DecodeOutcome::ok, .bytes_needed = 0, .problem = {}};
}

}  // namespace

RecordDecode decode_record(BytesView bytes, std::uint64_t offset, const SegmentContext& context,
                           RecordView& out) {
  out.entries.clear();
  out.synced_through.reset();
  out.follows.reset();
  out.bytes = 0;
  if (bytes.size() < kCheckBytes + 1) return need(kCheckBytes + 1);
  const auto flags = load_fixed<std::uint8_t>(bytes.data() + kCheckBytes);
  if ((flags & kFlagInBatch) != 0) return bad("it begins inside a batch");
  if ((flags & kFlagBatch) != 0) {
    if (flags != kFlagBatch) return bad("it uses a flag that its segment does not announce");
    return decode_multiple(bytes, offset, context, out);
  }
  return decode_single(bytes, offset, context, out);
}

std::optional<SingleOutline> outline_single(BytesView bytes, const SegmentContext& context) {
  SingleHeader header;
  if (parse_single(bytes, context, header).outcome != DecodeOutcome::ok) return std::nullopt;
  return SingleOutline{.body = header.body_start, .bytes = header.bytes};
}

bool single_check_matches(BytesView bytes, const SingleOutline& outline, std::uint64_t offset,
                          const SegmentContext& context, std::uint32_t body_check) {
  return single_matches(bytes, outline.body, offset, context, body_check);
}

std::optional<EntryView> decode_entry(BytesView bytes, std::uint64_t offset,
                                      const SegmentContext& context, std::string_view& problem,
                                      OpenedBytes* opened) {
  TALEA_ASSERT(context.cipher == nullptr || opened != nullptr);
  problem = "the entry is cut short";
  if (bytes.size() < kCheckBytes + 1) return std::nullopt;
  if ((load_fixed<std::uint8_t>(bytes.data() + kCheckBytes) & kFlagInBatch) != 0) {
    EntryView entry;
    char* const into = context.cipher == nullptr ? nullptr : opened->make(bytes.size());
    const std::uint64_t used = decode_batch_entry(bytes, offset, context, into, entry, problem);
    if (used == bytes.size()) return entry;
    if (used != 0) problem = "the entry is shorter than the index says";
    return std::nullopt;
  }
  RecordView record;
  const RecordDecode decoded = decode_record(bytes, offset, context, record);
  if (decoded.outcome == DecodeOutcome::ok && record.bytes == bytes.size() &&
      record.entries.size() == 1) {
    if (opened != nullptr) *opened = std::move(record.opened);
    return record.entries.front();
  }
  if (!decoded.problem.empty()) problem = decoded.problem;
  return std::nullopt;
}

std::optional<Sequence> decode_batch_sequence(BytesView bytes, std::uint64_t offset,
                                              const SegmentContext& context) {
  BatchHeader header;
  if (bytes.size() < kBatchHeaderBytes ||
      !parse_batch_header(bytes, offset, context, header).empty()) {
    return std::nullopt;
  }
  return header.sequence;
}

}  // namespace talea
