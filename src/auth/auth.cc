// Auth: the public face of Users, ApiKeys and Metadata, and how they are put together.
#include "talea/auth.h"

#include <utility>

#include "auth/api_keys.h"
#include "auth/auth_seams.h"
#include "auth/hash_turns.h"
#include "auth/last_seen.h"
#include "auth/metadata.h"
#include "auth/password_hasher.h"
#include "auth/record_store.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/random.h"
#include "crypto/secret.h"
#include "engine/engine_access.h"

namespace talea {
namespace {

constexpr std::int64_t kLockoutMsMax = 366LL * 24 * 60 * 60 * 1000;
constexpr std::uint32_t kHashesMax = 1024;
constexpr std::uint32_t kHashesWaitingMax = 65536;

struct Machine {
  SystemClock clock;
  SystemRandom random;
};

Status check_options(const AuthOptions& options) {
  if (options.lockout.count() < 1 || options.lockout.count() > kLockoutMsMax) {
    return Status::invalid_argument("AuthOptions::lockout is 1 ms to 366 days; this is " +
                                    std::to_string(options.lockout.count()) + " ms");
  }
  if (options.hashes_max < 1 || options.hashes_max > kHashesMax) {
    return Status::invalid_argument("AuthOptions::hashes_max is 1 to " +
                                    std::to_string(kHashesMax) + "; this is " +
                                    std::to_string(options.hashes_max));
  }
  if (options.hashes_waiting_max > kHashesWaitingMax) {
    return Status::invalid_argument("AuthOptions::hashes_waiting_max is at most " +
                                    std::to_string(kHashesWaitingMax) + "; this is " +
                                    std::to_string(options.hashes_waiting_max));
  }
  return {};
}

Status check_page(const AuthPage& page) {
  if (page.limit >= 1 && page.limit <= kAuthPageMax) return {};
  return Status::invalid_argument("AuthPage::limit is 1 to " + std::to_string(kAuthPageMax) +
                                  "; this is " + std::to_string(page.limit));
}

}  // namespace

struct Auth::Impl {
  Impl(Store& store, AuthOptions options, const AuthSeams& seams_in, std::string dummy_hash)
      : seams(seams_in),
        hasher(std::move(options.hasher)),
        turns(options.hashes_max, options.hashes_waiting_max),
        records(store),
        last_seen(records, seams.clock),
        metadata(records, std::move(options.sealer)),
        users({records, last_seen, metadata, *hasher, turns, seams},
              {options.failures_max, static_cast<std::uint64_t>(options.lockout.count())},
              std::move(dummy_hash)),
        api_keys({records, last_seen, metadata, seams}) {}

  std::unique_ptr<Machine> machine;  // when the world is not of the caller's choice
  const AuthSeams seams;
  const std::unique_ptr<PasswordHasher> hasher;
  HashTurns turns;
  RecordStore records;
  LastSeen last_seen;
  Metadata metadata;
  Users users;
  ApiKeys api_keys;
};

Auth::Auth(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Auth::Auth(Auth&&) noexcept = default;
Auth& Auth::operator=(Auth&&) noexcept = default;
Auth::~Auth() = default;

Result<Auth> Auth::open(Store& store, AuthOptions options, const AuthSeams& seams) {
  TALEA_TRY(check_options(options));
  if (options.hasher == nullptr) {
    options.hasher = TALEA_TRY(make_password_hasher(PasswordCost(), seams.random));
  }
  const SecretKey nobodys = SecretKey::make(seams.random);
  std::string dummy_hash = TALEA_TRY(options.hasher->hash(nobodys.view()));
  return Auth(std::make_unique<Impl>(store, std::move(options), seams, std::move(dummy_hash)));
}

Result<Auth> Auth::open(Engine& engine, AuthOptions options) {
  auto machine = std::make_unique<Machine>();
  Auth auth =
      TALEA_TRY(open(store_of(engine), std::move(options), {machine->clock, machine->random}));
  auth.impl_->machine = std::move(machine);
  return auth;
}

Result<User> Auth::create_user(const NewUser& user) { return impl_->users.create(user); }
Result<std::optional<User>> Auth::user(std::string_view id) { return impl_->users.get(id); }
Result<std::optional<User>> Auth::find_user(std::string_view name) {
  return impl_->users.find(name);
}
Result<std::vector<User>> Auth::list_users(const AuthPage& page) {
  TALEA_TRY(check_page(page));
  return impl_->users.list(page);
}
Result<User> Auth::log_in(std::string_view name, std::string_view password) {
  return impl_->users.log_in(name, password);
}
Status Auth::change_password(std::string_view user_id, std::string_view old_password,
                             std::string_view new_password) {
  return impl_->users.change_password(user_id, old_password, new_password);
}
Status Auth::set_password(std::string_view user_id, std::string_view new_password) {
  return impl_->users.set_password(user_id, new_password);
}
Status Auth::reset_failures(std::string_view user_id) {
  return impl_->users.reset_failures(user_id);
}
Status Auth::delete_user(std::string_view user_id) { return impl_->users.remove(user_id); }
Result<Bytes> Auth::user_metadata(std::string_view user_id) {
  return impl_->users.metadata(user_id);
}
Status Auth::set_user_metadata(std::string_view user_id, BytesView metadata) {
  return impl_->users.set_metadata(user_id, metadata);
}

Result<IssuedApiKey> Auth::issue_api_key(const NewApiKey& key) {
  return impl_->api_keys.issue(key);
}
Result<ApiKey> Auth::check_api_key(std::string_view token) { return impl_->api_keys.check(token); }
Result<std::optional<ApiKey>> Auth::api_key(std::string_view key_id) {
  return impl_->api_keys.get(key_id);
}
Result<std::vector<ApiKey>> Auth::list_api_keys(const AuthPage& page) {
  TALEA_TRY(check_page(page));
  return impl_->api_keys.list(page);
}
Result<std::vector<ApiKey>> Auth::list_api_keys_of(std::string_view user_id) {
  return impl_->api_keys.list_of(user_id);
}
Status Auth::revoke_api_key(std::string_view key_id) { return impl_->api_keys.revoke(key_id); }
Result<Bytes> Auth::api_key_metadata(std::string_view key_id) {
  return impl_->api_keys.metadata(key_id);
}
Status Auth::set_api_key_metadata(std::string_view key_id, BytesView metadata) {
  return impl_->api_keys.set_metadata(key_id, metadata);
}

Result<std::uint64_t> Auth::rotate_master_key(std::unique_ptr<Sealer> sealer) {
  TALEA_TRY(impl_->metadata.set_sealer(std::move(sealer)));
  return rewrap_metadata();
}
Result<std::uint64_t> Auth::rewrap_metadata() { return impl_->metadata.rewrap(); }
Status Auth::flush() { return impl_->last_seen.flush(); }

}  // namespace talea
