#include "tests/support/fake_s3_operations.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <pugixml.hpp>
#include <set>
#include <utility>

#include "s3/time_text.h"
#include "s3/uri.h"

namespace talea::s3 {
namespace {

constexpr std::string_view kXml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
constexpr std::uint64_t kSkewMsMax = 15 * 60 * 1000;

// --- Answers

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '&') {
      escaped += "&amp;";
    } else if (character == '<') {
      escaped += "&lt;";
    } else if (character == '>') {
      escaped += "&gt;";
    } else if (character == '"') {
      escaped += "&quot;";
    } else if (byte < 0x20) {
      escaped += "&#" + std::to_string(byte) + ";";  // as AWS, though XML has no such characters
    } else {
      escaped += character;
    }
  }
  return escaped;
}

std::string element(std::string_view name, std::string_view text) {
  std::string xml = "<";
  xml.append(name).append(">").append(xml_text(text)).append("</").append(name).append(">");
  return xml;
}

HttpResponse respond(int status, Bytes body = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse error(const FakeRequest& request, int status, std::string_view code,
                   std::string_view message) {
  return respond(status, std::string(kXml) + "<Error>" + element("Code", code) +
                             element("Message", message) + element("Resource", "/" + request.key) +
                             "</Error>");
}

HttpResponse denied(const FakeRequest& request) {
  return error(request, 403, "AccessDenied", "Access Denied");
}
HttpResponse precondition_failed(const FakeRequest& request) {
  return error(request, 412, "PreconditionFailed",
               "At least one of the pre-conditions you specified did not hold");
}
HttpResponse no_such_key(const FakeRequest& request) {
  return error(request, 404, "NoSuchKey", "The specified key does not exist.");
}
HttpResponse invalid(const FakeRequest& request, std::string_view message) {
  return error(request, 400, "InvalidArgument", message);
}
HttpResponse not_implemented(const FakeRequest& request) {
  return error(request, 501, "NotImplemented",
               "A header or query you provided implies functionality that is not implemented");
}

// As AWS encodes in lists: a space is '+', a slash stays.
std::string list_encode(std::string_view text) {
  std::string encoded = encode_path(text);
  std::string result;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded.compare(i, 3, "%20") == 0) {
      result += '+';
      i += 2;
    } else if (encoded.compare(i, 3, "%2A") == 0) {
      result += '*';
      i += 2;
    } else {
      result += encoded[i];
    }
  }
  return result;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string without_quotes(std::string_view etag) {
  std::string bare(etag);
  std::erase(bare, '"');
  return bare;
}

bool begins_with_one_of(const std::string& key, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return key.starts_with(prefix); });
}

// --- The operations, one object for one request

class Operation {
 public:
  Operation(const FakeServer& server, const FakeRequest& request)
      : server_(server), profile_(server.profile), request_(request) {}

  HttpResponse run();

 private:
  HttpResponse run_on_bucket();
  HttpResponse run_on_object();
  std::optional<HttpResponse> refusal();

  HttpResponse get(bool with_body);
  HttpResponse object(const FakeVersion& version, bool with_body);
  HttpResponse put();
  HttpResponse copy();
  HttpResponse remove();
  HttpResponse remove_many();
  HttpResponse list();
  HttpResponse list_versions();
  HttpResponse get_versioning();
  HttpResponse put_versioning();
  HttpResponse begin_upload();
  HttpResponse put_part();
  HttpResponse complete_upload();
  HttpResponse completed(const FakeVersion& version) const;
  HttpResponse abort_upload();

