// The past of a store: how much of it is kept, and how it is asked for.
//
//     Options options;
//     options.retention = Retention::revisions(10);     // kept by the store from now on
//     Engine engine = TALEA_TRY(Engine::open("./data", options));
//     engine.get("alpha", At::sequence(4711));          // as it was after that batch
//     engine.get("alpha", At::time_ms(1700000000000));  // as it was at that time
//     for (const Revision& revision : TALEA_TRY(engine.history("alpha"))) use(revision);
//
// A revision is what a batch made of a key: a value, or its removal.
#pragma once

#include <chrono>
#include <cstdint>

#include "talea/batch.h"

namespace talea {

/// Which revisions of a key are kept beside the newest. It promises what is there at least: what it
/// gives up is there until compaction has taken it.
class Retention {
 public:
  enum class Kind : std::uint8_t { latest = 1, revisions = 2, duration = 3, all = 4 };

  /// The newest alone.
  static constexpr Retention latest() { return {}; }
  /// The newest `count` of each key, 2 to kRevisionsMax; removals count.
  static constexpr Retention revisions(std::uint64_t count) { return {Kind::revisions, count}; }
  /// Those that were the newest of their key at any time in the last `time`, 1 ms to 100 years: the
  /// store as it was then can be read.
  static constexpr Retention duration(std::chrono::milliseconds time) {
    return {Kind::duration, time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count())};
  }
  static constexpr Retention all() { return {Kind::all, 0}; }

  constexpr Retention() = default;
  constexpr Kind kind() const { return kind_; }
  /// The count, or the milliseconds; else 0.
  constexpr std::uint64_t amount() const { return amount_; }
  /// Whether anything but the newest is kept.
  constexpr bool keeps_past() const { return kind_ != Kind::latest; }
  friend bool operator==(const Retention&, const Retention&) = default;

 private:
  constexpr Retention(Kind kind, std::uint64_t amount) : kind_(kind), amount_(amount) {}

  Kind kind_ = Kind::latest;
  std::uint64_t amount_ = 0;
};

/// A moment of the past: the store after a batch, or after all batches up to a time.
class At {
 public:
  /// After batch `sequence`. A key that expires is there until the batch that removes it.
  static constexpr At sequence(Sequence sequence) { return {sequence, false}; }
  /// After all batches whose time is `time_ms`, in milliseconds since 1970, or before. A key that
  /// had expired by then is absent. The present millisecond is not over: more may come of it.
  static constexpr At time_ms(std::uint64_t time_ms) { return {time_ms, true}; }

  constexpr bool is_time() const { return is_time_; }
  constexpr std::uint64_t value() const { return value_; }

 private:
  constexpr At(std::uint64_t value, bool is_time) : value_(value), is_time_(is_time) {}

  std::uint64_t value_;
  bool is_time_;
};

struct Revision {
  /// Of the batch. At::sequence() of it gives the value.
  Sequence sequence = 0;
  /// The batch's time, in milliseconds since 1970.
  std::uint64_t time_ms = 0;
  /// The key was removed here, by a user or because it had expired; also what the same batch put.
  bool is_remove = false;
  /// When the key was to expire, in milliseconds since 1970; 0: never.
  std::uint64_t expiry_ms = 0;
  std::uint64_t value_bytes = 0;
};

/// Which revisions of a key to list.
struct RevisionRange {
  /// Those below this sequence; 0: from the newest on.
  Sequence before = 0;
  /// At most so many; 0 means all.
  std::uint64_t limit = 0;
};

}  // namespace talea
