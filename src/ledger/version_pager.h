// VersionPager: the versions of one object, newest first, page after page.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "s3/client.h"

namespace talea {

/// Threads: externally synchronised.
class VersionPager {
 public:
  /// Those older than `before`; empty: all. `client` outlives it.
  VersionPager(s3::Client& client, std::string name, std::string before, std::string_view cause);

  /// Delete markers too. Nothing: that was the oldest. Other objects whose names begin likewise are
  /// not looked through: they come behind in the list.
  Result<std::optional<s3::ObjectVersion>> next();

 private:
  Status read_page();

  s3::Client& client_;
  const std::string name_;
  s3::VersionListOptions options_;
  std::deque<s3::ObjectVersion> page_;
  bool ended_ = false;
};

}  // namespace talea
