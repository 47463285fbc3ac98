#include "cli/home_words.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

Result<std::string> json_row(HomeCursor& row, const HomeAbilities& abilities, bool keys_only) {
  JsonObject object;
  object.bytes("key", row.key());
  if (!keys_only) {
    object.bytes("value", row.value());
    add_revision(object, abilities, TALEA_TRY(row.revision()), TALEA_TRY(row.expiry_ms()));
  }
  return std::move(object.close());
}

Status print_text_row(Output& out, const HomeCursor& row, bool keys_only, bool escape) {
  TALEA_TRY(escape ? out.write(printable(row.key())) : out.write(row.key()));
  if (!keys_only) {
    TALEA_TRY(out.write("\t"));
    TALEA_TRY(escape ? out.write(printable(row.value())) : out.write(row.value()));
  }
  return out.write("\n");
}

}  // namespace

Result<ExitCode> run_scan(Context& context, const ScanRequest& request) {
  const ScanRange range{.prefix = TALEA_TRY(request.prefix.bytes()),
                        .start = TALEA_TRY(request.start.bytes()),
                        .end = TALEA_TRY(request.end.bytes()),
                        .reverse = request.reverse,
                        .limit = request.limit};
  const std::optional<At> at = TALEA_TRY(request.at.at());
  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  TALEA_TRY(require(abilities.keeps_history || !at, abilities.refusals.keeps_history));
  const bool is_engine = TALEA_TRY(context.url()).scheme == StoreScheme::file;
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  const std::unique_ptr<HomeCursor> rows = TALEA_TRY(home->scan(range, request.keys_only, at));
  const bool escape = context.out().is_terminal();
  for (;;) {
    auto next = rows->next();
    if (is_engine && next.status().code() == Code::exhausted) return too_large_for_row(rows->key());
    if (!TALEA_TRY(std::move(next))) return ExitCode::ok;
    if (context.json()) {
      TALEA_TRY(context.print_json(TALEA_TRY(json_row(*rows, abilities, request.keys_only))));
    } else {
      TALEA_TRY(print_text_row(context.out(), *rows, request.keys_only, escape));
    }
  }
}

}  // namespace talea::cli
