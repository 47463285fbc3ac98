// Auth: users with passwords, and API keys, kept in a store.
//
//     talea::Result<talea::Auth> opened = talea::Auth::open(engine);
//     if (!opened.ok()) return report(opened.status());
//     talea::Auth& auth = *opened;
//     auth.create_user({.name = "alice", .password = "correct horse"});
//     talea::Result<talea::User> user = auth.log_in("Alice", "correct horse");
//     talea::IssuedApiKey issued = *auth.issue_api_key({.owner = user->id, .scopes = {"read"}});
//     talea::Result<talea::ApiKey> key = auth.check_api_key(issued.token);
//
// A login is slow on purpose: it takes 19 MiB and about 20 ms of a core, so that guessing does.
// Check an API key for each request; that takes one look-up.
//
// What is kept lies in a space of its own inside the store: no key of a user's is in the way, and
// none is touched. Every change is one batch, durable when it returns as the store says.
// Format: docs/formats/auth.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "talea/bytes.h"
#include "talea/limits.h"
#include "talea/result.h"

namespace talea {

class Engine;
class Store;
struct AuthSeams;

/// Makes hashes of passwords, and compares with them. Its hashes are text that says how it was
/// made.
///
/// Threads: safe; AuthOptions::hashes_max bounds how many of hash() and verify() run at once.
class PasswordHasher {
 public:
  struct Comparison {
    bool matches = false;
    /// The hash matches, and was not made as hash() makes them now: to be replaced.
    bool is_outdated = false;
  };

  virtual ~PasswordHasher() = default;
  /// A new hash, with a salt of its own; at most kPasswordHashBytesMax bytes.
  virtual Result<std::string> hash(std::string_view password) = 0;
  virtual Result<Comparison> verify(std::string_view password, std::string_view hash) = 0;
  /// Whether verify() can compare with `hash`, and at a cost that is allowed.
  /// Errors: invalid_argument
  virtual Status check_hash(std::string_view hash) const = 0;
};

/// What an Argon2id hash costs.
struct PasswordCost {
  /// 8 for each lane to kPasswordMemoryKibMax.
  std::uint32_t memory_kib = 19 * 1024;
  /// 1 to kPasswordPassesMax.
  std::uint32_t passes = 2;
  /// 1 to kPasswordLanesMax.
  std::uint32_t lanes = 1;
};

/// Makes Argon2id hashes of this cost. Compares with Argon2id of any cost up to the limits, and
/// with bcrypt ($2a$, $2b$, $2y$) up to kBcryptCostMax; both are outdated then. A bcrypt hash that
/// matches a password of more than 72 bytes is not outdated: bcrypt has not seen the rest of it.
/// Errors: invalid_argument   a cost out of its range
Result<std::unique_ptr<PasswordHasher>> make_password_hasher(const PasswordCost& cost = {});

/// Seals metadata, so that who reads the disk does not read it.
///
/// `record` says where it is kept: what was sealed for one record does not open in another.
/// Threads: safe.
class Sealer {
 public:
  virtual ~Sealer() = default;
  virtual Result<Bytes> seal(BytesView record, BytesView metadata) = 0;
  /// Errors: not_found    sealed under a master key that this sealer was not given
  ///         corruption   damaged, or sealed for another record
  virtual Result<Bytes> open(BytesView record, BytesView sealed) = 0;
  /// The same metadata under the newest master key, or nothing if it is. Errors: as open()
  virtual Result<std::optional<Bytes>> rewrap(BytesView record, BytesView sealed) = 0;
};

/// 32 bytes that nobody can guess: of a random source, not a password.
using MasterKey = std::array<unsigned char, 32>;

/// Seals by a fresh data key each (AES-256-GCM), and that by `current`. Opens what `previous`
/// sealed too. Up to 2^32 seals for each master key.
std::unique_ptr<Sealer> make_sealer(const MasterKey& current,
                                    std::span<const MasterKey> previous = {});

struct AuthOptions {
  /// A user who failed to log in so many times in a row is locked; 0: never.
  std::uint32_t failures_max = 10;
  /// For so long: 1 ms to 366 days.
  std::chrono::milliseconds lockout = std::chrono::minutes(15);
  /// How many hashes are made at once, of 19 MiB each by default: 1 to 1024.
  std::uint32_t hashes_max = 2;
  /// How many more calls wait for their turn; what comes then is `exhausted`. Up to 65536.
  std::uint32_t hashes_waiting_max = 64;
  /// None: make_password_hasher().
  std::unique_ptr<PasswordHasher> hasher = nullptr;
  /// None: there is no metadata.
  std::unique_ptr<Sealer> sealer = nullptr;
};

struct User {
  std::string id;    // `usr-` and 32 hexadecimal digits: never used twice, the same for ever
  std::string name;  // as it was given, without white space at its ends
  // Milliseconds since 1970; 0: never, or not.
  std::uint64_t created_ms = 0;
  std::uint64_t password_changed_ms = 0;
  std::uint64_t last_login_ms = 0;
  std::uint64_t locked_until_ms = 0;
  std::uint32_t failed_attempts = 0;  // since the last login, or the end of the last lock
  bool has_metadata = false;
};

/// One of `password` and `password_hash`.
struct NewUser {
  std::string_view name = {};
  /// kPasswordBytesMin to kPasswordBytesMax bytes, of any value.
  std::string_view password = {};
  /// Of another system: what the hasher takes.
  std::string_view password_hash = {};
  /// Up to kAuthMetadataBytesMax; needs AuthOptions::sealer.
  BytesView metadata = {};
};

struct ApiKey {
  std::string id;     // `key-` and 32 hexadecimal digits; no secret
  std::string owner;  // the id of a user, or empty
  std::string label;
  std::vector<std::string> scopes;
  // Milliseconds since 1970; 0: never.
  std::uint64_t created_ms = 0;
  std::uint64_t expires_ms = 0;
  std::uint64_t last_used_ms = 0;
  bool has_metadata = false;

