// What the words of a command line ask for.
#pragma once

#include <functional>
#include <string>

#include "cli/context.h"

namespace talea::cli {

/// Exactly one of the three is asked for: a verb, a text (help, version), or, when `error` is not
/// ok, nothing that can be done.
struct Command {
  Settings settings;
  std::function<Result<ExitCode>(Context&)> verb;
  std::string text;
  Status error;
  std::string next;  // what to do about the error
};

Command parse_command_line(int argc, const char* const* argv);

}  // namespace talea::cli
