#include "cli/duration_text.h"
#include "cli/home_words.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

Result<std::chrono::milliseconds> GraceArgument::duration() const {
  if (!text) return std::chrono::milliseconds(std::chrono::hours(24));
  if (*text == "0") return std::chrono::milliseconds(0);
  const Result<std::chrono::milliseconds> read = parse_duration(*text);
  if (read.ok()) return read;
  return Status::invalid_argument("--grace: '" + *text + "' is neither 0 nor a time, as 2h or 7d");
}

Result<ExitCode> run_gc(Context& context, const GcRequest& request) {
  const StoreUrl url = TALEA_TRY(context.url());
  if (url.scheme != StoreScheme::bucket_files) {
    return Status::invalid_argument(
        "gc removes data files that nothing refers to any more, of bucket files; " +
        std::string(kind_of_store(url.scheme)) +
        (url.scheme == StoreScheme::file ? " gives its space back by `compact`" : " has none"));
  }
  const std::chrono::milliseconds grace = TALEA_TRY(request.grace.duration());
  BucketDb db = TALEA_TRY(context.open_bucket_files(false));
  const auto collected = db.gc(grace);
  TALEA_TRY(as_contention(collected.status()));
  const BucketCollection& collection = *collected;
  close_or_remark(context, db);
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject()
                                     .number("files_collected", collection.files_collected)
                                     .number("files_left", collection.files_left)
                                     .close()));
  } else if (!context.settings().quiet) {
    TALEA_TRY(context.out().write("removed " + std::to_string(collection.files_collected) +
                                  " data files, left " + std::to_string(collection.files_left) +
                                  " that are not old enough\n"));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
