#include "cli/past_argument.h"

#include <charconv>
#include <string_view>

#include "cli/duration_text.h"

namespace talea::cli {

namespace {

// Nothing when `text` is not all digits, or too large.
std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

Result<std::optional<At>> AtArgument::at() const {
  if (!text) return std::optional<At>();
  if (const auto sequence = number_in(*text)) return std::optional(At::sequence(*sequence));
  const Result<std::uint64_t> moment = parse_moment(*text);
  if (moment.ok()) return std::optional(At::time_ms(*moment));
  return Status::invalid_argument("--at: '" + *text +
                                  "' is neither a sequence, as 4711, nor a time, as "
                                  "2026-12-24T18:00:00Z");
}

Result<Retention> parse_retention(const std::string& text) {
  if (text == "latest") return Retention::latest();
  if (text == "all") return Retention::all();
  if (const auto count = number_in(text)) return Retention::revisions(*count);
  const Result<std::chrono::milliseconds> duration = parse_duration(text);
  if (duration.ok()) return Retention::duration(*duration);
  return Status::invalid_argument("--retain: '" + text +
                                  "' is none of latest, all, a number of revisions, as 10, and a "
                                  "time, as 30d");
}

}  // namespace talea::cli
