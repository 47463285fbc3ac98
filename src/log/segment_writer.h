// SegmentWriter: makes a new segment file and fills it from front to back.
//
// Two ways to fill, one to append. `written`: by pwrite into blocks of zeros that were written
// before (a sync over blocks that exist has no metadata to commit: 89 against 135 us, one measured
// disk), for whoever syncs each group. `mapped`: by stores into a mapping of reserved space, at a
// tenth of the price of a system call, for whoever syncs now and then, or never. Either way space
// is taken ahead of need, so a full disk shows when space is taken, before any byte of a record is
// there.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "io/file_cache.h"
#include "io/file_system.h"
#include "log/segment.h"

namespace talea {

/// Makes the file of a new segment, with its header, and makes both durable, name included.
/// Errors: exhausted, denied, io_error; no file is left, unless removing it failed as well
Result<std::unique_ptr<File>> create_segment_file(FileSystem& file_system,
                                                  const std::string& directory,
                                                  const SegmentHeader& header);

/// After a failed append or sync the writer is of no more use: what of the file is valid is for
/// the manifest to say.
/// Threads: externally synchronised, but for what says otherwise; its segment() may be read
/// meanwhile.
class SegmentWriter {
 public:
  struct Setup {
    SegmentHeader header;
    /// What the file can take: a mapping is as long, and no space is taken beyond it.
    std::uint64_t bytes_planned = 0;
    /// `mapped_unsynced`: as `mapped`, for whoever hardly ever syncs; Mapping::use_huge_pages().
    enum class Fill { written, mapped, mapped_unsynced } fill = Fill::written;
    /// Where segment() gets its file from, so that a finished one holds no descriptor for ever.
    FileCache* cache = nullptr;
    /// Of a store that is encrypted: the header names one of them.
    const KeyRing* keys = nullptr;
  };

  /// As create_segment_file().
  static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& file_system,
                                                       const std::string& directory,
                                                       const Setup& setup);

  /// Writes `bytes` at end() and moves it. Readable at once, durable after sync().
  /// Errors: exhausted when no space could be taken: then nothing was written, and the writer
  ///         stays usable (see is_usable)
  ///         otherwise: of no more use
  Status append(BytesView bytes);
  /// The same in two halves, for whoever puts the bytes where they belong himself: memory for
  /// `bytes` of them, and that the first `bytes` of it are to be written. Errors: as append()
  Result<char*> reserve(std::uint64_t bytes);
  Status commit(std::uint64_t bytes);
  /// Makes durable what was appended before. May run while another thread appends, and one after
  /// another in several threads. When one fails so does each that comes after it: the system says
  /// once that it lost something, and then no more.
  Status sync();
  /// Takes space ahead of end(), from a thread in the background, so that append() need not: as
  /// much as was written, within limits, so that a small store stays small; or, for one that will
  /// be filled soon, all that is ever taken ahead. What fails here is tried again, and reported, by
  /// the append that needs it.
  enum class Ahead { as_written, full };
  void take_ahead(Ahead ahead = Ahead::as_written);
  /// Whether it is time for take_ahead().
  bool wants_space(Ahead ahead = Ahead::as_written) const;
  /// Gives back what lies beyond `end`; the writer is of no more use.
  Status cut(std::uint64_t end);
  /// Cuts all behind the header, durably; the same. Also after a sync that failed: what that may
  /// have lost is no more.
  Status blank();

  /// False after a failure that may have left bytes behind end().
  bool is_usable() const { return usable_; }
  std::uint64_t end() const { return end_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_planned() const { return bytes_planned_; }
  const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  // Space is taken in steps that double, so that a store with one small write stays small and a
  // busy one pays one step for thousands of writes.
  static constexpr std::uint64_t kAheadBytesMin = 64 * kKiB;
  static constexpr std::uint64_t kAheadBytesMax = 4 * kMiB;

  using Cipher = std::shared_ptr<const PlaceCipher>;
  SegmentWriter(std::unique_ptr<File> file, const Setup& setup)
      : file_(std::move(file)), bytes_planned_(setup.bytes_planned), fill_(setup.fill) {}
  Status map_segment(const std::string& path, const Setup& setup, Cipher cipher);
  Status take_space(std::uint64_t needed);
  Status take(std::uint64_t from, std::uint64_t bytes) TALEA_REQUIRES(taking_mutex_);
  std::uint64_t step_from(std::uint64_t taken) const;

  const std::unique_ptr<File> file_;
  const std::uint64_t bytes_planned_;
  const Setup::Fill fill_;
  std::shared_ptr<Segment> segment_;
  char* memory_ = nullptr;  // of a mapped one
  Mapping* mapping_ = nullptr;
  Bytes staged_;  // of one that is written: what reserve() gave
  // Changed by the appending thread; read by those that sync or take space.
  std::atomic<std::uint64_t> end_{kSegmentHeaderBytes};
  Mutex syncing_mutex_;
  Status sync_failure_ TALEA_GUARDED_BY(syncing_mutex_);
  Mutex taking_mutex_;
  std::atomic<std::uint64_t> taken_{kSegmentHeaderBytes};  // space is taken up to here
  std::atomic<bool> usable_{true};
};

}  // namespace talea
