#include "cli/duration_text.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// So that a key with very many revisions is listed in little memory.
constexpr std::uint64_t kRevisionsAtOnce = 1000;

std::string json_of(const HomeRevision& revision) {
  JsonObject object;
  object.number("sequence", revision.revision)
      .number("time_ms", revision.time_ms)
      .text("op", revision.is_remove ? "remove" : "put");
  if (!revision.is_remove) {
    object.number("value_bytes", revision.value_bytes).expiry(revision.expiry_ms);
  }
  return std::move(object.close());
}

std::string text_of(const HomeRevision& revision) {
  std::string text = std::to_string(revision.revision) + "\t" + moment_text(revision.time_ms) +
                     "\t" + (revision.is_remove ? "remove" : "put");
  if (!revision.is_remove) text += "\t" + std::to_string(revision.value_bytes) + " bytes";
  return text + "\n";
}

}  // namespace

Result<ExitCode> run_history(Context& context, const HistoryRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  TALEA_TRY(require(abilities.keeps_history, abilities.refusals.keeps_history));
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  // To a home 0 is none: from the newest on.
  const bool is_nothing_before = request.before == std::uint64_t{0};
  RevisionRange range{.before = request.before.value_or(0), .limit = kRevisionsAtOnce};
  std::uint64_t left = request.limit == 0 ? UINT64_MAX : request.limit;
  bool any_printed = false;
  while (left > 0 && !is_nothing_before) {
    range.limit = std::min(left, kRevisionsAtOnce);
    const std::vector<HomeRevision> revisions = TALEA_TRY(home->history(key, range));
    for (const HomeRevision& revision : revisions) {
      if (context.json()) {
        TALEA_TRY(context.print_json(json_of(revision)));
      } else {
        TALEA_TRY(context.out().write(text_of(revision)));
      }
      any_printed = true;
    }
    if (revisions.size() < range.limit) break;
    left -= revisions.size();
    range.before = revisions.back().revision;
    if (range.before == 0) break;  // the first entry of a ledger
  }
  if (any_printed) return ExitCode::ok;
  // The end of what there is is no missing key.
  if (request.before && !TALEA_TRY(home->history(key, {.before = 0, .limit = 1})).empty()) {
    return ExitCode::ok;
  }
  // A ledger keeps all: that there is none means that there is no such key.
  const bool may_be_kept = abilities.removes;
  return context.fail(
      ExitCode::not_found, Status::not_found("no revision of '" + printable(key) + "' is kept"),
      may_be_kept ? "keep them from now on: " + context.command("--retain all compact")
                  : "list the keys: " + context.command("scan --keys-only --limit 20"));
}

}  // namespace talea::cli
