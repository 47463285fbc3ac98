// Sender: signs requests, sends them, counts them, and sends again those that may be.
//
// An attempt ends in one of four ways, and only two of them invite another:
//
//     answered    the store did it, or said that it will not
//     failed      it was not sent, and another attempt would not be either
//     not_done    it did not happen: no connection, "slow down"
//     unknown     it may have happened: no answer, half an answer, an internal error
//
// What a caller does about `unknown` depends on the request. send() repeats it, for requests that
// do no harm when they are done twice; a conditional write (writer.h) looks first.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "s3/client.h"
#include "s3/credentials.h"
#include "s3/http.h"
#include "s3/location.h"
#include "s3/request.h"
#include "talea/s3.h"

namespace talea::s3 {

/// Waits before the 2nd, 3rd, ... attempt are random between nothing and a span that doubles from
/// kBackoffFirst to kBackoffMax ("full jitter": who collided once does not collide again).
inline constexpr std::chrono::milliseconds kBackoffFirst{100};
inline constexpr std::chrono::milliseconds kBackoffMax{5'000};
/// However short the waits come out.
inline constexpr std::uint32_t kAttemptsMax = 64;
/// Where no machine has the name of the host. A resolver may fail for a moment; a wrong name is
/// wrong for longer than anybody wants to wait.
inline constexpr std::uint32_t kUnknownHostAttemptsMax = 3;

/// Of an answer that is XML. A list of 1 000 keys of 1 KiB has 4 MiB; a parser needs many times the
/// text.
inline constexpr std::uint64_t kXmlBytesMax = std::uint64_t{16} << 20;

/// How long an operation may still go on.
///
/// Threads: externally synchronised.
class Pace {
 public:
  Pace(const ClientSeams& seams, const S3Options& options);

  /// Waits before another attempt. False: there is no time for one.
  /// `host_is_unknown`: as Attempt has it of the attempt before.
  bool wait_for_next(bool host_is_unknown = false);
  /// Of the next request.
  std::chrono::milliseconds request_timeout() const;
  /// How many attempts there were before this one.
  std::uint32_t attempts_before() const { return attempts_before_; }

 private:
  std::chrono::milliseconds left() const;

  const ClientSeams& seams_;
  const S3Options& options_;
  const std::uint64_t end_ns_;
  std::uint32_t attempts_before_ = 0;
  std::uint32_t unknown_hosts_ = 0;
};

struct Attempt {
  enum class Kind : unsigned char { answered, failed, not_done, unknown };
  Kind kind = Kind::failed;
  HttpResponse response;  // answered
  Status status;          // all others: why
  /// not_done: no machine has the name of the host.
  bool host_is_unknown = false;
};

/// Threads: safe.
class Sender {
 public:
  /// Everything outlives it.
  Sender(const S3Options& options, const ClientSeams& seams, Location location,
         CredentialProvider credentials);

  /// Sends it until it is answered, and returns the answer whatever its status.
  /// Errors: unavailable       not done, however often it was tried
  ///         timed_out         nobody knows
  ///         unauthenticated   no credentials
  Result<HttpResponse> send(const S3Request& request, std::string_view cause, Pace& pace);
  /// As send(), for an operation of one request.
  Result<HttpResponse> send(const S3Request& request, std::string_view cause);
  /// Sends it once; and once more when the store refused it for the time in it, or for credentials
  /// that had expired.
  /// `is_repeated`: for the counts.
  Attempt attempt(const S3Request& request, std::string_view cause, const Pace& pace,
                  bool is_repeated);

  /// The answer as a failure.
  Status failure(const HttpResponse& response, const S3Request& request) const;
  const Location& location() const { return location_; }
  S3RequestCounts counts() const TALEA_EXCLUDES(mutex_);

 private:
  /// What a request is signed with.
  struct SignedWith {
    S3Credentials credentials;
    std::int64_t time_offset_ms = 0;
  };
  HttpRequest make_http(const S3Request& request, const SignedWith& with, const Pace& pace) const;
  Result<HttpResponse> send_once(const S3Request& request, const SignedWith& with,
                                 std::string_view cause, const Pace& pace, bool is_repeated);
  bool learn(const S3Request& request, const HttpResponse& refusal, const SignedWith& used);
  bool learn_time(const HttpResponse& refusal, std::int64_t used_offset_ms);
  Attempt judge(const S3Request& request, Result<HttpResponse> response) const;
  void count(const S3Request& request, std::string_view cause, bool is_repeated,
             std::uint64_t bytes_received) TALEA_EXCLUDES(mutex_);

  const S3Options& options_;
  const ClientSeams& seams_;
  const Location location_;
  CredentialSource credentials_;
  /// What the clock of the store is ahead of ours, once it refused a request for that.
  std::atomic<std::int64_t> time_offset_ms_{0};
  mutable Mutex mutex_;
  S3RequestCounts counts_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea::s3
