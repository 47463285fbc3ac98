// FakeS3: an S3 in this process, for tests. It has what Talea asks of a store (objects, versions,
// delete markers, conditions, ranges, lists, multipart uploads, copies) as docs/guide/s3.md says
// that AWS has it, can be told to be a lesser store (FakeProfile), and does to any request what a
// network may do (Fault). Addresses have the bucket in the path; signatures are not verified.
//
//     FakeS3 store(clock);
//     store.create_bucket("records", Versioning::enabled);
//     store.set_fault(3, Fault::lose_answer());          // the third request is done, unanswered
//     store.set_before(5, [&] { other->put(...); });     // somebody else is faster
//
// Every request has a number, from 1. Those that a hook makes have the number 0, meet no fault and
// call no hook, so that numbers stay what they are without it. A test that plays every fault at
// every request runs its story once to see requests(), and then again for each:
//
//     for (const Fault& fault : every_fault()) for (n = 1; n <= requests; ++n) ...
//
// s3_world.h puts it together with a clock, randomness and clients.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "s3/http.h"
#include "tests/support/fake_s3_state.h"

namespace talea::s3 {

/// What a store lacks, or refuses.
struct FakeProfile {
  /// Accepts If-Match and If-None-Match of a put and takes no notice (Ceph RGW 16, s3rver).
  bool ignores_if_match = false;
  bool ignores_if_none_match = false;
  /// An If-Match with quotes never matches (RGW 16, DigitalOcean Spaces).
  bool only_unquoted_if_match = false;
  /// If-Match on an object that is not there is 412 (Ceph), not 404.
  bool if_match_of_absent_is_412 = false;
  /// No versioning: 501.
  bool no_versioning = false;
  /// Answers a ranged get with the whole object and 200.
  bool ignores_ranges = false;
  /// Keeps no x-amz-meta-*.
  bool forgets_metadata = false;
  /// The answer to the end of an upload in parts has an empty ETag, and no version (Ceph RGW 16).
  bool completes_without_etag = false;
  /// A list does not show the newest change of the bucket.
  bool lists_lag = false;
  /// A list is not encoded, although it was asked for.
  bool no_encoding_type = false;
  /// Without s3:ListBucket: no lists, and 403 for an object that is not there.
  bool may_list = true;
  bool may_delete = true;
  /// Keys that begin so are 403.
  std::vector<std::string> unreadable_prefixes = {};
  std::vector<std::string> unwritable_prefixes = {};
  /// Whoever names a KMS key, or reads what was encrypted under one, is refused.
  bool kms_denied = false;
  /// Requests without an Authorization header are 403.
  bool demands_authorization = false;
  /// Refuses requests whose x-amz-date is further from its clock than 15 minutes.
  bool demands_right_time = false;
  std::uint32_t page_keys_max = 1000;
  std::uint64_t part_bytes_min = 5U << 20;
  std::uint64_t put_bytes_max = 5'000'000'000;
};

struct FakeRequest {
  std::uint64_t number = 0;  // from 1; 0: made by a hook
  std::string method;
  std::string bucket;
  std::string key;
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // by lower-case name
  Bytes body;

  bool has(const std::string& name) const { return query.count(name) != 0; }
  std::string parameter(const std::string& name) const;
  std::string header(const std::string& name) const;
};

/// What happens to a request.
struct Fault {
  enum class Kind : unsigned char {
    pass,
    refuse,             // not done, `unavailable`: no connection
    lose_request,       // not done, `timed_out`
    lose_answer,        // done, `timed_out`
    twice_first,        // done twice, the answer is the first's
    twice_second,       // done twice, the answer is the second's
    delay,              // `timed_out`, and done before the (later + 1)th request from here
    truncate_answer,    // done, and half of the answer's body comes
    answer,             // not done, and answered with `status`: 500, 503, 409, 412; 400: expired
                        // token; 520: the page of a CDN
    done_but,           // done, and answered with `status` likewise
    done_but_500,       // done, and answered with 500
    done_but_lost_503,  // done, and answered with a 503 that is no S3's, as of a proxy
    error_in_200,       // not done, and answered with 200 and an <Error> (copy, complete)
  };
  Kind kind = Kind::pass;
  int status = 0;
  std::uint64_t later = 0;

  static Fault refuse() { return {.kind = Kind::refuse}; }
  static Fault lose_request() { return {.kind = Kind::lose_request}; }
  static Fault lose_answer() { return {.kind = Kind::lose_answer}; }
  static Fault twice_first() { return {.kind = Kind::twice_first}; }
  static Fault twice_second() { return {.kind = Kind::twice_second}; }
  static Fault delay(std::uint64_t later = 0) { return {.kind = Kind::delay, .later = later}; }
  static Fault truncate_answer() { return {.kind = Kind::truncate_answer}; }
  static Fault answer(int status) { return {.kind = Kind::answer, .status = status}; }
  static Fault done_but(int status) { return {.kind = Kind::done_but, .status = status}; }
  static Fault done_but_500() { return {.kind = Kind::done_but_500}; }
  static Fault done_but_lost_503() { return {.kind = Kind::done_but_lost_503}; }
  static Fault error_in_200() { return {.kind = Kind::error_in_200}; }

