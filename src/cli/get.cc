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

std::string json_of(const Bytes& key, const Versioned& found) {
  JsonObject object;
  object.bytes("key", key)
      .bytes("value", found.value)
      .number("revision", found.revision)
      .expiry(found.expiry_ms);
  return std::move(object.close());
}

// What there is of a key, read once: it may expire between two reads.
struct Answer {
  std::string json;  // with -o json, else the value in pieces
  std::optional<ValueReader> value;
};

Result<std::optional<Answer>> answer_of(const Context& context, Engine& engine, const Bytes& key,
                                        const std::optional<At>& at) {
  std::optional<Answer> answer;
  if (!context.json()) {
    std::optional<ValueReader> reader =
        TALEA_TRY(at ? engine.read_value(key, *at) : engine.read_value(key));
    if (reader) answer.emplace().value = std::move(reader);
    return answer;
  }
  const Result<std::optional<Versioned>> found =
      at ? engine.get(key, *at) : engine.get_versioned(key);
  if (found.status().code() == Code::exhausted) return too_large_for_row(key);
  if (!found.ok()) return found.status();
  if (*found) answer.emplace().json = json_of(key, **found);
  return answer;
}

Status print(Answer& answer, Output& out) {
  if (!answer.value) {
    TALEA_TRY(out.write(answer.json));
    return out.write("\n");
  }
  TALEA_TRY(copy_value(*answer.value, out));
  // So that a prompt does not follow the value; a program gets the value alone.
  if (out.is_terminal()) TALEA_TRY(out.write("\n"));
  return {};
}

}  // namespace

Result<ExitCode> run_get(Context& context, const GetRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const std::optional<At> at = TALEA_TRY(request.at.at());
  Engine engine = TALEA_TRY(context.open_for_reading());
  std::optional<Answer> answer = TALEA_TRY(answer_of(context, engine, key, at));
  if (!answer) {
    return context.fail(
        ExitCode::not_found, Status::not_found("there is no key '" + printable(key) + "'"),
        "list the keys: talea -s " + context.settings().store + " scan --keys-only --limit 20");
  }
  if (request.out.empty()) {
    TALEA_TRY(print(*answer, context.out()));
    return ExitCode::ok;
  }
  catch_interruption();
  const std::unique_ptr<OutputFile> file = TALEA_TRY(OutputFile::create(request.out));
  TALEA_TRY(print(*answer, file->output()));
  TALEA_TRY(file->commit());
  return ExitCode::ok;
}

}  // namespace talea::cli
