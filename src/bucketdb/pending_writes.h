// PendingWrites: the operations that are not uploaded yet, and what they make of an index.
//
// Order matters twice: a data file has the entries in the order of the writes, and an index has the
// keys in the order in which they came, where a key that is put again keeps its place and one that
// was removed in between goes to the end.
//
// Threads: externally synchronised.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "bucketdb/index_file.h"
#include "bucketdb/write_log.h"

namespace talea::bucketdb {

/// One operation, and where its entry is in the write log.
struct PendingWrite {
  Bytes key;
  bool is_remove = false;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint64_t batch = 0;  // sequence of its batch
};

class PendingWrites {
 public:
  void add(const LoggedBatch& batch, std::vector<PendingWrite> writes);
  /// The newest operation on a key; null when there is none.
  const PendingWrite* find(BytesView key) const;
  /// Forgets all batches up to `through`, and where the others are now.
  void drop(std::uint64_t through, std::span<const LoggedBatch> moved);

  /// All operations, in their order. Cost: a copy of their keys.
  std::vector<PendingWrite> copy() const { return {writes_.begin(), writes_.end()}; }
  /// The newest operation on each key.
  const std::unordered_map<BytesView, const PendingWrite*>& newest() const { return newest_; }
  const std::vector<LoggedBatch>& batches() const { return batches_; }
  std::size_t size() const { return writes_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::deque<PendingWrite> writes_;  // a deque: newest_ refers into it
  std::unordered_map<BytesView, const PendingWrite*> newest_;
  std::vector<LoggedBatch> batches_;
  std::uint64_t bytes_ = 0;
};

/// A key as it is with the pending operations applied to an index.
struct MergedKey {
  BytesView key;
  Place place;  // when it is not pending
  /// The operation that put it, among those given; null when it is that of the index.
  const PendingWrite* write = nullptr;
};

/// All keys that there are then, in the order of an index. They refer to what is given.
std::vector<MergedKey> merge(const IndexImage& index, std::span<const PendingWrite> writes);

/// The operations of a batch as it lies in the log.
/// Errors: corruption, unsupported
Result<std::vector<PendingWrite>> writes_in(BucketFormat format, const LoggedBatch& batch,
                                            BytesView entries);

}  // namespace talea::bucketdb
