// RequestCounts: how many requests a client made, and what for: the price of an operation is a fact
// that a test can assert and `talea cost` can print.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace talea::s3 {

struct RequestKind {
  std::string cause;      // what the caller was doing: "set", "audit"
  std::string operation;  // as S3 calls it: "GetObject", "PutObject", "ListObjectsV2"

  bool operator==(const RequestKind&) const = default;
  bool operator<(const RequestKind& other) const {
    return std::tie(cause, operation) < std::tie(other.cause, other.operation);
  }
};

struct RequestCount {
  std::uint64_t sent = 0;  // with repetitions; each is billed
  std::uint64_t repeated = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

using RequestCounts = std::map<RequestKind, RequestCount>;

}  // namespace talea::s3
