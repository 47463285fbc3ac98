#include "ledger/version_pager.h"

#include "ledger/objects.h"

namespace talea {

VersionPager::VersionPager(s3::Client& client, std::string name, std::string before,
                           std::string_view cause)
    : client_(client), name_(std::move(name)) {
  options_.cause = cause;
  options_.prefix = name_;
  if (before.empty()) return;
  options_.key_marker = name_;
  options_.version_id_marker = std::move(before);
}

Result<std::optional<s3::ObjectVersion>> VersionPager::next() {
  while (page_.empty() && !ended_) TALEA_TRY(read_page());
  if (page_.empty()) return std::optional<s3::ObjectVersion>();
  std::optional<s3::ObjectVersion> version = std::move(page_.front());
  page_.pop_front();
  return version;
}

Status VersionPager::read_page() {
  auto listed = client_.list_versions(options_);
  if (!listed.ok()) return explain(std::move(listed).status(), "list versions of " + name_);
  ended_ = !listed->truncated;
  for (s3::ObjectVersion& version : listed->versions) {
    if (version.info.key == name_) {
      page_.push_back(std::move(version));
    } else {
      ended_ = true;
    }
  }
  options_.key_marker = listed->next_key_marker;
  options_.version_id_marker = listed->next_version_id_marker;
  return {};
}

}  // namespace talea
