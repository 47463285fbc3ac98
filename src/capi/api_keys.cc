#include "capi/authentication.h"

namespace {

using talea::ApiKey;
using talea::Result;
using talea::Status;
using talea::capi::bytes_of;
using talea::capi::check_auth;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::page_limit;
using talea::capi::required;
using talea::capi::set_if_wanted;
using talea::capi::slice_of;

void tell_scopes(const ApiKey& key, std::vector<talea_slice>& scopes) {
  scopes.reserve(key.scopes.size());
  for (const std::string& scope : key.scopes) scopes.push_back(slice_of(scope));
}

void give(std::vector<ApiKey> found, talea_api_keys** out) {
  auto made = std::make_unique<talea_api_keys>();
  made->keys = std::move(found);
  made->scopes.reserve(made->keys.size());
  for (const ApiKey& key : made->keys) tell_scopes(key, made->scopes.emplace_back());
  *out = made.release();
}

// Room for a key, so that nothing has to be found in memory once it is issued.
std::unique_ptr<talea_api_keys> room_for_one(std::size_t scopes) {
  auto made = std::make_unique<talea_api_keys>();
  made->keys.reserve(1);
  made->scopes.resize(1);
  made->scopes.front().reserve(scopes);
  return made;
}

void give_issued(ApiKey issued, std::unique_ptr<talea_api_keys> room, talea_api_keys** out) {
  room->keys.push_back(std::move(issued));
  tell_scopes(room->keys.front(), room->scopes.front());
  *out = room.release();
}

void give_one(ApiKey found, talea_api_keys** out) {
  auto room = room_for_one(found.scopes.size());
  give_issued(std::move(found), std::move(room), out);
}

Result<std::vector<std::string>> scopes_of(const talea_new_api_key& key) {
  std::vector<std::string> scopes;
  if (key.scopes_count == 0) return scopes;
  TALEA_TRY(required({{key.scopes, "new_key->scopes"}}));
  if (key.scopes_count > talea::kApiKeyScopesMax) {
    return Status::invalid_argument(
        "an API key has at most " + std::to_string(talea::kApiKeyScopesMax) +
        " scopes; new_key->scopes_count is " + std::to_string(key.scopes_count));
  }
  scopes.reserve(key.scopes_count);
  for (std::size_t position = 0; position < key.scopes_count; ++position) {
    scopes.emplace_back(TALEA_TRY(bytes_of(key.scopes[position], "a scope")));
  }
  return scopes;
}

Result<talea::NewApiKey> new_key_of(const talea_new_api_key* given) {
  const talea_new_api_key key = TALEA_TRY(talea::capi::read_sized(given, "new_key"));
  talea::NewApiKey made;
  if (key.owner != nullptr) made.owner = key.owner;
  made.label = TALEA_TRY(bytes_of(key.label, "new_key->label"));
  made.scopes = TALEA_TRY(scopes_of(key));
  made.expires_ms = key.expires_ms;
  made.metadata = TALEA_TRY(bytes_of(key.metadata, "new_key->metadata"));
  return made;
}

}  // namespace

void talea_api_keys_free(talea_api_keys* keys) { delete keys; }

size_t talea_api_keys_count(const talea_api_keys* keys) {
  return keys == nullptr ? 0 : keys->keys.size();
}

int talea_api_keys_at(const talea_api_keys* keys, size_t position, talea_api_key* key,
                      talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{keys, "keys"}, {key, "key"}}));
    TALEA_TRY(talea::capi::check_position(position, keys->keys.size()));
    const ApiKey& at = keys->keys[position];
    const std::vector<talea_slice>& scopes = keys->scopes[position];
    return talea::capi::fill(key,
                             {.size = 0,
                              .id = at.id.c_str(),
                              .owner = at.owner.c_str(),
                              .label = slice_of(at.label),
                              .scopes = scopes.empty() ? nullptr : scopes.data(),
                              .scopes_count = scopes.size(),
                              .created_ms = at.created_ms,
                              .expires_ms = at.expires_ms,
                              .last_used_ms = at.last_used_ms,
                              .has_metadata = at.has_metadata ? 1U : 0U},
                             "key");
  });
}

