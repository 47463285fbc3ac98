#include "s3/errors.h"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

namespace talea::s3 {
namespace {

constexpr std::size_t kShownBytesMax = 300;
// What is longer is not parsed: no store says so much, and a tree of nodes is many times its text.
constexpr std::size_t kErrorBytesMax = 64 * 1024;

// A part of a message that comes from outside.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, kShownBytesMax));
  for (char& character : result) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = '?';
  }
  if (text.size() > kShownBytesMax) {
    // Not within a character of several bytes.
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0) == 0x80) {
      result.pop_back();
    }
    if (!result.empty() && (static_cast<unsigned char>(result.back()) & 0x80) != 0) {
      result.pop_back();
    }
    result += "...";
  }
  return result;
}

template <std::size_t count>
bool is_one_of(std::string_view code, const std::array<std::string_view, count>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// What S3 says before it does anything. "ServiceUnavailable" is not among them: it is what a store
// says that has come to harm.
constexpr std::array<std::string_view, 6> kSlowDown = {
    "SlowDown",         "Throttling",      "ThrottlingException",
    "RequestThrottled", "TooManyRequests", "RequestLimitExceeded"};

constexpr std::array<std::string_view, 12> kUnknownIdentity = {
    "InvalidAccessKeyId",   "SignatureDoesNotMatch", "ExpiredToken",
    "InvalidToken",         "TokenRefreshRequired",  "AuthorizationHeaderMalformed",
    "RequestTimeTooSkewed", "RequestExpired",        "InvalidSecurity",
    "NotSignedUp",          "AccountProblem",        "MissingSecurityHeader"};

constexpr std::array<std::string_view, 5> kTooMuch = {
    "EntityTooLarge", "QuotaExceeded", "XMinioStorageFull", "TooManyParts", "InsufficientCapacity"};

Code code_of(const S3Error& error) {
  if (is_one_of(error.code, kUnknownIdentity) || error.status == 401) return Code::unauthenticated;
  if (error.code == "NoSuchBucket") return Code::not_found;
  if (error.code == "InvalidObjectState") return Code::unavailable;
  if (is_one_of(error.code, kTooMuch) || error.status == 507) return Code::exhausted;
  switch (error.status) {
    case 403: return Code::denied;
    case 404: return Code::not_found;
    case 405:
    case 501: return Code::unsupported;
    case 409:
    case 412: return Code::conflict;
    case 429:
    case 503: return Code::unavailable;
    case 400:
    case 411:
    case 413:
    case 414:
    case 416: return Code::invalid_argument;
    default: break;
  }
  if (error.status >= 300 && error.status < 400) return Code::invalid_argument;
  if (error.status >= 500) return Code::unavailable;
  return Code::corruption;
}

std::string_view permission_of(const S3Request& request) {
  const bool of_version =
      std::any_of(request.query.begin(), request.query.end(),
                  [](const auto& parameter) { return parameter.first == "versionId"; });
  const std::string_view operation = request.operation;
  if (operation == "GetObject" || operation == "HeadObject") {
    return of_version ? "s3:GetObjectVersion" : "s3:GetObject";
  }
  if (operation == "DeleteObject") return of_version ? "s3:DeleteObjectVersion" : "s3:DeleteObject";
  if (operation == "DeleteObjects") return "s3:DeleteObject";
  if (operation == "ListObjectsV2" || operation == "HeadBucket") return "s3:ListBucket";
  if (operation == "ListObjectVersions") return "s3:ListBucketVersions";
  if (operation == "GetBucketVersioning") return "s3:GetBucketVersioning";
  if (operation == "AbortMultipartUpload") return "s3:AbortMultipartUpload";
  if (operation == "CopyObject" || operation == "UploadPartCopy") {
    return "s3:PutObject or s3:GetObject of the source";
  }
  return "s3:PutObject";
}

std::string advice_for_denied(const S3Error& error, const S3Request& request) {
  if (error.message.find("kms:") != std::string::npos || error.code.starts_with("KMS")) {
    return "the credentials may not use the KMS key: they need kms:GenerateDataKey to write and "
           "kms:Decrypt to read";
  }
  std::string advice = "the credentials lack " + std::string(permission_of(request));
  if (request.operation == "GetObject" || request.operation == "HeadObject") {
    advice += ", or the object is not there and they lack s3:ListBucket";
  }
  return advice;
}

std::string advice_for(const S3Error& error, const S3Request& request) {
  if (error.code == "RequestTimeTooSkewed") {
    return "the clock of this machine is wrong, and the store did not say what time it is";
  }
  if (error.code == "SignatureDoesNotMatch") {
    return "the secret access key is not that of the access key id, or a proxy changes requests";
  }
  if (error.code == "ExpiredToken" || error.code == "RequestExpired") {
    return "the credentials have expired: get new ones";
  }
  if (error.code == "InvalidObjectState") {
    return "the object is archived: restore it, and read it then";
  }
  if (!error.region.empty()) return "the bucket is in region " + error.region + ": give that";
  if (error.status >= 300 && error.status < 400) return "the bucket is in another region";
  if (error.status == 400 && error.code.empty() && request.method == "HEAD") {
    return "the answer to a HEAD does not say why; a session token that has expired is a reason";
  }
  if (error.status == 403 && code_of(error) == Code::denied) {
    return advice_for_denied(error, request);
  }
  if (error.code == "NoSuchBucket") return "make the bucket, or give the right name and endpoint";
  if (code_of(error) == Code::unsupported) return "the store does not know the operation";
  if (code_of(error) == Code::corruption || (error.status == 404 && error.code.empty())) {
    return "is this the endpoint of an S3 store?";
  }
  return {};
}

void read_body(const HttpResponse& response, S3Error& error) {
  if (response.body.size() > kErrorBytesMax) return;
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size())) return;
  // STS and some others wrap it.
  pugi::xml_node node = document.child("Error");
  if (!node) node = document.first_child().child("Error");
  error.code = shown(node.child_value("Code"));
  error.message = shown(node.child_value("Message"));
  if (error.region.empty()) error.region = shown(node.child_value("Region"));
  if (error.request_id.empty()) error.request_id = shown(node.child_value("RequestId"));
}