  FakeConditions conditions() const;
  std::optional<HttpResponse> failed_condition(const std::string& key);
  bool matches(std::string_view if_match, const std::string& etag) const;
  bool may_write(const std::string& key) const {
    return !begins_with_one_of(key, profile_.unwritable_prefixes);
  }
  FakeVersion draft() const;
  HttpResponse written(const FakeVersion& version, HttpResponse response) const;
  // The version that x-amz-copy-source names, or why not.
  const FakeVersion* copy_source(HttpResponse& failure);
  bool shows(const FakeVersion& version) const {
    return !profile_.lists_lag || version.order != bucket_->last_order();
  }
  std::uint32_t page_keys() const;
  bool url_encoding() const {
    return request_.parameter("encoding-type") == "url" && !profile_.no_encoding_type;
  }
  std::string listed_key(std::string_view key) const {
    return element("Key", url_encoding() ? list_encode(key) : std::string(key));
  }
  std::string version_header(const FakeVersion& version) const {
    return bucket_->versioning() == Versioning::never ? std::string() : version.id;
  }

  const FakeServer& server_;
  const FakeProfile& profile_;
  const FakeRequest& request_;
  FakeBucket* bucket_ = nullptr;
};

HttpResponse Operation::run() {
  if (std::optional<HttpResponse> refused = refusal()) return *refused;
  const auto found = server_.buckets.find(request_.bucket);
  if (found == server_.buckets.end()) {
    return error(request_, 404, "NoSuchBucket", "The specified bucket does not exist");
  }
  bucket_ = &found->second;
  return request_.key.empty() ? run_on_bucket() : run_on_object();
}

std::optional<HttpResponse> Operation::refusal() {
  if (profile_.demands_authorization && request_.header("authorization").empty()) {
    return denied(request_);
  }
  if (profile_.demands_right_time) {
    const std::uint64_t date = parse_amz_time(request_.header("x-amz-date")).value_or(0);
    const std::uint64_t apart = std::max(date, server_.now_ms) - std::min(date, server_.now_ms);
    if (apart > kSkewMsMax) {
      return error(request_, 403, "RequestTimeTooSkewed",
                   "The difference between the request time and the current time is too large.");
    }
  }
  if (profile_.kms_denied &&
      !request_.header("x-amz-server-side-encryption-aws-kms-key-id").empty()) {
    return error(request_, 403, "AccessDenied",
                 "User is not authorized to perform: kms:GenerateDataKey");
  }
  return std::nullopt;
}

HttpResponse Operation::run_on_bucket() {
  const std::string& method = request_.method;
  if (method == "HEAD") return respond(profile_.may_list ? 200 : 403);
  if (method == "POST" && request_.has("delete")) return remove_many();
  if (request_.has("versioning")) {
    if (profile_.no_versioning) return not_implemented(request_);
    if (method == "GET") return get_versioning();
    if (method == "PUT") return put_versioning();
  }
  if (method == "GET" && request_.parameter("delimiter").empty()) {
    if (!profile_.may_list) return denied(request_);
    if (request_.has("versions")) {
      return profile_.no_versioning ? not_implemented(request_) : list_versions();
    }
    if (request_.parameter("list-type") == "2") return list();
  }
  return not_implemented(request_);
}

HttpResponse Operation::run_on_object() {
  if (request_.key.size() > 1024) {
    return error(request_, 400, "KeyTooLongError", "Your key is too long");
  }
  const std::string& method = request_.method;
  static const std::set<std::string> known = {"versionId", "uploads", "uploadId", "partNumber"};
  for (const auto& [name, value] : request_.query) {
    if (!known.contains(name)) return not_implemented(request_);
  }
  if (method == "GET" || method == "HEAD") return get(method == "GET");
  if (method == "DELETE") return request_.has("uploadId") ? abort_upload() : remove();
  if (method == "POST" && request_.has("uploads")) return begin_upload();
  if (method == "POST" && request_.has("uploadId")) return complete_upload();
  if (method == "PUT" && request_.has("uploadId")) return put_part();
  if (method == "PUT") return request_.header("x-amz-copy-source").empty() ? put() : copy();
  return not_implemented(request_);
}

// --- Conditions

FakeConditions Operation::conditions() const {
  return {.if_match = request_.header("if-match"),
          .if_none_match = request_.header("if-none-match")};
}

