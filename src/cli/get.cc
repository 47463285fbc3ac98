#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

Status copy_value(ValueReader& reader, Output& out) {
  for (;;) {
    const BytesView piece = TALEA_TRY(reader.read());
    if (piece.empty()) return {};
    TALEA_TRY(out.write(piece));
    if (interrupted()) return Status::cancelled("interrupted");
  }
}

Result<std::string> json_of(Engine& engine, const Bytes& key) {
  const std::optional<Versioned> found = TALEA_TRY(engine.get_versioned(key));
  if (!found) return Status::not_found("the key vanished while it was read");
  JsonObject object;
  object.bytes("key", key).bytes("value", found->value).number("revision", found->revision);
  return std::move(object.close());
}

Status print_value(Context& context, Engine& engine, const Bytes& key, ValueReader& reader,
                   Output& out) {
  if (context.json()) {
    if (reader.bytes() > kValueBytesMax) return too_large_for_row(key);
    TALEA_TRY(out.write(TALEA_TRY(json_of(engine, key))));
    return out.write("\n");
  }
  TALEA_TRY(copy_value(reader, out));
  // So that a prompt does not follow the value; a program gets the value alone.
  if (out.is_terminal()) TALEA_TRY(out.write("\n"));
  return {};
}

}  // namespace

Result<ExitCode> run_get(Context& context, const GetRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  Engine engine = TALEA_TRY(context.open_for_reading());
  std::optional<ValueReader> reader = TALEA_TRY(engine.read_value(key));
  if (!reader) {
    return context.fail(
        ExitCode::not_found, Status::not_found("there is no key '" + printable(key) + "'"),
        "list the keys: talea -s " + context.settings().store + " scan --keys-only --limit 20");
  }
  if (request.out.empty()) {
    TALEA_TRY(print_value(context, engine, key, *reader, context.out()));
    return ExitCode::ok;
  }
  catch_interruption();
  const std::unique_ptr<OutputFile> file = TALEA_TRY(OutputFile::create(request.out));
  TALEA_TRY(print_value(context, engine, key, *reader, file->output()));
  TALEA_TRY(file->commit());
  return ExitCode::ok;
}

}  // namespace talea::cli
