// Where an S3 store is, and who asks: what the homes on S3 (ledger.h, bucketdb.h) and backups to S3
// have in common.
//
//     S3Options at{.bucket = "records", .prefix = "app/"};                       // AWS
//     S3Options near{.bucket = "records", .endpoint = "http://localhost:9000"};  // any other
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "talea/result.h"

namespace talea {

/// What a request is signed with.
struct S3Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  /// Of temporary credentials; empty for those that stay.
  std::string session_token = {};
  /// Milliseconds since 1970-01-01 UTC. They are asked for again five minutes before it. Without a
  /// time, credentials of S3Options::credential_provider are asked for again after an hour.
  std::optional<std::uint64_t> expires_at_ms = {};
};

/// Whether the bucket is a part of the host's name or of the path.
enum class S3Addressing : unsigned char {
  /// In the path where `endpoint` is given or the name of the bucket has a dot, else in the host.
  automatic,
  path,
  virtual_host,
};

/// What a request was.
struct S3RequestKind {
  std::string cause;      // what it was for: "get", "audit"
  std::string operation;  // as S3 calls it: "GetObject", "PutObject", "ListObjectsV2"

  bool operator==(const S3RequestKind&) const = default;
  bool operator<(const S3RequestKind& other) const {
    return std::tie(cause, operation) < std::tie(other.cause, other.operation);
  }
};

struct S3RequestCount {
  std::uint64_t sent = 0;  // with repetitions; each is billed
  std::uint64_t repeated = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;

  void add(const S3RequestCount& more) {
    sent += more.sent;
    repeated += more.repeated;
    bytes_sent += more.bytes_sent;
    bytes_received += more.bytes_received;
  }
};

/// How many requests there were, and what for: the price of an operation is a fact that a test can
/// assert.
using S3RequestCounts = std::map<S3RequestKind, S3RequestCount>;

struct S3Options {
  /// Must be given.
  std::string bucket = {};
  /// In front of the name of every object, as it is: no slash is added.
  std::string prefix = {};
  /// Empty: AWS_REGION, AWS_DEFAULT_REGION, the profile's, "us-east-1"; the first that is there.
  std::string region = {};
  /// "http://host:port" or "https://host"; empty: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS
  /// itself.
  std::string endpoint = {};
  S3Addressing addressing = S3Addressing::automatic;

  /// Of the files ~/.aws/config and ~/.aws/credentials; empty: AWS_PROFILE, "default".
  std::string profile = {};
  /// Take the place of everything that is looked for. At most one of the two.
  std::optional<S3Credentials> credentials = {};
  /// Called from any thread, by one at a time. What it returns is used until it expires.
  std::function<Result<S3Credentials>()> credential_provider = {};

  /// Objects are encrypted by the bucket's default; with a key, by SSE-KMS under it.
  std::string kms_key_id = {};

  /// How long one request may take, without its retries; up to 24 hours.
  std::chrono::milliseconds request_timeout{30'000};
  /// How long an operation on one object may take, with all its retries and the waits between them;
  /// up to 24 hours. Calls that do several, such as a set of a ledger, may take as long for each,
  /// and longer where they wait for others of this process.
  std::chrono::milliseconds operation_timeout{120'000};

  /// Told of each request after it was sent, by the thread that sent it: for who adds up what
  /// several stores cost. Of one store alone: request_counts() of the store.
  std::function<void(const S3RequestKind& kind, const S3RequestCount& one)> on_request = {};
};

}  // namespace talea
