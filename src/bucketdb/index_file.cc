#include "bucketdb/index_file.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"
#include "codec/big_endian.h"
#include "codec/crc32.h"
#include "codec/utf8.h"

namespace talea::bucketdb {
namespace {

constexpr std::size_t kHeaderBytes = 9;
constexpr std::size_t kNextAt = 1;
constexpr std::size_t kCountAt = 5;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kKeyAt = 2;

constexpr std::size_t row_overhead(BucketFormat format) {
  return format == BucketFormat::v1 ? 18 : 22;
}

Status cut_short() { return Status::corruption("the index is cut short"); }

}  // namespace

Status check_index_bytes(std::uint64_t bytes) {
  if (bytes <= kBucketIndexBytesMax) return {};
  return Status::exhausted("an index has at most " + std::to_string(kBucketIndexBytesMax) +
                           " bytes; this one has " + std::to_string(bytes) +
                           ": use a second database, or shorter keys");
}

IndexWriter::IndexWriter(BucketFormat format, std::uint64_t keys) : format_(format) {
  constexpr std::uint64_t kKeyBytesTypical = 32;
  out_.reserve(kHeaderBytes + keys * (row_overhead(format) + kKeyBytesTypical));
  append_big_endian(out_, static_cast<std::uint8_t>(format));
  append_big_endian(out_, std::uint32_t{0});
  append_big_endian(out_, std::uint32_t{0});
}

void IndexWriter::add(BytesView key, const Place& place) {
  TALEA_ASSERT(key.size() <= kBucketKeyBytesMax);
  append_big_endian(out_, static_cast<std::uint16_t>(key.size()));
  out_ += key;
  if (format_ == BucketFormat::v1) {
    TALEA_ASSERT(place.file.writer() == 0);
    append_big_endian(out_, place.file.number());
  } else {
    append_big_endian(out_, place.file.value);
  }
  append_big_endian(out_, place.offset);
  append_big_endian(out_, place.length);
  ++count_;
}

Bytes IndexWriter::finish(std::uint32_t next) {
  store_big_endian(out_.data() + kNextAt, next);
  store_big_endian(out_.data() + kCountAt, count_);
  if (format_ == BucketFormat::v2) append_big_endian(out_, crc32(0, out_));
  return std::move(out_);
}

std::shared_ptr<const IndexImage> IndexImage::empty(BucketFormat format) {
  return parse(IndexWriter(format, 0).finish(1)).value();
}

Result<std::shared_ptr<const IndexImage>> IndexImage::parse(Bytes bytes) {
  std::shared_ptr<IndexImage> image(new IndexImage);
  image->bytes_ = std::move(bytes);
  image->bytes_.shrink_to_fit();  // it stays for long
  const BytesView all = image->bytes_;
  if (all.empty()) return cut_short();
  const auto version = static_cast<std::uint8_t>(all[0]);
  if (version != 1 && version != 2) {
    return Status::unsupported("index of version " + std::to_string(version) +
                               "; this build reads versions 1 and 2");
  }
  image->format_ = static_cast<BucketFormat>(version);
  const bool checked = image->format_ == BucketFormat::v2;
  if (all.size() < kHeaderBytes + (checked ? kCheckBytes : 0)) return cut_short();
  TALEA_TRY(check_index_bytes(all.size()));
  std::uint64_t rows_end = all.size();
  if (checked) {
    rows_end -= kCheckBytes;
    if (crc32(0, all.substr(0, rows_end)) !=
        load_big_endian<std::uint32_t>(all.data() + rows_end)) {
      return Status::corruption("the check of the index does not match");
    }
  }
  image->next_ = load_big_endian<std::uint32_t>(all.data() + kNextAt);
  TALEA_TRY(image->parse_rows(rows_end, load_big_endian<std::uint32_t>(all.data() + kCountAt)));
  return std::shared_ptr<const IndexImage>(std::move(image));
}

Status IndexImage::parse_rows(std::uint64_t rows_end, std::uint32_t count) {
  if (count > (rows_end - kHeaderBytes) / row_overhead(format_)) return cut_short();
  slots_.resize(count + count / 3 + 1);
  std::uint64_t at = kHeaderBytes;
  std::uint64_t highest = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (rows_end - at < row_overhead(format_) || rows_end - at < row_bytes(at)) return cut_short();
    const IndexRow row = row_at(at);
    TALEA_TRY(check_row(row));
    insert(at, row.key);
    if (row.place.file.writer() == 0) {
      highest = std::max<std::uint64_t>(highest, row.place.file.number());
    }
    at += row_bytes(at);
  }
  // The original passes over it. Then a flipped bit in the count would make keys vanish.
  if (at != rows_end) {
    return Status::corruption("there is something behind the last row of the index");
  }
  if (highest >= UINT32_MAX) return Status::corruption("the index refers to no possible file");
  next_ = std::max({next_, static_cast<std::uint32_t>(highest + 1), std::uint32_t{1}});
  rows_end_ = at;
  IndexRow row;
  for (std::uint64_t from = begin(); read(from, row);) {
    std::uint64_t& end = files_[row.place.file];
    end = std::max(end, row.place.end());
  }
  return {};
}

