// The index of a database: its bytes, and the look-up in them.
//
// An IndexImage is `index.idx` as it lies in the bucket, with a hash table over its rows, so that a
// key costs its row and 5 bytes:
//
//     bytes   | header | row a | row b | row c | ...
//     slots     [ - ][ c ][ - ][ a ][ b ][ - ]        where in the bytes the row begins; 0: free
//
// Slots are probed one after the other from the place that the key's hash says. An image never
// changes: who commits makes a new one, and readers and scans keep the one they began with.
//
// Format: docs/formats/s4db.md, "Index".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "bucketdb/data_file.h"
#include "bucketdb/file_name.h"
#include "talea/result.h"

namespace talea::bucketdb {

/// Where an entry lies.
struct Place {
  FileId file;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;

  std::uint64_t end() const { return offset + length; }
  bool operator==(const Place&) const = default;
};

struct IndexRow {
  BytesView key;
  Place place;
};

/// Whether an index may have so many bytes: slots refer to rows by 32 bits.
/// Errors: exhausted   above kBucketIndexBytesMax
Status check_index_bytes(std::uint64_t bytes);

/// Writes an index row by row.
class IndexWriter {
 public:
  /// `keys`: how many there are about, for memory.
  IndexWriter(BucketFormat format, std::uint64_t keys);
  void add(BytesView key, const Place& place);
  std::uint64_t size() const { return count_; }
  /// `next`: above the number of every file that was ever written.
  Bytes finish(std::uint32_t next);

 private:
  const BucketFormat format_;
  Bytes out_;
  std::uint32_t count_ = 0;
};

/// Threads: immutable.
class IndexImage {
 public:
  /// Of a database without keys.
  static std::shared_ptr<const IndexImage> empty(BucketFormat format);
  /// Errors: corruption, unsupported; exhausted   longer than kBucketIndexBytesMax
  static Result<std::shared_ptr<const IndexImage>> parse(Bytes bytes);

  BucketFormat format() const { return format_; }
  /// The number of the next new file: above all that are referred to, whatever the header says.
  std::uint32_t next() const { return next_; }
  std::uint64_t size() const { return size_; }
  std::optional<Place> find(BytesView key) const;
  /// The data files that are referred to, and how far.
  const std::map<FileId, std::uint64_t>& files() const { return files_; }
  const Bytes& bytes() const { return bytes_; }
  std::uint64_t memory_bytes() const {
    return bytes_.capacity() + slots_.capacity() * sizeof(slots_[0]);
  }

  /// Goes through the rows in their order, passing over those that a later row replaces:
  ///     for (auto at = image.begin(); image.read(at, row);) ...
  std::uint64_t begin() const;
  bool read(std::uint64_t& at, IndexRow& row) const;

 private:
  IndexImage() = default;
  IndexRow row_at(std::uint64_t at) const;
  std::uint64_t row_bytes(std::uint64_t at) const;
  Status parse_rows(std::uint64_t rows_end, std::uint32_t count);
  Status check_row(const IndexRow& row) const;
  void insert(std::uint64_t at, BytesView key);
  std::size_t slot_of(BytesView key) const;

  BucketFormat format_ = BucketFormat::v1;
  Bytes bytes_;
  std::uint64_t rows_end_ = 0;
  std::uint32_t next_ = 1;
  std::uint64_t size_ = 0;
  std::vector<std::uint32_t> slots_;
  std::map<FileId, std::uint64_t> files_;
};

}  // namespace talea::bucketdb