bool Operation::matches(std::string_view if_match, const std::string& etag) const {
  if (if_match == "*") return true;
  if (profile_.only_unquoted_if_match && if_match.find('"') != std::string_view::npos) return false;
  return without_quotes(if_match) == without_quotes(etag);
}

// Of a write: of the current version, where a delete marker counts as nothing.
std::optional<HttpResponse> Operation::failed_condition(const std::string& key) {
  const FakeConditions sent = conditions();
  if ((!sent.if_match.empty() && !sent.if_none_match.empty()) ||
      (!sent.if_none_match.empty() && sent.if_none_match != "*")) {
    return not_implemented(request_);
  }
  const FakeVersion* const current = bucket_->current(key);
  if (!sent.if_none_match.empty() && !profile_.ignores_if_none_match && current != nullptr) {
    return precondition_failed(request_);
  }
  if (!sent.if_match.empty() && !profile_.ignores_if_match) {
    if (current == nullptr) {
      return profile_.if_match_of_absent_is_412 ? precondition_failed(request_)
                                                : no_such_key(request_);
    }
    if (!matches(sent.if_match, current->etag)) return precondition_failed(request_);
  }
  return std::nullopt;
}

// --- Objects

HttpResponse Operation::get(bool with_body) {
  if (begins_with_one_of(request_.key, profile_.unreadable_prefixes)) return denied(request_);
  const FakeVersion* found = nullptr;
  if (request_.has("versionId")) {
    if (request_.parameter("versionId").empty()) {
      return invalid(request_, "Version id cannot be the empty string");
    }
    found = bucket_->version(request_.key, request_.parameter("versionId"));
    if (found == nullptr) {
      return error(request_, 404, "NoSuchVersion", "The specified version does not exist.");
    }
    if (found->is_delete_marker) {
      HttpResponse response = error(request_, 405, "MethodNotAllowed", "It is a delete marker.");
      response.headers = {{"x-amz-delete-marker", "true"}, {"allow", "DELETE"}};
      return response;
    }
    return object(*found, with_body);
  }
  found = bucket_->newest(request_.key);
  if (found == nullptr) return profile_.may_list ? no_such_key(request_) : denied(request_);
  if (found->is_delete_marker) {
    HttpResponse response = no_such_key(request_);
    response.headers = {{"x-amz-delete-marker", "true"}, {"x-amz-version-id", found->id}};
    return response;
  }
  return object(*found, with_body);
}

// "bytes=a-b" within `size` bytes; nothing when it is not of that form. {1, 0}: none of them.
std::optional<std::pair<std::uint64_t, std::uint64_t>> range_of(std::string_view header,
                                                                std::uint64_t size) {
  if (!header.starts_with("bytes=")) return std::nullopt;
  header.remove_prefix(6);
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  if (!first && !last) return std::nullopt;
  if (!first) return std::pair(size - std::min(size, *last), size - 1);
  if (*first >= size) return std::pair<std::uint64_t, std::uint64_t>(1, 0);
  return std::pair(*first, last ? std::min(*last, size - 1) : size - 1);
}

HttpResponse Operation::object(const FakeVersion& version, bool with_body) {
  if (profile_.kms_denied && !version.kms_key_id.empty()) return denied(request_);
  const FakeConditions sent = conditions();
  if (!sent.if_match.empty() && !matches(sent.if_match, version.etag)) {
    return precondition_failed(request_);
  }
  HttpResponse response = respond(200);
  response.headers = {{"etag", version.etag},
                      {"last-modified", http_date(version.last_modified_ms)},
                      {"content-type", version.content_type},
                      {"accept-ranges", "bytes"}};
  if (const std::string id = version_header(version); !id.empty()) {
    response.headers.push_back({"x-amz-version-id", id});
  }
  for (const auto& [name, value] : version.metadata) response.headers.push_back({name, value});
  if (!sent.if_none_match.empty() && matches(sent.if_none_match, version.etag)) {
    response.status = 304;
    return response;
  }
  const std::uint64_t size = version.bytes->size();
  std::uint64_t first = 0;
  std::uint64_t length = size;
  const auto range = range_of(request_.header("range"), size);
  if (range && !profile_.ignores_ranges) {
    if (range->first > range->second || size == 0) {
      return error(request_, 416, "InvalidRange", "The requested range is not satisfiable");
    }
    first = range->first;
    length = range->second - first + 1;
    response.status = 206;
    response.headers.push_back({"content-range", "bytes " + std::to_string(first) + "-" +
                                                     std::to_string(range->second) + "/" +
                                                     std::to_string(size)});
  }
  response.headers.push_back({"content-length", std::to_string(length)});
  if (with_body) response.body = version.bytes->substr(first, length);
  return response;
}

