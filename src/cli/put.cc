#include "cli/json_reader.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// What VALUE means: a file to read, or the value itself.
struct ValueArgument {
  std::optional<std::string> file;
  std::string literal;
};

ValueArgument value_argument(const std::string& text) {
  if (text == "-") return {.file = "-", .literal = {}};
  if (text.starts_with("@@")) return {.file = {}, .literal = text.substr(1)};
  if (text.starts_with("@")) return {.file = text.substr(1), .literal = {}};
  return {.file = {}, .literal = text};
}

}  // namespace

Result<Bytes> KeyArgument::bytes() const {
  if (!is_base64) return Bytes(text);
  return decode_base64(text, "the key '" + text + "'");
}

Result<ExitCode> run_put(Context& context, const PutRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const Expiry expiry = TALEA_TRY(request.expiry.expiry()).value_or(Expiry::never());
  const ValueArgument value = value_argument(request.value);
  std::optional<Descriptor> source;
  if (value.file) source.emplace(TALEA_TRY(Descriptor::open_for_reading(*value.file)));

  Engine engine = TALEA_TRY(context.open_for_writing());
  Batch batch;
  if (request.if_absent) batch.require_absent(key);
  if (request.if_revision) batch.require_revision(key, *request.if_revision);
  if (source) {
    batch.put(key, TALEA_TRY(store_stream(engine, *source)), expiry);
  } else {
    batch.put(key, value.literal, expiry);
  }
  const Sequence sequence = TALEA_TRY(engine.commit(batch));
  TALEA_TRY(engine.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject().number("sequence", sequence).close()));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
