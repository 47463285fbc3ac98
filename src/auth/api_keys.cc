#include "auth/api_keys.h"

#include <algorithm>
#include <string>
#include <utility>

#include "auth/text.h"
#include "auth/token.h"
#include "crypto/secret.h"

namespace talea {
namespace {

Status no_such_key(std::string_view id) {
  return Status::not_found("there is no API key with id \"" + std::string(id.substr(0, 64)) + "\"");
}

Status no_such_owner(std::string_view id) {
  return Status::not_found("there is no user with id \"" + std::string(id.substr(0, 64)) + "\"");
}

BytesView view(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Without what lies elsewhere.
ApiKey to_api_key(const ApiKeyRecord& record) {
  return {.id = key_id_text(record.id),
          .owner = record.owner.is_none() ? std::string() : user_id_text(record.owner),
          .label = record.label,
          .scopes = record.scopes,
          .created_ms = record.created_ms,
          .expires_ms = record.expires_ms,
          .has_metadata = !record.sealed_metadata.empty()};
}

}  // namespace

bool ApiKey::has_scope(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

// --- Issuing and revoking

Result<ApiKeyRecord> ApiKeys::make_record(const NewApiKey& key) const {
  ApiKeyRecord record;
  TALEA_TRY(check_text("the label of an API key", key.label, kApiKeyLabelBytesMax));
  if (key.scopes.size() > kApiKeyScopesMax) {
    return Status::invalid_argument("an API key has at most " + std::to_string(kApiKeyScopesMax) +
                                    " scopes; this one has " + std::to_string(key.scopes.size()));
  }
  for (const std::string& scope : key.scopes) {
    if (scope.empty()) return Status::invalid_argument("the scope of an API key is not empty");
    TALEA_TRY(check_text("the scope of an API key", scope, kApiKeyScopeBytesMax));
  }
  record.created_ms = parts_.seams.clock.wall_ms();
  if (key.expires_ms != 0 && key.expires_ms <= record.created_ms) {
    return Status::invalid_argument("the API key would have expired at " +
                                    std::to_string(key.expires_ms) + " ms since 1970; it is " +
                                    std::to_string(record.created_ms));
  }
  if (!key.owner.empty()) {
    const std::optional<AuthId> owner = parse_user_id(key.owner);
    if (!owner) return no_such_owner(key.owner);
    record.owner = *owner;
  }
  record.label = key.label;
  record.scopes = key.scopes;
  record.expires_ms = key.expires_ms;
  return record;
}

Result<IssuedApiKey> ApiKeys::issue(const NewApiKey& key) {
  ApiKeyRecord record = TALEA_TRY(make_record(key));
  TALEA_TRY(parts_.metadata.check(key.metadata));
  ApiToken token{{}, SecretKey::make(parts_.seams.random)};
  parts_.seams.random.fill(token.key.bytes);
  record.id = token.key;
  record.token_hash = hash_of(token);

  MutexLock turn(parts_.records.turn_of(record.owner.view()));
  ReadLock sealing(parts_.metadata.sealing());
  record.sealed_metadata =
      TALEA_TRY(parts_.metadata.seal(key_of(AuthKind::api_key, record.id), key.metadata));
  TALEA_TRY(add(record));
  return IssuedApiKey{to_api_key(record), token_text(token)};
}

Status ApiKeys::add(const ApiKeyRecord& record) {
  const Bytes owner = key_of(AuthKind::user, record.owner);
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    replace(batch, key_of(AuthKind::api_key, record.id), encode(record), 0);
    if (record.owner.is_none()) return batch;
    if (!TALEA_TRY(parts_.records.exists(owner))) return no_such_owner(user_id_text(record.owner));
    const auto before = TALEA_TRY(parts_.records.key_list(record.owner));
    KeyListRecord list = before ? before->record : KeyListRecord{record.owner, {}};
    if (list.keys.size() >= kApiKeysPerUserMax) {
      return Status::exhausted(user_id_text(record.owner) + " has " +
                               std::to_string(kApiKeysPerUserMax) +
                               " API keys, which is the limit: revoke some");
    }
    list.keys.insert(std::lower_bound(list.keys.begin(), list.keys.end(), record.id), record.id);
    replace(batch, key_of(AuthKind::key_list, record.owner), encode(list), revision_of(before));
    batch.require_present(owner, kAuthSpace);
    return batch;
  });
}

Status ApiKeys::revoke(std::string_view id) {
  const AuthId owner = TALEA_TRY(require_key(id)).record.owner;  // it never changes
  MutexLock turn(parts_.records.turn_of(owner.view()));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    const StoredKey key = TALEA_TRY(require_key(id));
    const AuthId& which = key.record.id;
    replace(batch, key_of(AuthKind::api_key, which), {}, key.revision);
    batch.remove(key_of(AuthKind::api_key_seen, which), kAuthSpace);
    const auto before = TALEA_TRY(parts_.records.key_list(owner));
    if (!before) return batch;
    KeyListRecord list = before->record;
    std::erase(list.keys, which);
    replace(batch, key_of(AuthKind::key_list, owner), list.keys.empty() ? Bytes() : encode(list),
            before->revision);
    return batch;
  });
}

