#include "bench/measurement.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace talea::bench {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The number behind `field` in a file of lines `field: number ...`; 0 when there is none.
std::uint64_t number_in(const char* path, const std::string& field) {
  std::ifstream file(path);
  for (std::string name; file >> name;) {
    std::uint64_t number = 0;
    if (name == field && file >> number) return number;
    std::getline(file, name);
  }
  return 0;
}

std::uint64_t bytes_written() { return number_in("/proc/self/io", "write_bytes:"); }

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  seconds += other.seconds;
  cpu_seconds += other.cpu_seconds;
  bytes_written += other.bytes_written;
  return *this;
}

Stopwatch::Stopwatch()
    : cpu_begin_(cpu_seconds()),
      written_begin_(bench::bytes_written()),
      begin_(std::chrono::steady_clock::now()) {}

Cost Stopwatch::elapsed() const {
  const auto end = std::chrono::steady_clock::now();
  return {.seconds = std::chrono::duration<double>(end - begin_).count(),
          .cpu_seconds = cpu_seconds() - cpu_begin_,
          .bytes_written = bench::bytes_written() - written_begin_};
}

Figure Figure::rate(std::uint64_t operations, const Cost& cost) {
  return {.value = static_cast<double>(operations) / cost.seconds,
          .cost = cost,
          .operations = operations};
}

Figure Figure::duration(const Cost& cost) {
  return {.value = cost.seconds, .cost = cost, .operations = 1};
}

std::uint64_t anonymous_memory_bytes() {
  constexpr std::uint64_t kUnitBytes = 1024;  // "kB" there; proc(5)
  return kUnitBytes *
         (number_in("/proc/self/status", "RssAnon:") + number_in("/proc/self/status", "RssShmem:"));
}

}  // namespace talea::bench
