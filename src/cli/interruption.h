// Ctrl-C during long work: the work stops at its next safe place, and cleans up.
#pragma once

namespace talea::cli {

/// From now on SIGINT and SIGTERM are remembered instead of ending the process; a second one
/// ends it.
void catch_interruption();
/// Whether one came.
bool interrupted();
/// Waits until `descriptor` has something to read, or its end; false when an interruption came
/// first, also one that came before the call. Waits for nothing unless they are caught.
bool wait_for_input(int descriptor);
/// The exit code of a program that was stopped by what came: 128 + the number of the signal.
int interruption_exit_code();

}  // namespace talea::cli
