// AWS Signature Version 4: how a request proves who sent it.
//
// The pieces are functions of what goes over the wire (encoded path, encoded and sorted query,
// header fields), so that whoever checks a signature computes it from what he received with the
// same code as who made it.
//
//     canonical request = method \n path \n query \n headers \n\n names of headers \n payload hash
//     string to sign    = "AWS4-HMAC-SHA256" \n time \n scope \n hex(SHA-256(canonical request))
//     signature         = hex(HMAC(key of the day, string to sign))
//
// Source: AWS General Reference, "Create a signed AWS API request"; S3 API Reference,
// "Authenticating Requests". Deviation for S3, as there: the path is encoded once and not
// normalised. Vectors: sigv4_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/sha256.h"
#include "s3/http.h"
#include "s3/uri.h"
#include "talea/s3.h"

namespace talea::s3 {

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
/// A presigned URL is good for a week at most.
inline constexpr std::chrono::seconds kPresignMax{7 * 24 * 60 * 60};

/// When, where and for which service a signature is good.
struct SigningScope {
  std::uint64_t time_ms = 0;
  std::string_view region;
  std::string_view service = "s3";
};

struct CanonicalParts {
  std::string_view method;
  std::string_view path;   // encoded, as it is sent
  std::string_view query;  // encoded and sorted (encode_query)
  /// Those that are signed, in any order; names in lower case. `host` is one of them.
  const std::vector<HttpHeader>& headers;
  /// Hexadecimal, or kUnsignedPayload.
  std::string_view payload_hash;
};

/// "20130524/us-east-1/s3/aws4_request"
std::string scope_text(const SigningScope& scope);
/// "host;x-amz-date"
std::string signed_header_names(const std::vector<HttpHeader>& headers);
std::string canonical_request(const CanonicalParts& parts);
std::string string_to_sign(const SigningScope& scope, std::string_view canonical_request);
/// 64 lower-case digits.
std::string signature(std::string_view secret_access_key, const SigningScope& scope,
                      std::string_view string_to_sign);

/// What of a request is signed, beside what sign() adds.
struct RequestToSign {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::string_view payload_hash;
};

/// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token where there is one, and
/// authorization to `headers`. All of `headers` are signed: what a proxy may change (user-agent,
/// expect, transfer-encoding) is added later.
void sign(const RequestToSign& request, const S3Credentials& credentials, const SigningScope& scope,
          std::vector<HttpHeader>& headers);

/// The query, with its signature, of a URL that stands for itself until `lifetime` has passed.
/// `headers`: what its user will have to send too; with `host`. `lifetime`: up to kPresignMax.
std::string presigned_query(std::string_view method, std::string_view path, Query query,
                            const std::vector<HttpHeader>& headers,
                            const S3Credentials& credentials, const SigningScope& scope,
                            std::chrono::seconds lifetime);

}  // namespace talea::s3