// --- Checking

Result<ApiKey> ApiKeys::check(std::string_view text) {
  const Status refused = Status::unauthenticated("the API key is not valid");
  const std::optional<ApiToken> token = parse_token(text);
  if (!token) return refused;
  const auto stored = TALEA_TRY(parts_.records.api_key(token->key));
  if (!stored) return refused;
  const ApiKeyRecord& record = stored->record;
  if (!equal_in_constant_time(view(hash_of(*token)), view(record.token_hash))) return refused;
  if (record.expires_ms != 0 && parts_.seams.clock.wall_ms() >= record.expires_ms) {
    return Status::unauthenticated("the API key " + key_id_text(record.id) + " has expired");
  }
  ApiKey key = to_api_key(record);
  key.last_used_ms = parts_.last_seen.waiting_time_of(AuthKind::api_key_seen, record.id);
  parts_.last_seen.note(AuthKind::api_key_seen, record.id);
  return key;
}

// --- Reading

Result<ApiKey> ApiKeys::describe(const ApiKeyRecord& record) {
  ApiKey key = to_api_key(record);
  key.last_used_ms = TALEA_TRY(parts_.last_seen.time_of(AuthKind::api_key_seen, record.id));
  return key;
}

Result<ApiKeys::StoredKey> ApiKeys::require_key(std::string_view id) {
  const std::optional<AuthId> parsed = parse_key_id(id);
  if (!parsed) return no_such_key(id);
  auto key = TALEA_TRY(parts_.records.api_key(*parsed));
  if (!key) return no_such_key(id);
  return std::move(*key);
}

Result<std::optional<ApiKey>> ApiKeys::get(std::string_view id) {
  const std::optional<AuthId> parsed = parse_key_id(id);
  if (!parsed) return std::optional<ApiKey>();
  const auto key = TALEA_TRY(parts_.records.api_key(*parsed));
  if (!key) return std::optional<ApiKey>();
  return std::optional(TALEA_TRY(describe(key->record)));
}

Result<std::vector<ApiKey>> ApiKeys::list(const AuthPage& page) {
  ScanRange range{.prefix = Bytes(1, static_cast<char>(AuthKind::api_key)), .limit = page.limit};
  if (!page.after.empty()) {
    const std::optional<AuthId> after = parse_key_id(page.after);
    if (!after) return Status::invalid_argument("a list of API keys goes on after the id of one");
    range.start = key_of(AuthKind::api_key, *after) + '\0';
  }
  std::vector<ApiKey> keys;
  Scan scan = TALEA_TRY(parts_.records.store().scan(kAuthSpace, range));
  while (TALEA_TRY(scan.next())) {
    const ApiKeyRecord record = TALEA_TRY(decode_api_key(scan.key(), TALEA_TRY(scan.value())));
    keys.push_back(TALEA_TRY(describe(record)));
  }
  return keys;
}

Result<std::vector<ApiKey>> ApiKeys::list_of(std::string_view user_id) {
  const std::optional<AuthId> owner = parse_user_id(user_id);
  if (!owner || !TALEA_TRY(parts_.records.exists(key_of(AuthKind::user, *owner)))) {
    return no_such_owner(user_id);
  }
  std::vector<ApiKey> keys;
  const auto list = TALEA_TRY(parts_.records.key_list(*owner));
  if (!list) return keys;
  for (const AuthId& id : list->record.keys) {
    const auto key = TALEA_TRY(parts_.records.api_key(id));
    if (key) keys.push_back(TALEA_TRY(describe(key->record)));  // else revoked meanwhile
  }
  return keys;
}

// --- Metadata

Result<Bytes> ApiKeys::metadata(std::string_view id) {
  const StoredKey key = TALEA_TRY(require_key(id));
  return parts_.metadata.open(key_of(AuthKind::api_key, key.record.id), key.record.sealed_metadata);
}

Status ApiKeys::set_metadata(std::string_view id, BytesView metadata) {
  TALEA_TRY(parts_.metadata.check(metadata));
  const ApiKeyRecord present = TALEA_TRY(require_key(id)).record;
  const Bytes record_key = key_of(AuthKind::api_key, present.id);
  MutexLock turn(parts_.records.turn_of(present.owner.view()));
  ReadLock sealing(parts_.metadata.sealing());
  const Bytes sealed = TALEA_TRY(parts_.metadata.seal(record_key, metadata));
  return parts_.records.change([&]() -> Result<Batch> {
    Batch batch;
    StoredKey key = TALEA_TRY(require_key(id));
    key.record.sealed_metadata = sealed;
    replace(batch, record_key, encode(key.record), key.revision);
    return batch;
  });
}

}  // namespace talea
