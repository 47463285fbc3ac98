// The answers of S3, from XML and header fields to values; and the two requests that have XML.
//
// Whatever comes from a store may be anything: what does not have the form of an answer is
// `corruption`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "s3/client.h"
#include "s3/http.h"

namespace talea::s3 {

inline constexpr std::string_view kNonceHeader = "x-amz-meta-talea-write";

/// Whether it is a well-formed document.
bool is_xml(BytesView xml);
/// Whether `xml` is well-formed and its outermost element is `root`.
bool has_root(BytesView xml, std::string_view root);

/// Of the answer to a GET or HEAD of `key`; `size` is that of the whole object.
Result<ObjectInfo> parse_info(const HttpResponse& response, std::string_view key);

/// Keys lose `prefix`, with which all of them begin.
Result<ListPage> parse_list(BytesView xml, std::string_view prefix);
Result<VersionPage> parse_versions(BytesView xml, std::string_view prefix);
Result<Versioning> parse_versioning(BytesView xml);
Result<std::string> parse_upload_id(BytesView xml);
/// Of the answer to a copy, to a copied part or to the end of an upload.
Result<Etag> parse_etag(BytesView xml);

struct DeleteError {
  std::string key;
  std::string code;
  std::string message;
};
Result<std::vector<DeleteError>> parse_delete_errors(BytesView xml);

/// Whether XML 1.0 can carry the key; one that it cannot is deleted by itself.
bool fits_in_xml(std::string_view key);
/// `keys` whole, and such as fit.
std::string delete_body(std::span<const std::string> keys, std::string_view version_id);
std::string complete_body(std::span<const Etag> parts);

}  // namespace talea::s3
