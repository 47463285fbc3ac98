#include "cli/duration_text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>

#include "cli/human_text.h"
#include "talea/limits.h"

namespace talea::cli {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t ms;
};
constexpr std::uint64_t kDayMs = 24ULL * 60 * 60 * 1000;
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", kDayMs}}};

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// The digits at the front of `text`, which they are taken from.
std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// One that is too large for its type is the largest: it is beyond all limits as well.
std::uint64_t number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc::result_out_of_range ? UINT64_MAX : number;
}

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

Status duration_without_unit(std::string_view text) {
  std::string message = quoted(text) + " has no unit: write ";
  for (const Unit& unit : kUnits) {
    if (&unit == &kUnits.back()) message += " or ";
    if (&unit != &kUnits.front() && &unit != &kUnits.back()) message += ", ";
    message += std::string(text) + std::string(unit.name);
  }
  return Status::invalid_argument(message);
}

// Reads `form`, in which 9 stands for a digit and all else for itself.
bool matches(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) return false;
  for (std::size_t position = 0; position < form.size(); ++position) {
    const bool is_right =
        form[position] == '9' ? is_digit(text[position]) : text[position] == form[position];
    if (!is_right) return false;
  }
  return true;
}

// Milliseconds since 1970, negative before; nothing when there is no such day or time of day.
std::optional<std::int64_t> ms_of_date(std::string_view text) {
  const auto field = [text](std::size_t offset, std::size_t count) {
    return static_cast<unsigned>(number_of(text.substr(offset, count)));
  };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(field(0, 4))),
                                         std::chrono::month(field(5, 2)),
                                         std::chrono::day(field(8, 2)));
  const unsigned hours = field(11, 2);
  const unsigned minutes = field(14, 2);
  const unsigned seconds = field(17, 2);
  if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
  const unsigned fraction_ms = text[19] == '.' ? field(20, 3) : 0;
  const auto day = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::milliseconds(day).count() +
         static_cast<std::int64_t>(((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction_ms);
}

Status moment_out_of_range(std::string_view text) {
  return Status::invalid_argument(
      quoted(text) +
      " is out of range: a key expires between 1970-01-01T00:00:00.001Z and "
      "9999-12-31T23:59:59.999Z, 1 to " +
      std::to_string(kExpiryMsMax) + " milliseconds since 1970");
}

// What `date +%s` prints is a moment of January 1970 here: a key would be gone at once.
constexpr std::uint64_t kMsOfPeopleMin = 100'000'000'000;  // March 1973
Status perhaps_in_seconds(std::string_view text, std::uint64_t ms) {
  return Status::invalid_argument(
      quoted(text) + " is " + moment_text(ms) +
      ", in milliseconds since 1970: if seconds are meant, write 000 behind it; else write the "
      "moment as above");
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::string_view unit_name = text;
  const std::string_view digits = take_digits(unit_name);
  if (!digits.empty() && unit_name.empty()) return duration_without_unit(text);
  for (const Unit& unit : kUnits) {
    if (digits.empty() || unit_name != unit.name) continue;
    const std::uint64_t number = number_of(digits);
    if (number == 0 || number > kTimeToLiveMsMax / unit.ms) {
      return Status::invalid_argument(quoted(text) + " is out of range: a key lives 1ms to " +
                                      std::to_string(kTimeToLiveMsMax / kDayMs) + "d");
    }
    return std::chrono::milliseconds(number * unit.ms);
  }
  return Status::invalid_argument(
      quoted(text) +
      " is not a duration: write a whole number and its unit, which is ms, s, m, h or d, as in "
      "250ms, 30s or 7d");
}

Result<std::uint64_t> parse_moment(std::string_view text) {
  std::string_view rest = text;
  const std::string_view digits = take_digits(rest);
  if (!digits.empty() && rest.empty()) {
    const std::uint64_t ms = number_of(digits);
    if (ms < 1 || ms > kExpiryMsMax) return moment_out_of_range(text);
    if (ms < kMsOfPeopleMin) return perhaps_in_seconds(text, ms);
    return ms;
  }
  if (!matches(text, "9999-99-99T99:99:99Z") && !matches(text, "9999-99-99T99:99:99.999Z")) {
    return Status::invalid_argument(quoted(text) +
                                    " is not a time: write it in UTC, as 2026-12-24T18:00:00Z, or "
                                    "in milliseconds since 1970");
  }
  const std::optional<std::int64_t> ms = ms_of_date(text);
  if (!ms) {
    return Status::invalid_argument(quoted(text) +
                                    " does not exist: there is no such day, or no such time of day "
                                    "(00:00:00 to 23:59:59); correct it");
  }
  if (*ms < 1) return moment_out_of_range(text);
  return static_cast<std::uint64_t>(*ms);
}

std::string moment_text(std::uint64_t unix_ms) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> moment{
      std::chrono::milliseconds(static_cast<std::int64_t>(unix_ms))};
  const auto day = floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{floor<std::chrono::seconds>(moment - day)};
  char text[64];
  (void)std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                      static_cast<int>(time.minutes().count()),
                      static_cast<int>(time.seconds().count()));
  return text;
}

}  // namespace talea::cli
