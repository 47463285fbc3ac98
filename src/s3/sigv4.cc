#include "s3/sigv4.h"

#include <algorithm>

#include "crypto/hmac.h"
#include "crypto/secret.h"
#include "s3/time_text.h"

namespace talea::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

BytesView view(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string_view date_of(std::string_view amz_time) { return amz_time.substr(0, 8); }

// Without spaces around it, and with single ones inside.
std::string squeezed(std::string_view value) {
  std::string result;
  for (const char character : value) {
    const bool is_space = character == ' ' || character == '\t';
    if (!is_space) {
      result += character;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

// By name; what has one name keeps its order.
std::vector<const HttpHeader*> sorted(const std::vector<HttpHeader>& headers) {
  std::vector<const HttpHeader*> order;
  order.reserve(headers.size());
  for (const HttpHeader& header : headers) order.push_back(&header);
  std::stable_sort(order.begin(), order.end(),
                   [](const HttpHeader* a, const HttpHeader* b) { return a->name < b->name; });
  return order;
}

}  // namespace

std::string scope_text(const SigningScope& scope) {
  std::string text(date_of(amz_time(scope.time_ms)));
  text.append("/").append(scope.region).append("/").append(scope.service).append("/aws4_request");
  return text;
}

std::string signed_header_names(const std::vector<HttpHeader>& headers) {
  std::string names;
  std::string_view before;
  for (const HttpHeader* header : sorted(headers)) {
    if (!names.empty() && header->name == before) continue;
    if (!names.empty()) names += ';';
    names += header->name;
    before = header->name;
  }
  return names;
}

std::string canonical_request(const CanonicalParts& parts) {
  std::string text(parts.method);
  text.append("\n").append(parts.path).append("\n").append(parts.query).append("\n");
  const HttpHeader* before = nullptr;
  for (const HttpHeader* header : sorted(parts.headers)) {
    if (before != nullptr && header->name == before->name) {
      text.back() = ',';
    } else {
      text.append(header->name).append(":");
    }
    text.append(squeezed(header->value)).append("\n");
    before = header;
  }
  text.append("\n").append(signed_header_names(parts.headers));
  text.append("\n").append(parts.payload_hash);
  return text;
}

std::string string_to_sign(const SigningScope& scope, std::string_view canonical_request) {
  std::string text(kAlgorithm);
  text.append("\n").append(amz_time(scope.time_ms));
  text.append("\n").append(scope_text(scope));
  text.append("\n").append(to_hex(Sha256::of(canonical_request)));
  return text;
}

std::string signature(std::string_view secret_access_key, const SigningScope& scope,
                      std::string_view string_to_sign) {
  Bytes secret = "AWS4";
  secret.append(secret_access_key);
  const Sha256Digest day = hmac_sha256(secret, date_of(amz_time(scope.time_ms)));
  wipe(secret);
  const Sha256Digest region = hmac_sha256(view(day), scope.region);
  const Sha256Digest service = hmac_sha256(view(region), scope.service);
  const Sha256Digest key = hmac_sha256(view(service), "aws4_request");
  return to_hex(hmac_sha256(view(key), string_to_sign));
}

void sign(const RequestToSign& request, const S3Credentials& credentials, const SigningScope& scope,
          std::vector<HttpHeader>& headers) {
  headers.push_back({"x-amz-date", amz_time(scope.time_ms)});
  headers.push_back({"x-amz-content-sha256", std::string(request.payload_hash)});
  if (!credentials.session_token.empty()) {
    headers.push_back({"x-amz-security-token", credentials.session_token});
  }
  const std::string text =
      string_to_sign(scope, canonical_request({.method = request.method,
                                               .path = request.path,
                                               .query = request.query,
                                               .headers = headers,
                                               .payload_hash = request.payload_hash}));
  std::string authorization(kAlgorithm);
  authorization.append(" Credential=").append(credentials.access_key_id);
  authorization.append("/").append(scope_text(scope));
  authorization.append(", SignedHeaders=").append(signed_header_names(headers));
  authorization.append(", Signature=")
      .append(signature(credentials.secret_access_key, scope, text));
  headers.push_back({"authorization", std::move(authorization)});
}

std::string presigned_query(std::string_view method, std::string_view path, Query query,
                            const std::vector<HttpHeader>& headers,
                            const S3Credentials& credentials, const SigningScope& scope,
                            std::chrono::seconds lifetime) {
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope_text(scope));
  query.emplace_back("X-Amz-Date", amz_time(scope.time_ms));
  query.emplace_back("X-Amz-Expires", std::to_string(lifetime.count()));
  query.emplace_back("X-Amz-SignedHeaders", signed_header_names(headers));
  if (!credentials.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  const std::string encoded = encode_query(query);
  const std::string text =
      string_to_sign(scope, canonical_request({.method = method,
                                               .path = path,
                                               .query = encoded,
                                               .headers = headers,
                                               .payload_hash = kUnsignedPayload}));
  return encoded + "&X-Amz-Signature=" + signature(credentials.secret_access_key, scope, text);
}

}  // namespace talea::s3
