#include "engine/prepared_batch.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/lz4_block.h"
#include "store/store.h"
#include "talea/limits.h"

namespace talea {

namespace {

// Hints of what is replaced go at once; those that would be too much for a batch go when their time
// has come.
constexpr std::size_t kStaleHintsMax = 65'536;
constexpr std::size_t kStaleHintKeyBytesMax = 1024;

}  // namespace

std::uint64_t present_expiry(const LiveState& live, Space space, BytesView key) {
  if (!live.has_space(kExpirySpace)) [[likely]]
    return 0;
  const EpochGuard guard(live.epochs());
  LiveState::Found found;
  const bool is_known = live.find(guard, space, key, found) && found.is_intact(VerifyReads::once);
  return is_known ? found.entry.expiry_ms() : 0;
}

BytesView compress_value(BytesView value, std::uint64_t compress_from_bytes, Bytes& block,
                         EntryClaims& claims, Metrics& metrics) {
  if (compress_from_bytes == 0 || value.size() < compress_from_bytes) [[likely]]
    return value;
  if (!compress_lz4(value, block)) return value;
  claims.raw_value_bytes = value.size();
  metrics.values_compressed.add();
  metrics.bytes_before_compression.add(value.size());
  metrics.bytes_after_compression.add(block.size());
  return block;
}

Status PreparedBatch::prepare(const Setup& setup, const Batch& batch, std::uint64_t now_ms) {
  TALEA_ASSERT(entries_.empty());
  const std::vector<Batch::Operation>& operations = batch.operations();
  if (operations.empty()) return {};
  entries_.reserve(operations.size());
  extents_.reserve(operations.size());
  for (const Batch::Operation& operation : operations) TALEA_TRY(add(setup, operation, now_ms));
  add_hints(setup.live);
  encoded_ = encode_batch(entries_, setup.seals);
  return {};
}

Status PreparedBatch::add(const Setup& setup, const Batch::Operation& operation,
                          std::uint64_t now_ms) {
  EntrySource entry{.space = operation.space, .key = operation.key, .value = operation.value};
  extents_.push_back(nullptr);
  if (operation.kind == Batch::Operation::Kind::remove) {
    entry.is_remove = true;
    ++removes_;
  } else {
    TALEA_ASSERT(!depends_on_present(operation));  // the store has found out what the key has
    entry.claims.expiry_ms = moment_of(operation.expiry, now_ms, 0);
    TALEA_TRY(add_value(setup, operation, entry));
    ++puts_;
  }
  entries_.push_back(entry);
  return {};
}

Status PreparedBatch::add_value(const Setup& setup, const Batch::Operation& operation,
                                EntrySource& entry) {
  if (operation.kind == Batch::Operation::Kind::put_stored) {
    std::optional<ExtentList> decoded;
    if (operation.stored_owner == setup.instance) decoded = decode_extent_list(operation.value);
    if (!decoded) {
      return Status::invalid_argument(
          "a StoredValue belongs to the engine that made it, until that engine closes; this one is "
          "from another or was never finished");
    }
    extents_.back() = &lists_.emplace_back(std::move(*decoded));
    entry.is_extent_list = true;
    return {};
  }
  TALEA_ASSERT(operation.kind == Batch::Operation::Kind::put);
  if (operation.value.size() > kInlineValueBytesMax) {
    const ExtentList& list =
        lists_.emplace_back(TALEA_TRY(store_value(setup.extents, operation.value)));
    extents_.back() = &list;
    entry.value = owned_.emplace_back(encode_extent_list(list));
    entry.is_extent_list = true;
    return {};
  }
  if (setup.compress_from_bytes == 0) return {};
  entry.value = compress_value(operation.value, setup.compress_from_bytes, owned_.emplace_back(),
                               entry.claims, setup.metrics);
  return {};
}

Result<ExtentList> PreparedBatch::store_value(ExtentStore& extents, BytesView value) {
  ExtentList list;
  list.value_id = extents.new_value_id();
  for (std::uint64_t number = 0; !value.empty(); ++number) {
    const BytesView chunk = value.substr(0, kChunkBytesMax);
    TALEA_TRY(extents.append_chunk(list, number, chunk));
    value.remove_prefix(chunk.size());
  }
  TALEA_TRY(extents.sync(list));
  return list;
}

// Behind all entries, in their order: what a later one says of a key is what holds.
void PreparedBatch::add_hints(const LiveState& live) {
  const std::size_t count = entries_.size();
  std::size_t expiring = 0;
  for (const EntrySource& entry : entries_) expiring += entry.claims.expiry_ms != 0 ? 1 : 0;
  std::size_t stale_max = 0;
  if (live.has_space(kExpirySpace)) {
    stale_max = std::min<std::size_t>(kStaleHintsMax, kBatchEntriesMax - count - expiring);
  }
  for (std::size_t i = 0; i < count && (expiring > 0 || stale_max > 0); ++i) {
    const EntrySource entry = entries_[i];
    const std::uint64_t expiry_ms = entry.claims.expiry_ms;
    if (stale_max > 0 && entry.key.size() <= kStaleHintKeyBytesMax) {
      const std::uint64_t replaced_ms = present_expiry(live, entry.space, entry.key);
      if (replaced_ms != 0 && replaced_ms != expiry_ms) {
        add_hint({replaced_ms, entry.space, entry.key}, true);
        --stale_max;
      }
    }
    if (expiry_ms == 0) continue;
    add_hint({expiry_ms, entry.space, entry.key}, false);
    first_expiry_ms_ = std::min(first_expiry_ms_, expiry_ms);
    --expiring;
  }
}

void PreparedBatch::add_hint(const ExpiryHint& hint, bool is_remove) {
  entries_.push_back(
      {.space = kExpirySpace, .key = owned_.emplace_back(hint.encode()), .is_remove = is_remove});
  extents_.push_back(nullptr);
}

Sequencer::Request PreparedBatch::request(const Batch& batch) const {
  Sequencer::Request request;
  request.preconditions = batch.preconditions();
  request.entries = entries_;
  if (!lists_.empty()) request.extents = extents_;
  request.encoded = writes() ? &encoded_ : nullptr;
  return request;
}

}  // namespace talea
