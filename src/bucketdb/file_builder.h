// Database::FileBuilder: entries on their way into new data files.
//
// The number of a file is known when the bucket took it, because another writer may have the one
// that we wanted. So places are filled in when a file is put.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "bucketdb/database.h"

namespace talea::bucketdb {

/// Whether an entry goes into a new file, and not behind the `content_bytes` that there are.
inline bool begins_new_file(std::uint64_t content_bytes, std::uint64_t entry_bytes,
                            std::uint64_t file_bytes_max) {
  return content_bytes > kFileHeaderBytes && content_bytes + entry_bytes > file_bytes_max;
}

/// Lives inside a call that holds upload_mutex_, which the analysis cannot know.
class Database::FileBuilder {
 public:
  FileBuilder(Database& database, BucketFormat format, const Numbers& numbers, Placement& placement)
      : database_(database), format_(format), numbers_(numbers), placement_(placement) {}

  /// Adds an entry, whose place becomes placement.places[position].
  Status add(BytesView entry, std::size_t position) TALEA_NO_THREAD_SAFETY_ANALYSIS {
    if (begins_new_file(content_.size(), entry.size(), database_.options_.file_bytes_max)) {
      TALEA_TRY(finish());
    }
    if (content_.empty()) content_ = encode_file_header(format_, {});
    waiting_.push_back(position);
    placement_.places[position].offset = content_.size();
    placement_.places[position].length = static_cast<std::uint32_t>(entry.size());
    content_ += entry;
    return {};
  }

  /// Puts what there is.
  Status finish() TALEA_NO_THREAD_SAFETY_ANALYSIS {
    if (content_.empty()) return {};
    NewFile made = TALEA_TRY(database_.put_new_file(content_, format_, numbers_));
    for (const std::size_t position : waiting_) placement_.places[position].file = made.file;
    placement_.pieces.push_back({made.file, kFileHeaderBytes, content_.size()});
    placement_.lowest = std::min(placement_.lowest, made.file.number());
    placement_.highest = std::max(placement_.highest, made.file.number());
    ++placement_.files;
    placement_.bytes += content_.size();
    database_.keep_copy(made.file, content_, made.etag);
    placement_.tail = Tail{made.file, std::move(made.etag), std::move(content_)};
    content_.clear();
    waiting_.clear();
    return {};
  }

 private:
  Database& database_;
  const BucketFormat format_;
  Numbers numbers_;
  Placement& placement_;
  Bytes content_;
  std::vector<std::size_t> waiting_;  // positions of the entries in it
};

}  // namespace talea::bucketdb
