// PreparedBatch: a batch as the sequencer takes it, with all that can be done before it has its
// place: large values are stored, small ones compressed, expiries are moments and have their hints,
// and the entries are encoded.
//
//     PreparedBatch prepared;
//     TALEA_TRY(prepared.prepare(setup, batch, now_ms));
//     sequencer.commit(prepared.request(batch));
#pragma once

#include <deque>
#include <vector>

#include "engine/expiry_hint.h"
#include "engine/extent_store.h"
#include "engine/live_state.h"
#include "engine/metrics.h"
#include "engine/sequencer.h"

namespace talea {

/// Refers to its batch, and to itself: stays where it is made.
/// Threads: externally synchronised.
class PreparedBatch {
 public:
  struct Setup {
    ExtentStore& extents;
    const LiveState& live;
    Metrics& metrics;
    std::uint64_t instance = 0;  // marks the StoredValues that are ours
    std::uint64_t compress_from_bytes = 0;
    bool seals = false;  // the store is encrypted
  };

  PreparedBatch() = default;
  PreparedBatch(const PreparedBatch&) = delete;
  PreparedBatch& operator=(const PreparedBatch&) = delete;

  /// `batch`: within its limits, without Expiry::keep() and set_expiry(). Call it once.
  /// Errors: invalid_argument   a StoredValue of another engine
  ///         exhausted, io_error
  Status prepare(const Setup& setup, const Batch& batch, std::uint64_t now_ms);

  /// Of a batch without operations: a check of its preconditions.
  Sequencer::Request request(const Batch& batch) const;
  bool writes() const { return !entries_.empty(); }
  // Of the batch; hints do not count.
  std::uint64_t puts() const { return puts_; }
  std::uint64_t removes() const { return removes_; }
  /// The first moment at which something of it expires; UINT64_MAX: never.
  std::uint64_t first_expiry_ms() const { return first_expiry_ms_; }

 private:
  Status add(const Setup& setup, const Batch::Operation& operation, std::uint64_t now_ms);
  Status add_value(const Setup& setup, const Batch::Operation& operation, EntrySource& entry);
  static Result<ExtentList> store_value(ExtentStore& extents, BytesView value);
  void add_hints(const LiveState& live);
  void add_hint(const ExpiryHint& hint, bool is_remove);

  std::vector<EntrySource> entries_;
  std::vector<const ExtentList*> extents_;  // of them; null where the value is none
  std::deque<ExtentList> lists_;
  std::deque<Bytes> owned_;  // bytes of entries that are not those of the batch
  EncodedBatch encoded_;
  std::uint64_t puts_ = 0;
  std::uint64_t removes_ = 0;
  std::uint64_t first_expiry_ms_ = UINT64_MAX;
};

/// When what is under the key now expires, for what it is worth; 0: never, or there is nothing.
/// Cost: a search; a load in a store where nothing expires.
std::uint64_t present_expiry(const LiveState& live, Space space, BytesView key);

/// `value`, compressed into `block` if that pays; else `value`. Counts it, and notes the length in
/// `claims`.
BytesView compress_value(BytesView value, std::uint64_t compress_from_bytes, Bytes& block,
                         EntryClaims& claims, Metrics& metrics);

}  // namespace talea
