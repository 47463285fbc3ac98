#include "s3/client.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "s3/answers.h"
#include "s3/errors.h"
#include "s3/location.h"
#include "s3/object_key.h"
#include "s3/provider_chain.h"
#include "s3/sender.h"
#include "s3/upload.h"
#include "s3/writer.h"

namespace talea::s3 {
namespace {

constexpr std::size_t kKeysPerDelete = 1000;
// What S3 gives. Longer ones come from files that somebody else wrote.
constexpr std::size_t kVersionIdBytesMax = 1024;
// A day. The clock of a deadline counts nanoseconds in 64 bits.
constexpr std::chrono::milliseconds kTimeoutMax{24 * 60 * 60 * 1000};

bool is_success(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

std::string range_header(const ByteRange& range) {
  return "bytes=" + std::to_string(range.offset) + "-" +
         std::to_string(range.offset + range.length - 1);
}

Status check_timeout(std::string_view name, std::chrono::milliseconds timeout) {
  if (timeout.count() > 0 && timeout <= kTimeoutMax) return {};
  return Status::invalid_argument(std::string(name) + " of " + std::to_string(timeout.count()) +
                                  " ms; 1 ms to 24 hours are allowed");
}

Status check_options(const S3Options& options) {
  TALEA_TRY(check_timeout("request_timeout", options.request_timeout));
  TALEA_TRY(check_timeout("operation_timeout", options.operation_timeout));
  if (options.credentials && options.credential_provider) {
    return Status::invalid_argument("credentials and a credential provider are given: one of them");
  }
  return {};
}

// Whoever follows it page after page would never end.
Status does_not_move() {
  return Status::corruption(
      "the answer is not one of S3: the page after this one is this one again");
}

}  // namespace

class Client::Impl {
 public:
  Impl(const S3Options& options, const ClientSeams& seams, const Location& location)
      : options_(options),
        seams_(seams),
        sender_(options_, seams_, location, make_provider(options_, seams_, location.region)),
        writer_(options_, seams_, sender_) {}

  Result<std::optional<Object>> get(std::string_view key, const ReadOptions& options);
  Result<std::optional<ObjectInfo>> head(std::string_view key, const ReadOptions& options);
  Result<Written> put(std::string_view key, BytesView bytes, const WriteOptions& options);
  Result<Written> put_parts(std::string_view key, const std::function<Result<Bytes>()>& next_part,
                            const WriteOptions& options);
  Result<Written> copy(std::string_view source, std::string_view key, const WriteOptions& options);
  Status remove(std::string_view key, const DeleteOptions& options);
  Result<std::vector<DeleteFailure>> remove_all(std::span<const std::string> keys,
                                                const DeleteOptions& options);
  Result<ListPage> list(const ListOptions& options);
  Result<VersionPage> list_versions(const VersionListOptions& options);
  Result<Versioning> versioning();

  const S3Options& options() const { return options_; }
  S3RequestCounts counts() const { return sender_.counts(); }

 private:
  Result<S3Request> read_request(std::string_view operation, std::string_view method,
                                 std::string_view key, const ReadOptions& options) const;
  Result<HttpResponse> read(S3Request request, const ReadOptions& options);
  Status require_bucket(std::string_view cause);
  Result<Object> to_object(std::string_view key, HttpResponse response, const ReadOptions& options);
  void see_bucket() { bucket_seen_ = true; }
  // The answer to a question that is about no single object.
  Result<HttpResponse> ask_bucket(const S3Request& request, std::string_view cause);
  UploadParts upload_parts() { return {options_, seams_, sender_, writer_}; }
  Status remove_many(std::span<const std::string> whole_keys, const DeleteOptions& options,
                     std::vector<DeleteFailure>& failures);