FakeVersion Operation::draft() const {
  FakeVersion version;
  version.last_modified_ms = server_.now_ms;
  version.content_type = request_.header("content-type");
  version.kms_key_id = request_.header("x-amz-server-side-encryption-aws-kms-key-id");
  for (const auto& [name, value] : request_.headers) {
    const bool is_kept = name.starts_with("x-amz-meta-") && !profile_.forgets_metadata;
    if (is_kept) version.metadata[name] = value;
  }
  return version;
}

HttpResponse Operation::written(const FakeVersion& version, HttpResponse response) const {
  response.headers.push_back({"etag", version.etag});
  if (const std::string id = version_header(version); !id.empty() && id != "null") {
    response.headers.push_back({"x-amz-version-id", id});
  }
  if (!version.kms_key_id.empty()) {
    response.headers.push_back({"x-amz-server-side-encryption", "aws:kms"});
  }
  return response;
}

HttpResponse Operation::put() {
  if (!may_write(request_.key)) return denied(request_);
  if (request_.body.size() > profile_.put_bytes_max) {
    return error(request_, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum");
  }
  if (std::optional<HttpResponse> failed = failed_condition(request_.key)) return *failed;
  FakeVersion version = draft();
  version.etag = fake_etag(request_.body);
  version.bytes = std::make_shared<const Bytes>(request_.body);
  return written(bucket_->put(request_.key, std::move(version)), respond(200));
}

const FakeVersion* Operation::copy_source(HttpResponse& failure) {
  std::string source = request_.header("x-amz-copy-source");
  std::string version_id;
  if (const std::size_t mark = source.find("?versionId="); mark != std::string::npos) {
    version_id = percent_decode(source.substr(mark + 11)).value_or("");
    source.resize(mark);
  }
  source = percent_decode(source).value_or("");
  if (source.starts_with('/')) source.erase(0, 1);
  const std::size_t slash = source.find('/');
  const auto bucket = server_.buckets.find(source.substr(0, slash));
  if (slash == std::string::npos || bucket == server_.buckets.end()) {
    failure = error(request_, 404, "NoSuchBucket", "The specified bucket does not exist");
    return nullptr;
  }
  const std::string key = source.substr(slash + 1);
  if (begins_with_one_of(key, profile_.unreadable_prefixes)) {
    failure = denied(request_);
    return nullptr;
  }
  const FakeVersion* const found =
      version_id.empty() ? bucket->second.current(key) : bucket->second.version(key, version_id);
  const std::string if_match = request_.header("x-amz-copy-source-if-match");
  if (found == nullptr || found->is_delete_marker) {
    failure = no_such_key(request_);
    return nullptr;
  }
  if (!if_match.empty() && !matches(if_match, found->etag)) {
    failure = precondition_failed(request_);
    return nullptr;
  }
  return found;
}

HttpResponse Operation::copy() {
  if (!may_write(request_.key)) return denied(request_);
  HttpResponse failure;
  const FakeVersion* const source = copy_source(failure);
  if (source == nullptr) return failure;
  if (source->bytes->size() > profile_.put_bytes_max) {
    return error(request_, 400, "InvalidRequest",
                 "The specified copy source is larger than the maximum allowable size");
  }
  const bool replaces = request_.header("x-amz-metadata-directive") == "REPLACE";
  if (source == bucket_->current(request_.key) && !replaces) {
    return error(request_, 400, "InvalidRequest", "This copies an object to itself");
  }
  if (std::optional<HttpResponse> failed = failed_condition(request_.key)) return *failed;
  FakeVersion version = draft();
  if (!replaces) {
    version.metadata = source->metadata;
    version.content_type = source->content_type;
  }
  version.bytes = source->bytes;
  version.etag = fake_etag(*source->bytes);
  const FakeVersion& put = bucket_->put(request_.key, std::move(version));
  HttpResponse response =
      written(put, respond(200, std::string(kXml) + "<CopyObjectResult>" +
                                    element("LastModified", xml_time(put.last_modified_ms)) +
                                    element("ETag", put.etag) + "</CopyObjectResult>"));
  std::erase_if(response.headers, [](const HttpHeader& header) { return header.name == "etag"; });
  return response;
}

// --- Removing

HttpResponse Operation::remove() {
  if (!profile_.may_delete || !may_write(request_.key)) return denied(request_);
  if (request_.has("versionId")) {
    bool was_marker = false;
    bucket_->remove_version(request_.key, request_.parameter("versionId"), was_marker);
    HttpResponse response = respond(204);
    response.headers.push_back({"x-amz-version-id", request_.parameter("versionId")});
    if (was_marker) response.headers.push_back({"x-amz-delete-marker", "true"});
    return response;
  }
  if (const std::string if_match = conditions().if_match; !if_match.empty()) {
    const FakeVersion* const current = bucket_->current(request_.key);
    if (current == nullptr) return no_such_key(request_);
    if (!matches(if_match, current->etag)) return precondition_failed(request_);
  }
  HttpResponse response = respond(204);
  if (const FakeVersion* const marker = bucket_->remove(request_.key, server_.now_ms)) {
    response.headers.push_back({"x-amz-delete-marker", "true"});
    response.headers.push_back({"x-amz-version-id", marker->id});
  }
  return response;
}

HttpResponse Operation::remove_many() {
  if (request_.header("content-md5").empty()) {
    return error(request_, 400, "InvalidRequest", "Missing required header: Content-MD5");
  }
  pugi::xml_document document;
  if (!document.load_buffer(request_.body.data(), request_.body.size(),
                            pugi::parse_default | pugi::parse_ws_pcdata_single)) {
    return error(request_, 400, "MalformedXML", "The XML you provided was not well-formed");
  }
  const pugi::xml_node asked = document.child("Delete");
  const bool quiet = std::string_view(asked.child_value("Quiet")) == "true";
  std::string results;
  int count = 0;
  for (const pugi::xml_node each : asked.children("Object")) {
    const std::string key = each.child_value("Key");
    const std::string version_id = each.child_value("VersionId");
    if (++count > 1000) return error(request_, 400, "MalformedXML", "More than 1000 keys");
    if (!profile_.may_delete || !may_write(key)) {
      results += "<Error>" + element("Key", key) + element("Code", "AccessDenied") +
                 element("Message", "Access Denied") + "</Error>";
      continue;
    }
    bool was_marker = false;
    if (version_id.empty()) {
      bucket_->remove(key, server_.now_ms);
    } else {
      bucket_->remove_version(key, version_id, was_marker);
    }
    if (!quiet) results += "<Deleted>" + element("Key", key) + "</Deleted>";
  }
  return respond(200, std::string(kXml) + "<DeleteResult" + std::string(kNamespace) + ">" +
                          results + "</DeleteResult>");
}

// --- Lists

std::uint32_t Operation::page_keys() const {
  const auto asked = number(request_.parameter("max-keys"));
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(asked.value_or(1000), profile_.page_keys_max));
}

