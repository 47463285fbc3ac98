#include "cli/run.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "cli/command_line.h"
#include "cli/interruption.h"
#include "io/map_guard.h"

namespace talea::cli {

namespace {

Result<ExitCode> execute(const Command& command, Context& context) {
  if (!command.text.empty()) {
    TALEA_TRY(context.out().write(command.text));
    return ExitCode::ok;
  }
  return command.verb(context);
}

int report(const Context& context, const Output& out, const Status& status) {
  // Like any filter whose reader had enough: no word about it.
  if (out.reader_gone()) return static_cast<int>(ExitCode::reader_gone);
  const ExitCode code = exit_code_of(status);
  const int reported =
      static_cast<int>(context.fail(code, status, next_step(status, context.settings().store)));
  return status.code() == Code::cancelled && interrupted() ? interruption_exit_code() : reported;
}

}  // namespace

int run(int argc, const char* const* argv) {
  // A reader that goes away is then an error of write(), and the store is closed in good order.
  std::signal(SIGPIPE, SIG_IGN);
  // A disk that fails below a memory map is then an error of the read. Without it all else works.
  (void)MapGuard::install().ok();
  const Command command = parse_command_line(argc, argv);
  Output out(STDOUT_FILENO, "the standard output");
  Context context(command.settings, out);
  if (!command.error.ok()) {
    return static_cast<int>(context.fail(ExitCode::usage, command.error, command.next));
  }
  const Result<ExitCode> ended = execute(command, context);
  const Status flushed = out.flush();
  context.report_cost();
  if (!ended.ok()) return report(context, out, ended.status());
  if (!flushed.ok()) return report(context, out, flushed);
  return static_cast<int>(*ended);
}

}  // namespace talea::cli
