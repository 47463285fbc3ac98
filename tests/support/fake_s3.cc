#include "tests/support/fake_s3.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "s3/uri.h"
#include "tests/support/fake_s3_operations.h"

namespace talea::s3 {
namespace {

// The fake whose hook this thread runs; so requests of a hook are known as such.
thread_local const FakeS3* hook_of = nullptr;

class HookScope {
 public:
  explicit HookScope(const FakeS3* fake) : before_(std::exchange(hook_of, fake)) {}
  ~HookScope() { hook_of = before_; }
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;

 private:
  const FakeS3* const before_;
};

Status bad_url(const std::string& url) {
  return Status::invalid_argument("the fake S3 cannot read the URL " + url);
}

// "http://host/bucket/key?query"
Result<FakeRequest> parse(const HttpRequest& http) {
  FakeRequest request;
  request.method = http.method;
  request.body = Bytes(http.body);
  for (const HttpHeader& header : http.headers) request.headers[header.name] = header.value;
  const std::size_t scheme = http.url.find("://");
  if (scheme == std::string::npos) return bad_url(http.url);
  const std::size_t slash = http.url.find('/', scheme + 3);
  if (slash == std::string::npos) return bad_url(http.url);
  std::string_view rest = std::string_view(http.url).substr(slash + 1);
  std::string_view query;
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const std::size_t end = rest.find('/');
  const auto name = percent_decode(rest.substr(0, end));
  const auto key =
      percent_decode(end == std::string_view::npos ? std::string_view() : rest.substr(end + 1));
  if (!name || !key) return bad_url(http.url);
  request.bucket = *name;
  request.key = *key;
  while (!query.empty()) {
    const std::size_t next = query.find('&');
    const std::string_view part = query.substr(0, next);
    query = next == std::string_view::npos ? std::string_view() : query.substr(next + 1);
    const std::size_t equals = part.find('=');
    const auto left = percent_decode(part.substr(0, equals));
    const auto right = percent_decode(equals == std::string_view::npos ? std::string_view()
                                                                       : part.substr(equals + 1));
    if (!left || !right) return bad_url(http.url);
    request.query[*left] = *right;
  }
  return request;
}

Status lost(const FakeRequest& request) {
  return Status::timed_out("no answer to " + request.method + " " + request.key);
}

}  // namespace

std::string FakeRequest::parameter(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

std::string FakeRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

// --- Faults

std::string Fault::name() const {
  switch (kind) {
    case Kind::pass: return "pass";
    case Kind::refuse: return "refuse";
    case Kind::lose_request: return "lose_request";
    case Kind::lose_answer: return "lose_answer";
    case Kind::twice_first: return "twice_first";
    case Kind::twice_second: return "twice_second";
    case Kind::delay: return "delay(" + std::to_string(later) + ")";
    case Kind::truncate_answer: return "truncate_answer";
    case Kind::answer: return "answer(" + std::to_string(status) + ")";
    case Kind::done_but: return "done_but(" + std::to_string(status) + ")";
    case Kind::done_but_500: return "done_but_500";
    case Kind::done_but_lost_503: return "done_but_lost_503";
    case Kind::error_in_200: return "error_in_200";
  }
  return "?";
}

std::span<const Fault> every_fault() {
  static const Fault all[] = {Fault::refuse(),          Fault::lose_request(),
                              Fault::lose_answer(),     Fault::twice_first(),
                              Fault::twice_second(),    Fault::delay(0),
                              Fault::delay(1),          Fault::delay(2),
                              Fault::truncate_answer(), Fault::answer(500),
                              Fault::answer(503),       Fault::answer(409),
                              Fault::done_but_500(),    Fault::done_but_lost_503(),
                              Fault::done_but(520)};
  return all;
}

void FakeS3::set_plan(std::function<Fault(const FakeRequest&)> plan) {
  MutexLock lock(mutex_);
  plan_ = std::move(plan);
}

void FakeS3::set_fault(std::uint64_t number, Fault fault) {
  MutexLock lock(mutex_);
  faults_[number] = fault;
}

void FakeS3::set_before_each(std::function<void(const FakeRequest&)> hook) {
  MutexLock lock(mutex_);
  before_each_ = std::move(hook);
}

void FakeS3::set_before(std::uint64_t number, std::function<void()> hook) {
  MutexLock lock(mutex_);
  before_[number] = std::move(hook);
}

void FakeS3::clear_plan() {
  MutexLock lock(mutex_);
  plan_ = nullptr;
  faults_.clear();
  before_each_ = nullptr;
  before_.clear();
}

Fault FakeS3::fault_of(const FakeRequest& request) {
  std::function<Fault(const FakeRequest&)> plan;
  {
    MutexLock lock(mutex_);
    const auto found = faults_.find(request.number);
    if (found != faults_.end()) return found->second;
    plan = plan_;
  }
  if (!plan) return {};
  const HookScope scope(this);
  return plan(request);
}

void FakeS3::call_hooks(const FakeRequest& request) {
  std::function<void(const FakeRequest&)> before_each;
  std::function<void()> before;
  {
    MutexLock lock(mutex_);
    before_each = before_each_;
    const auto found = before_.find(request.number);
    if (found != before_.end()) {
      before = std::move(found->second);
      before_.erase(found);
    }
  }
  const HookScope scope(this);
  if (before_each) before_each(request);
  if (before) before();
}

// --- Requests

FakeS3::FakeS3(Clock& clock) : clock_(clock) {}

Result<HttpResponse> FakeS3::send(const HttpRequest& http) {
  FakeRequest request = TALEA_TRY(parse(http));
  if (hook_of == this) {
    HttpResponse response = execute(request);
    log(request, {}, response.status);
    return response;
  }
  {
    MutexLock lock(mutex_);
    request.number = ++requests_;
  }
  execute_due(request.number);
  call_hooks(request);
  const Fault fault = fault_of(request);
  int status = 0;
  Result<HttpResponse> response = answer(request, fault, status);
  log(request, fault, status);
  if (response.ok() && response->body.size() > http.answer_bytes_max) {
    return Status::exhausted("an answer of " + std::to_string(response->body.size()) + " bytes");
  }
  return response;
}

Result<HttpResponse> FakeS3::answer(const FakeRequest& request, const Fault& fault, int& status) {
  const auto execute_once = [&] {
    HttpResponse response = execute(request);
    status = response.status;
    return response;
  };
  switch (fault.kind) {
    case Fault::Kind::pass: return execute_once();
    case Fault::Kind::refuse: return Status::unavailable("the fake S3 takes no connection");
    case Fault::Kind::lose_request: return lost(request);
    case Fault::Kind::lose_answer: execute_once(); return lost(request);
    case Fault::Kind::twice_first: {
      HttpResponse first = execute_once();
      execute(request);
      return first;
    }
    case Fault::Kind::twice_second: execute(request); return execute_once();
    case Fault::Kind::delay: {
      MutexLock lock(mutex_);
      delayed_.push_back({.before = request.number + 1 + fault.later, .request = request});
      return lost(request);
    }
    case Fault::Kind::truncate_answer: {
      HttpResponse response = execute_once();
      // An answer without a body has nothing to cut but itself.
      if (response.body.empty()) return lost(request);
      response.body.resize(response.body.size() / 2);
      return response;
    }
    case Fault::Kind::answer: return fake_error_for_status(request, fault.status);
    case Fault::Kind::done_but: execute_once(); return fake_error_for_status(request, fault.status);
    case Fault::Kind::done_but_500: execute_once(); return fake_error_for_status(request, 500);
    case Fault::Kind::done_but_lost_503: {
      execute_once();
      HttpResponse response;
      response.status = 503;
      response.body = "<html><body>upstream</body></html>";
      response.headers = {{"content-length", std::to_string(response.body.size())}};
      return response;
    }
    case Fault::Kind::error_in_200: {
      HttpResponse response = fake_error_for_status(request, 500);
      response.status = 200;
      return response;
    }
  }
  return Status::invalid_argument("no such fault");
}

void FakeS3::execute_due(std::uint64_t number) {
  std::vector<FakeRequest> due;
  {
    MutexLock lock(mutex_);
    due.reserve(delayed_.size());
    for (const Delayed& each : delayed_) {
      if (each.before <= number) due.push_back(each.request);
    }
    std::erase_if(delayed_, [&](const Delayed& each) { return each.before <= number; });
  }
  for (const FakeRequest& request : due) execute(request);
}

void FakeS3::run_delayed() { execute_due(UINT64_MAX); }

HttpResponse FakeS3::execute(const FakeRequest& request) {
  MutexLock lock(mutex_);
  return fake_execute({.profile = profile_, .buckets = buckets_, .now_ms = clock_.wall_ms()},
                      request);
}

void FakeS3::log(const FakeRequest& request, const Fault& fault, int status) {
  MutexLock lock(mutex_);
  log_.push_back({.number = request.number,
                  .method = request.method,
                  .bucket = request.bucket,
                  .key = request.key,
                  .query = request.query,
                  .headers = request.headers,
                  .body_bytes = request.body.size(),
                  .fault = fault,
                  .status = status});
}

std::uint64_t FakeS3::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

std::vector<LoggedRequest> FakeS3::request_log() const {
  MutexLock lock(mutex_);
  return log_;
}

void FakeS3::clear_log() {
  MutexLock lock(mutex_);
  log_.clear();
}

// --- What it is and holds

void FakeS3::create_bucket(const std::string& name, Versioning versioning) {
  MutexLock lock(mutex_);
  buckets_.emplace(name, FakeBucket(versioning));
}

void FakeS3::set_versioning(const std::string& bucket, Versioning versioning) {
  MutexLock lock(mutex_);
  bucket_named(bucket).set_versioning(versioning);
}

void FakeS3::set_profile(const FakeProfile& profile) {
  MutexLock lock(mutex_);
  profile_ = profile;
}

FakeProfile FakeS3::profile() const {
  MutexLock lock(mutex_);
  return profile_;
}

FakeBucket& FakeS3::bucket_named(const std::string& name) {
  const auto found = buckets_.find(name);
  TALEA_ASSERT(found != buckets_.end());
  return found->second;
}

const FakeBucket& FakeS3::bucket_named(const std::string& name) const {
  const auto found = buckets_.find(name);
  TALEA_ASSERT(found != buckets_.end());
  return found->second;
}

std::optional<FakeVersion> FakeS3::current(const std::string& bucket,
                                           const std::string& key) const {
  MutexLock lock(mutex_);
  const FakeVersion* const found = bucket_named(bucket).current(key);
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::optional<Bytes> FakeS3::bytes(const std::string& bucket, const std::string& key) const {
  const auto found = current(bucket, key);
  if (!found) return std::nullopt;
  return *found->bytes;
}

std::vector<FakeVersion> FakeS3::versions(const std::string& bucket, const std::string& key) const {
  MutexLock lock(mutex_);
  const std::vector<FakeVersion>* const found = bucket_named(bucket).versions(key);
  return found == nullptr ? std::vector<FakeVersion>() : *found;
}

std::vector<std::string> FakeS3::keys(const std::string& bucket) const {
  MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, versions] : bucket_named(bucket).keys()) {
    if (!versions.back().is_delete_marker) keys.push_back(key);
  }
  return keys;
}

std::size_t FakeS3::open_uploads(const std::string& bucket) const {
  MutexLock lock(mutex_);
  return bucket_named(bucket).uploads.size();
}

std::string FakeS3::put(const std::string& bucket, const std::string& key, Bytes bytes) {
  MutexLock lock(mutex_);
  FakeVersion version;
  version.etag = fake_etag(bytes);
  version.bytes = std::make_shared<const Bytes>(std::move(bytes));
  version.last_modified_ms = clock_.wall_ms();
  version.content_type = "binary/octet-stream";
  return bucket_named(bucket).put(key, std::move(version)).etag;
}

void FakeS3::damage(const std::string& bucket, const std::string& key,
                    const std::string& version_id, Bytes bytes) {
  MutexLock lock(mutex_);
  FakeVersion* const found = bucket_named(bucket).version(key, version_id);
  TALEA_ASSERT(found != nullptr && !found->is_delete_marker);
  found->bytes = std::make_shared<const Bytes>(std::move(bytes));
}

void FakeS3::remove_version(const std::string& bucket, const std::string& key,
                            const std::string& version_id) {
  MutexLock lock(mutex_);
  bool was_marker = false;
  TALEA_ASSERT(bucket_named(bucket).remove_version(key, version_id, was_marker));
}

void FakeS3::remove(const std::string& bucket, const std::string& key) {
  MutexLock lock(mutex_);
  bucket_named(bucket).remove(key, clock_.wall_ms());
}

}  // namespace talea::s3
