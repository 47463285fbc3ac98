#include <chrono>

#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

Result<ExitCode> run_checkpoint(Context& context) {
  Engine engine = TALEA_TRY(context.open_for_upkeep());
  const std::uint64_t batches_replayed = engine.recovery().batches_replayed;
  const auto began = std::chrono::steady_clock::now();
  TALEA_TRY(engine.checkpoint());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const Stats stats = engine.stats();
  TALEA_TRY(engine.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject()
                                     .number("checkpoints", stats.checkpoints)
                                     .number("batches_replayed", batches_replayed)
                                     .number("run_bytes_written", stats.run_bytes_written)
                                     .number("last_sequence", stats.last_sequence)
                                     .decimal("seconds", took.count())
                                     .close()));
    return ExitCode::ok;
  }
  if (context.settings().quiet) return ExitCode::ok;
  if (stats.checkpoints == 0) {
    TALEA_TRY(context.out().write("nothing changed since the last checkpoint\n"));
    return ExitCode::ok;
  }
  TALEA_TRY(context.out().write(table({
      {"batches that opening need not replay again", std::to_string(batches_replayed)},
      {"written to runs", human_bytes(stats.run_bytes_written)},
      {"last sequence", std::to_string(stats.last_sequence)},
      {"took", human_seconds(took.count())},
  })));
  return ExitCode::ok;
}

}  // namespace talea::cli
