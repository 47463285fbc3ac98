#include "s3/sender.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "crypto/sha256.h"
#include "s3/answers.h"
#include "s3/errors.h"
#include "s3/sigv4.h"
#include "s3/time_text.h"

namespace talea::s3 {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
// S3 refuses what is 15 minutes off; a difference below this is no reason to refuse.
constexpr std::int64_t kSkewMsMin = 5 * 60 * 1000;

bool is_success(int status) { return status >= 200 && status < 300; }

// Whether less of the body came than was announced.
bool is_cut(const S3Request& request, const HttpResponse& response) {
  if (request.method == "HEAD" || response.status == 204 || response.status == 304) return false;
  const auto length = response.header("content-length");
  return length && *length != std::to_string(response.body.size());
}

}  // namespace

// --- Pace

Pace::Pace(const ClientSeams& seams, const S3Options& options)
    : seams_(seams),
      options_(options),
      end_ns_(seams.clock.monotonic_ns() +
              static_cast<std::uint64_t>(options.operation_timeout.count()) * kNsPerMs) {}

std::chrono::milliseconds Pace::left() const {
  const std::uint64_t now = seams_.clock.monotonic_ns();
  return std::chrono::milliseconds(now >= end_ns_ ? 0 : (end_ns_ - now) / kNsPerMs);
}

bool Pace::wait_for_next(bool host_is_unknown) {
  if (++attempts_before_ >= kAttemptsMax) return false;
  if (host_is_unknown && ++unknown_hosts_ >= kUnknownHostAttemptsMax) return false;
  const std::uint32_t doublings = std::min(attempts_before_ - 1, 16U);
  const auto span =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(kBackoffMax.count()),
                              static_cast<std::uint64_t>(kBackoffFirst.count()) << doublings);
  const std::chrono::milliseconds wait(seams_.random.next_u64() % (span + 1));
  if (wait >= left()) return false;
  seams_.wait(wait);
  return left().count() > 0;
}

std::chrono::milliseconds Pace::request_timeout() const {
  return std::max(std::chrono::milliseconds(1), std::min(options_.request_timeout, left()));
}

// --- Sender

Sender::Sender(const S3Options& options, const ClientSeams& seams, Location location,
               CredentialProvider credentials)
    : options_(options),
      seams_(seams),
      location_(std::move(location)),
      credentials_(std::move(credentials), seams.clock) {}

Result<HttpResponse> Sender::send(const S3Request& request, std::string_view cause) {
  Pace pace(seams_, options_);
  return send(request, cause, pace);
}

Result<HttpResponse> Sender::send(const S3Request& request, std::string_view cause, Pace& pace) {
  bool may_be_done = false;
  for (bool is_repeated = false;; is_repeated = true) {
    Attempt attempt = this->attempt(request, cause, pace, is_repeated);
    if (attempt.kind == Attempt::Kind::answered) return std::move(attempt.response);
    if (attempt.kind == Attempt::Kind::failed && !may_be_done) return std::move(attempt.status);
    may_be_done = may_be_done || attempt.kind == Attempt::Kind::unknown;
    if (attempt.kind == Attempt::Kind::failed || !pace.wait_for_next(attempt.host_is_unknown)) {
      return Status(may_be_done ? Code::timed_out : Code::unavailable,
                    std::string(attempt.status.message()) + "; given up after attempt " +
                        std::to_string(pace.attempts_before()));
    }
  }
}

Attempt Sender::attempt(const S3Request& request, std::string_view cause, const Pace& pace,
                        bool is_repeated) {
  for (bool may_correct = true;; may_correct = false) {
    Result<S3Credentials> credentials = credentials_.get();
    if (!credentials.ok()) {
      return {.kind = Attempt::Kind::failed, .response = {}, .status = credentials.status()};
    }
    const SignedWith with{.credentials = std::move(*credentials),
                          .time_offset_ms = time_offset_ms_};
    Result<HttpResponse> response = send_once(request, with, cause, pace, is_repeated);
    if (may_correct && response.ok() && !is_success(response->status) &&
        learn(request, *response, with)) {
      is_repeated = true;
      continue;
    }
    return judge(request, std::move(response));
  }
}

Result<HttpResponse> Sender::send_once(const S3Request& request, const SignedWith& with,
                                       std::string_view cause, const Pace& pace, bool is_repeated) {
  const HttpRequest http = make_http(request, with, pace);
  Result<HttpResponse> response = seams_.transport.send(http);
  count(request, cause, is_repeated, response.ok() ? response->body.size() : 0);
  return response;
}

HttpRequest Sender::make_http(const S3Request& request, const SignedWith& with,
                              const Pace& pace) const {
  HttpRequest http;
  const std::string path = location_.path_of(request.key);
  const std::string query = encode_query(request.query);
  http.method = request.method;
  http.url = location_.origin + path + (query.empty() ? "" : "?" + query);
  http.body = request.body;
  http.timeout = pace.request_timeout();
  if (!request.answer_root.empty()) http.answer_bytes_max = kXmlBytesMax;
  http.headers = request.headers;
  http.headers.push_back({"host", location_.host});
  const std::int64_t now = static_cast<std::int64_t>(seams_.clock.wall_ms()) + with.time_offset_ms;
  const SigningScope scope{.time_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(now, 0)),
                           .region = location_.region};
  const std::string payload_hash = to_hex(Sha256::of(request.body));
  sign({.method = http.method, .path = path, .query = query, .payload_hash = payload_hash},
       with.credentials, scope, http.headers);
  return http;
}

