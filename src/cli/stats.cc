#include <chrono>

#include "cli/home_words.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/stats_report.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

std::string stats_json(const Stats& stats, const RecoveryReport& recovery, double seconds) {
  JsonObject recovered;
  recovered.number("batches_replayed", recovery.batches_replayed)
      .number("torn_tail_bytes", recovery.bytes_dropped);
  if (recovery.bytes_dropped > 0) {
    recovered.bytes("torn_tail_file", recovery.dropped_from_file)
        .number("torn_tail_offset", recovery.dropped_from_offset);
  }
  JsonObject json;
  add_sizes(json, stats);
  return json.decimal("open_seconds", seconds)
      .json("recovery", recovered.close())
      .json("since_open", activity_json(stats))
      .close();
}

std::string stats_table(const Stats& stats, const RecoveryReport& recovery, double seconds) {
  TableRows rows = size_rows(stats);
  rows.push_back({"batches replayed at open", std::to_string(recovery.batches_replayed)});
  rows.push_back({"opened in", human_seconds(seconds)});
  if (recovery.bytes_dropped > 0) {
    rows.push_back({"torn tail", human_bytes(recovery.bytes_dropped)});
    rows.push_back({"torn tail begins at", recovery.dropped_from_file + " " +
                                               std::to_string(recovery.dropped_from_offset)});
  }
  const TableRows activity = activity_rows(stats);
  rows.insert(rows.end(), activity.begin(), activity.end());
  return table(rows);
}

Result<ExitCode> print_facts(Context& context) {
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  const std::vector<HomeFact> facts = TALEA_TRY(home->facts());
  if (context.json()) {
    TALEA_TRY(context.print_json(facts_json(facts)));
  } else {
    TALEA_TRY(context.out().write(facts_table(facts)));
  }
  return ExitCode::ok;
}

}  // namespace

Result<ExitCode> run_stats(Context& context) {
  if (TALEA_TRY(context.url()).scheme != StoreScheme::file) return print_facts(context);
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
