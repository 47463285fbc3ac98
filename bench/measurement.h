// Measurements: what the clock, the processor and the disk say of a piece of work.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace talea::bench {

/// What a piece of work took, of the whole process, background threads included.
struct Cost {
  double seconds = 0;
  /// User and system time.
  double cpu_seconds = 0;
  /// Bytes that the process sent towards the disk: pages it made dirty, in files it wrote or mapped
  /// (`write_bytes` of /proc/self/io). A page that is made dirty again before it is written out
  /// counts once. 0 where the kernel does not tell.
  std::uint64_t bytes_written = 0;

  Cost& operator+=(const Cost& other);
};

/// Runs from its construction.
class Stopwatch {
 public:
  Stopwatch();
  Cost elapsed() const;

 private:
  double cpu_begin_;
  std::uint64_t written_begin_;
  std::chrono::steady_clock::time_point begin_;
};

/// What one round found for one row of the table.
struct Figure {
  /// In the unit of the row.
  double value = 0;
  /// Of what was timed; nothing for a figure that is a size.
  Cost cost = {};
  std::uint64_t operations = 0;

  /// Operations per second.
  static Figure rate(std::uint64_t operations, const Cost& cost);
  /// The seconds of `cost`.
  static Figure duration(const Cost& cost);
  static Figure size(double value) { return {.value = value}; }
};

/// Memory of this process that no file backs and that it does not share with one: `RssAnon` and
/// `RssShmem` of /proc/self/status; 0 where the kernel does not tell.
std::uint64_t anonymous_memory_bytes();

}  // namespace talea::bench
