// Bodies of log entries and key objects: what is none is refused, and what is one comes back the
// same when it is written again, and is as intact as it was.
#include <cstdint>

#include "base/assert.h"
#include "ledger/entry.h"

namespace talea {
namespace {

void expect_same(const LedgerEntry& a, const LedgerEntry& b) {
  TALEA_ASSERT(a.key == b.key && a.value == b.value && a.sequence == b.sequence);
  TALEA_ASSERT(a.timestamp_ms == b.timestamp_ms && a.hash == b.hash);
  TALEA_ASSERT(a.previous_hash == b.previous_hash && a.version_id == b.version_id);
  TALEA_ASSERT(a.previous_version_id == b.previous_version_id);
  TALEA_ASSERT(a.previous_key_object_etag == b.previous_key_object_etag);
}

void decode(BytesView body) {
  const auto entry = decode_log_entry(body, "version");
  if (!entry.ok()) {
    TALEA_ASSERT(entry.status().code() == Code::corruption);
    return;
  }
  const HashForm form = find_hash_form(*entry);
  const auto back = decode_log_entry(encode_log_entry(*entry, form), "version");
  TALEA_ASSERT(back.ok());
  expect_same(*entry, *back);
  if (!entry->value_is_missing) TALEA_ASSERT(find_hash_form(*back) == form);
  LedgerEntry of_key = *entry;
  of_key.previous_version_id.clear();
  of_key.previous_key_object_etag.clear();
  const auto key_object = decode_key_object(encode_key_object(of_key, form));
  TALEA_ASSERT(key_object.ok());
  expect_same(of_key, *key_object);
}

}  // namespace
}  // namespace talea

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const talea::BytesView body(reinterpret_cast<const char*>(data), size);
  talea::decode(body);
  const auto key_object = talea::decode_key_object(body);
  TALEA_ASSERT(key_object.ok() || key_object.status().code() == talea::Code::corruption);
  return 0;
}