  const S3Options options_;
  const ClientSeams seams_;
  Sender sender_;
  Writer writer_;
  /// A HEAD cannot tell a missing bucket from a missing object. Once the bucket answered, the
  /// question does not come up.
  std::atomic<bool> bucket_seen_{false};
};

// --- Reading

Result<S3Request> Client::Impl::read_request(std::string_view operation, std::string_view method,
                                             std::string_view key,
                                             const ReadOptions& options) const {
  S3Request request;
  request.operation = operation;
  request.method = method;
  request.key = TALEA_TRY(whole_key(options_.prefix, key));
  if (!options.version_id.empty()) request.query.emplace_back("versionId", options.version_id);
  if (options.range) {
    if (options.range->length == 0 ||
        options.range->offset + options.range->length < options.range->offset) {
      return Status::invalid_argument(
          "a range of an object has at least a byte, and ends below "
          "2^64");
    }
    request.headers.push_back({"range", range_header(*options.range)});
  }
  return request;
}

// An answer that is not a success is the caller's, but for 412 of an ETag in the wrong form.
// Nothing is learned for writes: stores are known that read the header of a get in another way.
Result<HttpResponse> Client::Impl::read(S3Request request, const ReadOptions& options) {
  if (options.if_match.empty()) return sender_.send(request, options.cause);
  const Etag sent = writer_.if_match(options.if_match);
  const Etag unquoted = without_quotes(options.if_match);
  request.headers.push_back({"if-match", sent});
  HttpResponse response = TALEA_TRY(sender_.send(request, options.cause));
  const bool may_be_the_form = response.status == 412 && sent != unquoted &&
                               writer_.may_try_other_form(options.if_match, false);
  if (!may_be_the_form) return response;
  request.headers.back().value = unquoted;
  return sender_.send(request, options.cause);
}

Result<std::optional<Object>> Client::Impl::get(std::string_view key, const ReadOptions& options) {
  if (options.version_id.size() > kVersionIdBytesMax) return std::optional<Object>();
  const S3Request request = TALEA_TRY(read_request("GetObject", "GET", key, options));
  HttpResponse response = TALEA_TRY(read(request, options));
  if (is_success(response)) {
    see_bucket();
    Result<Object> object = to_object(key, std::move(response), options);
    if (!object.ok()) {
      return std::move(object).status().with_context(what_was_asked(request, options_.bucket));
    }
    return std::optional(std::move(*object));
  }
  const S3Error error = error_of(response);
  // Of a version id that cannot be one S3 says "InvalidArgument". No other answer says that there
  // is no such version: not any 400, as of a KMS key or a proxy, and no redirect.
  const bool is_no_version_id = !options.version_id.empty() && error.code == "InvalidArgument";
  const bool is_absent = error.code == "NoSuchKey" || error.code == "NoSuchVersion" ||
                         is_no_version_id ||
                         (error.status == 405 && response.header("x-amz-delete-marker"));
  if (is_absent) {
    see_bucket();
    return std::optional<Object>();
  }
  return sender_.failure(response, request);
}

Result<Object> Client::Impl::to_object(std::string_view key, HttpResponse response,
                                       const ReadOptions& options) {
  Object object{.info = TALEA_TRY(parse_info(response, key)), .bytes = std::move(response.body)};
  if (!options.range) {
    if (object.bytes.size() != object.info.size) {
      return Status::corruption("the answer has " + std::to_string(object.bytes.size()) +
                                " bytes of an object of " + std::to_string(object.info.size));
    }
    return object;
  }
  if (response.status != 206) {  // a store that does not know ranges gave all of it
    if (options.range->offset >= object.bytes.size()) {
      return Status::invalid_argument("the range begins at byte " +
                                      std::to_string(options.range->offset) + " of an object of " +
                                      std::to_string(object.bytes.size()));
    }
    object.bytes = object.bytes.substr(options.range->offset, options.range->length);
    return object;
  }
  const std::string begin = "bytes " + std::to_string(options.range->offset) + "-";
  const bool begins_there = response.header("content-range").value_or("").starts_with(begin);
  const std::uint64_t left = object.info.size - std::min(object.info.size, options.range->offset);
  if (!begins_there || object.bytes.size() != std::min(options.range->length, left)) {
    return Status::corruption("the answer is another range than was asked for");
  }
  return object;
}

Result<std::optional<ObjectInfo>> Client::Impl::head(std::string_view key,
                                                     const ReadOptions& options) {
  if (options.version_id.size() > kVersionIdBytesMax) return std::optional<ObjectInfo>();
  ReadOptions asked = options;
  asked.range.reset();
  const S3Request request = TALEA_TRY(read_request("HeadObject", "HEAD", key, asked));
  const HttpResponse response = TALEA_TRY(read(request, asked));
  if (is_success(response)) {
    see_bucket();
    Result<ObjectInfo> info = parse_info(response, key);
    if (!info.ok()) {
      return std::move(info).status().with_context(what_was_asked(request, options_.bucket));
    }
    return std::optional(std::move(*info));
  }
  if (response.status == 404 ||
      (response.status == 405 && response.header("x-amz-delete-marker"))) {
    if (!response.header("x-amz-delete-marker")) TALEA_TRY(require_bucket(options.cause));
    return std::optional<ObjectInfo>();
  }
  return sender_.failure(response, request);
}

Status Client::Impl::require_bucket(std::string_view cause) {
  if (bucket_seen_) return {};
  S3Request request;
  request.operation = "HeadBucket";
  request.method = "HEAD";
  const HttpResponse response = TALEA_TRY(sender_.send(request, cause));
  if (response.status == 404) {
    return Status::not_found(what_was_asked(request, options_.bucket) +
                             ": there is no such bucket; make it, or give the right name and "
                             "endpoint");
  }
  // Whoever may not ask about the bucket was told about its object, so it is there.
  if (is_success(response) || response.status == 403) see_bucket();
  return {};
}

// --- Writing

Result<Written> Client::Impl::put(std::string_view key, BytesView bytes,
                                  const WriteOptions& options) {
  if (bytes.size() > seams_.limits.put_bytes_max) {
    return Status::exhausted("an object of " + std::to_string(bytes.size()) +
                             " bytes is too large for one put, which takes " +
                             std::to_string(seams_.limits.put_bytes_max) + ": put it in parts");
  }
  Writer::Write write;
  write.request.operation = "PutObject";
  write.request.method = "PUT";
  write.request.key = TALEA_TRY(whole_key(options_.prefix, key));
  write.request.body = bytes;
  write.nonce = options.nonce.empty() ? writer_.new_nonce() : std::string(options.nonce);
  write.condition = options.condition;
  write.looks_after_refusal = options.looks_after_refusal;
  write.cause = options.cause;
  add_object_headers(write.request, options_, options.content_type, write.nonce);
  write.read = [](const HttpResponse& response) -> Result<Written> {
    const auto etag = response.header("etag");
    if (!etag || etag->empty()) {
      return Status::corruption("the answer to a put has no ETag: is this an S3 store?");
    }
    return Written{.etag = Etag(*etag),
                   .version_id = std::string(response.header("x-amz-version-id").value_or(""))};
  };
  Written written = TALEA_TRY(writer_.write(write));
  see_bucket();
  return written;
}

Result<Written> Client::Impl::put_parts(std::string_view key,
                                        const std::function<Result<Bytes>()>& next_part,
                                        const WriteOptions& options) {
  Joiner joiner(next_part, seams_.limits.part_bytes_min);
  const Bytes first = TALEA_TRY(joiner.next());
  if (joiner.is_at_end()) return put(key, first, options);
  return upload_parts().put(TALEA_TRY(whole_key(options_.prefix, key)), first, joiner, options);
}

Result<Written> Client::Impl::copy(std::string_view source, std::string_view key,
                                   const WriteOptions& options) {
  const auto info = TALEA_TRY(head(source, {.cause = options.cause}));
  if (!info) {
    return Status::not_found("s3://" + options_.bucket + "/" + options_.prefix +
                             std::string(source) + ", which is to be copied, is not there");
  }
  return upload_parts().copy(TALEA_TRY(whole_key(options_.prefix, source)), *info,
                             TALEA_TRY(whole_key(options_.prefix, key)), options);
}

// --- Removing

Status Client::Impl::remove(std::string_view key, const DeleteOptions& options) {
  S3Request request;
  request.operation = "DeleteObject";
  request.method = "DELETE";
  request.key = TALEA_TRY(whole_key(options_.prefix, key));
  if (!options.version_id.empty()) request.query.emplace_back("versionId", options.version_id);
  const HttpResponse response = TALEA_TRY(sender_.send(request, options.cause));
  if (is_success(response)) return {};
  const std::string code = error_of(response).code;
  if (code == "NoSuchKey" || code == "NoSuchVersion") return {};  // some stores say so
  return sender_.failure(response, request);
}

Result<std::vector<DeleteFailure>> Client::Impl::remove_all(std::span<const std::string> keys,
                                                            const DeleteOptions& options) {
  std::vector<DeleteFailure> failures;
  std::vector<std::string> together;
  for (const std::string& key : keys) {
    std::string whole = TALEA_TRY(whole_key(options_.prefix, key));
    if (fits_in_xml(whole)) {
      together.push_back(std::move(whole));
      continue;
    }
    Status removed = remove(key, options);
    if (!removed.ok()) failures.push_back({.key = key, .status = std::move(removed)});
  }
  const std::span<const std::string> all(together);
  for (std::size_t begin = 0; begin < all.size(); begin += kKeysPerDelete) {
    const auto some = all.subspan(begin, std::min(kKeysPerDelete, all.size() - begin));
    TALEA_TRY(remove_many(some, options, failures));
  }
  return failures;
}

Status Client::Impl::remove_many(std::span<const std::string> whole_keys,
                                 const DeleteOptions& options,
                                 std::vector<DeleteFailure>& failures) {
  S3Request request;
  request.operation = "DeleteObjects";
  request.method = "POST";
  request.query.emplace_back("delete", "");
  const std::string body = delete_body(whole_keys, options.version_id);
  request.body = body;
  request.headers = {{"content-type", "application/xml"}, {"content-md5", content_md5(body)}};
  request.answer_root = "DeleteResult";
  const HttpResponse response = TALEA_TRY(sender_.send(request, options.cause));
  if (!is_success(response)) return sender_.failure(response, request);
  for (DeleteError& error : TALEA_TRY(parse_delete_errors(response.body))) {
    if (error.code == "NoSuchKey" || error.code == "NoSuchVersion") continue;
    if (!error.key.starts_with(options_.prefix)) {
      return Status::corruption("the store reports about a key that was not asked for");
    }
    request.key = error.key;
    const S3Error said{.status = error.code == "AccessDenied" ? 403 : 500,
                       .code = std::move(error.code),
                       .message = std::move(error.message),
                       .request_id = std::string(response.header("x-amz-request-id").value_or("")),
                       .region = {}};
    failures.push_back({.key = error.key.substr(options_.prefix.size()),
                        .status = status_of(said, request, options_.bucket)});
  }
  return {};
}

// --- Lists

Result<HttpResponse> Client::Impl::ask_bucket(const S3Request& request, std::string_view cause) {
  HttpResponse response = TALEA_TRY(sender_.send(request, cause));
  if (!is_success(response)) return sender_.failure(response, request);
  see_bucket();
  return response;
}

Result<ListPage> Client::Impl::list(const ListOptions& options) {
  S3Request request;
  request.operation = "ListObjectsV2";
  request.method = "GET";
  request.answer_root = "ListBucketResult";
  request.query = {{"list-type", "2"},
                   {"encoding-type", "url"},
                   {"max-keys", std::to_string(options.keys_max)},
                   {"prefix", options_.prefix + options.prefix}};
  if (!options.token.empty()) {
    request.query.emplace_back("continuation-token", options.token);
  } else if (!options.start_after.empty()) {
    request.query.emplace_back("start-after", options_.prefix + options.start_after);
  }
  const HttpResponse response = TALEA_TRY(ask_bucket(request, options.cause));
  Result<ListPage> page = parse_list(response.body, options_.prefix);
  if (page.ok() && !page->next_token.empty() && page->next_token == options.token) {
    page = does_not_move();
  }
  if (!page.ok()) {
    return std::move(page).status().with_context(what_was_asked(request, options_.bucket));
  }
  return page;
}

Result<VersionPage> Client::Impl::list_versions(const VersionListOptions& options) {
  S3Request request;
  request.operation = "ListObjectVersions";
  request.method = "GET";
  request.answer_root = "ListVersionsResult";
  request.query = {{"versions", ""},
                   {"encoding-type", "url"},
                   {"max-keys", std::to_string(options.keys_max)},
                   {"prefix", options_.prefix + options.prefix}};
  // A key that is the prefix itself is empty here.
  if (!options.key_marker.empty() || !options.version_id_marker.empty()) {
    request.query.emplace_back("key-marker", options_.prefix + options.key_marker);
    if (!options.version_id_marker.empty()) {
      request.query.emplace_back("version-id-marker", options.version_id_marker);
    }
  }
  const HttpResponse response = TALEA_TRY(ask_bucket(request, options.cause));
  Result<VersionPage> page = parse_versions(response.body, options_.prefix);
  if (page.ok() && page->truncated && page->next_key_marker == options.key_marker &&
      page->next_version_id_marker == options.version_id_marker) {
    page = does_not_move();
  }
  if (!page.ok()) {
    return std::move(page).status().with_context(what_was_asked(request, options_.bucket));
  }
  return page;
}

Result<Versioning> Client::Impl::versioning() {
  S3Request request;
  request.operation = "GetBucketVersioning";
  request.method = "GET";
  request.answer_root = "VersioningConfiguration";
  request.query.emplace_back("versioning", "");
  const HttpResponse response = TALEA_TRY(ask_bucket(request, "versioning"));
  return parse_versioning(response.body);
}

// --- Client

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(const S3Options& options, const ClientSeams& seams) {
  TALEA_TRY(check_options(options));
  const Location location = TALEA_TRY(locate(options, seams.environment));
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(options, seams, location)));
}