  bool has_scope(std::string_view scope) const;
};

struct NewApiKey {
  /// The id of a user, with whom the key goes; empty: nobody.
  std::string_view owner = {};
  /// UTF-8, up to kApiKeyLabelBytesMax bytes.
  std::string_view label = {};
  /// What it may be used for, in words of yours: up to kApiKeyScopesMax, of 1 to
  /// kApiKeyScopeBytesMax bytes of UTF-8.
  std::vector<std::string> scopes = {};
  /// From when on it is refused, in milliseconds since 1970; 0: never.
  std::uint64_t expires_ms = 0;
  /// As NewUser::metadata.
  BytesView metadata = {};
};

struct IssuedApiKey {
  ApiKey key;
  /// The key itself. Show it to its owner now: it is not kept, and cannot be had again.
  std::string token;
};

/// A part of a list: at most `limit` (up to kAuthPageMax) that come after `after`.
/// An empty list is the end; a shorter one is not, when others remove meanwhile.
struct AuthPage {
  std::string_view after = {};
  std::uint64_t limit = kAuthPageMax;
};

/// Names: 1 to kUserNameBytesMax bytes of UTF-8 without control characters; white space at the ends
/// is cut off. They are compared with A to Z as a to z, and all else as it is.
///
/// Errors, of all calls: those of the store; corruption for a record that cannot be read;
/// unavailable when others changed the same record again and again: nothing happened.
/// Lifetime: must not outlive its engine. Open one for each store: several agree with each other,
/// but have turns and last uses of their own.
/// Threads: safe, but for move and destruction.
class Auth {
 public:
  /// Cost: one hash.
  /// Errors: invalid_argument   an option out of its range
  static Result<Auth> open(Engine& engine, AuthOptions options = {});
  /// The same on any store, in a world of the caller's choice; for what is built inside Talea.
  static Result<Auth> open(Store& store, AuthOptions options, const AuthSeams& seams);

  Auth(Auth&&) noexcept;
  Auth& operator=(Auth&&) noexcept;
  /// Without flush(): what it would have written is lost.
  ~Auth();

  // --- Users

  /// Errors: conflict           the name is taken: of several who create it at once, one gets it
  ///         invalid_argument   outside a limit
  ///         exhausted          too many hashes wait; nothing happened
  Result<User> create_user(const NewUser& user);
  /// Nothing if there is none.
  Result<std::optional<User>> user(std::string_view id);
  Result<std::optional<User>> find_user(std::string_view name);
  /// In the order of folded names; `after`: a name.
  Result<std::vector<User>> list_users(const AuthPage& page = {});

