#include "bucketdb/pending_writes.h"

#include <algorithm>

#include "base/assert.h"

namespace talea::bucketdb {

void PendingWrites::add(const LoggedBatch& batch, std::vector<PendingWrite> writes) {
  for (PendingWrite& write : writes) {
    writes_.push_back(std::move(write));
    const PendingWrite& added = writes_.back();
    newest_.erase(added.key);  // its key lies in the older operation, which may go first
    newest_.emplace(added.key, &added);
  }
  batches_.push_back(batch);
  bytes_ += batch.bytes;
}

const PendingWrite* PendingWrites::find(BytesView key) const {
  const auto found = newest_.find(key);
  return found == newest_.end() ? nullptr : found->second;
}

void PendingWrites::drop(std::uint64_t through, std::span<const LoggedBatch> moved) {
  while (!writes_.empty() && writes_.front().batch <= through) {
    const auto newest = newest_.find(writes_.front().key);
    if (newest->second == &writes_.front()) newest_.erase(newest);
    writes_.pop_front();
  }
  std::erase_if(batches_, [&](const LoggedBatch& batch) { return batch.sequence <= through; });
  bytes_ = 0;
  for (const LoggedBatch& batch : batches_) bytes_ += batch.bytes;
  if (moved.empty()) return;
  TALEA_ASSERT(moved.size() == batches_.size());
  auto write = writes_.begin();
  for (std::size_t i = 0; i < moved.size(); ++i) {
    for (; write != writes_.end() && write->batch == batches_[i].sequence; ++write) {
      write->offset += moved[i].offset - batches_[i].offset;  // modulo 2^64, also downwards
      write->batch = moved[i].sequence;
    }
    batches_[i] = moved[i];
  }
}

namespace {

// What the operations make of one key.
struct Change {
  const PendingWrite* write = nullptr;  // the last that put it; null: it is removed
  bool is_at_end = false;
};

}  // namespace

std::vector<MergedKey> merge(const IndexImage& index, std::span<const PendingWrite> writes) {
  std::unordered_map<BytesView, Change> changes;
  std::vector<const PendingWrite*> added;  // that began to be at the end, in order
  for (const PendingWrite& write : writes) {
    const auto [found, is_first] = changes.try_emplace(write.key);
    Change& change = found->second;
    const bool was_there = is_first ? index.find(write.key).has_value() : change.write != nullptr;
    if (write.is_remove) {
      change = {nullptr, true};
      continue;
    }
    if (!was_there) {
      change.is_at_end = true;
      added.push_back(&write);
    }
    change.write = &write;
  }
  std::vector<MergedKey> merged;
  merged.reserve(index.size() + added.size());
  IndexRow row;
  for (auto at = index.begin(); index.read(at, row);) {
    const auto change = changes.find(row.key);
    if (change == changes.end()) {
      merged.push_back({row.key, row.place, nullptr});
    } else if (change->second.write != nullptr && !change->second.is_at_end) {
      merged.push_back({row.key, {}, change->second.write});
    }
  }
  // A key that went to the end more than once is where it went last.
  std::vector<MergedKey> at_end;
  for (auto from = added.rbegin(); from != added.rend(); ++from) {
    Change& change = changes.find((*from)->key)->second;
    if (change.write == nullptr) continue;
    at_end.push_back({(*from)->key, {}, change.write});
    change.write = nullptr;
  }
  merged.insert(merged.end(), at_end.rbegin(), at_end.rend());
  return merged;
}

Result<std::vector<PendingWrite>> writes_in(BucketFormat format, const LoggedBatch& batch,
                                            BytesView entries) {
  std::vector<PendingWrite> writes;
  for (std::uint64_t at = 0; at < entries.size();) {
    const Entry entry = TALEA_TRY(read_entry(format, entries.substr(at)));
    writes.push_back({Bytes(entry.key), entry.is_tombstone(), batch.offset + at,
                      static_cast<std::uint32_t>(entry.bytes), batch.sequence});
    at += entry.bytes;
  }
  return writes;
}

}  // namespace talea::bucketdb
