// What `users` and `keys` share: finding a user by what people call him, and how times are shown.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"
#include "talea/auth.h"

namespace talea::cli {

/// The user of this name, or of this id; nothing if there is none.
/// Errors: invalid_argument   it is the id of one user, and another one took it for a name
Result<std::optional<User>> find_user(Auth& auth, const std::string& name_or_id);
/// Says that there is none.
ExitCode no_such_user(const Context& context, const std::string& name);
/// "-" for 0.
std::string moment_or_never(std::uint64_t unix_ms);

}  // namespace talea::cli
