#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_writer.h"
#include "cli/progress.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// Writes all rows; returns how many.
Result<std::uint64_t> write_rows(Home& home, bool is_engine, Output& out, Progress& progress) {
  const std::unique_ptr<HomeCursor> cursor = TALEA_TRY(home.scan({}, false));
  JsonObject object;
  std::uint64_t rows = 0;
  for (;;) {
    auto next = cursor->next();
    if (is_engine && next.status().code() == Code::exhausted)
      return too_large_for_row(cursor->key());
    if (!TALEA_TRY(std::move(next))) return rows;
    if (interrupted()) return Status::cancelled("interrupted");
    object.clear();
    object.bytes("key", cursor->key())
        .bytes("value", cursor->value())
        .expiry(TALEA_TRY(cursor->expiry_ms()));
    TALEA_TRY(out.write(object.close()));
    TALEA_TRY(out.write("\n"));
    progress.update(++rows);
  }
}

Status report(Context& context, std::uint64_t rows, std::uint64_t bytes, double seconds) {
  if (context.json()) {
    return context.print_json(JsonObject()
                                  .number("rows", rows)
                                  .number("bytes", bytes)
                                  .decimal("seconds", seconds)
                                  .close());
  }
  context.remark("exported " + std::to_string(rows) + " rows, " + human_bytes(bytes) + " in " +
                 human_seconds(seconds));
  return {};
}

}  // namespace

Result<ExitCode> run_export(Context& context, const ExportRequest& request) {
  const bool is_engine = TALEA_TRY(context.url()).scheme == StoreScheme::file;
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  catch_interruption();
  Progress progress("export", ProgressUnit::rows, home->key_count(),
                    context.shows_progress() && !context.out().is_terminal());
  if (request.file == "-") {
    (void)TALEA_TRY(write_rows(*home, is_engine, context.out(), progress));
    return ExitCode::ok;
  }
  const std::unique_ptr<OutputFile> file = TALEA_TRY(OutputFile::create(request.file));
  const std::uint64_t rows = TALEA_TRY(write_rows(*home, is_engine, file->output(), progress));
  TALEA_TRY(file->commit());
  TALEA_TRY(report(context, rows, file->output().bytes(), progress.seconds()));
  return ExitCode::ok;
}

}  // namespace talea::cli
