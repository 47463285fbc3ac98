// HttpTransport: the seam through which the S3 client reaches a network. In production libcurl is
// behind it (curl_transport.h), in tests an S3 of our own in the same process that loses, repeats
// and damages requests and answers as it is told (tests/support/fake_s3.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea::s3 {

struct HttpHeader {
  std::string name;  // lower case
  std::string value;
};

struct HttpRequest {
  std::string method;
  /// Whole and encoded; sent as it is, with its dots and double slashes.
  std::string url;
  std::vector<HttpHeader> headers;
  /// Lives until send() returns.
  BytesView body;
  std::chrono::milliseconds timeout{30'000};
  /// An answer with a longer body is refused.
  std::uint64_t answer_bytes_max = std::uint64_t{256} << 20;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  Bytes body;

  /// `name`: in lower case. The first of that name.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// Threads: safe; calls run beside each other.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  /// Sends the request once and waits for the whole answer, whatever its status. Redirects are not
  /// followed.
  ///
  /// Errors: unavailable        it did not reach a server: connection refused, no route
  ///         not_found          nor will it: no machine has the name of the host
  ///         unauthenticated    the server cannot prove who it is (TLS)
  ///         timed_out          it may have reached one, and the answer did not come, or not whole
  ///         exhausted          the answer is longer than answer_bytes_max
  ///         invalid_argument   a URL that is none
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};

}  // namespace talea::s3
