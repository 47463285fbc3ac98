#include <chrono>

#include "cli/home_words.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

struct Outcome {
  Stats before;
  Stats after;
  double seconds = 0;

  std::uint64_t given_back_bytes() const {
    // A store without garbage may grow: by the header of a segment.
    return before.disk_bytes > after.disk_bytes ? before.disk_bytes - after.disk_bytes : 0;
  }
};

std::string outcome_json(const Outcome& outcome) {
  return JsonObject()
      .number("given_back_bytes", outcome.given_back_bytes())
      .number("disk_bytes_before", outcome.before.disk_bytes)
      .number("disk_bytes", outcome.after.disk_bytes)
      .number("live_bytes", outcome.after.live_bytes)
      .number("segments_before", outcome.before.segments)
      .number("segments", outcome.after.segments)
      .number("compacted_bytes_written", outcome.after.compacted_bytes_written)
      .number("run_bytes_written", outcome.after.run_bytes_written)
      .number("checkpoints", outcome.after.checkpoints)
      .decimal("seconds", outcome.seconds)
      .close();
}

std::string outcome_table(const Outcome& outcome) {
  return table({
      {"given back", human_bytes(outcome.given_back_bytes())},
      {"on disk before", human_bytes(outcome.before.disk_bytes)},
      {"on disk now", human_bytes(outcome.after.disk_bytes)},
      {"live bytes", human_bytes(outcome.after.live_bytes)},
      {"copied", human_bytes(outcome.after.compacted_bytes_written)},
      {"written to runs", human_bytes(outcome.after.run_bytes_written)},
      {"took", human_seconds(outcome.seconds)},
  });
}

std::string compaction_json(const BucketCompaction& compaction) {
  return JsonObject()
      .number("keys", compaction.keys)
      .number("files_before", compaction.files_before)
      .number("files", compaction.files_after)
      .number("bytes", compaction.bytes_after)
      .number("files_collected", compaction.files_collected)
      .close();
}

std::string compaction_table(const BucketCompaction& compaction) {
  return table({
      {"keys", std::to_string(compaction.keys)},
      {"data files before", std::to_string(compaction.files_before)},
      {"data files now", std::to_string(compaction.files_after)},
      {"bytes now", human_bytes(compaction.bytes_after)},
      {"files removed", std::to_string(compaction.files_collected)},
  });
}

Result<ExitCode> compact_bucket_files(Context& context, const GraceArgument& grace) {
  const std::chrono::milliseconds grace_time = TALEA_TRY(grace.duration());
  BucketDb db = TALEA_TRY(context.open_bucket_files(false));
  const auto compacted = db.compact(grace_time);
  TALEA_TRY(as_contention(compacted.status()));
  const BucketCompaction& compaction = *compacted;
  close_or_remark(context, db);
  if (context.json()) {
    TALEA_TRY(context.print_json(compaction_json(compaction)));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write(compaction_table(compaction)));
  }
  if (compaction.collection.ok()) return ExitCode::ok;
  TALEA_TRY(context.out().flush());
  Status not_removed = compaction.collection;
  return context.fail(ExitCode::other,
                      std::move(not_removed).with_context("compacted, but the old files stay"),
                      "remove them: " + context.command("gc"));
}

}  // namespace

Result<ExitCode> run_compact(Context& context, const CompactRequest& request) {
  if (TALEA_TRY(context.url()).scheme == StoreScheme::bucket_files) {
    return compact_bucket_files(context, request.grace);
  }
  if (request.grace.text) {
    return Status::invalid_argument(
        "--grace is for bucket files; a store in a directory has readers in one process, which "
        "are waited for");
  }
  Engine engine = TALEA_TRY(context.open_for_upkeep());
  Outcome outcome;
  outcome.before = engine.stats();
  const auto began = std::chrono::steady_clock::now();
  TALEA_TRY(engine.compact());
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  outcome.after = engine.stats();
  TALEA_TRY(engine.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(outcome_json(outcome)));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write(outcome_table(outcome)));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
