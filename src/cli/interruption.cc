#include "cli/interruption.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace talea::cli {

namespace {

// Written by a signal handler, which can reach nothing but a global.
volatile std::sig_atomic_t signal_that_came = 0;

// Readable once a signal came, whichever thread took it; -1 while none is caught.
int came = -1;

void remember(int signal) {
  signal_that_came = signal;
  const int error = errno;
  const std::uint64_t one = 1;
  (void)!::write(came, &one, sizeof one);
  errno = error;
}

}  // namespace

void catch_interruption() {
  if (came < 0) came = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = remember;
  // Without SA_RESTART, so that a read of a terminal or a pipe returns.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signal_that_came != 0; }

// To ask and then to read would forget a signal that comes in between, and wait for ever.
bool wait_for_input(int descriptor) {
  if (came < 0) return !interrupted();
  std::array<pollfd, 2> wanted{{{.fd = descriptor, .events = POLLIN, .revents = 0},
                                {.fd = came, .events = POLLIN, .revents = 0}}};
  // Any other failure is the read's to tell.
  while (!interrupted() && ::poll(wanted.data(), wanted.size(), -1) < 0 && errno == EINTR) {
  }
  return !interrupted();
}

int interruption_exit_code() { return 128 + signal_that_came; }

}  // namespace talea::cli