// An answer that began with 200 and ended with an error: what it would have been.
int status_of_code(std::string_view code) {
  if (code == "PreconditionFailed") return 412;
  if (code == "ConditionalRequestConflict") return 409;
  if (code == "AccessDenied") return 403;
  if (code.starts_with("NoSuch")) return 404;
  return 500;
}

}  // namespace

S3Error error_of(const HttpResponse& response) {
  S3Error error;
  error.status = response.status;
  error.request_id = shown(response.header("x-amz-request-id").value_or(""));
  error.region = shown(response.header("x-amz-bucket-region").value_or(""));
  read_body(response, error);
  if (error.status == 200) error.status = status_of_code(error.code);
  // A region is of interest when the request went to the wrong one.
  if (error.status != 301 && error.status != 307 && error.status != 400) error.region.clear();
  return error;
}

Meaning meaning_of(const S3Error& error) {
  if (error.status == 429) return Meaning::not_done;
  if (is_one_of(error.code, kSlowDown)) return Meaning::not_done;
  if (error.code == "OperationAborted" || error.code == "RequestTimeout") return Meaning::not_done;
  // In a 200, too: CopyObject and CompleteMultipartUpload begin their answer before they are done.
  if (error.code == "InternalError") return Meaning::unknown;
  if (error.status == 408) return Meaning::unknown;
  // Proxies and CDNs have numbers of their own (520 to 530, 598) for an answer that they did not
  // get: the request may have been done. These three say that it was not.
  const bool is_final =
      error.status < 500 || error.status == 501 || error.status == 505 || error.status == 507;
  return is_final ? Meaning::final : Meaning::unknown;
}

std::string what_was_asked(const S3Request& request, std::string_view bucket) {
  std::string text(request.operation);
  text.append(" s3://").append(bucket);
  if (!request.key.empty()) text.append("/").append(shown(request.key));
  return text;
}

Status status_of(const S3Error& error, const S3Request& request, std::string_view bucket) {
  std::string text = what_was_asked(request, bucket);
  text += ": the store said " + std::to_string(error.status);
  if (!error.code.empty()) text += " " + error.code;
  if (!error.message.empty()) text += ", \"" + error.message + "\"";
  if (!error.request_id.empty()) text += " (request " + error.request_id + ")";
  const std::string advice = advice_for(error, request);
  if (!advice.empty()) text += "; " + advice;
  return {code_of(error), std::move(text)};
}

}  // namespace talea::s3
