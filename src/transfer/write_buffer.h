// WriteBuffer: entries on their way to the destination, several at once.
#pragma once

#include <cstdint>
#include <vector>

#include "home/home.h"

namespace talea {

/// What is written together: so many entries, or bytes of keys and values. Where a home has no
/// batches, each is written alone, so that an interruption need not wait for many.
inline constexpr std::size_t kCopyBatchEntries = 1000;
inline constexpr std::uint64_t kCopyBatchBytes = 4 * kMiB;

/// Threads: externally synchronised.
class WriteBuffer {
 public:
  /// `home` outlives it.
  explicit WriteBuffer(Home& home) : home_(home) {}

  /// Entries come key after key. One whose key is here already has what is here written first: of
  /// two in a batch the last would win.
  Status add(HomeWrite write);
  /// Writes what is here, and then an entry under a condition. Returns its revision.
  /// Errors: conflict   somebody else has written that key
  Result<std::uint64_t> write_under(HomeWrite write, const HomeCondition& condition);
  /// One that was written past the buffer, which is empty.
  void count_one() { ++written_; }
  /// Writes what is here.
  Status flush();

  /// Entries that are in the home.
  std::uint64_t written() const { return written_; }

 private:
  Status explain(Status refused) const;

  Home& home_;
  std::vector<HomeWrite> writes_;
  std::uint64_t bytes_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace talea
