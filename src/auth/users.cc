#include "auth/users.h"

#include <limits>
#include <utility>

#include "auth/text.h"
#include "auth/token.h"

namespace talea {
namespace {

Status check_password(std::string_view password) {
  if (password.size() >= kPasswordBytesMin && password.size() <= kPasswordBytesMax) return {};
  return Status::invalid_argument("a password has " + std::to_string(kPasswordBytesMin) + " to " +
                                  std::to_string(kPasswordBytesMax) + " bytes; this one has " +
                                  std::to_string(password.size()));
}

// The same words whichever it is.
Status wrong_name_or_password() {
  return Status::unauthenticated("the user name or the password is wrong");
}

Status no_such_user(std::string_view id) {
  return Status::not_found("there is no user with id \"" + std::string(id.substr(0, 64)) + "\"");
}

// Without what lies elsewhere.
User plain_user(const UserRecord& record) {
  return {.id = user_id_text(record.id),
          .name = record.name,
          .created_ms = record.created_ms,
          .password_changed_ms = record.password_changed_ms,
          .has_metadata = !record.sealed_metadata.empty()};
}

Bytes failures_key(const AuthId& id) { return key_of(AuthKind::failures, id); }

}  // namespace

// --- Reading

Result<std::optional<Users::StoredUser>> Users::find_folded(std::string_view folded_name) {
  const auto name = TALEA_TRY(parts_.records.name(folded_name));
  if (!name) return std::optional<StoredUser>();
  auto user = TALEA_TRY(parts_.records.user(name->record.user));
  if (!user) {
    // Removed between the two reads, or never there.
    const auto again = TALEA_TRY(parts_.records.name(folded_name));
    if (revision_of(again) != name->revision) return std::optional<StoredUser>();
  }
  if (!user || folded(user->record.name) != folded_name) {
    return Status::corruption("a user name belongs to " + user_id_text(name->record.user) +
                              ", which is not there or has another one");
  }
  return user;
}

Result<Users::StoredUser> Users::require_user(std::string_view id) {
  const std::optional<AuthId> parsed = parse_user_id(id);
  if (!parsed) return no_such_user(id);
  auto user = TALEA_TRY(parts_.records.user(*parsed));
  if (!user) return no_such_user(id);
  return std::move(*user);
}

Result<AuthId> Users::require(std::string_view id) { return TALEA_TRY(require_user(id)).record.id; }

Result<User> Users::describe(const UserRecord& record) {
  User user = plain_user(record);
  user.last_login_ms = TALEA_TRY(parts_.last_seen.time_of(AuthKind::login_seen, record.id));
  const auto failures = TALEA_TRY(parts_.records.failures(failures_key(record.id)));
  if (!failures) return user;
  const bool lock_is_over = failures->record.locked_until_ms != 0 && !is_locked(failures->record);
  if (lock_is_over) return user;
  user.failed_attempts = failures->record.attempts;
  user.locked_until_ms = failures->record.locked_until_ms;
  return user;
}

Result<std::optional<User>> Users::get(std::string_view id) {
  const std::optional<AuthId> parsed = parse_user_id(id);
  if (!parsed) return std::optional<User>();
  const auto user = TALEA_TRY(parts_.records.user(*parsed));
  if (!user) return std::optional<User>();
  return std::optional(TALEA_TRY(describe(user->record)));
}

Result<std::optional<User>> Users::find(std::string_view name) {
  const std::string folded_name = folded(TALEA_TRY(checked_user_name(name)));
  const auto user = TALEA_TRY(find_folded(folded_name));
  if (!user) return std::optional<User>();
  return std::optional(TALEA_TRY(describe(user->record)));
}

Result<std::vector<User>> Users::list(const AuthPage& page) {
  const Bytes prefix(1, static_cast<char>(AuthKind::name));
  ScanRange range{.prefix = prefix, .limit = page.limit};
  if (!page.after.empty()) range.start = key_of_name(folded(page.after)) + '\0';
  std::vector<User> users;
  Scan scan = TALEA_TRY(parts_.records.store().scan(kAuthSpace, range));
  while (TALEA_TRY(scan.next())) {
    const auto user = TALEA_TRY(find_folded(scan.key().substr(prefix.size())));
    if (user) users.push_back(TALEA_TRY(describe(user->record)));
  }
  return users;
}

// --- Creating and removing

Result<User> Users::create(const NewUser& user) {
  UserRecord record;
  record.name = TALEA_TRY(checked_user_name(user.name));
  TALEA_TRY(parts_.metadata.check(user.metadata));
  if (!user.password_hash.empty()) {
    if (!user.password.empty()) {
      return Status::invalid_argument("a new user has a password or a hash of one, not both");
    }
    TALEA_TRY(parts_.hasher.check_hash(user.password_hash));
  } else {
    TALEA_TRY(check_password(user.password));
  }
  const std::string folded_name = folded(record.name);
  const Status taken = Status::conflict("there is a user \"" + record.name + "\" already");
  // Not what decides; it spares a hash.
  if (TALEA_TRY(parts_.records.name(folded_name))) return taken;
  record.password_hash =
      user.password_hash.empty() ? TALEA_TRY(hash(user.password)) : std::string(user.password_hash);
  if (record.password_hash.size() > kPasswordHashBytesMax) {
    return Status::invalid_argument(
        "a hash of a password has at most " + std::to_string(kPasswordHashBytesMax) +
        " bytes; this one has " + std::to_string(record.password_hash.size()));
  }
  parts_.seams.random.fill(record.id.bytes);
  record.created_ms = parts_.seams.clock.wall_ms();
  record.password_changed_ms = record.created_ms;

  const Bytes key = key_of(AuthKind::user, record.id);
  ReadLock sealing(parts_.metadata.sealing());
  record.sealed_metadata = TALEA_TRY(parts_.metadata.seal(key, user.metadata));
  Batch batch;
  replace(batch, key_of_name(folded_name), encode(NameRecord{record.id}), 0);
  replace(batch, key, encode(record), 0);
  const Result<Sequence> committed = parts_.records.store().commit(batch, nullptr);
  if (committed.status().code() == Code::conflict) return taken;  // 128 random bits do not recur
  if (!committed.ok()) return committed.status();
  return plain_user(record);
}

Status Users::remove(std::string_view id) {
  const AuthId whom = TALEA_TRY(require(id));
  MutexLock turn(parts_.records.turn_of(whom.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    const StoredUser user = TALEA_TRY(require_user(id));
    const auto key_list = TALEA_TRY(parts_.records.key_list(whom));
    Batch batch;
    replace(batch, key_of(AuthKind::user, whom), {}, user.revision);
    batch.remove(key_of_name(folded(user.record.name)), kAuthSpace);
    batch.remove(failures_key(whom), kAuthSpace);
    batch.remove(key_of(AuthKind::login_seen, whom), kAuthSpace);
    // So that no key is issued meanwhile and stays.
    replace(batch, key_of(AuthKind::key_list, whom), {}, revision_of(key_list));
    if (!key_list) return batch;
    for (const AuthId& key : key_list->record.keys) {
      batch.remove(key_of(AuthKind::api_key, key), kAuthSpace);
      batch.remove(key_of(AuthKind::api_key_seen, key), kAuthSpace);
    }
    return batch;
  });
}

// --- Passwords

Result<std::string> Users::hash(std::string_view password) {
  return parts_.turns.run([&] { return parts_.hasher.hash(password); });
}

Result<PasswordHasher::Comparison> Users::compare(std::string_view password,
                                                  const std::string& hash) {
  auto compared = parts_.turns.run([&] { return parts_.hasher.verify(password, hash); });
  // The hash is ours, not the caller's.
  if (compared.status().code() == Code::invalid_argument) {
    return Status::unsupported("the hasher cannot compare with a hash that is kept: " +
                               std::string(compared.status().message()));
  }
  return compared;
}

bool Users::is_locked(const FailuresRecord& failures) const {
  return parts_.seams.clock.wall_ms() < failures.locked_until_ms;
}

Status Users::check_not_locked(const FailuresRecord& failures) const {
  if (!is_locked(failures)) return {};
  return Status::denied(user_id_text(failures.user) + " is locked after " +
                        std::to_string(failures.attempts) + " failed logins, until " +
                        std::to_string(failures.locked_until_ms) + " ms since 1970");
}

Status Users::check_not_locked(const AuthId& id) {
  const auto failures = TALEA_TRY(parts_.records.failures(failures_key(id)));
  return failures ? check_not_locked(failures->record) : Status();
}

void Users::add_failure(Batch& batch, const Bytes& key, const AuthId& id,
                        const std::optional<Stored<FailuresRecord>>& before) const {
  FailuresRecord failures = before ? before->record : FailuresRecord{.user = id};
  if (failures.locked_until_ms != 0) failures.attempts = 0;  // a lock that is over
  failures.locked_until_ms = 0;
  failures.last_failure_ms = parts_.seams.clock.wall_ms();
  if (failures.attempts < std::numeric_limits<std::uint32_t>::max()) ++failures.attempts;
  if (!id.is_none() && rules_.failures_max != 0 && failures.attempts >= rules_.failures_max) {
    failures.locked_until_ms = failures.last_failure_ms + rules_.lockout_ms;
  }
  replace(batch, key, encode(failures), revision_of(before));
}

Status Users::count_failure(const AuthId& id) {
  MutexLock turn(parts_.records.turn_of(id.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    const Bytes user = key_of(AuthKind::user, id);
    if (!TALEA_TRY(parts_.records.exists(user))) return batch;
    const auto before = TALEA_TRY(parts_.records.failures(failures_key(id)));
    if (before) TALEA_TRY(check_not_locked(before->record));
    add_failure(batch, failures_key(id), id, before);
    batch.require_present(user, kAuthSpace);
    return batch;
  });
}

Status Users::count_failure_of_nobody(std::string_view folded_name) {
  const Bytes key = key_of_nobody(slot_of_name(folded_name));
  MutexLock turn(parts_.records.turn_of(key));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    add_failure(batch, key, AuthId(), TALEA_TRY(parts_.records.failures(key)));
    return batch;
  });
}

