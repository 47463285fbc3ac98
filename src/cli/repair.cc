#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/progress.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

std::string report_json(const RepairReport& report) {
  JsonArray keys;
  for (const Bytes& key : report.lost_keys) keys.add(JsonObject().bytes("key", key).close());
  JsonArray batches;
  for (const LostChanges& lost : report.lost_batches) {
    batches.add(JsonObject().number("first", lost.first).number("last", lost.last).close());
  }
  return JsonObject()
      .number("problems_found", report.found.findings.size())
      .number("keys_kept", report.keys_kept)
      .number("keys_lost", report.keys_lost)
      .json("lost_keys", keys.close())
      .json("lost_batches", batches.close())
      .boolean("by_search", report.is_by_search)
      .boolean("history_lost", report.is_history_lost)
      .close();
}

std::string report_text(const RepairReport& report) {
  std::string text;
  for (const Bytes& key : report.lost_keys) text += "lost key " + printable(key) + "\n";
  for (const LostChanges& lost : report.lost_batches) {
    text +=
        "lost batches " + std::to_string(lost.first) + " to " + std::to_string(lost.last) + "\n";
  }
  return text;
}

std::string summary(const RepairReport& report) {
  std::string text = "kept " + std::to_string(report.keys_kept) + " keys, lost " +
                     std::to_string(report.keys_lost) + "\n";
  if (report.is_by_search) {
    text +=
        "the index was damaged, so all files were searched: keys that were removed may be there "
        "again, and others may have older values\n";
  } else if (!report.lost_batches.empty()) {
    text += "keys that the lost batches changed are as they were before them\n";
  }
  if (report.is_history_lost) {
    text += "past revisions are not taken over: the new store keeps the newest alone\n";
  }
  return text;
}

}  // namespace

Result<ExitCode> run_repair(Context& context, const RepairRequest& request) {
  const std::string directory = TALEA_TRY(context.directory());
  RepairReport report;
  {
    Progress progress("repair", ProgressUnit::bytes, std::nullopt, context.shows_progress());
    report = TALEA_TRY(repair_store(directory, TALEA_TRY(store_directory(request.new_store)),
                                    context.settings().engine,
                                    [&](std::uint64_t done, std::uint64_t total) {
                                      progress.set_total(total);
                                      progress.update(done);
                                    }));
  }
  if (context.json()) {
    TALEA_TRY(context.print_json(report_json(report)));
  } else {
    TALEA_TRY(context.out().write(report_text(report)));
    if (!context.settings().quiet) TALEA_TRY(context.out().write(summary(report)));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
