// The table of regions is written under a mutex and read by a signal handler, which may take none:
// each slot has a version, odd while the slot changes, and the handler passes over a slot whose
// version is odd or moves. It can afford to: the region in which a thread faults cannot change
// while that thread is inside it, so a slot that changes is not the one that is looked for.
//
// The state is global because a signal handler is: CONVENTIONS.md, "No globals", bends here.
#include "io/map_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "base/mutex.h"

namespace talea {
namespace {

// What a signal handler touches has to be free of locks in the library's sense, too.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

struct Slot {
  std::atomic<std::uint64_t> version = 0;
  std::atomic<std::uintptr_t> start = 0;
  std::atomic<std::uintptr_t> bytes = 0;  // 0: free
  std::atomic<std::atomic<bool>*> damaged = nullptr;
  std::atomic<bool> writable = false;
};

struct Table {
  std::array<Slot, kMapRegionsMax> slots;
  // Slots from here on were never used: the handler need not look at them.
  std::atomic<std::size_t> used = 0;

  Mutex mutex;
  std::array<std::uint32_t, kMapRegionsMax> free TALEA_GUARDED_BY(mutex) = {};
  std::size_t free_count TALEA_GUARDED_BY(mutex) = 0;

  // Written before the handler is installed, read by it.
  struct sigaction previous = {};
  std::atomic<std::uintptr_t> page_bytes = 0;
  std::atomic<bool> installed = false;
};

constinit Table table;

struct Found {
  std::atomic<bool>* damaged;
  bool writable;
};

// The region at `address`; `damaged` is null when nobody watches it. Async-signal-safe.
Found find(std::uintptr_t address) {
  const std::size_t used = table.used.load();
  for (std::size_t i = 0; i < used; ++i) {
    const Slot& slot = table.slots[i];
    const std::uint64_t version = slot.version.load();
    if (version % 2 != 0) continue;
    const std::uintptr_t start = slot.start.load();
    const std::uintptr_t bytes = slot.bytes.load();
    const Found found = {slot.damaged.load(), slot.writable.load()};
    if (slot.version.load() != version) continue;
    if (address >= start && address - start < bytes) return found;
  }
  return {nullptr, false};
}

// Async-signal-safe: mmap is a system call and nothing more. It is made past the sanitizers'
// wrappers, which were not written for signal handlers.
bool put_zeros_over(std::uintptr_t page, bool writable) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
#if defined(SYS_mmap) && __SIZEOF_POINTER__ == 8
  return ::syscall(SYS_mmap, page, table.page_bytes.load(), protection, kFlags, -1, 0) != -1;
#else
  return ::mmap(reinterpret_cast<void*>(page), table.page_bytes.load(), protection, kFlags, -1,
                0) != MAP_FAILED;
#endif
}

// True: whoever faulted can go on.
bool mend(const siginfo_t& info) {
  // Sent by kill() and the like, si_addr means nothing; memory that failed while nobody read it
  // (BUS_MCEERR_AO) is not a fault of the interrupted instruction.
  if (info.si_code != BUS_ADRERR && info.si_code != BUS_MCEERR_AR) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  const Found found = find(address);
  if (found.damaged == nullptr) return false;
  found.damaged->store(true);
  const std::uintptr_t page_bytes = table.page_bytes.load();
  return put_zeros_over(address / page_bytes * page_bytes, found.writable);
}

// A SIGBUS that is not ours, to whom it would have gone.
void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = table.previous;
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  // Sent, or of memory that nobody reads now: no instruction will repeat it.
  const bool sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;
  if (previous.sa_handler == SIG_IGN && sent) return;
  if (previous.sa_handler != SIG_IGN && previous.sa_handler != SIG_DFL) {
    return previous.sa_handler(signal);
  }
  // The default, which is to die. The instruction that faulted does so again and ends the process
  // where it happened, for the sake of the core file; a signal that was sent is sent again. A
  // fault cannot be ignored: there the kernel kills, too.
  struct sigaction fallback = {};
  fallback.sa_handler = SIG_DFL;
  ::sigaction(signal, &fallback, nullptr);
  if (sent) ::raise(signal);
}

void handle(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  if (!mend(*info)) pass_on(signal, info, context);
  errno = error;
}

Status refused(int error) {
  return Status::io_error("install a handler for SIGBUS: " +
                          std::generic_category().message(error));
}

}  // namespace

Status MapGuard::install() {
  MutexLock lock(table.mutex);
  if (table.installed) return {};
  table.page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  if (::sigaction(SIGBUS, nullptr, &table.previous) != 0) return refused(errno);
  struct sigaction ours = {};
  ours.sa_sigaction = handle;
  // On the alternate stack where the thread has one: a fault may happen deep in a stack.
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  if (::sigaction(SIGBUS, &ours, nullptr) != 0) return refused(errno);
  table.installed = true;
  return {};
}

bool MapGuard::installed() { return table.installed; }

Result<MapGuard::Region> MapGuard::watch(const void* start, std::size_t bytes, MapAccess access,
                                         std::atomic<bool>& damaged) {
  if (bytes == 0) return Region();
  MutexLock lock(table.mutex);
  std::size_t number = 0;
  if (table.free_count > 0) {
    number = table.free[--table.free_count];
  } else if (table.used < kMapRegionsMax) {
    number = table.used;
  } else {
    return Status::exhausted("watch a mapping: all " + std::to_string(kMapRegionsMax) +
                             " places are taken");
  }
  Slot& slot = table.slots[number];
  ++slot.version;
  slot.start = reinterpret_cast<std::uintptr_t>(start);
  slot.bytes = bytes;
  slot.damaged = &damaged;
  slot.writable = access == MapAccess::write;
  ++slot.version;
  if (number == table.used) ++table.used;
  return Region(number);
}

bool MapGuard::damaged(const std::atomic<bool>& flag) {
  // Pairs with the store in mend(), which the page of zeros follows: a load of such a zero that
  // came before this fence sees the flag behind it.
#if defined(__SANITIZE_THREAD__)
  std::atomic_signal_fence(std::memory_order_acquire);  // g++ refuses the other one there
#else
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  return flag.load();
}

MapGuard::Region::Region(Region&& other) noexcept : slot_(std::exchange(other.slot_, kNone)) {}

MapGuard::Region& MapGuard::Region::operator=(Region&& other) noexcept {
  std::swap(slot_, other.slot_);  // what was watched so far ends with `other`
  return *this;
}

MapGuard::Region::~Region() {
  if (slot_ == kNone) return;
  MutexLock lock(table.mutex);
  Slot& slot = table.slots[slot_];
  ++slot.version;
  slot.bytes = 0;
  slot.damaged = nullptr;
  ++slot.version;
  TALEA_ASSERT(table.free_count < kMapRegionsMax);
  table.free[table.free_count++] = static_cast<std::uint32_t>(slot_);
}

}  // namespace talea