Result<std::optional<Object>> Client::get(std::string_view key, const ReadOptions& options) {
  return impl_->get(key, options);
}
Result<std::optional<ObjectInfo>> Client::head(std::string_view key, const ReadOptions& options) {
  return impl_->head(key, options);
}
Result<Written> Client::put(std::string_view key, BytesView bytes, const WriteOptions& options) {
  return impl_->put(key, bytes, options);
}
Result<Written> Client::put_parts(std::string_view key,
                                  const std::function<Result<Bytes>()>& next_part,
                                  const WriteOptions& options) {
  return impl_->put_parts(key, next_part, options);
}
Result<Written> Client::copy(std::string_view source, std::string_view key,
                             const WriteOptions& options) {
  return impl_->copy(source, key, options);
}
Status Client::remove(std::string_view key, const DeleteOptions& options) {
  return impl_->remove(key, options);
}
Result<std::vector<DeleteFailure>> Client::remove_all(std::span<const std::string> keys,
                                                      const DeleteOptions& options) {
  return impl_->remove_all(keys, options);
}
Result<ListPage> Client::list(const ListOptions& options) { return impl_->list(options); }
Result<VersionPage> Client::list_versions(const VersionListOptions& options) {
  return impl_->list_versions(options);
}
Result<Versioning> Client::versioning() { return impl_->versioning(); }
const S3Options& Client::options() const { return impl_->options(); }
S3RequestCounts Client::counts() const { return impl_->counts(); }

}  // namespace talea::s3
