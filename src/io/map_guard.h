// MapGuard: a disk that fails below a memory map becomes an error of the reader, not the end of
// the process.
//
// A load from a mapped page that the kernel cannot read (a bad sector, a file cut by somebody else,
// a lost network disk) raises SIGBUS, which kills. With the guard installed, a load inside a
// watched region goes on instead and reads zeros, and the region's flag says so:
//
//     load from a bad page -> SIGBUS -> the handler finds the region
//                                       1. sets its flag
//                                       2. puts a page of zeros over the bad one
//                                    -> the load is repeated, reads zeros
//     the reader copies, then asks MapGuard::damaged(flag): io_error instead of the copy
//
// The flag comes first, so that nobody, in no thread, can read such a zero and then find the flag
// unset. What is replaced stays replaced until the file is mapped anew. A system call that is
// handed such memory fails with EFAULT and needs no guard.
//
// The handler belongs to the process, which is not ours: the program `talea` installs it, a host
// decides for itself. Without it the rest of this file costs a few stores and does nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "io/file_system.h"
#include "talea/result.h"

namespace talea {

/// Regions that can be watched at once, in all stores of a process. A map for each segment of 64
/// MiB makes that a terabyte.
inline constexpr std::size_t kMapRegionsMax = 16 * 1024;

/// Threads: safe.
class MapGuard {
 public:
  /// Watches a region for as long as it lives.
  ///
  /// Threads: externally synchronised; the last access to the region comes before its end.
  class Region {
   public:
    Region() = default;  // watches nothing
    Region(Region&& other) noexcept;
    Region& operator=(Region&& other) noexcept;
    ~Region();

   private:
    friend class MapGuard;
    explicit Region(std::size_t slot) : slot_(slot) {}

    static constexpr std::size_t kNone = ~std::size_t{0};
    std::size_t slot_ = kNone;
  };

  /// Makes SIGBUS inside watched regions an error of their readers, in the whole process and for
  /// good. A second call does nothing. A SIGBUS from elsewhere goes to the handler that was there
  /// before, or ends the process as ever. Who installs a handler later has to pass on what is not
  /// his; a thread that blocks SIGBUS dies of it regardless (the kernel's rule).
  ///
  /// Errors: io_error
  static Status install();
  static bool installed();

  /// Watches [start, start + bytes), all of it mapped. In a region for writing the store that
  /// faults completes as well, into memory that reaches no file: the flag is the only word of it.
  ///
  /// `damaged` outlives the Region. It is set by the handler and never cleared.
  ///
  /// Cost: a mutex; no allocation.
  /// Errors: exhausted  kMapRegionsMax are watched: read this file in another way
  static Result<Region> watch(const void* start, std::size_t bytes, MapAccess access,
                              std::atomic<bool>& damaged);

  /// Whether what was loaded from the region before this call may be zeros that the file does not
  /// hold. To be asked after the bytes were copied or checked, and before they are believed.
  static bool damaged(const std::atomic<bool>& flag);
};

}  // namespace talea
