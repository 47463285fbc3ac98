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

}  // namespace

Result<ExitCode> run_changes(Context& context, const ChangesRequest& request) {
  if (request.old_values && !context.json()) {
    return Status::invalid_argument("--old-values goes with -o json: a line of text has no room");
  }
  Engine engine = TALEA_TRY(context.open_for_reading());
  ChangeReader changes =
      TALEA_TRY(engine.changes(request.after, TALEA_TRY(request.prefix.bytes())));
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
