#include "cli/home_words.h"
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

// --- On S3, where the store itself is mended

Status takes_no_new_store(const RepairRequest& request, std::string_view kind) {
  if (request.new_store.empty()) return {};
  return Status::invalid_argument(std::string(kind) +
                                  " is mended where it is: leave NEW_STORE out");
}

bool is_complete(const LedgerRepair& repair) { return repair.oldest_sequence.value_or(0) <= 0; }

Result<ExitCode> repair_ledger(Context& context) {
  Ledger ledger = TALEA_TRY(context.open_ledger());
  if (!TALEA_TRY(ledger.head())) {
    return Status::not_found("there is no ledger, or its log was deleted; the first put makes it");
  }
  // All of it: the original clients, and who deletes an object, leave gaps anywhere.
  const LedgerRepair repair = TALEA_TRY(ledger.repair({.entries_min = UINT64_MAX}));
  TALEA_TRY(ledger.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject()
                                     .number("entries_examined", repair.examined)
                                     .number("objects_written", repair.repaired)
                                     .boolean("complete", is_complete(repair))
                                     .close()));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write("looked at " + std::to_string(repair.examined) +
                                  " entries, wrote " + std::to_string(repair.repaired) +
                                  " objects of keys\n"));
  }
  if (is_complete(repair)) return ExitCode::ok;
  TALEA_TRY(context.out().flush());
  const std::string stopped = "stopped at entry " + std::to_string(*repair.oldest_sequence) + ": ";
  if (repair.has_more) {
    return context.fail(ExitCode::other,
                        Status::exhausted(stopped + "more objects lack than one repair writes"),
                        "go on: " + context.command("repair"));
  }
  // What is behind it no repair can read.
  context.remark(stopped + "those before it have expired, or are damaged, which `verify` tells");
  return ExitCode::ok;
}

std::string rebuild_json(const BucketRebuild& rebuild, bool was_needed) {
  JsonArray damage;
  for (const BucketDamage& one : rebuild.damage) {
    damage.add(JsonObject()
                   .text("file", one.file)
                   .number("offset", one.offset)
                   .number("bytes", one.bytes)
                   .close());
  }
  return JsonObject()
      .boolean("index_rebuilt", was_needed)
      .number("files", rebuild.files)
      .number("entries", rebuild.entries)
      .number("keys_kept", rebuild.keys)
      .json("damage", damage.close())
      .close();
}

std::string rebuild_text(const BucketRebuild& rebuild) {
  std::string text;
  for (const BucketDamage& one : rebuild.damage) {
    text += one.file + " " + std::to_string(one.offset) + " " + std::to_string(one.bytes) +
            " bytes are no entry\n";
  }
  return text;
}

std::string rebuild_summary(const BucketRebuild& rebuild, bool was_needed) {
  if (!was_needed) return "the index is there and can be read: nothing to mend\n";
  return "made the index anew: " + std::to_string(rebuild.keys) + " keys of " +
         std::to_string(rebuild.entries) + " entries in " + std::to_string(rebuild.files) +
         " data files\n";
}

Result<ExitCode> repair_bucket_files(Context& context) {
  BucketDb db = TALEA_TRY(context.open_bucket_files(false, true));
  const bool is_needed = db.status().needs_recovery;
  BucketRebuild rebuild;
  rebuild.keys = db.status().keys;
  if (is_needed) {
    rebuild = TALEA_TRY(db.rebuild_index());
    TALEA_TRY(as_contention(db.upload({.force = true}).status()));
  }
  close_or_remark(context, db);
  if (context.json()) {
    TALEA_TRY(context.print_json(rebuild_json(rebuild, is_needed)));
  } else {
    TALEA_TRY(context.out().write(rebuild_text(rebuild)));
    if (!context.settings().quiet) {
      TALEA_TRY(context.out().write(rebuild_summary(rebuild, is_needed)));
    }
  }
  if (rebuild.damage.empty()) return ExitCode::ok;
  TALEA_TRY(context.out().flush());
  return context.fail(
      ExitCode::corrupt,
      Status::corruption(
          "made the index anew without entries that are damaged: keys may have older "
          "values, and keys that were removed may be there again"),
      "compare with a copy, where there is one; a bucket with versioning has older versions");
}

}  // namespace

Result<ExitCode> run_repair(Context& context, const RepairRequest& request) {
  const StoreScheme scheme = TALEA_TRY(context.url()).scheme;
  if (is_on_s3(scheme)) {
    TALEA_TRY(takes_no_new_store(request, kind_of_store(scheme)));
    return scheme == StoreScheme::ledger ? repair_ledger(context) : repair_bucket_files(context);
  }
  if (request.new_store.empty()) {
    return Status::invalid_argument(
        "name the store to make, in a directory that is absent or empty: repair NEW_STORE");
  }
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