int talea_api_keys_has_scope(const talea_api_keys* keys, size_t position, const void* scope,
                             size_t scope_bytes, int* has_scope, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{keys, "keys"}, {has_scope, "has_scope"}}));
    TALEA_TRY(talea::capi::check_position(position, keys->keys.size()));
    const talea::BytesView wanted = TALEA_TRY(bytes_of(scope, scope_bytes, "scope"));
    *has_scope = keys->keys[position].has_scope(wanted) ? 1 : 0;
    return {};
  });
}

int talea_auth_issue_api_key(talea_auth* auth, const talea_new_api_key* new_key,
                             talea_api_keys** key, talea_secret** token, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    set_if_wanted<talea_api_keys*>(key, nullptr);
    set_if_wanted<talea_secret*>(token, nullptr);
    TALEA_TRY(check_auth(auth, {{new_key, "new_key"}, {key, "key"}, {token, "token"}}));
    const talea::NewApiKey wanted = TALEA_TRY(new_key_of(new_key));
    auto secret = std::make_unique<talea_secret>();
    auto room = room_for_one(wanted.scopes.size());
    talea::IssuedApiKey issued = TALEA_TRY(auth->auth.issue_api_key(wanted));
    secret->bytes = std::move(issued.token);
    give_issued(std::move(issued.key), std::move(room), key);
    *token = secret.release();
    return {};
  });
}

int talea_auth_check_api_key(talea_auth* auth, const void* token, size_t token_bytes,
                             talea_api_keys** key, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    set_if_wanted<talea_api_keys*>(key, nullptr);
    TALEA_TRY(check_auth(auth, {{key, "key"}}));
    const talea::BytesView view = TALEA_TRY(bytes_of(token, token_bytes, "token"));
    give_one(TALEA_TRY(auth->auth.check_api_key(view)), key);
    return {};
  });
}

int talea_auth_api_key(talea_auth* auth, const char* key_id, talea_api_keys** key,
                       talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_api_keys*>(key, nullptr);
    TALEA_TRY(check_auth(auth, {{key_id, "key_id"}, {key, "key"}}));
    std::optional<ApiKey> found = TALEA_TRY(auth->auth.api_key(key_id));
    if (found.has_value()) {
      give_one(std::move(*found), key);
    } else {
      give({}, key);
    }
    return {};
  });
}

int talea_auth_list_api_keys(talea_auth* auth, const char* after, uint64_t limit,
                             talea_api_keys** keys, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_api_keys*>(keys, nullptr);
    TALEA_TRY(check_auth(auth, {{keys, "keys"}}));
    give(TALEA_TRY(auth->auth.list_api_keys(
             {.after = after == nullptr ? "" : after, .limit = page_limit(limit)})),
         keys);
    return {};
  });
}

int talea_auth_list_api_keys_of(talea_auth* auth, const char* user_id, talea_api_keys** keys,
                                talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_api_keys*>(keys, nullptr);
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}, {keys, "keys"}}));
    give(TALEA_TRY(auth->auth.list_api_keys_of(user_id)), keys);
    return {};
  });
}

int talea_auth_revoke_api_key(talea_auth* auth, const char* key_id, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{key_id, "key_id"}}));
    return auth->auth.revoke_api_key(key_id);
  });
}

int talea_auth_api_key_metadata(talea_auth* auth, const char* key_id, talea_secret** metadata,
                                talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_secret*>(metadata, nullptr);
    TALEA_TRY(check_auth(auth, {{key_id, "key_id"}, {metadata, "metadata"}}));
    return talea::capi::give_metadata(metadata,
                                      [&] { return auth->auth.api_key_metadata(key_id); });
  });
}

int talea_auth_set_api_key_metadata(talea_auth* auth, const char* key_id, const void* metadata,
                                    size_t metadata_bytes, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{key_id, "key_id"}}));
    return auth->auth.set_api_key_metadata(
        key_id, TALEA_TRY(bytes_of(metadata, metadata_bytes, "metadata")));
  });
}