// Whether the refusal says, or may mean, that another signature would be taken, and there is one.
bool Sender::learn(const S3Request& request, const HttpResponse& refusal, const SignedWith& used) {
  const S3Error error = error_of(refusal);
  if (error.code == "ExpiredToken" || error.code == "TokenRefreshRequired") {
    credentials_.expired(used.credentials);
    return true;
  }
  // The answer to a HEAD has no code: 400 may mean the token, 403 the time.
  const bool may_be_the_token = request.method == "HEAD" && error.status == 400 &&
                                error.code.empty() && !used.credentials.session_token.empty();
  if (may_be_the_token) return credentials_.has_others(used.credentials);
  const bool may_be_the_time =
      error.code == "RequestTimeTooSkewed" || (error.status == 403 && error.code.empty());
  return may_be_the_time && learn_time(refusal, used.time_offset_ms);
}

// Compares with the offset that was used: another request may have learned the time meanwhile.
bool Sender::learn_time(const HttpResponse& refusal, std::int64_t used_offset_ms) {
  const auto date = parse_http_date(refusal.header("date").value_or(""));
  if (!date) return false;
  const std::int64_t offset =
      static_cast<std::int64_t>(*date) - static_cast<std::int64_t>(seams_.clock.wall_ms());
  const bool is_for_another_reason = std::abs(offset - used_offset_ms) < kSkewMsMin;
  if (is_for_another_reason) return false;
  time_offset_ms_ = offset;
  return true;
}

Attempt Sender::judge(const S3Request& request, Result<HttpResponse> response) const {
  const std::string asked = what_was_asked(request, options_.bucket);
  if (!response.ok()) {
    Status status = std::move(response).status().with_context(asked);
    Attempt::Kind kind = Attempt::Kind::failed;
    if (status.code() == Code::not_found) {
      return {.kind = Attempt::Kind::not_done,
              .response = {},
              .status = Status::unavailable(std::string(status.message()) +
                                            "; check the endpoint, the region and the network"),
              .host_is_unknown = true};
    }
    if (status.code() == Code::unavailable) kind = Attempt::Kind::not_done;
    // An answer that is too long for us may be that to something which was done.
    const bool only_reads = request.method == "GET" || request.method == "HEAD";
    if (status.code() == Code::exhausted && !only_reads) {
      status = Status::timed_out(std::string(status.message()));
    }
    if (status.code() == Code::timed_out) kind = Attempt::Kind::unknown;
    return {.kind = kind, .response = {}, .status = std::move(status)};
  }
  if (is_cut(request, *response)) {
    return {.kind = Attempt::Kind::unknown,
            .response = {},
            .status = Status::timed_out(asked + ": the answer was cut off")};
  }
  const bool has_its_form =
      request.answer_root.empty() || has_root(response->body, request.answer_root);
  if (is_success(response->status) && has_its_form) {
    return {.kind = Attempt::Kind::answered, .response = std::move(*response), .status = {}};
  }
  if (is_success(response->status) && request.method == "GET" && is_xml(response->body) &&
      !has_root(response->body, "Error")) {
    // A store that takes no notice of the query lists the bucket instead (s3rver).
    return {.kind = Attempt::Kind::failed,
            .response = {},
            .status = Status::unsupported(asked +
                                          ": the answer is whole, and one to another question; the "
                                          "store does not know the operation")};
  }
  if (is_success(response->status) && !has_root(response->body, "Error")) {
    return {.kind = Attempt::Kind::unknown,
            .response = {},
            .status = Status::timed_out(asked + ": the answer is not whole, or not one of S3")};
  }
  const S3Error error = error_of(*response);
  // An error in an answer that began with 200.
  response->status = error.status;
  Attempt::Kind kind = Attempt::Kind::answered;
  if (meaning_of(error) == Meaning::not_done) kind = Attempt::Kind::not_done;
  if (meaning_of(error) == Meaning::unknown) kind = Attempt::Kind::unknown;
  return {.kind = kind,
          .response = std::move(*response),
          .status = status_of(error, request, options_.bucket)};
}

Status Sender::failure(const HttpResponse& response, const S3Request& request) const {
  return status_of(error_of(response), request, options_.bucket);
}

void Sender::count(const S3Request& request, std::string_view cause, bool is_repeated,
                   std::uint64_t bytes_received) {
  const S3RequestKind kind{.cause = std::string(cause),
                           .operation = std::string(request.operation)};
  const S3RequestCount one{.sent = 1,
                           .repeated = is_repeated ? 1U : 0U,
                           .bytes_sent = request.body.size(),
                           .bytes_received = bytes_received};
  {
    MutexLock lock(mutex_);
    counts_[kind].add(one);
  }
  if (options_.on_request) options_.on_request(kind, one);
}

S3RequestCounts Sender::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

}  // namespace talea::s3
