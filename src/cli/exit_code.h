// The exit codes of `talea`, on which scripts act. docs/reference/cli.md lists them.
#pragma once

#include "talea/status.h"

namespace talea::cli {

enum class ExitCode : int {
  ok = 0,
  /// The key is absent, or a precondition failed: an answer, not an accident.
  not_found = 1,
  /// The command can never work as it was given.
  usage = 2,
  /// Bytes of the store are damaged.
  corrupt = 3,
  other = 4,
  // As a shell reports a program that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
  interrupted = 130,
  reader_gone = 141,
};

/// A missing file or store is `other`: it must not look like a missing key.
inline ExitCode exit_code_of(const Status& status) {
  switch (status.code()) {
    case Code::ok: return ExitCode::ok;
    case Code::conflict: return ExitCode::not_found;
    case Code::invalid_argument: return ExitCode::usage;
    case Code::corruption: return ExitCode::corrupt;
    default: return ExitCode::other;
  }
}

}  // namespace talea::cli