// Who was locked since the check of the password began is not let in: a guess that ran at the same
// time as the failures that locked is one too many.
Status Users::accept(const UserRecord& verified, const std::optional<std::string>& new_hash) {
  MutexLock turn(parts_.records.turn_of(verified.id.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    const auto failures = TALEA_TRY(parts_.records.failures(failures_key(verified.id)));
    if (failures) {
      TALEA_TRY(check_not_locked(failures->record));
      replace(batch, failures_key(verified.id), {}, failures->revision);
    }
    if (!new_hash) return batch;
    auto user = TALEA_TRY(parts_.records.user(verified.id));
    // A password that was changed meanwhile stays changed.
    if (!user || user->record.password_hash != verified.password_hash) return batch;
    user->record.password_hash = *new_hash;
    replace(batch, key_of(AuthKind::user, verified.id), encode(user->record), user->revision);
    return batch;
  });
}

Result<User> Users::log_in(std::string_view name, std::string_view password) {
  TALEA_TRY(check_password(password));
  const std::string folded_name = folded(TALEA_TRY(checked_user_name(name)));
  const auto found = TALEA_TRY(find_folded(folded_name));
  if (found) TALEA_TRY(check_not_locked(found->record.id));
  const auto compared =
      TALEA_TRY(compare(password, found ? found->record.password_hash : dummy_hash_));
  if (!found) {
    TALEA_TRY(count_failure_of_nobody(folded_name));
    return wrong_name_or_password();
  }
  const UserRecord& record = found->record;
  if (!compared.matches) {
    TALEA_TRY(count_failure(record.id));
    return wrong_name_or_password();
  }
  std::optional<std::string> new_hash;
  if (compared.is_outdated) {
    Result<std::string> made = hash(password);
    // Another login will do it.
    if (!made.ok() && made.status().code() != Code::exhausted) return made.status();
    if (made.ok()) new_hash = std::move(*made);
  }
  User user = TALEA_TRY(describe(record));
  Status accepted = accept(record, new_hash);
  // Nobody asked for the new hash: where it cannot be written, as on a full disk, the old one
  // stays.
  const bool is_denied = accepted.code() == Code::denied;
  if (!accepted.ok() && !is_denied && new_hash) accepted = accept(record, std::nullopt);
  TALEA_TRY(std::move(accepted));
  parts_.last_seen.note(AuthKind::login_seen, record.id);
  return user;
}

