// Past: the revisions of a key, or all of a log, the oldest first, as they are copied and compared.
#pragma once

#include <memory>
#include <optional>

#include "home/home.h"
#include "transfer/acceptance.h"

namespace talea {

struct PastEntry {
  Bytes key = {};
  /// As it is written at the destination.
  Bytes value = {};
  /// As it is compared and hashed.
  Bytes comparable = {};
  bool is_remove = false;
  std::uint64_t expiry_ms = 0;
  /// In the home that it is of.
  std::uint64_t revision = 0;

  bool is_same(const PastEntry& other) const {
    return key == other.key && comparable == other.comparable && is_remove == other.is_remove &&
           expiry_ms == other.expiry_ms;
  }
};

/// A log whose entries are not all there is no past that can be copied: `unsupported`, at the
/// source.
///
/// A removal of what is not there changes nothing, and one home notes it where another does not: it
/// is passed over.
///
/// Threads: externally synchronised.
class Past {
 public:
  enum class Side : std::uint8_t {
    /// Values are converted; what the destination cannot hold is `unsupported`.
    source,
    /// Values are there, and are taken as they are.
    destination,
  };

  /// `key`: nothing for all of the log. `home` and `acceptance` outlive it.
  static Result<Past> open(Home& home, const std::optional<Bytes>& key, Side side,
                           const Acceptance& acceptance);
  /// False at the end. Call it before the first too.
  Result<bool> next();
  /// Valid until next().
  const PastEntry& entry() const { return entry_; }

 private:
  Past(std::unique_ptr<HomeCursor> cursor, bool is_of_one_key, Side side,
       const Acceptance& acceptance)
      : cursor_(std::move(cursor)),
        is_of_one_key_(is_of_one_key),
        side_(side),
        acceptance_(&acceptance) {}
  Status take(const HomeEntry& entry, bool is_remove);
  Status check_nothing_is_missing();

  std::unique_ptr<HomeCursor> cursor_;
  bool is_of_one_key_;
  Side side_;
  const Acceptance* acceptance_;
  bool is_present_ = false;
  std::uint64_t next_sequence_ = 0;  // of a log
  PastEntry entry_;
};

}  // namespace talea
