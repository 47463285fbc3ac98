// What a figure depends on besides the code: the machine, and the limits of its disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "talea/result.h"
#include "talea/status.h"

namespace talea::bench {

struct Machine {
  std::string cpu;
  unsigned cores = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  /// Of the data directory, for example "ext4 on /dev/vda".
  std::string file_system;
  /// Of the last minute, when the run began: other work on the machine.
  double load = 0;
  /// With its version and the build type.
  std::string compiler;
};

/// Reads /proc and uname; what cannot be read is "unknown" or 0.
Machine describe_machine(const std::string& data_directory);

/// Measures what a write of 4 KiB followed by fdatasync costs on the bare file system, below any
/// store: on space that was written before, and on a file that grows with each write.
///
/// It is sampled in small portions between the sides of a run, so that it sees the same noise.
/// Threads: externally synchronised.
class DiskProbe {
 public:
  struct Limits {
    std::uint64_t samples = 0;
    double preallocated_p50_seconds = 0;
    double preallocated_p99_seconds = 0;
    double growing_p50_seconds = 0;
    double growing_p99_seconds = 0;
  };

  /// `directory` is where the two files of the probe come and go.
  explicit DiskProbe(std::string directory) : directory_(std::move(directory)) {}

  Status sample(unsigned writes);
  /// Of all samples so far; sample() must have succeeded once.
  Limits limits() const;

 private:
  std::string directory_;
  std::vector<double> preallocated_seconds_;
  std::vector<double> growing_seconds_;
};

}  // namespace talea::bench
