#include "auth/text.h"

#include <algorithm>
#include <cstdint>

#include "talea/limits.h"

namespace talea {
namespace {

constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

// Takes one character off the front of `text`; 0 when there is none.
std::uint32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  std::size_t bytes = 0;
  std::uint32_t character = 0;
  std::uint32_t least = 0;  // what needs as many bytes
  if (first < 0x80) {
    bytes = 1, character = first;
  } else if (first >= 0xc0 && first < 0xe0) {
    bytes = 2, character = first & 0x1fU, least = 0x80;
  } else if (first >= 0xe0 && first < 0xf0) {
    bytes = 3, character = first & 0x0fU, least = 0x800;
  } else if (first >= 0xf0 && first < 0xf8) {
    bytes = 4, character = first & 0x07U, least = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte & 0x3fU);
  }
  const bool is_surrogate = character >= 0xd800 && character < 0xe000;
  if (character < least || character > 0x10ffff || is_surrogate) return 0;
  text.remove_prefix(bytes);
  return character;
}

}  // namespace

bool is_plain_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::uint32_t character = take_character(text);
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) return false;
  }
  return true;
}

Status check_text(std::string_view what, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return Status::invalid_argument(std::string(what) + " has at most " +
                                    std::to_string(bytes_max) + " bytes; this one has " +
                                    std::to_string(text.size()));
  }
  if (!is_plain_utf8(text)) {
    return Status::invalid_argument(std::string(what) +
                                    " is UTF-8 without control characters; this one is not");
  }
  return {};
}

Result<std::string> checked_user_name(std::string_view name) {
  const std::size_t begin = std::min(name.find_first_not_of(kWhiteSpace), name.size());
  name.remove_prefix(begin);
  name = name.substr(0, name.find_last_not_of(kWhiteSpace) + 1);
  if (name.empty()) return Status::invalid_argument("a user needs a name; this one is empty");
  TALEA_TRY(check_text("a user name", name, kUserNameBytesMax));
  return std::string(name);
}

std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace talea
