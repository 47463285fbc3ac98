// Mirror: copies of data files in the directory, and of which objects they are copies.
//
// A file counts only as far as the list `talea.mirror` says; one that it does not name is somebody
// else's, and what is in it may be nowhere else. A copy is durable before the list names it.
//
// Names of data files are used once in the life of a database, but not in that of a prefix, which
// may be emptied and filled anew. So the list has a commit that the index had when the copies were
// right. An index without it puts the copies in doubt: none is read before it was compared.
//
// Format: docs/formats/s4db-journal.md, "Mirror".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
/// `commit`: that of Mirror::commit().
Bytes encode_mirror(const MirrorList& list, const DatabaseId& database, std::uint64_t commit);
/// Of a list that was decoded.
std::uint64_t commit_of_mirror(BytesView bytes);
/// Errors: corruption, unsupported, invalid_argument (another database)
Result<MirrorList> decode_mirror(BytesView bytes, const DatabaseId& database);

/// Threads: safe; changes by one at a time.
class Mirror {
 public:
  /// A list that is damaged is none: files are fetched again.
  /// Errors: invalid_argument   the directory belongs to another database
  ///         unsupported        the list is of a newer Talea
  static Result<std::unique_ptr<Mirror>> open(FileSystem& files, const std::string& directory,
                                              const DatabaseId& database);

  std::optional<MirroredFile> find(FileId file) const TALEA_EXCLUDES(mutex_);
  MirrorList list() const TALEA_EXCLUDES(mutex_);

  enum class Overwrite : std::uint8_t { copies, anything };
  /// Makes or replaces the copy of a file.
  /// Errors: conflict   a file lies there that is no copy, or longer than it was, and `content`
  /// does
  ///                    not begin with all of it; `overwrite` says otherwise
  Status put(FileId file, BytesView content, const std::string& etag,
             Overwrite overwrite = Overwrite::copies) TALEA_EXCLUDES(mutex_);
  /// Whether what it has of the file may be read.
  bool is_trusted(FileId file) const TALEA_EXCLUDES(mutex_);
  /// Puts all copies in doubt, until each is put again or was compared.
  void doubt() TALEA_EXCLUDES(mutex_);
  bool has_doubts() const TALEA_EXCLUDES(mutex_);
  /// The copy is what the bucket has.
  void trust(FileId file) TALEA_EXCLUDES(mutex_);
  /// A commit that was in the index when no copy was in doubt; 0: none is known.
  std::uint64_t commit() const TALEA_EXCLUDES(mutex_);
  /// The index has this commit. Kept with the next change, if no copy is in doubt.
  void note_commit(std::uint64_t commit) TALEA_EXCLUDES(mutex_);
  /// Writes the list as it is.
  Status save() { return save(list()); }

  /// Says what is known of a file that lies there already.
  Status adopt(FileId file, const MirroredFile& known) TALEA_EXCLUDES(mutex_);
  /// Removes copies; what the list does not name, or not as one of an object, stays.
  Status remove(const std::vector<FileId>& files) TALEA_EXCLUDES(mutex_);

  /// A part of a copy; nothing when there is none that reaches so far.
  Result<std::optional<Bytes>> read(FileId file, std::uint64_t offset, std::uint64_t bytes) const
      TALEA_EXCLUDES(mutex_);
  /// All of a copy; nothing when there is none.
  Result<std::optional<Bytes>> read_all(FileId file) const TALEA_EXCLUDES(mutex_);
  /// All of a file that lies there, copy or not; nothing when there is none.
  Result<std::optional<Bytes>> read_any(FileId file) const;
  /// How long a file is that lies there, copy or not; 0 when there is none.
  Result<std::uint64_t> bytes_there(FileId file) const;
  /// All data files that lie there, copies or not, by their ids.
  Result<std::vector<FileId>> all_files() const;

 private:
  Mirror(FileSystem& files, std::string directory, const DatabaseId& database, MirrorList list,
         std::uint64_t commit)
      : files_(files),
        directory_(std::move(directory)),
        database_(database),
        list_(std::move(list)),
        commit_(commit) {}

  Result<bool> would_lose(FileId file, BytesView content) const TALEA_EXCLUDES(mutex_);
  Status save(const MirrorList& list) TALEA_EXCLUDES(mutex_);

  FileSystem& files_;
  const std::string directory_;
  const DatabaseId database_;
  mutable Mutex mutex_;
  MirrorList list_ TALEA_GUARDED_BY(mutex_);
  std::set<FileId> doubtful_ TALEA_GUARDED_BY(mutex_);
  std::uint64_t commit_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea::bucketdb