std::string entry_fields(const FakeVersion& version) {
  return element("LastModified", xml_time(version.last_modified_ms)) +
         element("ETag", version.etag) + element("Size", std::to_string(version.bytes->size())) +
         element("StorageClass", "STANDARD");
}

// Tokens say nothing and hold characters that have to be encoded, as those of AWS.
std::string token_of(const std::string& key) { return "1/+=" + percent_encode(key); }

HttpResponse Operation::list() {
  const std::string prefix = request_.parameter("prefix");
  const std::string token = request_.parameter("continuation-token");
  std::string after = request_.parameter("start-after");
  if (!token.empty()) {
    const auto key = token.starts_with("1/+=") ? percent_decode(token.substr(4)) : std::nullopt;
    if (!key) return invalid(request_, "The continuation token provided is incorrect");
    after = *key;
  }
  const std::uint32_t keys_max = page_keys();
  std::string contents;
  std::string last;
  std::uint32_t count = 0;
  bool truncated = false;
  for (auto each = bucket_->keys().lower_bound(std::max(prefix, after));
       each != bucket_->keys().end(); ++each) {
    const auto& [key, versions] = *each;
    if (!key.starts_with(prefix)) break;
    if (!after.empty() && key <= after) continue;
    const FakeVersion* shown = nullptr;
    for (const FakeVersion& version : versions) {
      if (shows(version)) shown = &version;
    }
    if (shown == nullptr || shown->is_delete_marker) continue;
    if (count == keys_max) {
      truncated = keys_max != 0;
      break;
    }
    contents += "<Contents>" + listed_key(key) + entry_fields(*shown) + "</Contents>";
    last = key;
    ++count;
  }
  std::string xml = std::string(kXml) + "<ListBucketResult" + std::string(kNamespace) + ">" +
                    element("Name", request_.bucket) + element("KeyCount", std::to_string(count)) +
                    element("MaxKeys", std::to_string(keys_max)) +
                    element("IsTruncated", truncated ? "true" : "false");
  if (url_encoding()) xml += element("EncodingType", "url");
  if (truncated) xml += element("NextContinuationToken", token_of(last));
  return respond(200, xml + contents + "</ListBucketResult>");
}

