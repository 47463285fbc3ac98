// CommitList: the last commits of a database, newest first, as the index carries them in the
// metadata of its object.
//
//     0f1e2d3c4b5a6978.8899aabbccddeeff.0011223344556677
//     the newest       the one before   ...
//
// Who lost the answer to a commit looks for its id here, also after others committed on top of it.
//
// Format: docs/formats/s4db.md, "Index".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace talea::bucketdb {

/// A value.
class CommitList {
 public:
  CommitList() = default;
  /// Of whatever the metadata say: from the first thing on that is no commit there are none.
  explicit CommitList(std::string_view text);

  /// A list with `commit` in front, of at most `commits_max`.
  CommitList with(std::uint64_t commit, std::size_t commits_max) const;

  bool has(std::uint64_t commit) const;
  /// 0: there is none.
  std::uint64_t newest() const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace talea::bucketdb
