// Metadata: what users and API keys carry along, sealed; and its way from one master key to the
// next.
#pragma once

#include <cstdint>
#include <memory>

#include "auth/record_store.h"
#include "base/mutex.h"
#include "talea/auth.h"

namespace talea {

/// Threads: safe.
class Metadata {
 public:
  Metadata(RecordStore& records, std::shared_ptr<Sealer> sealer)
      : records_(records), sealer_(std::move(sealer)) {}

  /// Held from seal() to the commit of what it made: a rotation waits for those, so that nothing
  /// under the old key comes after it.
  SharedMutex& sealing() TALEA_RETURN_CAPABILITY(sealing_) { return sealing_; }

  /// Errors: invalid_argument   too long, or there is no sealer
  Status check(BytesView metadata) const;
  /// `record`: the key of its record. Nothing gives nothing.
  Result<Bytes> seal(const Bytes& record, BytesView metadata) const TALEA_REQUIRES_SHARED(sealing_);
  Result<Bytes> open(const Bytes& record, const Bytes& sealed) const;

  Status set_sealer(std::unique_ptr<Sealer> sealer);
  /// As Auth::rewrap_metadata().
  Result<std::uint64_t> rewrap();

 private:
  Result<std::shared_ptr<Sealer>> sealer() const;
  Result<std::uint64_t> rewrap(AuthKind kind);
  Result<std::uint64_t> rewrap_one_by_one(const std::vector<Bytes>& keys);
  // The record anew, or nothing when it stays.
  Result<std::optional<Bytes>> rewrapped(BytesView key, BytesView value) const;

  RecordStore& records_;
  mutable SharedMutex sealing_;
  mutable Mutex mutex_;
  // Shared with calls that use it while another takes its place; itself it is never changed.
  std::shared_ptr<Sealer> sealer_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
