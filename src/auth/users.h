// Users: names, passwords, failures and locks.
//
// A login reads, hashes without any lock, and gives its verdict in its turn for that user: so of
// many guesses that run at once, no more are answered than there may be failures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth_seams.h"
#include "auth/hash_turns.h"
#include "auth/last_seen.h"
#include "auth/metadata.h"
#include "auth/record_store.h"
#include "talea/auth.h"

namespace talea {

/// Threads: safe.
class Users {
 public:
  struct Rules {
    std::uint32_t failures_max;  // 0: no limit
    std::uint64_t lockout_ms;
  };
  /// What it works with; all outlive it. `dummy_hash` is compared with where there is no user.
  struct Parts {
    RecordStore& records;
    LastSeen& last_seen;
    Metadata& metadata;
    PasswordHasher& hasher;
    HashTurns& turns;
    const AuthSeams& seams;
  };
  Users(const Parts& parts, const Rules& rules, std::string dummy_hash)
      : parts_(parts), rules_(rules), dummy_hash_(std::move(dummy_hash)) {}

  // As those of Auth.
  Result<User> create(const NewUser& user);
  Result<std::optional<User>> get(std::string_view id);
  Result<std::optional<User>> find(std::string_view name);
  Result<std::vector<User>> list(const AuthPage& page);
  Result<User> log_in(std::string_view name, std::string_view password);
  Status change_password(std::string_view id, std::string_view old_password,
                         std::string_view new_password);
  Status set_password(std::string_view id, std::string_view new_password);
  Status reset_failures(std::string_view id);
  Status remove(std::string_view id);
  Result<Bytes> metadata(std::string_view id);
  Status set_metadata(std::string_view id, BytesView metadata);

  /// The id of a user that exists. Errors: not_found
  Result<AuthId> require(std::string_view id);

 private:
  using StoredUser = Stored<UserRecord>;

  Result<StoredUser> require_user(std::string_view id);
  Result<std::optional<StoredUser>> find_folded(std::string_view folded_name);
  Result<User> describe(const UserRecord& record);
  Status check_not_locked(const AuthId& id);
  Status check_not_locked(const FailuresRecord& failures) const;
  bool is_locked(const FailuresRecord& failures) const;
  Result<std::string> hash(std::string_view password);
  Result<PasswordHasher::Comparison> compare(std::string_view password, const std::string& hash);
  Status count_failure(const AuthId& id);
  Status count_failure_of_nobody(std::string_view folded_name);
  void add_failure(Batch& batch, const Bytes& key, const AuthId& id,
                   const std::optional<Stored<FailuresRecord>>& before) const;
  Status accept(const UserRecord& verified, const std::optional<std::string>& new_hash);
  Status put_password(const AuthId& id, const std::string& new_hash,
                      const std::string* expected_hash);

  const Parts parts_;
  const Rules rules_;
  const std::string dummy_hash_;
};

}  // namespace talea
