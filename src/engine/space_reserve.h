// SpaceReserve: disk space that is held back for the way out of a full disk.
//
// A log cannot delete without writing: a removal is a record, and compaction copies before it gives
// anything back. So on a disk that is full to the last byte a store could only stay full. This
// keeps some space in a file that means nothing. When the disk refuses a removal or a compaction,
// the space is given up and the work tried once more; until it is whole again nothing else may be
// written, or the way out would be filled up as well.
//
//            take()                 give_up()
//     none ---------> whole --------------------> given up: no puts
//                       ^                            |
//                       +----------- take() ---------+    as soon as there is room
//
// Nothing is synced when it is taken: a power cut that loses the file, or some of it, loses nothing
// but the space, and the next session takes it again.
//
// Format: docs/formats/directory.md, "RESERVE".
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "io/file_system.h"

namespace talea {

inline constexpr const char* kReserveName = "RESERVE";

/// How much is held back in a store with segments of this size: an eighth of one, 1 to 8 MiB.
std::uint64_t reserve_bytes_for(std::uint64_t segment_bytes);

/// Threads: safe. The lock is held while the file grows or is cut, which is rare.
class SpaceReserve {
 public:
  /// `directory`: of the store. Touches nothing yet.
  SpaceReserve(FileSystem& file_system, Clock& clock, const std::string& directory,
               std::uint64_t bytes);

  /// Goes on with the file of an earlier session, if there is one: takes what is missing of it.
  /// Should that fail it counts as given up, as it was when that session ended.
  void resume() TALEA_EXCLUDES(mutex_);

  /// Takes the space, if it is not whole.
  /// Errors: exhausted   no room; as much as before is held, or nothing
  ///         denied, io_error
  Status take() TALEA_EXCLUDES(mutex_);
  /// The same for those who ask often: a disk that had no room is asked four times a second.
  Status take_when_due() TALEA_EXCLUDES(mutex_);

  /// Gives the space back to the disk, after work that began when times_given_up() was `before`
  /// was refused. True if it is worth trying again: space came free since then, also that which a
  /// take() in vain had taken meanwhile.
  bool give_up(std::uint64_t before) TALEA_EXCLUDES(mutex_);
  std::uint64_t times_given_up() const { return times_.load(std::memory_order_acquire); }

  /// For whoever wants to put something. Cost: a load; else that of take_when_due().
  /// Errors: exhausted   it was given up and there is no room to take it again: do not fill the
  /// disk
  Status check_whole() TALEA_EXCLUDES(mutex_) {
    if (!given_up_.load(std::memory_order_relaxed)) [[likely]]
      return {};
    return take_when_due().ok() ? Status() : refusal();
  }
  bool is_given_up() const { return given_up_.load(std::memory_order_relaxed); }
  bool is_whole() const { return whole_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Status refusal() const;
  Status take_locked() TALEA_REQUIRES(mutex_);

  FileSystem& file_system_;
  Clock& clock_;
  const std::string path_;
  const std::uint64_t bytes_;
  std::atomic<bool> whole_{false};
  std::atomic<bool> given_up_{false};
  std::atomic<std::uint64_t> times_{0};
  Mutex mutex_;
  std::uint64_t ask_at_ns_ TALEA_GUARDED_BY(mutex_) = 0;
  // Open for as long as the store is: to give it up must need nothing.
  std::unique_ptr<File> file_ TALEA_GUARDED_BY(mutex_);
};

/// For opening, which may need some space before there is a SpaceReserve: gives up what an earlier
/// session held back. True if there was anything.
bool give_up_reserve(FileSystem& file_system, const std::string& directory);

}  // namespace talea
