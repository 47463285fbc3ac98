#include "cli/duration_text.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// So that a key with very many revisions is listed in little memory.
constexpr std::uint64_t kRevisionsAtOnce = 1000;

std::string json_of(const Revision& revision) {
  JsonObject object;
  object.number("sequence", revision.sequence)
      .number("time_ms", revision.time_ms)
      .text("op", revision.is_remove ? "remove" : "put");
  if (!revision.is_remove) {
    object.number("value_bytes", revision.value_bytes).expiry(revision.expiry_ms);
  }
  return std::move(object.close());
}

std::string text_of(const Revision& revision) {
  std::string text = std::to_string(revision.sequence) + "\t" + moment_text(revision.time_ms) +
                     "\t" + (revision.is_remove ? "remove" : "put");
  if (!revision.is_remove) text += "\t" + std::to_string(revision.value_bytes) + " bytes";
  return text + "\n";
}

}  // namespace

Result<ExitCode> run_history(Context& context, const HistoryRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  Engine engine = TALEA_TRY(context.open_for_reading());
  RevisionRange range{.before = request.before, .limit = kRevisionsAtOnce};
  std::uint64_t left = request.limit == 0 ? UINT64_MAX : request.limit;
  bool any_printed = false;
  while (left > 0) {
    range.limit = std::min(left, kRevisionsAtOnce);
    const std::vector<Revision> revisions = TALEA_TRY(engine.history(key, range));
    for (const Revision& revision : revisions) {
      if (context.json()) {
        TALEA_TRY(context.print_json(json_of(revision)));
      } else {
        TALEA_TRY(context.out().write(text_of(revision)));
      }
      any_printed = true;
    }
    if (revisions.size() < range.limit) break;
    left -= revisions.size();
    range.before = revisions.back().sequence;
  }
  if (any_printed || request.before != 0) return ExitCode::ok;
  return context.fail(
      ExitCode::not_found, Status::not_found("no revision of '" + printable(key) + "' is kept"),
      "keep them from now on: talea -s " + context.settings().store + " --retain all compact");
}

}  // namespace talea::cli
