// Building a batch, the limits that every store puts on one, and what its preconditions mean.
#include "talea/batch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/store.h"
#include "talea/limits.h"

namespace talea {

Batch& Batch::put(BytesView key, BytesView value, Space space) {
  return put(key, value, Expiry::never(), space);
}

Batch& Batch::put(BytesView key, const StoredValue& value, Space space) {
  return put(key, value, Expiry::never(), space);
}

Batch& Batch::put(BytesView key, BytesView value, Expiry expiry, Space space) {
  add({.kind = Operation::Kind::put,
       .space = space,
       .key = Bytes(key),
       .value = Bytes(value),
       .expiry = expiry});
  return *this;
}

Batch& Batch::put(BytesView key, const StoredValue& value, Expiry expiry, Space space) {
  if (value.owner_ == 0) return put(key, BytesView(value.inline_value_), expiry, space);
  add({.kind = Operation::Kind::put_stored,
       .space = space,
       .key = Bytes(key),
       .value = value.extent_list_,
       .stored_owner = value.owner_,
       .expiry = expiry});
  return *this;
}

Batch& Batch::set_expiry(BytesView key, Expiry expiry, Space space) {
  add({.kind = Operation::Kind::set_expiry, .space = space, .key = Bytes(key), .expiry = expiry});
  return *this;
}

Batch& Batch::remove(BytesView key, Space space) {
  add({.kind = Operation::Kind::remove, .space = space, .key = Bytes(key)});
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

Status check_expiry(Expiry expiry) {
  const bool is_after = expiry.kind() == Expiry::Kind::after;
  if (!is_after && expiry.kind() != Expiry::Kind::at) return {};
  const std::uint64_t max = is_after ? kTimeToLiveMsMax : kExpiryMsMax;
  if (expiry.ms() >= 1 && expiry.ms() <= max) return {};
  return Status::invalid_argument(
      std::string(is_after ? "a time to live is" : "an expiry is a time since 1970 of") + " 1 to " +
      std::to_string(max) + " ms; this one is " + std::to_string(expiry.ms()));
}

bool depends_on_present(const Batch::Operation& operation) {
  return operation.kind == Batch::Operation::Kind::set_expiry ||
         operation.expiry.kind() == Expiry::Kind::keep;
}

std::uint64_t moment_of(Expiry expiry, std::uint64_t now_ms, std::uint64_t kept) {
  switch (expiry.kind()) {
    case Expiry::Kind::never: return 0;
    case Expiry::Kind::at: return expiry.ms();
    case Expiry::Kind::after: return std::min(now_ms + expiry.ms(), kExpiryMsMax);
    case Expiry::Kind::keep: return kept;
  }
  return 0;
}

static Status check_expiry_operations(const Batch& batch) {
  std::set<std::pair<Space, BytesView>> seen;
  for (const Batch::Operation& operation : batch.operations()) {
    const bool is_first = seen.emplace(operation.space, operation.key).second;
    if (is_first || !depends_on_present(operation)) continue;
    return Status::invalid_argument(
        "Expiry::keep() and set_expiry() are about what a key has before the batch, so they come "
        "before any other operation on it; one of this batch comes behind one");
  }
  return {};
}

Status check_batch(const Batch& batch) {
  std::uint64_t inline_bytes = 0;
  std::uint64_t entries = 0;
  bool any_depends = false;
  for (const Batch::Operation& operation : batch.operations()) {
    TALEA_TRY(check_key(operation.key));
    any_depends = any_depends || depends_on_present(operation);
    TALEA_TRY(check_expiry(operation.expiry));
    const std::uint64_t value_bytes = operation.value.size();
    if (operation.kind == Batch::Operation::Kind::put && value_bytes > kValueBytesMax) {
      return Status::invalid_argument("a value has at most " + std::to_string(kValueBytesMax) +
                                      " bytes in one call; this one has " +
                                      std::to_string(value_bytes) +
                                      ". Stream it through write_value()");
    }
    // One that expires is written twice: with its value, and with its time.
    const std::uint64_t times = operation.expiry.kind() == Expiry::Kind::never ? 1 : 2;
    entries += times;
    inline_bytes += times * operation.key.size();
    if (operation.kind != Batch::Operation::Kind::put || value_bytes <= kInlineValueBytesMax) {
      inline_bytes += value_bytes;
    }
  }
  if (any_depends) TALEA_TRY(check_expiry_operations(batch));
  for (const Batch::Precondition& precondition : batch.preconditions()) {
    TALEA_TRY(check_key(precondition.key));
  }
  if (entries > kBatchEntriesMax) {
    return Status::invalid_argument("a batch has at most " + std::to_string(kBatchEntriesMax) +
                                    " operations, of which those with an expiry count twice; this "
                                    "one has " +
                                    std::to_string(entries) + ". Split it");
  }
  if (inline_bytes > kBatchInlineBytesMax) {
    return Status::invalid_argument(
        "a batch carries at most " + std::to_string(kBatchInlineBytesMax) +
        " bytes of keys and values up to " + std::to_string(kInlineValueBytesMax) +
        " bytes; this one has " + std::to_string(inline_bytes) + ". Split it");
  }
  return {};
}

Status check_applied(Sequence sequence, const Batch& batch) {
  if (!batch.preconditions().empty()) {
    return Status::invalid_argument(
        "apply() takes no preconditions: they were evaluated where the sequence was assigned");
  }
  if (sequence == 0 || sequence > kSequenceMax || batch.operations().empty()) {
    return Status::invalid_argument("apply() needs an operation and a sequence of 1 to " +
                                    std::to_string(kSequenceMax) + "; it is " +
                                    std::to_string(sequence));
  }
  for (const Batch::Operation& operation : batch.operations()) {
    const Expiry::Kind expiry = operation.expiry.kind();
    if (operation.kind == Batch::Operation::Kind::set_expiry || expiry == Expiry::Kind::keep ||
        expiry == Expiry::Kind::after) {
      return Status::invalid_argument(
          "apply() takes expiries that are moments, Expiry::at(): the others, and set_expiry(), "
          "are evaluated where the sequence is assigned");
    }
  }
  return {};
}

bool holds(const Batch::Precondition& precondition, const std::optional<Sequence>& found) {
  switch (precondition.kind) {
    case Batch::Precondition::Kind::absent: return !found;
    case Batch::Precondition::Kind::present: return found.has_value();
    case Batch::Precondition::Kind::revision: return found == precondition.revision;
  }
  return false;
}

Status precondition_failed(std::size_t position, const Batch::Precondition& precondition,
                           const std::optional<Sequence>& found) {
  std::string wanted;
  switch (precondition.kind) {
    case Batch::Precondition::Kind::absent: wanted = "absent"; break;
    case Batch::Precondition::Kind::present: wanted = "present"; break;
    case Batch::Precondition::Kind::revision:
      wanted = "at revision " + std::to_string(precondition.revision);
      break;
  }
  return Status::conflict("precondition " + std::to_string(position) + " failed: its key must be " +
                          wanted + ", and is " +
                          (found ? "at revision " + std::to_string(*found) : "absent") +
                          "; read it again and retry");
}

}  // namespace talea
