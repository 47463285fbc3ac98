// Objects in several requests: uploads in parts, and copies.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "s3/client.h"
#include "s3/request.h"
#include "s3/sender.h"
#include "s3/writer.h"

namespace talea::s3 {

/// Parts as somebody gives them, put together until each has `part_bytes_min`, but for the last.
///
/// Threads: externally synchronised.
class Joiner {
 public:
  /// `next` outlives it.
  Joiner(const std::function<Result<Bytes>()>& next, std::uint64_t part_bytes_min)
      : next_(next), part_bytes_min_(part_bytes_min) {}

  /// Empty when there are no more.
  Result<Bytes> next();
  /// Whether what next() returned was the last.
  bool is_at_end() const { return is_at_end_ && ahead_.empty(); }

 private:
  Result<Bytes> take();

  const std::function<Result<Bytes>()>& next_;
  const std::uint64_t part_bytes_min_;
  Bytes ahead_;  // of the source, already asked for
  bool is_at_end_ = false;
};

/// Threads: safe.
class UploadParts {
 public:
  /// Everything outlives it.
  UploadParts(const S3Options& options, const ClientSeams& seams, Sender& sender, Writer& writer)
      : options_(options), seams_(seams), sender_(sender), writer_(writer) {}

  /// Puts `first` and what `rest` gives, which is at least one more part.
  Result<Written> put(const std::string& key, const Bytes& first, Joiner& rest,
                      const WriteOptions& options);
  /// `source`: as it was seen by a HEAD; a copy of another version is none.
  Result<Written> copy(const std::string& source, const ObjectInfo& info, const std::string& key,
                       const WriteOptions& options);

 private:
  struct Upload {
    std::string key;
    std::string id;
    std::string nonce;
    std::vector<Etag> parts;
  };
  Result<Upload> begin(const std::string& key, const WriteOptions& options);
  Status add_part(Upload& upload, BytesView bytes, std::string_view cause);
  Status add_copied_part(Upload& upload, const std::string& source, const ObjectInfo& info,
                         const ByteRange& range, std::string_view cause);
  Status put_all(Upload& upload, const Bytes& first, Joiner& rest, std::string_view cause);
  Status copy_all(Upload& upload, const std::string& source, const ObjectInfo& info,
                  std::string_view cause);
  /// Completes it; or aborts it, when `done` says that not all of it is there.
  Result<Written> finish(const Upload& upload, const Status& done, const WriteOptions& options);
  Result<Written> complete(const Upload& upload, const WriteOptions& options);
  /// Of an upload that was completed, and the answer leaves out the ETag. Cost: a HEAD.
  Result<Written> look_for(const Upload& upload, const std::string& version_id,
                           std::string_view cause);
  void abort(const Upload& upload, std::string_view cause);
  std::string copy_source(const std::string& key, const std::string& version_id) const;

  const S3Options& options_;
  const ClientSeams& seams_;
  Sender& sender_;
  Writer& writer_;
};

}  // namespace talea::s3
