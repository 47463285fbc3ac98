#include "bucketdb/write_log.h"

#include "base/assert.h"

namespace talea::bucketdb {

Result<LoggedBatch> MemoryLog::append(BytesView entries) {
  MutexLock lock(mutex_);
  const LoggedBatch batch{++sequence_, end_, entries.size()};
  batches_.emplace(end_, entries);
  end_ += entries.size();
  return batch;
}

Result<Bytes> MemoryLog::read(std::uint64_t offset, std::uint64_t bytes) const {
  MutexLock lock(mutex_);
  auto batch = batches_.upper_bound(offset);
  TALEA_ASSERT(batch != batches_.begin());
  --batch;
  TALEA_ASSERT(offset - batch->first + bytes <= batch->second.size());
  return batch->second.substr(offset - batch->first, bytes);
}

Result<WriteLog::Anew> MemoryLog::begin_anew(std::span<const LoggedBatch> kept,
                                             BucketFormat /*format*/) {
  Anew anew{std::make_shared<MemoryLog>(), {}};
  anew.batches.reserve(kept.size());
  for (const LoggedBatch& batch : kept) {
    anew.batches.push_back(TALEA_TRY(anew.log->append(TALEA_TRY(read(batch.offset, batch.bytes)))));
  }
  return anew;
}

}  // namespace talea::bucketdb