HttpResponse Operation::list_versions() {
  const std::string prefix = request_.parameter("prefix");
  const std::string key_marker = request_.parameter("key-marker");
  const std::string id_marker = request_.parameter("version-id-marker");
  if (key_marker.empty() && !id_marker.empty()) {
    return invalid(request_, "A version-id marker cannot be specified without a key marker.");
  }
  const std::uint32_t keys_max = page_keys();
  std::string entries;
  std::string last_key;
  std::string last_id;
  std::uint32_t count = 0;
  bool truncated = false;
  for (auto entry = bucket_->keys().lower_bound(std::max(prefix, key_marker));
       entry != bucket_->keys().end(); ++entry) {
    const auto& [key, versions] = *entry;
    if (!key.starts_with(prefix)) break;
    if (key == key_marker && id_marker.empty()) continue;
    const std::uint64_t below = key == key_marker ? bucket_->order_of(key, id_marker) : UINT64_MAX;
    for (auto each = versions.rbegin(); each != versions.rend(); ++each) {
      if (each->order >= below || !shows(*each)) continue;
      if (count == keys_max) {
        truncated = keys_max != 0;
        break;
      }
      const std::string_view name = each->is_delete_marker ? "DeleteMarker" : "Version";
      entries += "<" + std::string(name) + ">" + listed_key(key) + element("VersionId", each->id) +
                 element("IsLatest", each == versions.rbegin() ? "true" : "false") +
                 (each->is_delete_marker ? element("LastModified", xml_time(each->last_modified_ms))
                                         : entry_fields(*each)) +
                 "</" + std::string(name) + ">";
      last_key = key;
      last_id = each->id;
      ++count;
    }
    if (truncated) break;
  }
  std::string xml = std::string(kXml) + "<ListVersionsResult" + std::string(kNamespace) + ">" +
                    element("Name", request_.bucket) +
                    element("IsTruncated", truncated ? "true" : "false");
  if (url_encoding()) xml += element("EncodingType", "url");
  if (truncated) {
    xml += element("NextKeyMarker", url_encoding() ? list_encode(last_key) : last_key) +
           element("NextVersionIdMarker", last_id);
  }
  return respond(200, xml + entries + "</ListVersionsResult>");
}

