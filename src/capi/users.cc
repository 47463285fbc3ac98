#include "capi/authentication.h"

namespace {

using talea::Result;
using talea::Status;
using talea::User;
using talea::capi::bytes_of;
using talea::capi::check_auth;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::page_limit;
using talea::capi::required;
using talea::capi::set_if_wanted;
using talea::capi::slice_of;

// What is to hold the one user that `get` gives. It is made before: a write is not undone when
// there is no memory left to tell of it.
template <typename Get>
Status give_one(talea_users** out, Get get) {
  auto made = std::make_unique<talea_users>();
  made->users.reserve(1);
  made->users.push_back(TALEA_TRY(get()));
  *out = made.release();
  return {};
}

void give(std::optional<User> found, talea_users** out) {
  auto made = std::make_unique<talea_users>();
  if (found.has_value()) made->users.push_back(std::move(*found));
  *out = made.release();
}

Result<talea::NewUser> new_user_of(const talea_new_user* given) {
  const talea_new_user user = TALEA_TRY(talea::capi::read_sized(given, "new_user"));
  talea::NewUser made;
  made.name = TALEA_TRY(bytes_of(user.name, "new_user->name"));
  made.password = TALEA_TRY(bytes_of(user.password, "new_user->password"));
  made.password_hash = TALEA_TRY(bytes_of(user.password_hash, "new_user->password_hash"));
  made.metadata = TALEA_TRY(bytes_of(user.metadata, "new_user->metadata"));
  return made;
}

}  // namespace

void talea_users_free(talea_users* users) { delete users; }

size_t talea_users_count(const talea_users* users) {
  return users == nullptr ? 0 : users->users.size();
}

int talea_users_at(const talea_users* users, size_t position, talea_user* user,
                   talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{users, "users"}, {user, "user"}}));
    TALEA_TRY(talea::capi::check_position(position, users->users.size()));
    const User& at = users->users[position];
    return talea::capi::fill(user,
                             {.size = 0,
                              .id = at.id.c_str(),
                              .name = slice_of(at.name),
                              .created_ms = at.created_ms,
                              .password_changed_ms = at.password_changed_ms,
                              .last_login_ms = at.last_login_ms,
                              .locked_until_ms = at.locked_until_ms,
                              .failed_attempts = at.failed_attempts,
                              .has_metadata = at.has_metadata ? 1U : 0U},
                             "user");
  });
}

int talea_auth_create_user(talea_auth* auth, const talea_new_user* new_user, talea_users** user,
                           talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    set_if_wanted<talea_users*>(user, nullptr);
    TALEA_TRY(check_auth(auth, {{new_user, "new_user"}, {user, "user"}}));
    const talea::NewUser wanted = TALEA_TRY(new_user_of(new_user));
    return give_one(user, [&] { return auth->auth.create_user(wanted); });
  });
}

int talea_auth_user(talea_auth* auth, const char* user_id, talea_users** user,
                    talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_users*>(user, nullptr);
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}, {user, "user"}}));
    give(TALEA_TRY(auth->auth.user(user_id)), user);
    return {};
  });
}

int talea_auth_find_user(talea_auth* auth, const void* name, size_t name_bytes, talea_users** user,
                         talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_users*>(user, nullptr);
    TALEA_TRY(check_auth(auth, {{user, "user"}}));
    give(TALEA_TRY(auth->auth.find_user(TALEA_TRY(bytes_of(name, name_bytes, "name")))), user);
    return {};
  });
}

int talea_auth_list_users(talea_auth* auth, const void* after, size_t after_bytes, uint64_t limit,
                          talea_users** users, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_users*>(users, nullptr);
    TALEA_TRY(check_auth(auth, {{users, "users"}}));
    const talea::BytesView after_view = TALEA_TRY(bytes_of(after, after_bytes, "after"));
    std::vector<User> found =
        TALEA_TRY(auth->auth.list_users({.after = after_view, .limit = page_limit(limit)}));
    *users = new talea_users{std::move(found)};
    return {};
  });
}

int talea_auth_log_in(talea_auth* auth, const void* name, size_t name_bytes, const void* password,
                      size_t password_bytes, talea_users** user, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    set_if_wanted<talea_users*>(user, nullptr);
    TALEA_TRY(check_auth(auth, {{user, "user"}}));
    const talea::BytesView name_view = TALEA_TRY(bytes_of(name, name_bytes, "name"));
    const talea::BytesView password_view =
        TALEA_TRY(bytes_of(password, password_bytes, "password"));
    return give_one(user, [&] { return auth->auth.log_in(name_view, password_view); });
  });
}

int talea_auth_change_password(talea_auth* auth, const char* user_id, const void* old_password,
                               size_t old_password_bytes, const void* new_password,
                               size_t new_password_bytes, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}}));
    return auth->auth.change_password(
        user_id, TALEA_TRY(bytes_of(old_password, old_password_bytes, "old_password")),
        TALEA_TRY(bytes_of(new_password, new_password_bytes, "new_password")));
  });
}

int talea_auth_set_password(talea_auth* auth, const char* user_id, const void* new_password,
                            size_t new_password_bytes, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}}));
    return auth->auth.set_password(
        user_id, TALEA_TRY(bytes_of(new_password, new_password_bytes, "new_password")));
  });
}

int talea_auth_reset_failures(talea_auth* auth, const char* user_id, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}}));
    return auth->auth.reset_failures(user_id);
  });
}

int talea_auth_delete_user(talea_auth* auth, const char* user_id, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}}));
    return auth->auth.delete_user(user_id);
  });
}

int talea_auth_user_metadata(talea_auth* auth, const char* user_id, talea_secret** metadata,
                             talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_secret*>(metadata, nullptr);
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}, {metadata, "metadata"}}));
    return talea::capi::give_metadata(metadata, [&] { return auth->auth.user_metadata(user_id); });
  });
}

int talea_auth_set_user_metadata(talea_auth* auth, const char* user_id, const void* metadata,
                                 size_t metadata_bytes, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {{user_id, "user_id"}}));
    return auth->auth.set_user_metadata(user_id,
                                        TALEA_TRY(bytes_of(metadata, metadata_bytes, "metadata")));
  });
}
