#include "bench/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "bench/statistics.h"

namespace talea::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kWriteBytes = 4096;

// The text after the colon of the first line of `path` that begins with `field`.
std::string field_of_file(const char* path, const std::string& field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    if (begin != std::string::npos) return line.substr(begin);
  }
  return "unknown";
}

// Lines of /proc/self/mountinfo: `id parent major:minor root mount-point options... - type source
// options`; proc(5).
std::string file_system_of(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return "unknown";
  const std::string device =
      std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, type, source;
    fields >> id >> parent >> number;
    const std::size_t separator = line.find(" - ");
    if (number != device || separator == std::string::npos) continue;
    std::istringstream(line.substr(separator + 3)) >> type >> source;
    return type.append(" on ").append(source);
  }
  return "unknown";
}

std::string compiler() {
#if defined(__clang__)
  const std::string name = "clang " __clang_version__;
#else
  const std::string name = "g++ " __VERSION__;
#endif
  return name + ", " TALEA_BENCH_BUILD;
}

Status last_error(const std::string& doing) {
  return Status::io_error(doing + ": " + std::strerror(errno));
}

// Writes and syncs block after block of the file `path`, appends how long each took to `seconds`,
// and removes the file.
Status sample_file(const std::string& path, bool preallocated, unsigned writes,
                   std::vector<double>& seconds) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return last_error("create " + path);
  const auto closed = [&](Status status) {
    ::close(file);
    ::unlink(path.c_str());
    return status;
  };
  std::vector<char> block(kWriteBytes, 'a');
  const auto write_block = [&](unsigned position) {
    const auto offset = static_cast<off_t>(position * kWriteBytes);
    return ::pwrite(file, block.data(), block.size(), offset) == static_cast<ssize_t>(block.size());
  };
  // Written for real: fallocate alone leaves extents that the first write has to convert.
  for (unsigned position = 0; preallocated && position < writes; ++position) {
    if (!write_block(position)) return closed(last_error("write " + path));
  }
  if (::fsync(file) != 0) return closed(last_error("fsync " + path));
  block.assign(kWriteBytes, 'b');
  for (unsigned position = 0; position < writes; ++position) {
    const SteadyClock::time_point begin = SteadyClock::now();
    if (!write_block(position)) return closed(last_error("write " + path));
    if (::fdatasync(file) != 0) return closed(last_error("fdatasync " + path));
    seconds.push_back(std::chrono::duration<double>(SteadyClock::now() - begin).count());
  }
  return closed({});
}

}  // namespace

Machine describe_machine(const std::string& data_directory) {
  Machine machine;
  machine.cpu = field_of_file("/proc/cpuinfo", "model name");
  machine.cores = std::thread::hardware_concurrency();
  machine.memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  utsname name{};
  machine.kernel = "unknown";
  if (::uname(&name) == 0) {
    machine.kernel = name.sysname;
    machine.kernel.append(" ").append(name.release);
  }
  machine.file_system = file_system_of(data_directory);
  std::ifstream("/proc/loadavg") >> machine.load;
  machine.compiler = compiler();
  return machine;
}

Status DiskProbe::sample(unsigned writes) {
  TALEA_TRY(
      sample_file(directory_ + "/disk-probe-preallocated", true, writes, preallocated_seconds_));
  return sample_file(directory_ + "/disk-probe-growing", false, writes, growing_seconds_);
}

DiskProbe::Limits DiskProbe::limits() const {
  TALEA_ASSERT(!growing_seconds_.empty());
  return {
      .samples = preallocated_seconds_.size(),
      .preallocated_p50_seconds = quantile(preallocated_seconds_, 0.5),
      .preallocated_p99_seconds = quantile(preallocated_seconds_, 0.99),
      .growing_p50_seconds = quantile(growing_seconds_, 0.5),
      .growing_p99_seconds = quantile(growing_seconds_, 0.99),
  };
}

}  // namespace talea::bench