Status IndexImage::check_row(const IndexRow& row) const {
  const Place& place = row.place;
  if (!is_utf8(row.key)) return Status::corruption("a key in the index is no UTF-8");
  if (place.offset < kFileHeaderBytes || place.length < kEntryOverheadBytes + row.key.size() ||
      place.offset > UINT64_MAX - place.length || place.file.number() == 0) {
    return Status::corruption("a row of the index refers to where no entry can be");
  }
  return {};
}

std::uint64_t IndexImage::row_bytes(std::uint64_t at) const {
  return row_overhead(format_) + load_big_endian<std::uint16_t>(bytes_.data() + at);
}

IndexRow IndexImage::row_at(std::uint64_t at) const {
  const char* from = bytes_.data() + at;
  const std::size_t key_bytes = load_big_endian<std::uint16_t>(from);
  IndexRow row;
  row.key = BytesView(from + kKeyAt, key_bytes);
  from += kKeyAt + key_bytes;
  if (format_ == BucketFormat::v1) {
    row.place.file.value = load_big_endian<std::uint32_t>(from);
    from += sizeof(std::uint32_t);
  } else {
    row.place.file.value = load_big_endian<std::uint64_t>(from);
    from += sizeof(std::uint64_t);
  }
  row.place.offset = load_big_endian<std::uint64_t>(from);
  row.place.length = load_big_endian<std::uint32_t>(from + sizeof(std::uint64_t));
  return row;
}

// The slot that has the key, or the free one where it would go. A quarter of them is free.
std::size_t IndexImage::slot_of(BytesView key) const {
  const std::uint64_t hash = std::hash<BytesView>()(key);
  std::size_t slot = (hash >> 32) * slots_.size() >> 32;
  while (slots_[slot] != 0 && row_at(slots_[slot]).key != key) {
    if (++slot == slots_.size()) slot = 0;
  }
  return slot;
}

void IndexImage::insert(std::uint64_t at, BytesView key) {
  std::uint32_t& slot = slots_[slot_of(key)];
  if (slot == 0) ++size_;
  slot = static_cast<std::uint32_t>(at);
}

std::optional<Place> IndexImage::find(BytesView key) const {
  const std::uint32_t at = slots_[slot_of(key)];
  if (at == 0) return std::nullopt;
  return row_at(at).place;
}

std::uint64_t IndexImage::begin() const { return kHeaderBytes; }

bool IndexImage::read(std::uint64_t& at, IndexRow& row) const {
  while (at < rows_end_) {
    const std::uint64_t here = at;
    at += row_bytes(here);
    row = row_at(here);
    if (slots_[slot_of(row.key)] == here) return true;
  }
  return false;
}

}  // namespace talea::bucketdb
