// Client: one bucket of an S3 store.
//
// It is the one place that repeats a request. What can be repeated without harm (reads, lists,
// deletes of a version, puts without a condition) is sent again after a lost answer, a 408, a 429
// or a 5xx (but 501, 505 and 507), with full jitter between, until `operation_timeout`. A put with
// a condition is not: the server may have done it, and a repetition would be refused for what the
// first did. So each put carries a nonce of its own in x-amz-meta-talea-write, and after a lost
// answer the client looks (HEAD) at what is there:
//
//     our nonce                  it was done: ok
//     the condition still holds  it was not done, and is sent again with the same nonce: should the
//                                first still arrive, one of the two is refused
//     anything else              timed_out: done and overwritten, or never done; who wrote the
//                                bytes can tell by what they mean (a chain, a reference)
//
// A put that is refused is looked after, too, as a proxy may have made two requests of one: a
// conflict costs a HEAD more, unless the caller says that it is the same to them. Known limits, of
// a put that somebody else undoes before the look: one that was doubled on its way and overwritten
// is reported as a conflict; one that was put if absent and removed without leaving a delete marker
// is put again.
//
// Source: docs/guide/s3.md, "Lost answers"; RFC 9110 section 9.2.2.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "s3/environment.h"
#include "s3/http.h"
#include "talea/s3.h"

namespace talea::s3 {

/// What a condition compares, and what an answer calls a version: opaque, with its quotes.
using Etag = std::string;

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // at least 1
};

/// What is known of an object without its bytes.
struct ObjectInfo {
  std::string key;
  Etag etag;
  /// Empty in a bucket that was never versioned, but for lists of versions, which say "null".
  /// "null" also where versioning is suspended.
  std::string version_id;
  std::uint64_t size = 0;  // of the whole object, also when a range of it was read
  std::uint64_t last_modified_ms = 0;
  std::string write_nonce;  // x-amz-meta-talea-write; empty when another program wrote it
};

struct Object {
  ObjectInfo info;
  Bytes bytes;
};

struct ReadOptions {
  /// For the counts: what the request is for, a literal such as "get" or "audit".
  std::string_view cause = "other";
  std::string version_id = {};
  std::optional<ByteRange> range = {};
  /// Read only if the object has this ETag still.
  Etag if_match = {};
};

struct Condition {
  enum class Kind : unsigned char { none, absent, etag };
  Kind kind = Kind::none;
  Etag etag = {};

  static Condition absent() { return {Kind::absent, {}}; }
  static Condition matches(Etag etag) { return {Kind::etag, std::move(etag)}; }
};

struct WriteOptions {
  std::string_view cause = "other";
  Condition condition = {};
  std::string_view content_type = "application/octet-stream";
  /// For put(): x-amz-meta-talea-write, by which the caller will know its own write from another of
  /// the same bytes. Empty: a fresh one.
  std::string_view nonce = {};
  /// For put(): whether a refusal is looked after. Without, it costs no HEAD, and a put that a
  /// proxy doubled may be reported as a conflict although it was done, and a store that reads ETags
  /// in another form is not found out: for those to whom that is the same.
  bool looks_after_refusal = true;
};

struct Written {
  Etag etag;
  std::string version_id;
};

struct ListOptions {
  std::string_view cause = "other";
  std::string prefix = {};
  /// Keys after this one only.
  std::string start_after = {};
  std::uint32_t keys_max = 1000;  // of a page; S3 gives no more than 1 000
  /// Of the page before; empty for the first.
  std::string token = {};
};

struct ListPage {
  std::vector<ObjectInfo> objects;  // in the order of their keys' UTF-8 bytes
  std::string next_token;           // empty: this was the last
};

struct VersionListOptions {
  std::string_view cause = "other";
  std::string prefix = {};
  std::uint32_t keys_max = 1000;
  /// Where the page before ended; empty for the first.
  std::string key_marker = {};
  std::string version_id_marker = {};
};

struct ObjectVersion {
  ObjectInfo info;
  bool is_latest = false;
  bool is_delete_marker = false;
};

struct VersionPage {
  std::vector<ObjectVersion> versions;  // by key, the newest of a key first
  bool truncated = false;
  std::string next_key_marker;
  std::string next_version_id_marker;
};

