// Bytes of a bucket: as an index, as a data file, and as an entry. What is read is read again from
// what we write of it.
#include <cstdint>

#include "base/assert.h"
#include "bucketdb/data_file.h"
#include "bucketdb/index_file.h"
#include "codec/big_endian.h"
#include "codec/crc32.h"

namespace talea::bucketdb {
namespace {

bool is_refusal(Code code) { return code == Code::corruption || code == Code::unsupported; }

void read_index(const Bytes& bytes) {
  const auto image = IndexImage::parse(bytes);
  if (!image.ok()) return TALEA_ASSERT(is_refusal(image.status().code()));
  IndexWriter writer((*image)->format(), (*image)->size());
  IndexRow row;
  for (auto at = (*image)->begin(); (*image)->read(at, row);) writer.add(row.key, row.place);
  TALEA_ASSERT(writer.size() == (*image)->size());
  const auto again = IndexImage::parse(writer.finish((*image)->next()));
  TALEA_ASSERT(again.ok() && (*again)->files() == (*image)->files());
  for (auto at = (*image)->begin(); (*image)->read(at, row);) {
    TALEA_ASSERT((*again)->find(row.key) == row.place);
  }
}

void read_file(BytesView bytes) {
  std::vector<Damage> damage;
  std::uint64_t covered = kFileHeaderBytes;
  const Status status = scan_file(
      bytes,
      [&](const Entry& entry, std::uint64_t) {
        covered += entry.bytes;
        const auto value = value_of(entry);
        TALEA_ASSERT(value.ok() || value.status().code() == Code::corruption);
        return Status();
      },
      damage);
  if (!status.ok()) return TALEA_ASSERT(is_refusal(status.code()));
  for (const Damage& one : damage) covered += one.bytes;
  TALEA_ASSERT(covered == bytes.size());
}

void read_value(BucketFormat format, BytesView bytes) {
  const auto entry = read_entry(format, bytes);
  if (!entry.ok()) return TALEA_ASSERT(is_refusal(entry.status().code()));
  const auto value = value_of_entry(format, bytes.substr(0, entry->bytes), entry->key);
  TALEA_ASSERT(value.ok() || value.status().code() == Code::corruption);
}

}  // namespace
}  // namespace talea::bucketdb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace talea::bucketdb;
  talea::Bytes bytes(reinterpret_cast<const char*>(data), size);
  read_index(bytes);
  read_file(bytes);
  for (const auto format : {talea::BucketFormat::v1, talea::BucketFormat::v2}) {
    read_value(format, bytes);
  }
  if (size < 4) return 0;
  // With a check that is right.
  bytes.resize(size - 4);
  talea::append_big_endian(bytes, talea::crc32(0, bytes));
  read_index(bytes);
  for (const auto format : {talea::BucketFormat::v1, talea::BucketFormat::v2}) {
    read_value(format, bytes);
  }
  return 0;
}
