// S3Request: one call of S3, before it has an address, a signature and a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "s3/http.h"
#include "s3/uri.h"

namespace talea::s3 {

struct S3Request {
  /// As S3 calls it: "GetObject". For counts, messages and the permission that a refusal is about.
  std::string_view operation;
  std::string_view method;
  /// The whole key; empty for the bucket.
  std::string key;
  Query query;
  /// Names in lower case.
  std::vector<HttpHeader> headers;
  /// Lives until the request is done.
  BytesView body;
  /// The outermost element of an answer with 2xx; empty when it is not XML. An answer without it is
  /// one that was damaged on its way.
  std::string_view answer_root;
};

}  // namespace talea::s3
