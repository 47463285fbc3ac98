// The operations of a fake S3: from a request to its answer, with nothing between. fake_s3.h is
// what tests see.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "s3/http.h"
#include "tests/support/fake_s3.h"

namespace talea::s3 {

/// What an operation works on; all of it outlives the call.
struct FakeServer {
  const FakeProfile& profile;
  std::map<std::string, FakeBucket>& buckets;
  std::uint64_t now_ms = 0;
};

/// What S3 answers, errors included. A request that it does not know is 501, never another one.
HttpResponse fake_execute(const FakeServer& server, const FakeRequest& request);

/// An error that has nothing to do with the request: 500, 503, 409, 400 for an expired token, or
/// 520, the page of a CDN.
HttpResponse fake_error_for_status(const FakeRequest& request, int status);

}  // namespace talea::s3