struct DeleteOptions {
  std::string_view cause = "other";
  /// Removes this version for good; empty: in a versioned bucket, puts a delete marker.
  std::string version_id = {};
};

struct DeleteFailure {
  std::string key;
  Status status;
};

enum class Versioning : unsigned char { never, enabled, suspended };

/// What S3 allows in one request; tests have smaller ones.
struct ClientLimits {
  std::uint64_t put_bytes_max = 5'000'000'000;
  std::uint64_t copy_bytes_max = 5'000'000'000;
  /// Of an upload in parts, but for the last: what is smaller is put together.
  std::uint64_t part_bytes_min = 5U << 20;
  std::uint64_t copy_part_bytes = 1U << 30;
};

/// The seams. All outlive the client.
struct ClientSeams {
  HttpTransport& transport;
  Clock& clock;
  Random& random;
  /// Waits between retries; tests move their clock instead.
  std::function<void(std::chrono::milliseconds)> wait;
  /// What is looked for when the options do not say it.
  Environment environment = empty_environment();
  ClientLimits limits = {};
};

/// Errors of every operation, beside its own:
///   unauthenticated   no credentials, or the store does not know them
///   denied            known, and not allowed: the message names the permission that is missing.
///                     Without s3:ListBucket S3 says so of an object that is not there, too
///   not_found         the bucket
///   unavailable       not done, however often it was tried; or the object is archived
///   timed_out         a write of which nobody knows; reads: no answer in time
///   corruption        an answer that is not S3's
///   invalid_argument  a key that S3 cannot hold: empty, over 1 024 bytes, not UTF-8
///   unsupported       the store does not know the operation
///
/// Threads: safe.
class Client {
 public:
  /// Errors: invalid_argument   an option that cannot be; the message says which
  static Result<std::unique_ptr<Client>> create(const S3Options& options, const ClientSeams& seams);
  ~Client();

  /// The object, or nothing when there is none (or a delete marker, or no such version, or an id
  /// that no version can have).
  /// Errors: conflict           `if_match` does not
  ///         invalid_argument   the range begins behind the end
  Result<std::optional<Object>> get(std::string_view key, const ReadOptions& options = {});
  /// The same without the bytes. Cost: where nothing is there, and the bucket has not answered this
  /// client yet, a request more asks for the bucket.
  Result<std::optional<ObjectInfo>> head(std::string_view key, const ReadOptions& options = {});

  /// Puts the object in one request. Durable when it returns ok. Cost: a HEAD more when it is
  /// refused or the answer is lost.
  /// Errors: conflict    the condition did not hold, and nothing was written
  ///         timed_out   unknown: the answer was lost, and what is there now is another's
  ///         exhausted   over 5 GB
  Result<Written> put(std::string_view key, BytesView bytes, const WriteOptions& options = {});

  /// Puts what `next_part` gives, part after part until it gives an empty one, by a multipart
  /// upload; by one put when there is only one part. An upload that fails is aborted. Cost: memory
  /// for a part; a request a part and two more, and a HEAD where the store does not tell the ETag.
  Result<Written> put_parts(std::string_view key, const std::function<Result<Bytes>()>& next_part,
                            const WriteOptions& options = {});

  /// Copies an object of the same bucket inside the store, by parts when it is above 5 GB. The copy
  /// has the content type of `options`, and no metadata but its nonce. Cost: a HEAD of the source
  /// more.
  /// Errors: not_found   there is no `source`
  Result<Written> copy(std::string_view source, std::string_view key,
                       const WriteOptions& options = {});

  /// Ok also when there was no such object.
  Status remove(std::string_view key, const DeleteOptions& options = {});
  /// Any number of keys, 1 000 a request. Those that could not be removed, with the reason.
  Result<std::vector<DeleteFailure>> remove_all(std::span<const std::string> keys,
                                                const DeleteOptions& options = {});

  Result<ListPage> list(const ListOptions& options);
  Result<VersionPage> list_versions(const VersionListOptions& options);
  Result<Versioning> versioning();

  const S3Options& options() const;
  /// What was asked of the store so far, by cause.
  S3RequestCounts counts() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace talea::s3
