#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

Result<BytesView> value_of(const Change& change) {
  if (change.value_bytes > kInlineValueBytesMax) return too_large_for_row(change.key);
  return change.value;
}

// Nothing where the key was absent.
Result<std::optional<Bytes>> old_value_of(const ChangeReader& changes) {
  Result<std::optional<Versioned>> old = changes.old_value();
  if (old.status().code() == Code::exhausted) return too_large_for_row(changes.change().key);
  std::optional<Versioned> versioned = TALEA_TRY(std::move(old));
  if (!versioned) return std::optional<Bytes>();
  return std::optional<Bytes>(std::move(versioned->value));
}

Result<std::string> change_json(const ChangeReader& changes, bool old_values) {
  const Change& change = changes.change();
  JsonObject object;
  object.number("sequence", change.sequence)
      .number("time_ms", change.time_ms)
      .text("op", change.is_remove ? "remove" : "put")
      .bytes("key", change.key);
  if (!change.is_remove) {
    object.bytes("value", TALEA_TRY(value_of(change))).expiry(change.expiry_ms);
  }
  if (old_values) {
    const std::optional<Bytes> old = TALEA_TRY(old_value_of(changes));
    if (old) {
      object.bytes("old_value", *old);
    } else {
      object.null("old_value");
    }
  }
  return std::move(object.close());
}

Result<std::string> change_text(const Change& change) {
  std::string text = std::to_string(change.sequence) + "\t" +
                     (change.is_remove ? "remove" : "put") + "\t" + printable(change.key);
  if (!change.is_remove) text += "\t" + printable(TALEA_TRY(value_of(change)));
  return text + "\n";
}

// --- Of a home that goes through its revisions: a ledger

std::string entry_json(const HomeCursor& entries) {
  const HomeEntry& entry = entries.entry();
  return std::move(JsonObject()
                       .number("sequence", entry.revision)
                       .number("time_ms", entries.time_ms())
                       .text("op", "put")
                       .bytes("key", entry.key)
                       .bytes("value", entry.value)
                       .close());
}

std::string entry_text(const HomeEntry& entry) {
  return std::to_string(entry.revision) + "\tput\t" + printable(entry.key) + "\t" +
         printable(entry.value) + "\n";
}

Status not_kept(std::uint64_t first, std::uint64_t next) {
  return Status::not_found("entries " + std::to_string(first) + " to " + std::to_string(next - 1) +
                           " are not in the log any more; --after " + std::to_string(next - 1) +
                           " begins behind them");
}

Result<ExitCode> print_entries(Context& context, const ChangesRequest& request) {
  const Bytes prefix = TALEA_TRY(request.prefix.bytes());
  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  TALEA_TRY(require(abilities.keeps_history, abilities.refusals.keeps_history));
  TALEA_TRY(require(!request.old_values, "--old-values is for a store in a directory"));
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  const std::unique_ptr<HomeCursor> entries =
      TALEA_TRY(home->revisions(std::nullopt, request.after));
  std::uint64_t left = request.limit == 0 ? UINT64_MAX : request.limit;
  std::uint64_t expected = request.after ? *request.after + 1 : 0;
  while (left > 0 && TALEA_TRY(entries->next())) {
    const HomeEntry& entry = entries->entry();
    if (entry.revision > expected) return not_kept(expected, entry.revision);
    expected = entry.revision + 1;
    if (!entry.key.starts_with(prefix)) continue;
    TALEA_TRY(context.json() ? context.print_json(entry_json(*entries))
                             : context.out().write(entry_text(entry)));
    --left;
  }
  return ExitCode::ok;
}

}  // namespace

Result<ExitCode> run_changes(Context& context, const ChangesRequest& request) {
  if (request.old_values && !context.json()) {
    return Status::invalid_argument("--old-values goes with -o json: a line of text has no room");
  }
  if (TALEA_TRY(context.url()).scheme != StoreScheme::file) return print_entries(context, request);
  Engine engine = TALEA_TRY(context.open_for_reading());
  ChangeReader changes =
      TALEA_TRY(engine.changes(request.after.value_or(0), TALEA_TRY(request.prefix.bytes())));
  for (std::uint64_t count = 0; request.limit == 0 || count < request.limit; ++count) {
    Result<bool> next = changes.next();
    if (const auto lost = changes.lost(); !next.ok() && lost) {
      context.remark("batches " + std::to_string(lost->first) + " to " +
                     std::to_string(lost->last) + " are not in the log any more");
      next = changes.next();
    }
    if (!TALEA_TRY(std::move(next))) break;
    if (context.json()) {
      TALEA_TRY(context.print_json(TALEA_TRY(change_json(changes, request.old_values))));
    } else {
      TALEA_TRY(context.out().write(TALEA_TRY(change_text(changes.change()))));
    }
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
