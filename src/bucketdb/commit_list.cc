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
  return text.size() == kIdBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

CommitList::CommitList(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size() && is_id(text.substr(at, kIdBytes)); at += kStepBytes) {
    const std::size_t id_end = at + kIdBytes;
    if (id_end < text.size() && text[id_end] != '.') break;
    end = id_end;
  }
  text_ = text.substr(0, end);
}

CommitList CommitList::with(std::uint64_t commit, std::size_t commits_max) const {
  CommitList list;
  list.text_ = id_text(commit);
  if (!text_.empty()) list.text_ += "." + text_;
  if (list.text_.size() > commits_max * kStepBytes) list.text_.resize(commits_max * kStepBytes - 1);
  return list;
}

std::uint64_t CommitList::newest() const {
  constexpr int kHexadecimal = 16;
  std::uint64_t commit = 0;
  const std::size_t end = std::min(text_.size(), kIdBytes);
  (void)std::from_chars(text_.data(), text_.data() + end, commit, kHexadecimal);
  return commit;
}

bool CommitList::has(std::uint64_t commit) const {
  return text_.find(id_text(commit)) != std::string::npos;
}

}  // namespace talea::bucketdb
