// Data files: entries, one behind the other, behind a header.
//
// Pure functions of bytes. An entry's check is compared before anything in it is believed, and the
// length that a block of Snappy says it has before memory is taken for it.
//
// Format: docs/formats/s4db.md, "Data file".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "bucketdb/file_name.h"
#include "talea/bucketdb.h"
#include "talea/result.h"

namespace talea::bucketdb {

inline constexpr std::size_t kFileHeaderBytes = 9;
/// Of an entry, beside its key and its stored value.
inline constexpr std::size_t kEntryOverheadBytes = 13;

enum EntryFlag : std::uint8_t {
  kEntryTombstone = 0x01,
  kEntryRaw = 0x02,
  kEntryBytes = 0x04,
};

Bytes encode_file_header(BucketFormat format, FileId file);

struct FileHeader {
  BucketFormat format = BucketFormat::v1;
  std::uint32_t number = 0;
};
/// Errors: corruption, unsupported
Result<FileHeader> decode_file_header(BytesView file);

/// Appends the entry of a value to `out`. `key` and `value` are within their limits; of version 1 a
/// value is text.
void append_value(Bytes& out, BucketFormat format, BytesView key, BytesView value, bool is_text);
void append_tombstone(Bytes& out, BytesView key);

/// An entry where it lies, with a right check.
struct Entry {
  std::uint8_t flags = 0;
  BytesView key;
  BytesView stored_value;
  std::uint64_t bytes = 0;  // of all of it

  bool is_tombstone() const { return (flags & kEntryTombstone) != 0; }
};

/// The entry at the front of `bytes`, of a file of this version.
/// Errors: corruption    cut, or a wrong check
///         unsupported   a right check, and a flag that is unknown
Result<Entry> read_entry(BucketFormat format, BytesView bytes);

/// Errors: corruption   the block is none, or too long
Result<Bytes> value_of(const Entry& entry);

/// What read_entry() and value_of() give for the entry that an index refers to.
/// Errors: corruption   `bytes` is not exactly one entry, or that of another key, or a tombstone
Result<Bytes> value_of_entry(BucketFormat format, BytesView bytes, BytesView key);
Result<Entry> checked_entry(BucketFormat format, BytesView bytes, BytesView key);

struct Damage {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// Goes through the entries of a file, over damage: behind bytes that are no entry it looks for the
/// next one whose check is right. `damage` gets what it passed over.
/// Errors: those of the header; unsupported; those of `visit`
Status scan_file(BytesView file,
                 const std::function<Status(const Entry& entry, std::uint64_t offset)>& visit,
                 std::vector<Damage>& damage);

}  // namespace talea::bucketdb
