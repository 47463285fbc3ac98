// Progress: one line on a terminal that says how far a long command is.
//
//     import  [########------------]  42 %  118.3 MiB of 281.0 MiB  61.2 MiB/s  2.7 s left
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace talea::cli {

/// What Progress counts.
enum class ProgressUnit { bytes, rows };

/// The line of a progress bar. `total` is unknown when the input is a pipe.
std::string progress_line(const std::string& label, ProgressUnit unit, std::uint64_t done,
                          std::optional<std::uint64_t> total, double seconds);

/// Draws on the standard error, and only when `shown`. Threads: externally synchronised.
class Progress {
 public:
  Progress(std::string label, ProgressUnit unit, std::optional<std::uint64_t> total, bool shown);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Takes the line away.
  ~Progress();

  /// Cheap: draws ten times a second at most.
  void update(std::uint64_t done);
  void set_total(std::uint64_t total) { total_ = total; }
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  ProgressUnit unit_;
  std::optional<std::uint64_t> total_;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point began_ = Clock::now();
  Clock::time_point draw_next_ = began_;
};

}  // namespace talea::cli