  /// For messages of tests: "lose_answer", "delay(2)", "answer(503)".
  std::string name() const;
  bool operator==(const Fault&) const = default;
};

/// All that can happen on the way to a store that is well: every kind but pass and error_in_200,
/// with delays of 0 to 2 requests and the answers 500, 503 and 409, and 520 to what was done.
std::span<const Fault> every_fault();

/// A request as it was seen.
struct LoggedRequest {
  std::uint64_t number = 0;
  std::string method;
  std::string bucket;
  std::string key;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;
  std::uint64_t body_bytes = 0;
  Fault fault;
  /// What the store answered when it did it, whether or not the answer came; of one that was
  /// delayed or lost, 0. Of one that was done twice, the answer that was sent.
  int status = 0;
};

/// Threads: safe. Hooks are called without a lock, by the thread that made the request.
class FakeS3 final : public HttpTransport {
 public:
  /// `clock`: of Last-Modified, Date and the check of x-amz-date; outlives it.
  explicit FakeS3(Clock& clock);

  Result<HttpResponse> send(const HttpRequest& http) override;

  // --- What it is
  void create_bucket(const std::string& name, Versioning versioning);
  void set_versioning(const std::string& bucket, Versioning versioning);
  void set_profile(const FakeProfile& profile);
  FakeProfile profile() const;

  // --- What happens to requests
  /// Asked for each numbered request; none: all pass.
  void set_plan(std::function<Fault(const FakeRequest&)> plan);
  /// For the request with this number; beside the plan, and before it.
  void set_fault(std::uint64_t number, Fault fault);
  /// Called before each numbered request is looked at.
  void set_before_each(std::function<void(const FakeRequest&)> hook);
  /// Called once, before the request with this number.
  void set_before(std::uint64_t number, std::function<void()> hook);
  /// Forgets plan, faults and hooks; delayed requests stay.
  void clear_plan();
  /// Does what is still delayed.
  void run_delayed();

  // --- What happened
  std::uint64_t requests() const;  // that had a number
  std::vector<LoggedRequest> request_log() const;
  /// The numbers go on.
  void clear_log();

  // --- What it holds; past all profiles and faults
  /// The current object, if there is one.
  std::optional<Bytes> bytes(const std::string& bucket, const std::string& key) const;
  std::optional<FakeVersion> current(const std::string& bucket, const std::string& key) const;
  /// Oldest first, delete markers too.
  std::vector<FakeVersion> versions(const std::string& bucket, const std::string& key) const;
  /// Of current objects.
  std::vector<std::string> keys(const std::string& bucket) const;
  std::size_t open_uploads(const std::string& bucket) const;
  /// Puts it, as another program would; the ETag.
  std::string put(const std::string& bucket, const std::string& key, Bytes bytes);
  /// Replaces the bytes of a version where they lie, as a damaged disk would. ETag and id stay.
  void damage(const std::string& bucket, const std::string& key, const std::string& version_id,
              Bytes bytes);
  /// Removes a version without a trace.
  void remove_version(const std::string& bucket, const std::string& key,
                      const std::string& version_id);
  /// As a DELETE without a version.
  void remove(const std::string& bucket, const std::string& key);

 private:
  struct Delayed {
    std::uint64_t before = 0;  // the request with this number
    FakeRequest request;
  };

  HttpResponse execute(const FakeRequest& request) TALEA_EXCLUDES(mutex_);
  void execute_due(std::uint64_t number) TALEA_EXCLUDES(mutex_);
  Fault fault_of(const FakeRequest& request) TALEA_EXCLUDES(mutex_);
  void call_hooks(const FakeRequest& request) TALEA_EXCLUDES(mutex_);
  Result<HttpResponse> answer(const FakeRequest& request, const Fault& fault, int& status)
      TALEA_EXCLUDES(mutex_);
  void log(const FakeRequest& request, const Fault& fault, int status) TALEA_EXCLUDES(mutex_);
  FakeBucket& bucket_named(const std::string& name) TALEA_REQUIRES(mutex_);
  const FakeBucket& bucket_named(const std::string& name) const TALEA_REQUIRES(mutex_);

  Clock& clock_;
  mutable Mutex mutex_;
  FakeProfile profile_ TALEA_GUARDED_BY(mutex_);
  std::map<std::string, FakeBucket> buckets_ TALEA_GUARDED_BY(mutex_);
  std::function<Fault(const FakeRequest&)> plan_ TALEA_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Fault> faults_ TALEA_GUARDED_BY(mutex_);
  std::function<void(const FakeRequest&)> before_each_ TALEA_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::function<void()>> before_ TALEA_GUARDED_BY(mutex_);
  std::vector<Delayed> delayed_ TALEA_GUARDED_BY(mutex_);
  std::uint64_t requests_ TALEA_GUARDED_BY(mutex_) = 0;
  std::vector<LoggedRequest> log_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea::s3
