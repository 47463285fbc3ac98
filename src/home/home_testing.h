// What the tests of all homes share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "home/home.h"

namespace talea {

using Rows = std::vector<std::pair<Bytes, Bytes>>;

inline Rows rows_of(Result<std::unique_ptr<HomeCursor>> cursor) {
  EXPECT_TRUE(cursor.ok()) << cursor.status().to_string();
  Rows rows;
  if (!cursor.ok()) return rows;
  for (;;) {
    const auto next = (*cursor)->next();
    EXPECT_TRUE(next.ok()) << next.status().to_string();
    if (!next.ok() || !*next) return rows;
    rows.emplace_back((*cursor)->entry().key, (*cursor)->entry().value);
  }
}

inline std::vector<std::uint64_t> revisions_of(const Result<std::vector<HomeRevision>>& history) {
  EXPECT_TRUE(history.ok()) << history.status().to_string();
  std::vector<std::uint64_t> revisions;
  if (!history.ok()) return revisions;
  for (const HomeRevision& revision : *history) revisions.push_back(revision.revision);
  return revisions;
}

inline std::string value_of(const Result<std::optional<HomeEntry>>& got) {
  if (!got.ok()) return got.status().to_string();
  return *got ? (*got)->value : "nothing";
}

inline std::string text_of(const Status& status) { return status.to_string(); }

/// Gives `bytes` in pieces of three.
inline StateSource source_of(Bytes bytes) {
  return [bytes = std::move(bytes), at = std::size_t{0}](
             char* out, std::size_t room) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({bytes.size() - at, room, std::size_t{3}});
    bytes.copy(out, count, at);
    at += count;
    return count;
  };
}

}  // namespace talea
