// CredentialSource: what requests are signed with, from wherever S3Options or the machine say, and
// refreshed before it expires.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "talea/s3.h"

namespace talea::s3 {

/// Credentials that expire are asked for again this long before it.
inline constexpr std::uint64_t kCredentialRefreshMs = 5 * 60 * 1000;
/// What a callback gives without a time is asked for again after this.
inline constexpr std::uint64_t kCredentialLifeMs = 60 * 60 * 1000;

/// One place where credentials may be. Nothing: they are not there, and the next place is asked.
using CredentialProvider = std::function<Result<std::optional<S3Credentials>>()>;

/// Threads: safe. The provider is called by one thread at a time, so that a hundred requests at the
/// moment of expiry ask once. Meanwhile the others take what is still good; where nothing is, they
/// wait for what comes of it.
class CredentialSource {
 public:
  /// `clock` outlives it.
  CredentialSource(CredentialProvider provider, Clock& clock)
      : provider_(std::move(provider)), clock_(clock) {}

  /// Those that are good now.
  /// Errors: unauthenticated   there are none, or they have expired and new ones cannot be had
  Result<S3Credentials> get() TALEA_EXCLUDES(mutex_);
  /// The store says that `used` have expired: the next get() asks for new ones.
  void expired(const S3Credentials& used) TALEA_EXCLUDES(mutex_);
  /// The store may mean so, and does not say it: asks for new ones, and keeps `used` where there
  /// are none. Whether get() gives others by now.
  bool has_others(const S3Credentials& used) TALEA_EXCLUDES(mutex_);

 private:
  class Asking;
  using Fresh = Result<std::optional<S3Credentials>>;

  bool is_current(const S3Credentials& used) const TALEA_REQUIRES(mutex_);
  bool is_good(std::uint64_t now_ms) const TALEA_REQUIRES(mutex_);
  bool is_fresh(std::uint64_t now_ms) const TALEA_REQUIRES(mutex_);
  Result<S3Credentials> take(const Fresh& fresh) TALEA_EXCLUDES(mutex_);

  const CredentialProvider provider_;
  Clock& clock_;
  Mutex mutex_;
  CondVar asked_;
  bool asking_ TALEA_GUARDED_BY(mutex_) = false;  // somebody is
  std::optional<S3Credentials> current_ TALEA_GUARDED_BY(mutex_);
  bool refused_ TALEA_GUARDED_BY(mutex_) = false;  // by the store
  bool doubted_ TALEA_GUARDED_BY(mutex_) = false;
  Status failure_ TALEA_GUARDED_BY(mutex_);  // of who asked last
  std::uint64_t next_try_ms_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea::s3
