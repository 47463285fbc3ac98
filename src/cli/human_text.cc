#include "cli/human_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace talea::cli {

namespace {

template <typename... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, arguments...);
  return text.data();
}

// Characters that change the order or the lines of what stands around them: U+061C, U+200E and
// U+200F, U+2028 to U+202E, U+2066 to U+2069. With them a key can look like another.
bool rearranges(BytesView character) {
  if (character == "\xD8\x9C") return true;
  if (character.size() != 3 || character.front() != '\xE2') return false;
  const auto second = static_cast<unsigned char>(character[1]);
  const auto third = static_cast<unsigned char>(character[2]);
  if (second == 0x80) return third == 0x8E || third == 0x8F || (third >= 0xA8 && third <= 0xAE);
  return second == 0x81 && third >= 0xA6 && third <= 0xA9;
}

// Length of the printable UTF-8 character at the front, 0 when there is none.
std::size_t printable_bytes(BytesView bytes) {
  const auto byte = [bytes](std::size_t position) {
    return position < bytes.size() ? static_cast<unsigned char>(bytes[position]) : 0U;
  };
  const auto continues = [&byte](std::size_t position) { return (byte(position) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first >= 0x20 && first < 0x7F) return 1;
  // U+0080 to U+009F are commands to a terminal.
  if (first == 0xC2) return byte(1) >= 0xA0 && continues(1) ? 2 : 0;
  if (first >= 0xC3 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto amount = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (amount < 1023.95) break;  // what would be shown as 1024.0
    amount /= 1024;
    unit = larger;
  }
  return formatted("%.1f %s", amount, unit);
}

std::string human_seconds(double seconds) {
  if (seconds < 10) return formatted("%.3f s", seconds);
  if (seconds < 60) return formatted("%.1f s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
}

std::string human_duration(std::uint64_t nanoseconds) {
  if (nanoseconds < 1000) return std::to_string(nanoseconds) + " ns";
  const auto amount = static_cast<double>(nanoseconds);
  if (amount < 999.95e3) return formatted("%.1f us", amount / 1e3);
  if (amount < 999.95e6) return formatted("%.1f ms", amount / 1e6);
  return human_seconds(amount / 1e9);
}

std::string printable(BytesView bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t shown = bytes.front() == '\\' ? 0 : printable_bytes(bytes);
    if (shown > 0 && !rearranges(bytes.substr(0, shown))) {
      text += bytes.substr(0, shown);
      bytes.remove_prefix(shown);
      continue;
    }
    switch (bytes.front()) {
      case '\\': text += "\\\\"; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      default: text += formatted("\\x%02x", static_cast<unsigned char>(bytes.front()));
    }
    bytes.remove_prefix(1);
  }
  return text;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      const std::string gap(widths[column] - row[column].size(), ' ');
      if (column == 0) {
        text += row[column];
        if (row.size() > 1) text += gap;
      } else {
        text += "  " + gap + row[column];
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace talea::cli
