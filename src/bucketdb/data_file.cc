#include "bucketdb/data_file.h"

#include <snappy.h>

#include <algorithm>

#include "base/assert.h"
#include "codec/big_endian.h"
#include "codec/crc32.h"
#include "codec/utf8.h"

namespace talea::bucketdb {
namespace {

constexpr BytesView kMagic = "S4DB";
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kNumberAt = 5;
constexpr std::size_t kEntryHeadBytes = 9;
constexpr std::size_t kCrcBytes = 4;
// A copy of Snappy's makes at most 64 bytes, of 2 and more.
constexpr std::uint64_t kExpansionMax = 64;

std::uint8_t known_flags(BucketFormat format) {
  return format == BucketFormat::v1 ? kEntryTombstone : kEntryTombstone | kEntryRaw | kEntryBytes;
}

void append_entry(Bytes& out, std::uint8_t flags, BytesView key, BytesView stored_value) {
  TALEA_ASSERT(key.size() <= kBucketKeyBytesMax && stored_value.size() <= UINT32_MAX);
  const std::size_t start = out.size();
  append_big_endian(out, flags);
  append_big_endian(out, static_cast<std::uint32_t>(key.size()));
  append_big_endian(out, static_cast<std::uint32_t>(stored_value.size()));
  out += key;
  out += stored_value;
  append_big_endian(out, crc32(0, BytesView(out).substr(start)));
}

// How long the entry at the front says it is; nothing when it cannot be.
std::optional<std::uint64_t> entry_bytes(BytesView bytes) {
  if (bytes.size() < kEntryOverheadBytes) return std::nullopt;
  const std::uint64_t key_bytes = load_big_endian<std::uint32_t>(bytes.data() + 1);
  const std::uint64_t value_bytes = load_big_endian<std::uint32_t>(bytes.data() + 5);
  const std::uint64_t all = kEntryOverheadBytes + key_bytes + value_bytes;
  if (key_bytes > kBucketKeyBytesMax || all > bytes.size()) return std::nullopt;
  return all;
}

Status no_entry() {
  return Status::corruption("there is no entry: it is cut, or its check is wrong");
}

}  // namespace

Bytes encode_file_header(BucketFormat format, FileId file) {
  Bytes out(kMagic);
  append_big_endian(out, static_cast<std::uint8_t>(format));
  append_big_endian(out, file.number());
  return out;
}

Result<FileHeader> decode_file_header(BytesView file) {
  if (file.size() < kFileHeaderBytes || !file.starts_with(kMagic)) {
    return Status::corruption("it does not begin as a data file of s4db");
  }
  const auto version = static_cast<std::uint8_t>(file[kVersionAt]);
  if (version != 1 && version != 2) {
    return Status::unsupported("data file of version " + std::to_string(version) +
                               "; this build reads versions 1 and 2");
  }
  return FileHeader{static_cast<BucketFormat>(version),
                    load_big_endian<std::uint32_t>(file.data() + kNumberAt)};
}

void append_value(Bytes& out, BucketFormat format, BytesView key, BytesView value, bool is_text) {
  TALEA_ASSERT(is_text || format == BucketFormat::v2);
  std::string block;
  snappy::Compress(value.data(), value.size(), &block);
  std::uint8_t flags = 0;
  if (format == BucketFormat::v2 && block.size() >= value.size()) flags |= kEntryRaw;
  if (!is_text) flags |= kEntryBytes;
  append_entry(out, flags, key, (flags & kEntryRaw) != 0 ? value : block);
}

void append_tombstone(Bytes& out, BytesView key) { append_entry(out, kEntryTombstone, key, {}); }

Result<Entry> read_entry(BucketFormat format, BytesView bytes) {
  const auto all = entry_bytes(bytes);
  if (!all.has_value()) return no_entry();
  const BytesView checked = bytes.substr(0, *all - kCrcBytes);
  if (crc32(0, checked) != load_big_endian<std::uint32_t>(checked.data() + checked.size())) {
    return no_entry();
  }
  Entry entry;
  entry.flags = static_cast<std::uint8_t>(bytes[0]);
  if ((entry.flags & ~known_flags(format)) != 0) {
    return Status::unsupported("an entry with flags " + std::to_string(entry.flags) +
                               ", which this build does not know in a file of version " +
                               std::to_string(static_cast<int>(format)));
  }
  const std::uint64_t key_bytes = load_big_endian<std::uint32_t>(bytes.data() + 1);
  entry.key = checked.substr(kEntryHeadBytes, key_bytes);
  entry.stored_value = checked.substr(kEntryHeadBytes + key_bytes);
  entry.bytes = *all;
  return entry;
}

Result<Bytes> value_of(const Entry& entry) {
  const BytesView stored = entry.stored_value;
  Bytes value;
  if ((entry.flags & kEntryRaw) != 0) {
    value = stored;
  } else {
    std::size_t bytes = 0;
    if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &bytes) ||
        bytes > kExpansionMax * stored.size()) {
      return Status::corruption("its check is right, and its value is no block of Snappy");
    }
    value.resize(bytes);
    if (!snappy::RawUncompress(stored.data(), stored.size(), value.data())) {
      return Status::corruption("its check is right, and its value is no block of Snappy");
    }
  }
  if ((entry.flags & kEntryBytes) == 0 && !is_utf8(value)) {
    return Status::corruption("its check is right, and its value is text that is no UTF-8");
  }
  return value;
}

Result<Entry> checked_entry(BucketFormat format, BytesView bytes, BytesView key) {
  const Entry entry = TALEA_TRY(read_entry(format, bytes));
  if (entry.bytes != bytes.size()) return Status::corruption("an entry of another length is there");
  if (entry.key != key) return Status::corruption("the entry of another key is there");
  if (entry.is_tombstone()) return Status::corruption("a tombstone is there");
  return entry;
}

Result<Bytes> value_of_entry(BucketFormat format, BytesView bytes, BytesView key) {
  return value_of(TALEA_TRY(checked_entry(format, bytes, key)));
}

Status scan_file(BytesView file,
                 const std::function<Status(const Entry& entry, std::uint64_t offset)>& visit,
                 std::vector<Damage>& damage) {
  const FileHeader header = TALEA_TRY(decode_file_header(file));
  std::uint64_t offset = kFileHeaderBytes;
  std::uint64_t intact_end = offset;
  while (offset < file.size()) {
    const auto entry = read_entry(header.format, file.substr(offset));
    if (!entry.ok()) {
      if (entry.status().code() != Code::corruption) return entry.status();
      ++offset;
      continue;
    }
    if (offset > intact_end) damage.push_back({intact_end, offset - intact_end});
    TALEA_TRY(visit(*entry, offset));
    offset += entry->bytes;
    intact_end = offset;
  }
  if (file.size() > intact_end) damage.push_back({intact_end, file.size() - intact_end});
  return {};
}

}  // namespace talea::bucketdb
