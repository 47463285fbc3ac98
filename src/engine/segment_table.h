// SegmentTable: the open segments by id, found without a lock.
//
// Every read goes from a location to its segment, so that step is two loads: a page of 4096
// segments, and the segment. Ids grow and are never reused; pages are made when an id needs them,
// and a page without segments stays, at 8 bytes for each id.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "engine/location.h"
#include "log/segment.h"

namespace talea {

/// How far a segment is filled.
struct SegmentFill {
  std::uint64_t end = kSegmentHeaderBytes;
  std::uint64_t entries = 0;  // or chunks
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
};

/// A segment and what is known of its content. The numbers are changed by its writer, one thread at
/// a time, and read by anybody.
class SegmentState {
 public:
  SegmentState(std::shared_ptr<const Segment> of, const SegmentFill& fill)
      : segment(std::move(of)) {
    set_fill(fill);
  }

  const std::shared_ptr<const Segment> segment;

  SegmentFill fill() const {
    return {load(end_), load(entries_), load(first_sequence_), load(last_sequence_)};
  }
  void set_fill(const SegmentFill& fill) {
    store(end_, fill.end);
    store(entries_, fill.entries);
    store(first_sequence_, fill.first_sequence);
    store(last_sequence_, fill.last_sequence);
  }
  /// What the current entries take, or the chunks that current values refer to.
  std::uint64_t live_bytes() const { return load(live_bytes_); }
  void add_live(std::uint64_t bytes) { store(live_bytes_, load(live_bytes_) + bytes); }
  void remove_live(std::uint64_t bytes) { store(live_bytes_, load(live_bytes_) - bytes); }

 private:
  using Number = std::atomic<std::uint64_t>;
  static std::uint64_t load(const Number& number) { return number.load(std::memory_order_relaxed); }
  static void store(Number& number, std::uint64_t value) {
    number.store(value, std::memory_order_relaxed);
  }

  Number end_{0};
  Number entries_{0};
  Number first_sequence_{0};
  Number last_sequence_{0};
  Number live_bytes_{0};
};

/// Threads: safe.
class SegmentTable {
 public:
  SegmentTable() = default;
  ~SegmentTable();
  SegmentTable(const SegmentTable&) = delete;
  SegmentTable& operator=(const SegmentTable&) = delete;

  /// Null when no such segment is open. Valid until remove().
  SegmentState* find(std::uint32_t id) const {
    const Directory* directory = directory_.load(std::memory_order_acquire);
    const std::size_t page = id >> kPageBits;
    if (directory == nullptr || page >= directory->pages.size()) [[unlikely]]
      return nullptr;
    const Page* slots = directory->pages[page].load(std::memory_order_acquire);
    return slots == nullptr ? nullptr
                            : (*slots)[id & (kPageSlots - 1)].load(std::memory_order_acquire);
  }
  /// As find(), and the segment lives as long as the pointer.
  std::shared_ptr<SegmentState> share(std::uint32_t id) const TALEA_EXCLUDES(mutex_);
  SegmentState& add(std::shared_ptr<const Segment> segment, const SegmentFill& fill)
      TALEA_EXCLUDES(mutex_);
  /// Forgets a segment. Whoever found it before may still look at it, so the caller lets what is
  /// returned go when nobody can.
  std::shared_ptr<SegmentState> remove(std::uint32_t id) TALEA_EXCLUDES(mutex_);
  /// All, by id.
  std::vector<std::shared_ptr<SegmentState>> all() const TALEA_EXCLUDES(mutex_);

 private:
  static constexpr unsigned kPageBits = 12;
  static constexpr std::size_t kPageSlots = std::size_t{1} << kPageBits;
  using Page = std::array<std::atomic<SegmentState*>, kPageSlots>;
  // Of fixed length; a longer one replaces it.
  struct Directory {
    explicit Directory(std::size_t length) : pages(length) {}
    std::vector<std::atomic<Page*>> pages;
  };

  std::atomic<SegmentState*>& slot(std::uint32_t id) TALEA_REQUIRES(mutex_);

  std::atomic<Directory*> directory_ = nullptr;
  mutable Mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<SegmentState>> segments_ TALEA_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Page>> pages_ TALEA_GUARDED_BY(mutex_);
  // With all that were replaced: together they are no larger than twice the last.
  std::vector<std::unique_ptr<Directory>> directories_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
