// Ctrl-C during long work: the work stops at its next safe place, and cleans up.
#pragma once

namespace talea::cli {

/// From now on SIGINT and SIGTERM are remembered instead of ending the process; a second one
/// ends it.
void catch_interruption();
/// Whether one came.
bool interrupted();
/// The exit code of a program that was stopped by what came: 128 + the number of the signal.
int interruption_exit_code();

}  // namespace talea::cli
