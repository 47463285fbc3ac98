#include "home/store_writes.h"

#include "talea/limits.h"

namespace talea {

Status check_row(BytesView key, BytesView value) {
  TALEA_TRY(check_key(key));
  if (value.size() <= kValueBytesMax) return {};
  return Status::invalid_argument("a value has at most " + std::to_string(kValueBytesMax) +
                                  " bytes in one call; this one has " +
                                  std::to_string(value.size()));
}

void add_condition(Batch& batch, BytesView key, const HomeCondition& condition) {
  if (condition.absent) batch.require_absent(key);
  if (condition.present) batch.require_present(key);
  if (condition.revision) batch.require_revision(key, *condition.revision);
}

Batch batch_of(const std::vector<HomeWrite>& writes) {
  Batch batch;
  for (const HomeWrite& write : writes) {
    if (write.is_remove) {
      batch.remove(write.key);
    } else {
      batch.put(write.key, write.value, expiry_at(write.expiry_ms));
    }
  }
  return batch;
}

HomeEntry entry_of(BytesView key, Versioned versioned) {
  return {.key = Bytes(key),
          .value = std::move(versioned.value),
          .revision = versioned.revision,
          .expiry_ms = versioned.expiry_ms};
}

}  // namespace talea
