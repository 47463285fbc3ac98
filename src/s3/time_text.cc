#include "s3/time_text.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace talea::s3 {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// The parts of a time, each of which was read from text and may be anything.
struct Parts {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  unsigned millisecond = 0;
  unsigned weekday = 0;
};

Parts parts_of(std::uint64_t ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{
      std::chrono::milliseconds(static_cast<std::int64_t>(ms))};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto rest = static_cast<unsigned>((time - day).count());
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .hour = rest / 3'600'000,
          .minute = rest / 60'000 % 60,
          .second = rest / 1000 % 60,
          .millisecond = rest % 1000,
          .weekday = std::chrono::weekday(day).c_encoding()};
}

std::optional<std::uint64_t> ms_of(const Parts& parts) {
  const std::chrono::year_month_day date{
      std::chrono::year(parts.year), std::chrono::month(parts.month), std::chrono::day(parts.day)};
  // 60 is a leap second.
  if (!date.ok() || parts.year < 1970 || parts.hour > 23 || parts.minute > 59 ||
      parts.second > 60) {
    return std::nullopt;
  }
  const auto day = std::chrono::sys_days(date).time_since_epoch();
  const auto days_ms = std::chrono::duration_cast<std::chrono::milliseconds>(day).count();
  return static_cast<std::uint64_t>(days_ms) + parts.hour * 3'600'000U + parts.minute * 60'000U +
         parts.second * 1000U + parts.millisecond;
}

// Takes text from its beginning, and remembers whether all of it was as expected.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  unsigned number(std::size_t digits) {
    unsigned value = 0;
    for (std::size_t i = 0; i < digits; ++i) value = value * 10 + digit();
    return value;
  }
  void word(std::string_view expected) {
    if (rest_.substr(0, expected.size()) == expected) {
      rest_.remove_prefix(expected.size());
    } else {
      good_ = false;
    }
  }
  template <std::size_t count>
  unsigned one_of(const std::array<std::string_view, count>& words) {
    for (unsigned i = 0; i < count; ++i) {
      if (rest_.substr(0, 3) == words[i]) {
        rest_.remove_prefix(3);
        return i;
      }
    }
    good_ = false;
    return 0;
  }
  // Of a second: as many digits as there are.
  unsigned milliseconds() {
    unsigned value = 0;
    unsigned weight = 100;
    if (rest_.empty() || rest_.front() != '.') return 0;
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      value += digit() * weight;
      weight /= 10;
    }
    return value;
  }
  std::string_view rest() const { return rest_; }
  bool good() const { return good_; }

 private:
  unsigned digit() {
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') {
      good_ = false;
      return 0;
    }
    const auto value = static_cast<unsigned>(rest_.front() - '0');
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
  bool good_ = true;
};

template <typename... Values>
std::string print(const char* format, Values... values) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, values...);
  return {text.data(), static_cast<std::size_t>(length)};
}

// "18:00:00"
void read_time_of_day(Reader& reader, Parts& at) {
  at.hour = reader.number(2);
  reader.word(":");
  at.minute = reader.number(2);
  reader.word(":");
  at.second = reader.number(2);
}

}  // namespace

std::string http_date(std::uint64_t ms) {
  const Parts at = parts_of(ms);
  return std::string(kDays[at.weekday]) + print(", %02u ", at.day) +
         std::string(kMonths[at.month - 1]) +
         print(" %04d %02u:%02u:%02u GMT", at.year, at.hour, at.minute, at.second);
}

std::optional<std::uint64_t> parse_http_date(std::string_view text) {
  Reader reader(text);
  Parts at;
  reader.one_of(kDays);
  reader.word(", ");
  at.day = reader.number(2);
  reader.word(" ");
  at.month = reader.one_of(kMonths) + 1;
  reader.word(" ");
  at.year = static_cast<int>(reader.number(4));
  reader.word(" ");
  read_time_of_day(reader, at);
  reader.word(" GMT");
  if (!reader.good() || !reader.rest().empty()) return std::nullopt;
  return ms_of(at);
}

std::string xml_time(std::uint64_t ms) {
  const Parts at = parts_of(ms);
  return print("%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", at.year, at.month, at.day, at.hour, at.minute,
               at.second, at.millisecond);
}

std::optional<std::uint64_t> parse_xml_time(std::string_view text) {
  Reader reader(text);
  Parts at;
  at.year = static_cast<int>(reader.number(4));
  reader.word("-");
  at.month = reader.number(2);
  reader.word("-");
  at.day = reader.number(2);
  reader.word("T");
  read_time_of_day(reader, at);
  at.millisecond = reader.milliseconds();
  if (!reader.good() || (reader.rest() != "Z" && reader.rest() != "+00:00")) return std::nullopt;
  return ms_of(at);
}

std::string amz_time(std::uint64_t ms) {
  const Parts at = parts_of(ms);
  return print("%04d%02u%02uT%02u%02u%02uZ", at.year, at.month, at.day, at.hour, at.minute,
               at.second);
}

std::optional<std::uint64_t> parse_amz_time(std::string_view text) {
  Reader reader(text);
  Parts at;
  at.year = static_cast<int>(reader.number(4));
  at.month = reader.number(2);
  at.day = reader.number(2);
  reader.word("T");
  at.hour = reader.number(2);
  at.minute = reader.number(2);
  at.second = reader.number(2);
  reader.word("Z");
  if (!reader.good() || !reader.rest().empty()) return std::nullopt;
  return ms_of(at);
}

}  // namespace talea::s3
