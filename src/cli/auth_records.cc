#include "cli/auth_records.h"

#include "cli/duration_text.h"
#include "cli/human_text.h"

namespace talea::cli {

Result<std::optional<User>> find_user(Auth& auth, const std::string& name_or_id) {
  std::optional<User> named = TALEA_TRY(auth.find_user(name_or_id));
  std::optional<User> user = TALEA_TRY(auth.user(name_or_id));
  if (named && user && named->id != user->id) {
    return Status::invalid_argument("'" + printable(name_or_id) + "' is the id of " +
                                    printable(user->name) + " and the name of " + named->id +
                                    ": say which of the two");
  }
  return user ? user : named;
}

ExitCode no_such_user(const Context& context, const std::string& name) {
  return context.fail(ExitCode::not_found,
                      Status::not_found("there is no user '" + printable(name) + "'"),
                      context.command("users list"));
}

std::string moment_or_never(std::uint64_t unix_ms) {
  return unix_ms == 0 ? "-" : moment_text(unix_ms);
}

}  // namespace talea::cli