HttpResponse Operation::get_versioning() {
  std::string status;
  if (bucket_->versioning() == Versioning::enabled) status = element("Status", "Enabled");
  if (bucket_->versioning() == Versioning::suspended) status = element("Status", "Suspended");
  return respond(200, std::string(kXml) + "<VersioningConfiguration" + std::string(kNamespace) +
                          ">" + status + "</VersioningConfiguration>");
}

HttpResponse Operation::put_versioning() {
  if (request_.body.find("<Status>Enabled</Status>") != Bytes::npos) {
    bucket_->set_versioning(Versioning::enabled);
  } else if (request_.body.find("<Status>Suspended</Status>") != Bytes::npos) {
    bucket_->set_versioning(Versioning::suspended);
  } else {
    return error(request_, 400, "MalformedXML", "The XML you provided was not well-formed");
  }
  return respond(200);
}

// --- Uploads in parts

HttpResponse no_such_upload(const FakeRequest& request) {
  return error(request, 404, "NoSuchUpload", "The specified upload does not exist.");
}

HttpResponse Operation::begin_upload() {
  if (!may_write(request_.key)) return denied(request_);
  const std::string id = bucket_->new_id();
  bucket_->uploads[id] = {.key = request_.key, .draft = draft(), .parts = {}};
  return respond(200, std::string(kXml) + "<InitiateMultipartUploadResult>" +
                          element("Bucket", request_.bucket) + element("Key", request_.key) +
                          element("UploadId", id) + "</InitiateMultipartUploadResult>");
}

HttpResponse Operation::put_part() {
  const auto upload = bucket_->uploads.find(request_.parameter("uploadId"));
  const auto part = number(request_.parameter("partNumber"));
  if (upload == bucket_->uploads.end() || upload->second.key != request_.key) {
    return no_such_upload(request_);
  }
  if (!part || *part < 1 || *part > 10000) {
    return invalid(request_, "Part number must be an integer between 1 and 10000, inclusive");
  }
  std::shared_ptr<const Bytes> bytes;
  const bool copies = !request_.header("x-amz-copy-source").empty();
  if (copies) {
    HttpResponse failure;
    const FakeVersion* const source = copy_source(failure);
    if (source == nullptr) return failure;
    const auto range =
        range_of(request_.header("x-amz-copy-source-range"), source->bytes->size())
            .value_or(std::pair<std::uint64_t, std::uint64_t>(0, source->bytes->size() - 1));
    bytes = std::make_shared<const Bytes>(
        source->bytes->substr(range.first, range.second - range.first + 1));
  } else {
    bytes = std::make_shared<const Bytes>(request_.body);
  }
  const std::string etag = fake_etag(*bytes);
  upload->second.parts[static_cast<int>(*part)] = {bytes, etag};
  if (copies) {
    return respond(
        200, std::string(kXml) + "<CopyPartResult>" + element("ETag", etag) + "</CopyPartResult>");
  }
  HttpResponse response = respond(200);
  response.headers = {{"etag", etag}};
  return response;
}

HttpResponse Operation::completed(const FakeVersion& version) const {
  const bool tells = !profile_.completes_without_etag;
  HttpResponse response = respond(
      200, std::string(kXml) + "<CompleteMultipartUploadResult>" + element("Key", request_.key) +
               element("ETag", tells ? version.etag : "") + "</CompleteMultipartUploadResult>");
  if (tells && version.id != "null") response.headers = {{"x-amz-version-id", version.id}};
  return response;
}

