#include "engine/space_reserve.h"

#include <algorithm>

#include "talea/limits.h"

namespace talea {

namespace {

constexpr std::uint64_t kReserveBytesMin = 1 * kMiB;
constexpr std::uint64_t kReserveBytesMax = 8 * kMiB;
constexpr std::uint64_t kAskAgainNs = 250'000'000;

}  // namespace

std::uint64_t reserve_bytes_for(std::uint64_t segment_bytes) {
  return std::clamp(segment_bytes / 8, kReserveBytesMin, kReserveBytesMax);
}

SpaceReserve::SpaceReserve(FileSystem& file_system, Clock& clock, const std::string& directory,
                           std::uint64_t bytes)
    : file_system_(file_system),
      clock_(clock),
      path_(join_path(directory, kReserveName)),
      bytes_(bytes) {}

void SpaceReserve::resume() {
  MutexLock lock(mutex_);
  auto opened = file_system_.open(path_, OpenMode::write);
  if (!opened.ok()) return;  // none yet, or one that take() will report
  file_ = std::move(opened).value();
  // Also when its length is right: a copy of the directory may have kept the length alone.
  given_up_.store(true, std::memory_order_relaxed);
  (void)take_locked().ok();
}

Status SpaceReserve::take() {
  if (is_whole()) return {};
  MutexLock lock(mutex_);
  return take_locked();
}

Status SpaceReserve::take_when_due() {
  if (is_whole()) return {};
  MutexLock lock(mutex_);
  if (clock_.monotonic_ns() < ask_at_ns_) return Status::exhausted("the disk had no room just now");
  return take_locked();
}

Status SpaceReserve::take_locked() {
  if (is_whole()) return {};
  if (file_ == nullptr) file_ = TALEA_TRY(file_system_.open(path_, OpenMode::truncate));
  Status taken = file_->allocate(0, bytes_);
  if (!taken.ok()) {
    // A part of it helps nobody, and whoever needs it now does not know of it.
    (void)file_->truncate(0).ok();
    times_.fetch_add(1, std::memory_order_release);
    ask_at_ns_ = clock_.monotonic_ns() + kAskAgainNs;
    // One that was never held must not look, at the next open, like one that was given up.
    if (!is_given_up()) {
      file_.reset();
      (void)file_system_.remove(path_).ok();
    }
    return std::move(taken).with_context("hold back " + std::to_string(bytes_) +
                                         " bytes of the disk for removals");
  }
  whole_.store(true, std::memory_order_relaxed);
  given_up_.store(false, std::memory_order_relaxed);
  return {};
}

bool give_up_reserve(FileSystem& file_system, const std::string& directory) {
  auto opened = file_system.open(join_path(directory, kReserveName), OpenMode::write);
  if (!opened.ok()) return false;
  const auto size = (*opened)->size();
  if (!size.ok() || *size == 0) return false;
  const bool cut = (*opened)->truncate(0).ok();
  return cut && (*opened)->sync_data().ok();
}

bool SpaceReserve::give_up(std::uint64_t before) {
  MutexLock lock(mutex_);
  if (is_whole()) {
    whole_.store(false, std::memory_order_relaxed);
    // Before there is room: who comes to put something must not take it.
    given_up_.store(true, std::memory_order_relaxed);
    // A journalling file system may use the blocks again only when the cut is durable. Whether
    // either worked shows when the work is tried again.
    (void)file_->truncate(0).ok();
    (void)file_->sync_data().ok();
    times_.fetch_add(1, std::memory_order_release);
    // Nor soon after: it is for whoever gave it up.
    ask_at_ns_ = clock_.monotonic_ns() + kAskAgainNs;
  }
  return times_given_up() != before;
}

Status SpaceReserve::refusal() const {
  return Status::exhausted(
      "the disk is full, and the " + std::to_string(bytes_) +
      " bytes that are held back for removals are in use; remove keys and compact, or make room "
      "on the disk. Nothing is put before they can be held back again");
}

}  // namespace talea
