#include <chrono>

#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// Counters since open are left out: in this process they count nothing but this command.
std::string stats_json(const Stats& stats, const RecoveryReport& recovery, double seconds) {
  JsonObject recovered;
  recovered.number("batches_replayed", recovery.batches_replayed)
      .number("torn_tail_bytes", recovery.bytes_dropped);
  if (recovery.bytes_dropped > 0) {
    recovered.bytes("torn_tail_file", recovery.dropped_from_file)
        .number("torn_tail_offset", recovery.dropped_from_offset);
  }
  return JsonObject()
      .number("keys", stats.keys)
      .number("live_bytes", stats.live_bytes)
      .number("disk_bytes", stats.disk_bytes)
      .number("segments", stats.segments)
      .number("last_sequence", stats.last_sequence)
      .decimal("open_seconds", seconds)
      .json("recovery", recovered.close())
      .close();
}

std::string stats_table(const Stats& stats, const RecoveryReport& recovery, double seconds) {
  std::vector<std::vector<std::string>> rows = {
      {"keys", std::to_string(stats.keys)},
      {"live bytes", human_bytes(stats.live_bytes)},
      {"bytes on disk", human_bytes(stats.disk_bytes)},
      {"segments", std::to_string(stats.segments)},
      {"last sequence", std::to_string(stats.last_sequence)},
      {"batches replayed at open", std::to_string(recovery.batches_replayed)},
      {"opened in", human_seconds(seconds)},
  };
  if (recovery.bytes_dropped > 0) {
    rows.push_back({"torn tail", human_bytes(recovery.bytes_dropped)});
    rows.push_back({"torn tail begins at", recovery.dropped_from_file + " " +
                                               std::to_string(recovery.dropped_from_offset)});
  }
  return table(rows);
}

}  // namespace

Result<ExitCode> run_stats(Context& context) {
  const auto began = std::chrono::steady_clock::now();
  Engine engine = TALEA_TRY(context.open_for_reading());
  const std::chrono::duration<double> opened_in = std::chrono::steady_clock::now() - began;
  const Stats stats = engine.stats();
  if (context.json()) {
    TALEA_TRY(context.print_json(stats_json(stats, engine.recovery(), opened_in.count())));
  } else {
    TALEA_TRY(context.out().write(stats_table(stats, engine.recovery(), opened_in.count())));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
