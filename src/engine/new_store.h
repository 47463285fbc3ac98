// NewStore: a directory that is to become a store, by a restore.
//
// It is one when its manifest is written, which comes last. Whatever stops the work before leaves a
// directory that opening refuses, and what was made in it is removed as far as the disk allows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/seams.h"
#include "log/segment.h"
#include "manifest/manifest.h"

namespace talea {

/// Threads: externally synchronised.
class NewStore {
 public:
  /// Takes the directory `path`, which is absent or empty, under lock. `what`: who does, for
  /// whoever finds it locked. `encryption`: of a store that is to be encrypted.
  /// Errors: invalid_argument (it holds something), unavailable, denied, io_error
  static Result<std::unique_ptr<NewStore>> begin(const Seams& seams, const std::string& path,
                                                 const std::string& what,
                                                 const Encryption& encryption = {});
  /// Removes what was made, unless it became a store.
  ~NewStore();
  NewStore(const NewStore&) = delete;
  NewStore& operator=(const NewStore&) = delete;

  const Seams& seams() const { return seams_; }
  const std::string& path() const { return path_; }
  const StoreId& store_id() const { return manifest_.store_id; }

  /// Errors: exhausted
  Result<std::uint32_t> take_id();
  /// A new segment file with its header; id, store id and salt are filled in.
  Result<std::unique_ptr<Segment>> make_segment(SegmentHeader header);
  /// A new file of this name.
  Result<std::unique_ptr<File>> make_file(const std::string& name);
  /// Makes a segment durable, but for its name, and part of the store.
  Status add_segment(const Segment& segment, const ManifestFile& file);

  /// The end: from here on this is a store. After an error it may be one, and is whole then.
  Status commit(Sequence last_sequence, std::uint64_t last_now);
  /// The same with a manifest of the caller's.
  Status commit(const Manifest& manifest);

 private:
  NewStore(const Seams& seams, std::string path, std::unique_ptr<KeyKeeper> keys);

  static Status check_empty(FileSystem& files, const std::string& path);

  const Seams seams_;
  const std::string path_;
  const std::unique_ptr<KeyKeeper> keys_;  // of one that is to be encrypted
  std::unique_ptr<FileLock> lock_;
  Manifest manifest_;
  std::vector<std::string> made_;
  bool committed_ = false;
};

}  // namespace talea
