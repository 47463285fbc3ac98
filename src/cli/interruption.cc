#include "cli/interruption.h"

#include <csignal>

namespace talea::cli {

namespace {

// Written by a signal handler, which can reach nothing but a global.
volatile std::sig_atomic_t signal_that_came = 0;

void remember(int signal) { signal_that_came = signal; }

}  // namespace

void catch_interruption() {
  struct sigaction action {};
  action.sa_handler = remember;
  // Without SA_RESTART, so that a read of a terminal or a pipe returns.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signal_that_came != 0; }

int interruption_exit_code() { return 128 + signal_that_came; }

}  // namespace talea::cli
