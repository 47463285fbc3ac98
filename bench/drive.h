// Drive: what several workloads do to a peer: fill it, check it, and use it from several threads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/data.h"
#include "bench/measurement.h"
#include "bench/peer.h"
#include "talea/result.h"

namespace talea::bench {

/// The keys and values of a store. The value of the key at `position` is a function of `version`,
/// which workloads raise when they overwrite it.
///
/// Threads: immutable.
class DataSet {
 public:
  struct Shape {
    std::uint64_t keys = 0;
    std::size_t key_bytes = 16;
    std::size_t value_bytes = 100;
    std::uint64_t seed = kDefaultSeed;
    bool is_text = false;  // values of JSON instead of random bytes
  };
  /// With `first_id`, the keys of other rounds are others.
  explicit DataSet(const Shape& shape, std::uint64_t first_id = 0);

  std::uint64_t size() const { return keys_.size(); }
  BytesView key(std::uint64_t position) const { return keys_[position]; }
  BytesView value(std::uint64_t position, std::uint64_t version = 0) const {
    return value_of(first_id_ + position + version * 0x9e3779b97f4a7c15ULL);
  }
  /// The value number `id` of all values there are.
  BytesView value_of(std::uint64_t id) const { return values_.value(id, value_bytes_); }
  /// Of keys and values.
  std::uint64_t bytes() const { return size() * (key_bytes_ + value_bytes_); }
  OpenOptions open_options() const { return {.expected_keys = size(), .expected_bytes = bytes()}; }

 private:
  std::uint64_t first_id_;
  std::size_t key_bytes_;
  std::size_t value_bytes_;
  KeySet keys_;
  ValuePool values_;
};

/// Puts the entries at positions begin to end - 1, one after the other.
Status put_entries(Peer& peer, const DataSet& data, std::uint64_t begin, std::uint64_t end,
                   std::uint64_t version = 0);

/// Puts all entries in batches of 1 000, in an order that depends on `version`.
Status put_in_batches(Peer& peer, const DataSet& data, std::uint64_t version = 0);

/// That a side is fast because it lost something must not pass for a result. Gets every entry, or
/// about `entries_max` of them from the whole range.
/// Errors: corruption   another value than the one of `version`, or none
Status check_entries(Peer& peer, const DataSet& data, std::uint64_t version = 0,
                     std::uint64_t entries_max = UINT64_MAX);

/// Waits until the store has no work of its own under way: until it says so, and then until the
/// process has been idle for several times the period of any store's background. For all sides
/// alike: what a load left to be done is not part of the row that comes after it.
/// Errors: timed_out   after minutes
Status settle(Peer& peer);

/// Runs `work` with the numbers 0 to threads - 1, each in a thread of its own; one in the calling
/// thread when there is one. The clock starts when all are ready and ends when the last is done.
Result<Cost> timed_threads(unsigned threads, const std::function<Status(unsigned)>& work);

}  // namespace talea::bench
