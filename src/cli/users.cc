// users add, list, passwd, unlock and delete: who may log in to what is built on the store.
#include "cli/auth_records.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/password_source.h"
#include "cli/verbs.h"
#include "talea/auth.h"

namespace talea::cli {

namespace {

std::string user_json(const User& user) {
  JsonObject object;
  object.text("id", user.id)
      .text("name", user.name)
      .number("created_ms", user.created_ms)
      .number("password_changed_ms", user.password_changed_ms)
      .number("last_login_ms", user.last_login_ms)
      .number("failed_attempts", user.failed_attempts)
      .number("locked_until_ms", user.locked_until_ms);
  return std::move(object.close());
}

// Does `change` to the user whom the command names.
template <typename Change>
Result<ExitCode> change_user(Context& context, const std::string& name, Change&& change) {
  Engine engine = TALEA_TRY(context.open_existing_for_writing());
  {
    Auth auth = TALEA_TRY(Auth::open(engine));
    const std::optional<User> user = TALEA_TRY(find_user(auth, name));
    if (!user) return no_such_user(context, name);
    TALEA_TRY(change(auth, *user));
  }
  TALEA_TRY(engine.close());
  return ExitCode::ok;
}

}  // namespace

Result<ExitCode> run_users_add(Context& context, const UserRequest& request) {
  const std::string password = TALEA_TRY(read_password(request.password_file));
  Engine engine = TALEA_TRY(context.open_for_writing());
  const Result<User> user = [&]() -> Result<User> {
    Auth auth = TALEA_TRY(Auth::open(engine));
    return auth.create_user({.name = request.name, .password = password});
  }();
  if (user.status().code() == Code::conflict) {
    TALEA_TRY(engine.close());
    return context.fail(ExitCode::not_found, user.status(), context.command("users list"));
  }
  TALEA_TRY(Status(user.status()));
  TALEA_TRY(engine.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(user_json(*user)));
  } else {
    TALEA_TRY(context.out().write(user->id + "\n"));
  }
  return ExitCode::ok;
}

Result<ExitCode> run_users_list(Context& context) {
  Engine engine = TALEA_TRY(context.open_for_reading());
  Auth auth = TALEA_TRY(Auth::open(engine));
  std::vector<std::vector<std::string>> rows = {
      {"name", "id", "created", "last login", "locked until"}};
  std::string after;
  while (true) {
    const std::vector<User> users = TALEA_TRY(auth.list_users({.after = after}));
    if (users.empty()) break;
    for (const User& user : users) {
      if (context.json()) {
        TALEA_TRY(context.print_json(user_json(user)));
      } else {
        rows.push_back({printable(user.name), user.id, moment_or_never(user.created_ms),
                        moment_or_never(user.last_login_ms),
                        moment_or_never(user.locked_until_ms)});
      }
    }
    after = users.back().name;
  }
  if (rows.size() > 1) TALEA_TRY(context.out().write(table(rows)));
  if (rows.size() == 1 && !context.json()) context.remark("there are no users");
  return ExitCode::ok;
}

Result<ExitCode> run_users_passwd(Context& context, const UserRequest& request) {
  const std::string password = TALEA_TRY(read_password(request.password_file));
  return change_user(context, request.name, [&](Auth& auth, const User& user) {
    return auth.set_password(user.id, password);
  });
}

Result<ExitCode> run_users_unlock(Context& context, const UserRequest& request) {
  return change_user(context, request.name,
                     [](Auth& auth, const User& user) { return auth.reset_failures(user.id); });
}

Result<ExitCode> run_users_delete(Context& context, const UserRequest& request) {
  return change_user(context, request.name,
                     [](Auth& auth, const User& user) { return auth.delete_user(user.id); });
}

}  // namespace talea::cli
