#include "bucketdb/commit_list.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace talea::bucketdb {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kStepBytes = kIdBytes + 1;

std::string id_text(std::uint64_t commit) {
  char text[kIdBytes + 1];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(commit));
  return text;
}

bool is_id(std::string_view text) {
  return text.size() == kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// How much of `text` is ids with dots between.
std::size_t ids_end(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; is_id(text.substr(at, kIdBytes)); at += kStepBytes) {
    end = at + kIdBytes;
    if (end == text.size() || text[end] != '.') break;
  }
  return end;
}

}  // namespace

CommitList::CommitList(std::string_view text) {
  if (!is_id(text.substr(0, kIdBytes))) return;
  std::string_view ids = text;
  std::string newest;
  if (text.size() > kIdBytes && text[kIdBytes] == '-') {
    const std::size_t end = std::min(text.find('.'), text.size());
    std::uint32_t number = 0;
    const auto [last, error] =
        std::from_chars(text.data() + kStepBytes, text.data() + end, number);
    if (error != std::errc() || last != text.data() + end) return;
    reserved_from_ = number;
    newest = text.substr(0, end);
    ids = text.substr(end);
    if (!ids.empty()) ids.remove_prefix(1);
  }
  const std::string_view rest = ids.substr(0, ids_end(ids));
  text_ = newest;
  if (!newest.empty() && !rest.empty()) text_ += '.';
  text_ += rest;
}

CommitList CommitList::with(std::uint64_t commit, std::optional<std::uint32_t> reserved_from,
                            std::size_t commits_max) const {
  CommitList list;
  list.reserved_from_ = reserved_from;
  list.text_ = id_text(commit);
  if (reserved_from.has_value()) list.text_ += "-" + std::to_string(*reserved_from);
  // What the one before had reserved is of no interest any more.
  std::string before = text_.substr(0, kIdBytes);
  const std::size_t second = text_.find('.');
  if (second != std::string::npos) before += text_.substr(second);
  before = before.substr(0, (commits_max - 1) * kStepBytes);
  while (!before.empty() && before.back() == '.') before.pop_back();
  if (!before.empty()) list.text_ += "." + before;
  return list;
}

bool CommitList::has(std::uint64_t commit) const {
  const std::string id = id_text(commit);
  // An id has no dot and no hyphen in it, and a number is too short for one.
  return text_.find(id) != std::string::npos;
}

}  // namespace talea::bucketdb
