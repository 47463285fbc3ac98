// Mirror: copies of data files in the directory, and of which objects they are copies.
//
// A file counts only as far as the list `talea.mirror` says; one that it does not name is somebody
// else's. A copy is durable before the list names it.
//
// Format: docs/formats/s4db-journal.md, "Mirror".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "bucketdb/file_name.h"
#include "bucketdb/journal.h"
#include "io/file_system.h"

namespace talea::bucketdb {

struct MirroredFile {
  std::uint64_t bytes = 0;
  /// Of the object; empty: not known to be in the bucket.
  std::string etag;
  bool operator==(const MirroredFile&) const = default;
};

using MirrorList = std::map<FileId, MirroredFile>;
Bytes encode_mirror(const MirrorList& list, const DatabaseId& database);
/// Errors: corruption, unsupported, invalid_argument (another database)
Result<MirrorList> decode_mirror(BytesView bytes, const DatabaseId& database);

/// Threads: safe; changes by one at a time.
class Mirror {
 public:
  /// A list that is damaged is none: files are fetched again.
  Mirror(FileSystem& files, std::string directory, const DatabaseId& database);

  std::optional<MirroredFile> find(FileId file) const TALEA_EXCLUDES(mutex_);
  MirrorList list() const TALEA_EXCLUDES(mutex_);

  /// Makes or replaces the copy of a file.
  Status put(FileId file, BytesView content, const std::string& etag) TALEA_EXCLUDES(mutex_);
  /// Says what is known of a file that lies there already.
  Status adopt(FileId file, const MirroredFile& known) TALEA_EXCLUDES(mutex_);
  /// Removes copies, and what the list does not name stays.
  Status remove(const std::vector<FileId>& files) TALEA_EXCLUDES(mutex_);

  /// A part of a copy; nothing when there is none that reaches so far.
  Result<std::optional<Bytes>> read(FileId file, std::uint64_t offset, std::uint64_t bytes) const
      TALEA_EXCLUDES(mutex_);
  /// All of a copy; nothing when there is none.
  Result<std::optional<Bytes>> read_all(FileId file) const TALEA_EXCLUDES(mutex_);
  /// All of a file that lies there, copy or not; nothing when there is none.
  Result<std::optional<Bytes>> read_any(FileId file) const;
  /// All data files that lie there, copies or not.
  Result<std::vector<FileId>> all_files() const;

 private:
  Status save(const MirrorList& list) TALEA_EXCLUDES(mutex_);

  FileSystem& files_;
  const std::string directory_;
  const DatabaseId database_;
  mutable Mutex mutex_;
  MirrorList list_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea::bucketdb