  /// The user of this name, if that is its password.
  ///
  /// A wrong password and a name that nobody has cost the same: one hash and one small write.
  /// A success writes nothing, unless there were failures before it or the hash is outdated:
  /// it is replaced then. The time of the login reaches the disk as that of check_api_key() does.
  ///
  /// A locked user is `denied`, also with a right password whose check ended after the lock began.
  /// That tells that there is such a user; show the answer to a wrong password where that matters.
  ///
  /// Errors: unauthenticated    no such user, or a wrong password: it does not say which
  ///         denied             locked: the message says until when
  ///         invalid_argument   a name or password outside its limits, which nobody can have
  ///         exhausted          too many hashes wait: later
  Result<User> log_in(std::string_view name, std::string_view password);

  /// Errors: unauthenticated   `old_password` is wrong; counts as a failed login
  ///         denied            locked
  ///         conflict          the password was changed meanwhile
  ///         not_found, invalid_argument, exhausted
  Status change_password(std::string_view user_id, std::string_view old_password,
                         std::string_view new_password);
  /// Without the old one, and ends a lock.
  /// Errors: not_found, invalid_argument, exhausted
  Status set_password(std::string_view user_id, std::string_view new_password);
  /// Forgets failures and ends a lock. Errors: not_found
  Status reset_failures(std::string_view user_id);
  /// With all its API keys, at once. Its name is free then; its id is not used again.
  /// Errors: not_found
  Status delete_user(std::string_view user_id);

  /// Empty if there is none.
  /// Errors: not_found          no such user, or its master key was not given
  ///         corruption         damaged, or from another record
  ///         invalid_argument   there is no sealer
  Result<Bytes> user_metadata(std::string_view user_id);
  /// Empty: removes it. Errors: not_found, invalid_argument
  Status set_user_metadata(std::string_view user_id, BytesView metadata);

  // --- API keys. They go on when their owner is locked.

  /// Errors: not_found          no such owner
  ///         exhausted          the owner has kApiKeysPerUserMax keys: revoke some
  ///         invalid_argument   outside a limit, or expired already
  Result<IssuedApiKey> issue_api_key(const NewApiKey& key);
  /// The key that `token` is.
  ///
  /// Cost: one look-up and one SHA-256; it writes nothing. The time of use is kept in memory and
  /// reaches the disk, with those of all other keys and users, by the first check or
  /// login that comes kLastSeenLagMs after it, or flush(). ApiKey::last_used_ms here is what memory
  /// has of the use before.
  ///
  /// Errors: unauthenticated   not a token, unknown, revoked or expired
  Result<ApiKey> check_api_key(std::string_view token);
  /// Nothing if there is none.
  Result<std::optional<ApiKey>> api_key(std::string_view key_id);
  /// All, by id; `after`: an id.
  Result<std::vector<ApiKey>> list_api_keys(const AuthPage& page = {});
  /// Those of a user, by id. Errors: not_found
  Result<std::vector<ApiKey>> list_api_keys_of(std::string_view user_id);
  /// Refused from now on. Errors: not_found
  Status revoke_api_key(std::string_view key_id);

  /// As those of users.
  Result<Bytes> api_key_metadata(std::string_view key_id);
  Status set_api_key_metadata(std::string_view key_id, BytesView metadata);

  // --- Upkeep

  /// From now on `sealer` seals and opens, which has to open what the one before sealed; then
  /// rewrap_metadata(). Any other Auth on the store has to be given it as well.
  Result<std::uint64_t> rotate_master_key(std::unique_ptr<Sealer> sealer);
  /// Brings all metadata under the newest master key, and returns of how many records; the metadata
  /// itself is not touched. When it returns ok the older keys are of no more use. What it did
  /// before a failure stays. Others go on meanwhile.
  ///
  /// Errors: not_found, corruption   the message says of which record
  ///         invalid_argument        there is no sealer
  Result<std::uint64_t> rewrap_metadata();
  /// Writes the times of logins and uses that only memory has.
  Status flush();

 private:
  struct Impl;
  explicit Auth(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talea
