// Where the requests for a bucket go: scheme, host, and the path in front of a key.
#pragma once

#include <string>
#include <string_view>

#include "s3/environment.h"
#include "talea/s3.h"

namespace talea::s3 {

struct Location {
  std::string origin;       // "https://records.s3.eu-west-1.amazonaws.com"
  std::string host;         // the same, as it is signed: without the scheme and its usual port
  std::string bucket_path;  // encoded: "" where the host names the bucket, else "/records"
  std::string region;

  /// Encoded. `key`: empty for the bucket itself.
  std::string path_of(std::string_view key) const;
};

/// Errors: invalid_argument   a bucket, an endpoint or a region that cannot be one
Result<Location> locate(const S3Options& options, const Environment& environment);

}  // namespace talea::s3
