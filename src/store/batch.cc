// Building a batch, and the limits that every store puts on one.
#include "talea/batch.h"

#include "store/store.h"
#include "talea/limits.h"

namespace talea {

Batch& Batch::put(BytesView key, BytesView value, Space space) {
  operations_.push_back({Operation::Kind::put, space, Bytes(key), Bytes(value), 0});
  return *this;
}

Batch& Batch::put(BytesView key, const StoredValue& value, Space space) {
  if (value.owner_ == 0) return put(key, BytesView(value.inline_value_), space);
  operations_.push_back(
      {Operation::Kind::put_stored, space, Bytes(key), value.extent_list_, value.owner_});
  return *this;
}

Batch& Batch::remove(BytesView key, Space space) {
  operations_.push_back({Operation::Kind::remove, space, Bytes(key), {}, 0});
  return *this;
}

Batch& Batch::require_absent(BytesView key, Space space) {
  preconditions_.push_back({Precondition::Kind::absent, space, Bytes(key), 0});
  return *this;
}

Batch& Batch::require_present(BytesView key, Space space) {
  preconditions_.push_back({Precondition::Kind::present, space, Bytes(key), 0});
  return *this;
}

Batch& Batch::require_revision(BytesView key, Sequence revision, Space space) {
  preconditions_.push_back({Precondition::Kind::revision, space, Bytes(key), revision});
  return *this;
}

void Batch::clear() {
  operations_.clear();
  preconditions_.clear();
}

Status check_key(BytesView key) {
  if (key.size() >= kKeyBytesMin && key.size() <= kKeyBytesMax) return {};
  return Status::invalid_argument("a key has " + std::to_string(kKeyBytesMin) + " to " +
                                  std::to_string(kKeyBytesMax) + " bytes; this one has " +
                                  std::to_string(key.size()));
}

Status check_batch(const Batch& batch) {
  std::uint64_t inline_bytes = 0;
  for (const Batch::Operation& operation : batch.operations()) {
    TALEA_TRY(check_key(operation.key));
    const std::uint64_t value_bytes = operation.value.size();
    if (operation.kind == Batch::Operation::Kind::put && value_bytes > kValueBytesMax) {
      return Status::invalid_argument("a value has at most " + std::to_string(kValueBytesMax) +
                                      " bytes in one call; this one has " +
                                      std::to_string(value_bytes) +
                                      ". Stream it through write_value()");
    }
    inline_bytes += operation.key.size();
    if (operation.kind != Batch::Operation::Kind::put || value_bytes <= kInlineValueBytesMax) {
      inline_bytes += value_bytes;
    }
  }
  for (const Batch::Precondition& precondition : batch.preconditions()) {
    TALEA_TRY(check_key(precondition.key));
  }
  if (batch.operations().size() > kBatchEntriesMax) {
    return Status::invalid_argument("a batch has at most " + std::to_string(kBatchEntriesMax) +
                                    " operations; this one has " +
                                    std::to_string(batch.operations().size()) + ". Split it");
  }
  if (inline_bytes > kBatchInlineBytesMax) {
    return Status::invalid_argument(
        "a batch carries at most " + std::to_string(kBatchInlineBytesMax) +
        " bytes of keys and values up to " + std::to_string(kInlineValueBytesMax) +
        " bytes; this one has " + std::to_string(inline_bytes) + ". Split it");
  }
  return {};
}

}  // namespace talea