HttpResponse Operation::complete_upload() {
  const std::string id = request_.parameter("uploadId");
  if (const auto done = bucket_->completed_uploads.find(id);
      done != bucket_->completed_uploads.end() && done->second.first == request_.key) {
    return completed(done->second.second);
  }
  const auto upload = bucket_->uploads.find(id);
  if (upload == bucket_->uploads.end() || upload->second.key != request_.key) {
    return no_such_upload(request_);
  }
  pugi::xml_document document;
  if (!document.load_buffer(request_.body.data(), request_.body.size())) {
    return error(request_, 400, "MalformedXML", "The XML you provided was not well-formed");
  }
  Bytes bytes;
  std::vector<std::string> etags;
  std::uint64_t before = 0;
  const pugi::xml_node asked = document.child("CompleteMultipartUpload");
  for (const pugi::xml_node each : asked.children("Part")) {
    const auto part = number(each.child_value("PartNumber")).value_or(0);
    const auto found = upload->second.parts.find(static_cast<int>(part));
    if (part <= before) {
      return error(request_, 400, "InvalidPartOrder", "The list of parts was not in order");
    }
    if (found == upload->second.parts.end() ||
        without_quotes(each.child_value("ETag")) != without_quotes(found->second.second)) {
      return error(request_, 400, "InvalidPart", "A part could not be found");
    }
    if (each.next_sibling("Part") && found->second.first->size() < profile_.part_bytes_min) {
      return error(request_, 400, "EntityTooSmall", "A part is smaller than the minimum");
    }
    bytes += *found->second.first;
    etags.push_back(found->second.second);
    before = part;
  }
  if (etags.empty()) return error(request_, 400, "MalformedXML", "There are no parts");
  if (std::optional<HttpResponse> failed = failed_condition(request_.key)) return *failed;
  FakeVersion version = upload->second.draft;
  version.bytes = std::make_shared<const Bytes>(std::move(bytes));
  version.etag = fake_etag_of_parts(etags);
  version.last_modified_ms = server_.now_ms;
  const FakeVersion& put = bucket_->put(request_.key, std::move(version));
  bucket_->completed_uploads[id] = {request_.key, put};
  bucket_->uploads.erase(upload);
  return completed(put);
}

HttpResponse Operation::abort_upload() {
  if (bucket_->uploads.erase(request_.parameter("uploadId")) == 0) return no_such_upload(request_);
  return respond(204);
}

// What every answer has.
HttpResponse finished(HttpResponse response, const FakeRequest& request, std::uint64_t now_ms) {
  const bool has_length = response.header("content-length").has_value();
  if (request.method == "HEAD") response.body.clear();
  if (!has_length && request.method != "HEAD" && response.status != 204) {
    response.headers.push_back({"content-length", std::to_string(response.body.size())});
  }
  if (now_ms != 0) response.headers.push_back({"date", http_date(now_ms)});
  response.headers.push_back({"x-amz-request-id", "FAKE" + std::to_string(request.number)});
  return response;
}

}  // namespace

HttpResponse fake_execute(const FakeServer& server, const FakeRequest& request) {
  return finished(Operation(server, request).run(), request, server.now_ms);
}

HttpResponse fake_error_for_status(const FakeRequest& request, int status) {
  if (status == 520) return finished(respond(520, "<html><body>origin</body></html>"), request, 0);
  std::string_view code = "InternalError";
  std::string_view message = "We encountered an internal error. Please try again.";
  if (status == 503) {
    code = "SlowDown";
    message = "Please reduce your request rate.";
  } else if (status == 409) {
    code = "ConditionalRequestConflict";
    message = "The conditional request cannot succeed due to a conflicting operation.";
  }
  if (status == 412) {
    code = "PreconditionFailed";
    message = "At least one of the pre-conditions you specified did not hold";
  }
  if (status == 301) {
    code = "PermanentRedirect";
    message = "The bucket is in another region.";
  }
  if (status == 400) {
    code = "ExpiredToken";
    message = "The provided token has expired.";
  }
  return finished(error(request, status, code, message), request, 0);
}

}  // namespace talea::s3
