#include "s3/credentials.h"

#include <utility>

namespace talea::s3 {
namespace {

// Between two refreshes while the old ones are still good.
constexpr std::uint64_t kNextTryMs = 10 * 1000;

// Why there are none.
Status failure_of(const Result<std::optional<S3Credentials>>& fresh) {
  if (!fresh.ok()) {
    return Status::unauthenticated("credentials could not be had: " +
                                   std::string(fresh.status().message()));
  }
  if (*fresh) {
    return Status::unauthenticated(
        "the credentials have expired, by the clock of this machine: get new ones, or set the "
        "clock");
  }
  return Status::unauthenticated(
      "there are no credentials; looked for, in this order: AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY, AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, the profile in "
      "~/.aws/credentials and ~/.aws/config, the endpoint of a container, the metadata of an EC2 "
      "instance. Set the first two, or make a profile");
}

bool is_over(const S3Credentials& credentials, std::uint64_t now_ms) {
  return credentials.expires_at_ms && now_ms >= *credentials.expires_at_ms;
}

}  // namespace

// Ends the turn of who asks, also when a callback throws.
class CredentialSource::Asking {
 public:
  explicit Asking(CredentialSource& source) : source_(source) {}
  ~Asking() {
    {
      MutexLock lock(source_.mutex_);
      source_.asking_ = false;
    }
    source_.asked_.notify_all();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  CredentialSource& source_;
};

bool CredentialSource::is_current(const S3Credentials& used) const {
  return current_ && current_->access_key_id == used.access_key_id &&
         current_->session_token == used.session_token;
}

bool CredentialSource::is_good(std::uint64_t now_ms) const {
  return current_ && !refused_ && !is_over(*current_, now_ms);
}

bool CredentialSource::is_fresh(std::uint64_t now_ms) const {
  return is_good(now_ms) && !doubted_ && !is_over(*current_, now_ms + kCredentialRefreshMs);
}

Result<S3Credentials> CredentialSource::get() {
  {
    MutexLock lock(mutex_);
    while (true) {
      const std::uint64_t now = clock_.wall_ms();
      const bool is_settled = is_fresh(now) || asking_ || now < next_try_ms_;
      if (is_good(now) && is_settled) return *current_;
      if (!asking_) break;
      asked_.wait(mutex_);
      // What came of it is for all who waited.
      if (!asking_ && !failure_.ok() && !is_good(now)) return failure_;
    }
    asking_ = true;
  }
  const Asking asking(*this);
  return take(provider_());
}

Result<S3Credentials> CredentialSource::take(const Fresh& fresh) {
  MutexLock lock(mutex_);
  const std::uint64_t now = clock_.wall_ms();  // who is asked may take long to answer
  next_try_ms_ = now + kNextTryMs;
  doubted_ = false;
  const bool has_fresh = fresh.ok() && *fresh && !is_over(**fresh, now);
  failure_ = has_fresh ? Status() : failure_of(fresh);
  if (has_fresh) {
    current_ = **fresh;
    refused_ = false;
  }
  if (is_good(now)) return *current_;
  return failure_;
}

void CredentialSource::expired(const S3Credentials& used) {
  MutexLock lock(mutex_);
  if (is_current(used)) refused_ = true;
}

bool CredentialSource::has_others(const S3Credentials& used) {
  {
    MutexLock lock(mutex_);
    if (is_current(used)) doubted_ = true;
  }
  const Result<S3Credentials> now = get();
  return now.ok() &&
         (now->access_key_id != used.access_key_id || now->session_token != used.session_token);
}

}  // namespace talea::s3
