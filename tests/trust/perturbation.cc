#include "tests/trust/perturbation.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/assert.h"

namespace talea::trust {

namespace {

// A thread that is stopped lets the others come so many calls and returns further, at most, and
// gives way so often in vain, at most.
constexpr std::uint64_t kTicksMax = 16;
constexpr int kYieldsMax = 30;

// From the call of stop_soon() to the stop: a get takes about as long as the first, a commit as one
// of the others.
constexpr std::uint64_t kDelayMinNs = 500;
constexpr std::uint64_t kDelayDoublings = 7;

// What the handler knows. It may only use what is free of locks.
std::atomic<const HistoryClock*> watched_clock{nullptr};

void stop_here(int) {
  const int saved_errno = errno;
  if (const HistoryClock* const clock = watched_clock.load()) {
    const std::uint64_t begin = clock->now();
    const std::uint64_t until = begin + 1 + begin % kTicksMax;
    for (int i = 0; i < kYieldsMax && clock->now() < until; ++i) sched_yield();
  }
  errno = saved_errno;
}

}  // namespace

Perturbation::Perturbation(const HistoryClock& clock, std::uint64_t seed) : drawn_(seed) {
  TALEA_ASSERT(watched_clock.load() == nullptr);
  watched_clock.store(&clock);
  struct sigaction action = {};
  action.sa_handler = stop_here;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  const int set = sigaction(SIGUSR1, &action, nullptr);
  TALEA_ASSERT(set == 0);
}

Perturbation::~Perturbation() {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  (void)sigaction(SIGUSR1, &action, nullptr);
  watched_clock.store(nullptr);
}

// SplitMix64, of a counter that all threads share.
std::uint64_t Perturbation::draw() {
  std::uint64_t word = drawn_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
  word = (word ^ word >> 27) * 0x94d049bb133111eb;
  return word ^ word >> 31;
}

void Perturbation::at_seam() {
  const std::uint64_t drawn = draw();
  if (drawn % 8 != 0) return;
  for (std::uint64_t i = 0; i <= drawn / 8 % 4; ++i) std::this_thread::yield();
}

Perturbation::Stopper::Stopper(Perturbation& perturbation) : perturbation_(perturbation) {
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGUSR1;
  event._sigev_un._tid = gettid();  // as timer_create(2) has it; glibc gives it no name
  const int made = timer_create(CLOCK_MONOTONIC, &event, &timer_);
  TALEA_ASSERT(made == 0);
}

Perturbation::Stopper::~Stopper() { (void)timer_delete(timer_); }

void Perturbation::Stopper::stop_soon() {
  const std::uint64_t drawn = perturbation_.draw();
  if (drawn % 3 != 0) return;
  const std::uint64_t delay_max = kDelayMinNs << (1 + drawn / 3 % kDelayDoublings);
  struct itimerspec once = {};
  once.it_value.tv_nsec = static_cast<long>(kDelayMinNs + (drawn >> 32) % delay_max);
  (void)timer_settime(timer_, 0, &once, nullptr);
}

// --- Files ---------------------------------------------------------------------------------------

class PerturbedFileSystem::PerturbedFile final : public ForwardingFile {
 public:
  PerturbedFile(PerturbedFileSystem& owner, std::unique_ptr<File> file)
      : ForwardingFile(std::move(file)), owner_(owner) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    owner_.perturbation_.at_seam();
    return ForwardingFile::pread(offset, out, bytes);
  }
  Status pwrite(std::uint64_t offset, BytesView data) override {
    owner_.perturbation_.at_seam();
    Status written = ForwardingFile::pwrite(offset, data);
    owner_.perturbation_.at_seam();
    return written;
  }
  Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
    owner_.perturbation_.at_seam();
    return ForwardingFile::allocate(offset, bytes);
  }
  Status truncate(std::uint64_t bytes) override {
    owner_.perturbation_.at_seam();
    return ForwardingFile::truncate(bytes);
  }
  Status sync_data() override {
    owner_.perturbation_.at_seam();
    if (owner_.fail_next_sync_.exchange(false)) return Status::io_error("the disk failed to sync");
    return {};
  }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    owner_.perturbation_.at_seam();
    return ForwardingFile::map(offset, bytes, access);
  }

 private:
  PerturbedFileSystem& owner_;
};

Result<std::unique_ptr<File>> PerturbedFileSystem::open(const std::string& path, OpenMode mode) {
  perturbation_.at_seam();
  std::unique_ptr<File> file = TALEA_TRY(ForwardingFileSystem::open(path, mode));
  return std::unique_ptr<File>(std::make_unique<PerturbedFile>(*this, std::move(file)));
}

Status PerturbedFileSystem::rename(const std::string& from, const std::string& to) {
  perturbation_.at_seam();
  return ForwardingFileSystem::rename(from, to);
}

Status PerturbedFileSystem::remove(const std::string& path) {
  perturbation_.at_seam();
  return ForwardingFileSystem::remove(path);
}

Status PerturbedFileSystem::sync_directory(const std::string&) {
  perturbation_.at_seam();
  return {};
}

}  // namespace talea::trust
