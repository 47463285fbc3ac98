#include "cli/progress.h"

#include <algorithm>
#include <cstdio>

#include "cli/human_text.h"

namespace talea::cli {

namespace {

constexpr std::uint64_t kBarWidth = 20;
constexpr std::chrono::milliseconds kDrawInterval{100};

std::string amount(ProgressUnit unit, std::uint64_t count) {
  return unit == ProgressUnit::bytes ? human_bytes(count) : std::to_string(count) + " rows";
}

}  // namespace

std::string progress_line(const std::string& label, ProgressUnit unit, std::uint64_t done,
                          std::optional<std::uint64_t> total, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const std::string speed = amount(unit, static_cast<std::uint64_t>(rate)) + "/s";
  if (!total || *total == 0) return label + "  " + amount(unit, done) + "  " + speed;
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(kBarWidth));
  std::string line = label + "  [" + std::string(filled, '#') +
                     std::string(kBarWidth - filled, '-') + "]  " +
                     std::to_string(static_cast<int>(part * 100)) + " %  " + amount(unit, done) +
                     " of " + amount(unit, *total) + "  " + speed;
  if (rate > 0 && done < *total) {
    line += "  " + human_seconds(static_cast<double>(*total - done) / rate) + " left";
  }
  return line;
}

Progress::Progress(std::string label, ProgressUnit unit, std::optional<std::uint64_t> total,
                   bool shown)
    : label_(std::move(label)), unit_(unit), total_(total), shown_(shown) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::update(std::uint64_t done) {
  if (!shown_) return;
  const Clock::time_point now = Clock::now();
  if (now < draw_next_) return;
  draw_next_ = now + kDrawInterval;
  drawn_ = true;
  // Back to the start of the line, the new text, and what is left of the old one cleared.
  std::fprintf(stderr, "\r%s\x1b[K", progress_line(label_, unit_, done, total_, seconds()).c_str());
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - began_).count();
}

}  // namespace talea::cli
