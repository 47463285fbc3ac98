#include "s3/upload.h"

#include <algorithm>
#include <utility>

#include "s3/answers.h"
#include "s3/errors.h"
#include "s3/object_key.h"

namespace talea::s3 {
namespace {

constexpr std::size_t kPartsMax = 10'000;

bool is_success(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

std::string version_of(const HttpResponse& response) {
  return std::string(response.header("x-amz-version-id").value_or(""));
}

Result<Written> read_etag_of_xml(const HttpResponse& response) {
  return Written{.etag = TALEA_TRY(parse_etag(response.body)), .version_id = version_of(response)};
}

}  // namespace

// --- Joiner

Result<Bytes> Joiner::take() {
  if (!ahead_.empty()) return std::exchange(ahead_, Bytes());
  if (is_at_end_) return Bytes();
  Bytes part = TALEA_TRY(next_());
  if (part.empty()) is_at_end_ = true;
  return part;
}

Result<Bytes> Joiner::next() {
  Bytes part = TALEA_TRY(take());
  while (!is_at_end_ && part.size() < part_bytes_min_) part += TALEA_TRY(take());
  if (!is_at_end_) ahead_ = TALEA_TRY(take());  // so that the last is known as such
  return part;
}

// --- Parts

Result<UploadParts::Upload> UploadParts::begin(const std::string& key,
                                               const WriteOptions& options) {
  Upload upload{.key = key, .id = {}, .nonce = writer_.new_nonce(), .parts = {}};
  S3Request request;
  request.operation = "CreateMultipartUpload";
  request.method = "POST";
  request.key = key;
  request.query.emplace_back("uploads", "");
  request.answer_root = "InitiateMultipartUploadResult";
  add_object_headers(request, options_, options.content_type, upload.nonce);
  const HttpResponse response = TALEA_TRY(sender_.send(request, options.cause));
  if (!is_success(response)) return sender_.failure(response, request);
  upload.id = TALEA_TRY(parse_upload_id(response.body));
  return upload;
}

S3Request part_request(std::string_view operation, const std::string& key, const std::string& id,
                       std::size_t number) {
  S3Request request;
  request.operation = operation;
  request.method = "PUT";
  request.key = key;
  request.query = {{"partNumber", std::to_string(number)}, {"uploadId", id}};
  return request;
}

Status UploadParts::add_part(Upload& upload, BytesView bytes, std::string_view cause) {
  if (upload.parts.size() == kPartsMax) {
    return Status::exhausted("an object has at most " + std::to_string(kPartsMax) +
                             " parts: make them larger");
  }
  S3Request request = part_request("UploadPart", upload.key, upload.id, upload.parts.size() + 1);
  request.body = bytes;
  const HttpResponse response = TALEA_TRY(sender_.send(request, cause));
  if (!is_success(response)) return sender_.failure(response, request);
  const Etag etag(response.header("etag").value_or(""));
  if (etag.empty()) return Status::corruption("the answer to a part has no ETag");
  upload.parts.push_back(etag);
  return {};
}

Status UploadParts::put_all(Upload& upload, const Bytes& first, Joiner& rest,
                            std::string_view cause) {
  TALEA_TRY(add_part(upload, first, cause));
  for (;;) {
    const Bytes part = TALEA_TRY(rest.next());
    if (part.empty()) return {};
    TALEA_TRY(add_part(upload, part, cause));
  }
}

Result<Written> UploadParts::put(const std::string& key, const Bytes& first, Joiner& rest,
                                 const WriteOptions& options) {
  Upload upload = TALEA_TRY(begin(key, options));
  const Status done = put_all(upload, first, rest, options.cause);
  return finish(upload, done, options);
}

Result<Written> UploadParts::finish(const Upload& upload, const Status& done,
                                    const WriteOptions& options) {
  Result<Written> written = done.ok() ? complete(upload, options) : Result<Written>(done);
  if (!written.ok()) abort(upload, options.cause);
  return written;
}

Result<Written> UploadParts::complete(const Upload& upload, const WriteOptions& options) {
  Writer::Write write;
  write.request.operation = "CompleteMultipartUpload";
  write.request.method = "POST";
  write.request.key = upload.key;
  write.request.query.emplace_back("uploadId", upload.id);
  write.request.headers.push_back({"content-type", "application/xml"});
  const std::string body = complete_body(upload.parts);
  write.request.body = body;
  write.request.answer_root = "CompleteMultipartUploadResult";
  write.nonce = upload.nonce;
  write.condition = options.condition;
  write.cause = options.cause;
  write.read = [&](const HttpResponse& response) -> Result<Written> {
    Result<Written> told = read_etag_of_xml(response);
    if (told.ok()) return told;
    // Ceph RGW 16 completes the upload and leaves the ETag of the answer empty (with_rgw.py).
    return look_for(upload, version_of(response), options.cause);
  };
  return writer_.write(write);
}

// It is there, whatever fails here: who does not know its ETag does not know what became of it.
Result<Written> UploadParts::look_for(const Upload& upload, const std::string& version_id,
                                      std::string_view cause) {
  const auto unknown = [](std::string_view why) {
    return Status::timed_out("the upload was completed, and its ETag is not known: " +
                             std::string(why));
  };
  S3Request request;
  request.operation = "HeadObject";
  request.method = "HEAD";
  request.key = upload.key;
  if (!version_id.empty()) request.query.emplace_back("versionId", version_id);
  const auto response = sender_.send(request, cause);
  if (!response.ok()) return unknown(response.status().message());
  if (!is_success(*response)) return unknown(sender_.failure(*response, request).message());
  const auto found = parse_info(*response, upload.key);
  if (!found.ok()) return unknown(found.status().message());
  const bool is_ours = !version_id.empty() || found->write_nonce == upload.nonce;
  if (!is_ours) return unknown("another object is in its place");
  return Written{.etag = found->etag, .version_id = found->version_id};
}

// What fails here costs storage until a lifecycle rule of the bucket removes it; the failure that
// led here is the one to report.
void UploadParts::abort(const Upload& upload, std::string_view cause) {
  S3Request request;
  request.operation = "AbortMultipartUpload";
  request.method = "DELETE";
  request.key = upload.key;
  request.query.emplace_back("uploadId", upload.id);
  static_cast<void>(sender_.send(request, cause));
}

// --- Copies

std::string UploadParts::copy_source(const std::string& key, const std::string& version_id) const {
  std::string source = "/" + encode_path(options_.bucket) + "/" + encode_path(key);
  if (!version_id.empty()) source += "?versionId=" + percent_encode(version_id);
  return source;
}

Result<Written> UploadParts::copy(const std::string& source, const ObjectInfo& info,
                                  const std::string& key, const WriteOptions& options) {
  const std::string from = copy_source(source, info.version_id);
  if (info.size > seams_.limits.copy_bytes_max) {
    Upload upload = TALEA_TRY(begin(key, options));
    const Status done = copy_all(upload, from, info, options.cause);
    return finish(upload, done, options);
  }
  Writer::Write write;
  write.request.operation = "CopyObject";
  write.request.method = "PUT";
  write.request.key = key;
  write.request.answer_root = "CopyObjectResult";
  write.nonce = writer_.new_nonce();
  write.condition = options.condition;
  write.cause = options.cause;
  // The copy has a nonce of its own, so its metadata are new.
  add_object_headers(write.request, options_, options.content_type, write.nonce);
  write.request.headers.push_back({"x-amz-copy-source", from});
  write.request.headers.push_back({"x-amz-metadata-directive", "REPLACE"});
  write.read = read_etag_of_xml;
  return writer_.write(write);
}

Status UploadParts::copy_all(Upload& upload, const std::string& source, const ObjectInfo& info,
                             std::string_view cause) {
  const std::uint64_t step = seams_.limits.copy_part_bytes;
  for (std::uint64_t offset = 0; offset < info.size; offset += step) {
    const ByteRange range{.offset = offset, .length = std::min(step, info.size - offset)};
    TALEA_TRY(add_copied_part(upload, source, info, range, cause));
  }
  return {};
}

Status UploadParts::add_copied_part(Upload& upload, const std::string& source,
                                    const ObjectInfo& info, const ByteRange& range,
                                    std::string_view cause) {
  S3Request request =
      part_request("UploadPartCopy", upload.key, upload.id, upload.parts.size() + 1);
  request.answer_root = "CopyPartResult";
  request.headers = {
      {"x-amz-copy-source", source},
      {"x-amz-copy-source-range", "bytes=" + std::to_string(range.offset) + "-" +
                                      std::to_string(range.offset + range.length - 1)}};
  // A version does not change; what has none may be another object by now, and so may the version
  // "null", where versioning is suspended.
  if (info.version_id.empty() || info.version_id == "null") {
    request.headers.push_back({"x-amz-copy-source-if-match", writer_.if_match(info.etag)});
  }
  const HttpResponse response = TALEA_TRY(sender_.send(request, cause));
  if (!is_success(response)) return sender_.failure(response, request);
  upload.parts.push_back(TALEA_TRY(parse_etag(response.body)));
  return {};
}

}  // namespace talea::s3
