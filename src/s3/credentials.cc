#include "s3/credentials.h"

#include <utility>

namespace talea::s3 {
namespace {

// After a refresh that failed while the old ones are still good.
constexpr std::uint64_t kNextTryMs = 10 * 1000;

}  // namespace

Result<S3Credentials> CredentialSource::get() {
  MutexLock lock(mutex_);
  const std::uint64_t now = clock_.wall_ms();
  const bool is_good =
      current_ && !refused_ && (!current_->expires_at_ms || now < *current_->expires_at_ms);
  const bool is_fresh = is_good && (!current_->expires_at_ms ||
                                    now + kCredentialRefreshMs < *current_->expires_at_ms);
  if (is_fresh || (is_good && now < next_try_ms_)) return *current_;
  const Result<std::optional<S3Credentials>> fresh = provider_();
  const bool has_fresh = fresh.ok() && *fresh;
  if (has_fresh && (!(*fresh)->expires_at_ms || now < *(*fresh)->expires_at_ms)) {
    current_ = **fresh;
    refused_ = false;
    next_try_ms_ = now + kNextTryMs;
    return *current_;
  }
  if (is_good) {
    next_try_ms_ = now + kNextTryMs;
    return *current_;
  }
  if (!fresh.ok()) {
    return Status::unauthenticated("credentials could not be had: " +
                                   std::string(fresh.status().message()));
  }
  if (has_fresh) return Status::unauthenticated("the credentials have expired: get new ones");
  return Status::unauthenticated(
      "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in "
      "~/.aws/credentials, or give them with the options");
}

void CredentialSource::expired(const S3Credentials& used) {
  MutexLock lock(mutex_);
  if (current_ && current_->access_key_id == used.access_key_id &&
      current_->session_token == used.session_token) {
    refused_ = true;
  }
}

}  // namespace talea::s3
