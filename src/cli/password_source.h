// Where a password comes from: never from an argument, which other users of the machine could read.
#pragma once

#include <string>

#include "cli/context.h"

namespace talea::cli {

/// The first line of `file`; without one, or for "-", of the standard input. On a terminal it asks,
/// twice and without showing what is typed. A line may end in CR LF: the password is what is
/// before. Errors: invalid_argument   no line, or the two differ
///         cancelled          Ctrl-C
Result<std::string> read_password(const std::string& file);

}  // namespace talea::cli
