#include "bucketdb/file_name.h"

#include <charconv>
#include <cstdio>

namespace talea::bucketdb {
namespace {

constexpr std::string_view kStart = "data_";
constexpr std::string_view kEnd = ".s4db";
constexpr std::size_t kWriterDigits = 8;
constexpr std::size_t kNumberDigitsMin = 6;

// Digits as we print them: lower case, no sign, no more zeros in front than the width asks for.
std::optional<std::uint32_t> parse_digits(std::string_view text, int base) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string file_name(FileId file) {
  char name[40];
  if (file.writer() == 0) {
    std::snprintf(name, sizeof name, "data_%06u.s4db", file.number());
  } else {
    std::snprintf(name, sizeof name, "data_%08x_%06u.s4db", file.writer(), file.number());
  }
  return name;
}

std::optional<FileId> parse_file_name(std::string_view name) {
  if (name.size() < kStart.size() + kNumberDigitsMin + kEnd.size() || !name.starts_with(kStart) ||
      !name.ends_with(kEnd)) {
    return std::nullopt;
  }
  const std::string_view whole = name;
  name.remove_prefix(kStart.size());
  name.remove_suffix(kEnd.size());
  std::uint64_t writer = 0;
  if (name.size() > kWriterDigits && name[kWriterDigits] == '_') {
    const auto parsed = parse_digits(name.substr(0, kWriterDigits), 16);
    if (!parsed.has_value() || *parsed == 0) return std::nullopt;
    writer = *parsed;
    name.remove_prefix(kWriterDigits + 1);
  }
  const auto number = parse_digits(name, 10);
  if (!number.has_value()) return std::nullopt;
  const FileId file{writer << 32 | *number};
  // What is spelt in another way is another object.
  if (file_name(file) != whole) return std::nullopt;
  return file;
}

}  // namespace talea::bucketdb