Status Users::put_password(const AuthId& id, const std::string& new_hash,
                           const std::string* expected_hash) {
  MutexLock turn(parts_.records.turn_of(id.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    StoredUser user = TALEA_TRY(require_user(user_id_text(id)));
    if (expected_hash != nullptr && user.record.password_hash != *expected_hash) {
      return Status::conflict("the password of " + user_id_text(id) + " was changed meanwhile");
    }
    const auto failures = TALEA_TRY(parts_.records.failures(failures_key(id)));
    if (expected_hash != nullptr && failures) TALEA_TRY(check_not_locked(failures->record));
    if (failures) replace(batch, failures_key(id), {}, failures->revision);
    user.record.password_hash = new_hash;
    user.record.password_changed_ms = parts_.seams.clock.wall_ms();
    replace(batch, key_of(AuthKind::user, id), encode(user.record), user.revision);
    return batch;
  });
}

Status Users::change_password(std::string_view id, std::string_view old_password,
                              std::string_view new_password) {
  TALEA_TRY(check_password(old_password));
  TALEA_TRY(check_password(new_password));
  const StoredUser user = TALEA_TRY(require_user(id));
  TALEA_TRY(check_not_locked(user.record.id));
  if (!TALEA_TRY(compare(old_password, user.record.password_hash)).matches) {
    TALEA_TRY(count_failure(user.record.id));
    return Status::unauthenticated("the old password is wrong");
  }
  const std::string new_hash = TALEA_TRY(hash(new_password));
  return put_password(user.record.id, new_hash, &user.record.password_hash);
}

