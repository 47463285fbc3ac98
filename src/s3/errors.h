// What a store says when it does not do what it was asked, and what that means to us.
#pragma once

#include <string>
#include <string_view>

#include "s3/http.h"
#include "s3/request.h"
#include "talea/result.h"

namespace talea::s3 {

struct S3Error {
  int status = 0;
  std::string code;  // "NoSuchKey"; empty when the answer has none, as that to a HEAD
  std::string message;
  std::string request_id;
  std::string region;  // the right one, of an answer that says so
};

S3Error error_of(const HttpResponse& response);

/// What an error says about the request.
enum class Meaning : unsigned char {
  final,     // it was not done and will not be
  not_done,  // it was not done, and may be when it is sent again
  unknown,   // nobody knows
};
Meaning meaning_of(const S3Error& error);

/// Of the error, as the caller of the client sees it. The message has what was asked, what the
/// store said and what can be done; never a secret.
Status status_of(const S3Error& error, const S3Request& request, std::string_view bucket);

/// "GetObject s3://bucket/key". The key is cut where it is long, and its control characters are
/// shown as "?".
std::string what_was_asked(const S3Request& request, std::string_view bucket);

}  // namespace talea::s3
