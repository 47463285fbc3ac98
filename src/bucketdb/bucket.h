// Bucket: the objects of a database, as requests of the S3 client.
//
// Here names become objects and conditions are set; what they are good for is the caller's. Under
// BucketWriters::one nothing has a condition.
//
// Threads: safe.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bucketdb/commit_list.h"
#include "bucketdb/index_file.h"
#include "s3/client.h"

namespace talea::bucketdb {

/// The index as it was read or put.
struct CommittedIndex {
  std::shared_ptr<const IndexImage> image;
  s3::Etag etag;  // empty: there is none in the bucket
  CommitList commits;
};

struct RemoteFile {
  FileId file;
  std::uint64_t bytes = 0;
  s3::Etag etag;
  std::uint64_t modified_ms = 0;  // by the clock of the store
};

class Bucket {
 public:
  Bucket(std::unique_ptr<s3::Client> client, BucketWriters writers);

  /// Nothing when there is none. Errors: those of IndexImage::parse()
  Result<std::optional<CommittedIndex>> read_index();
  /// What is known of it without its bytes, which may be damaged: no image. No etag when there is
  /// none.
  Result<CommittedIndex> head_index();
  /// `commits`: the newest of them is this one.
  /// Errors: conflict    not written: somebody else was first
  ///         timed_out   unknown
  Result<s3::Etag> put_index(BytesView bytes, const s3::Etag& expected, const CommitList& commits);

  /// All data files, by their ids.
  Result<std::vector<RemoteFile>> list_files();

  /// Part of a data file; nothing when the file or the part is not there.
  Result<std::optional<Bytes>> read(FileId file, std::uint64_t offset, std::uint64_t bytes);
  struct WholeFile {
    Bytes bytes;
    s3::Etag etag;
  };
  Result<std::optional<WholeFile>> read_file(FileId file);
  /// Whether the file is still the one with this ETag.
  Result<bool> is_still(FileId file, const s3::Etag& etag);
  /// Errors: conflict, timed_out   the name is another's
  Result<s3::Etag> put_new_file(FileId file, BytesView bytes);
  /// Errors: conflict, timed_out   the file is not the one that is meant any more
  Result<s3::Etag> put_file_again(FileId file, BytesView bytes, const s3::Etag& expected);
  Status remove_files(const std::vector<FileId>& files);

  Result<std::optional<s3::Object>> read_garbage();
  Result<s3::Etag> put_garbage(BytesView bytes, const s3::Etag& expected);
  /// When the list of garbage was last put, by the clock of the store.
  Result<std::uint64_t> garbage_modified_ms();

  /// Looks, once, whether the store honours conditions. Cost: two PUTs; three where nobody tried
  /// before.
  /// Errors: unsupported   it does not
  Status check_conditions();

  s3::Client& client() { return *client_; }

 private:
  s3::WriteOptions write_options(std::string_view cause, const s3::Etag& expected) const;
  Result<std::optional<s3::Object>> read_whole(std::string_view name, std::string_view cause);

  const std::unique_ptr<s3::Client> client_;
  const BucketWriters writers_;
  std::atomic<bool> checked_{false};
};

}  // namespace talea::bucketdb
