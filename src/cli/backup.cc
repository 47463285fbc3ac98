// backup, backups and restore: a store somewhere else, and back.
#include "cli/backup_target.h"
#include "cli/duration_text.h"
#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_writer.h"
#include "cli/progress.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

std::string backup_json(const BackupInfo& info) {
  if (!info.problem.empty()) {
    return JsonObject()
        .number("last_sequence", info.last_sequence)
        .text("problem", info.problem)
        .close();
  }
  return JsonObject()
      .number("last_sequence", info.last_sequence)
      .number("first_sequence", info.first_sequence)
      .number("time_ms", info.time_ms)
      .number("files", info.files)
      .number("bytes", info.bytes)
      .close();
}

// Draws the progress of a call that reports bytes.
class ByteProgress {
 public:
  ByteProgress(const char* label, const Context& context)
      : progress_(label, ProgressUnit::bytes, std::nullopt, context.shows_progress()) {}
  BackupProgress watcher() {
    return [this](std::uint64_t done, std::uint64_t total) {
      progress_.set_total(total);
      progress_.update(done);
    };
  }

 private:
  Progress progress_;
};

// Ends a write when an interruption came: the object is as it was then, and nothing of it stays,
// where a process that ends at once would leave the parts of an upload.
class InterruptibleTarget final : public BackupTarget {
 public:
  explicit InterruptibleTarget(BackupTarget& target) : target_(target) { catch_interruption(); }
  Result<std::vector<std::string>> list() override { return target_.list(); }
  Status write(const std::string& name, const StateSource& source) override {
    return target_.write(name, [&](char* out, std::size_t wanted) -> Result<std::size_t> {
      if (interrupted()) {
        return Status::cancelled("the backup was interrupted; those before it are as they were");
      }
      return source(out, wanted);
    });
  }
  Status read(const std::string& name, const StateSink& sink) override {
    return target_.read(name, sink);
  }
  Status remove(const std::string& name) override { return target_.remove(name); }

 private:
  BackupTarget& target_;
};

}  // namespace

Result<ExitCode> run_backup(Context& context, const BackupRequest& request) {
  // Before there is a directory for backups of what has none.
  TALEA_TRY(context.directory());
  const std::unique_ptr<BackupTarget> place =
      TALEA_TRY(open_backup_target(context, request.target));
  InterruptibleTarget target(*place);
  Engine engine = TALEA_TRY(context.open_for_upkeep());
  BackupInfo made;
  {
    ByteProgress progress("backup", context);
    made = TALEA_TRY(engine.backup(target, progress.watcher()));
  }
  TALEA_TRY(engine.close());
  if (context.json()) {
    JsonObject object;
    object.number("last_sequence", made.last_sequence)
        .number("first_sequence", made.first_sequence)
        .number("files", made.files)
        .number("bytes", made.bytes)
        .number("files_copied", made.files_copied)
        .number("bytes_copied", made.bytes_copied);
    TALEA_TRY(context.print_json(object.close()));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write(
        table({{"last sequence", std::to_string(made.last_sequence)},
               {"restores from", std::to_string(made.first_sequence)},
               {"in the backup",
                human_bytes(made.bytes) + " in " + std::to_string(made.files) + " files"},
               {"copied now", human_bytes(made.bytes_copied) + " in " +
                                  std::to_string(made.files_copied) + " files"}})));
  }
  return ExitCode::ok;
}

Result<ExitCode> run_backups(Context& context, const BackupsRequest& request) {
  const std::unique_ptr<BackupTarget> target =
      TALEA_TRY(open_backup_target(context, request.target));
  if (request.keep) {
    const std::uint64_t removed = TALEA_TRY(prune_backups(*target, *request.keep));
    context.remark("removed " + std::to_string(removed) + " objects that only older backups need");
  }
  if (request.verify) {
    ByteProgress progress("verify", context);
    TALEA_TRY(verify_backups(*target, progress.watcher()));
  }
  const std::vector<BackupInfo> backups = TALEA_TRY(list_backups(*target));
  if (context.json()) {
    JsonArray list;
    for (const BackupInfo& info : backups) list.add(backup_json(info));
    TALEA_TRY(context.print_json(
        JsonObject().json("backups", list.close()).boolean("verified", request.verify).close()));
    return ExitCode::ok;
  }
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"made", "restores from", "to", "bytes", "files"});
  for (const BackupInfo& info : backups) {
    if (!info.problem.empty()) {
      rows.push_back({"damaged", "-", std::to_string(info.last_sequence), "-", "-"});
      continue;
    }
    rows.push_back({moment_text(info.time_ms), std::to_string(info.first_sequence),
                    std::to_string(info.last_sequence), human_bytes(info.bytes),
                    std::to_string(info.files)});
  }
  TALEA_TRY(context.out().write(table(rows)));
  if (request.verify) context.remark("every file is as it was");
  return ExitCode::ok;
}

Result<ExitCode> run_restore(Context& context, const RestoreRequest& request) {
  const std::string directory = TALEA_TRY(context.directory());
  const std::unique_ptr<BackupTarget> target =
      TALEA_TRY(open_backup_target(context, request.target));
  BackupInfo restored;
  {
    ByteProgress progress("restore", context);
    restored = TALEA_TRY(
        restore_backup(*target, directory,
                       {.at_sequence = request.at.value_or(0), .progress = progress.watcher()}));
  }
  if (context.json()) {
    TALEA_TRY(context.print_json(backup_json(restored)));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write("restored sequence " + std::to_string(restored.last_sequence) +
                                  ", " + human_bytes(restored.bytes) + " in " +
                                  std::to_string(restored.files) + " files\n"));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
