// Files of the directory of a bucket database: the journal and the list of copies, with their
// checks as they are and made right.
#include <cstdint>

#include "base/assert.h"
#include "bucketdb/journal.h"
#include "bucketdb/mirror.h"
#include "bucketdb/pending_writes.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea::bucketdb {
namespace {

constexpr std::size_t kHeaderBytes = 64;

// The id that is in the file, so that the rest of it is reached.
DatabaseId id_in(BytesView bytes) {
  constexpr std::size_t kDatabaseAt = 32;
  DatabaseId id{};
  for (std::size_t i = 0; i < id.size() && kDatabaseAt + i < bytes.size(); ++i) {
    id[i] = static_cast<unsigned char>(bytes[kDatabaseAt + i]);
  }
  return id;
}

bool is_refusal(Code code) { return code == Code::corruption || code == Code::unsupported; }

void read_journal(BytesView bytes) {
  const auto content = decode_journal(bytes, id_in(bytes));
  if (!content.ok()) return TALEA_ASSERT(is_refusal(content.status().code()));
  TALEA_ASSERT(content->end <= bytes.size());
  for (const LoggedBatch& batch : content->batches) {
    TALEA_ASSERT(batch.offset + batch.bytes <= content->end);
    const auto writes = writes_in(content->format, batch, bytes.substr(batch.offset, batch.bytes));
    TALEA_ASSERT(writes.ok() || is_refusal(writes.status().code()));
  }
}

void read_list(BytesView bytes) {
  const auto list = decode_mirror(bytes, id_in(bytes));
  if (!list.ok()) return TALEA_ASSERT(is_refusal(list.status().code()));
  const talea::Bytes again = encode_mirror(*list, id_in(bytes), commit_of_mirror(bytes));
  TALEA_ASSERT(decode_mirror(again, id_in(bytes)).value() == *list);
}

}  // namespace
}  // namespace talea::bucketdb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace talea::bucketdb;
  talea::Bytes bytes(reinterpret_cast<const char*>(data), size);
  read_journal(bytes);
  read_list(bytes);
  if (size < 4) return 0;
  talea::Bytes list = bytes.substr(0, size - 4);
  talea::append_fixed(list, talea::crc32c(0, list));
  read_list(list);
  if (size < kHeaderBytes) return 0;
  const std::uint32_t check = talea::crc32c(0, talea::BytesView(bytes).substr(0, 60));
  talea::store_fixed(bytes.data() + 60, check);
  read_journal(bytes);
  return 0;
}