Status Users::set_password(std::string_view id, std::string_view new_password) {
  TALEA_TRY(check_password(new_password));
  const AuthId whom = TALEA_TRY(require(id));
  const std::string new_hash = TALEA_TRY(hash(new_password));
  return put_password(whom, new_hash, nullptr);
}

Status Users::reset_failures(std::string_view id) {
  const AuthId whom = TALEA_TRY(require(id));
  MutexLock turn(parts_.records.turn_of(whom.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    const auto failures = TALEA_TRY(parts_.records.failures(failures_key(whom)));
    if (failures) replace(batch, failures_key(whom), {}, failures->revision);
    return batch;
  });
}

// --- Metadata

Result<Bytes> Users::metadata(std::string_view id) {
  const StoredUser user = TALEA_TRY(require_user(id));
  return parts_.metadata.open(key_of(AuthKind::user, user.record.id), user.record.sealed_metadata);
}

Status Users::set_metadata(std::string_view id, BytesView metadata) {
  TALEA_TRY(parts_.metadata.check(metadata));
  const AuthId whom = TALEA_TRY(require(id));
  const Bytes key = key_of(AuthKind::user, whom);
  MutexLock turn(parts_.records.turn_of(whom.view()));
  ReadLock sealing(parts_.metadata.sealing());
  const Bytes sealed = TALEA_TRY(parts_.metadata.seal(key, metadata));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    StoredUser user = TALEA_TRY(require_user(id));
    user.record.sealed_metadata = sealed;
    replace(batch, key, encode(user.record), user.revision);
    return batch;
  });
}

}  // namespace talea
