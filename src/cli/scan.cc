#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

Result<BytesView> value_of(Scan& scan) {
  auto value = scan.value();
  if (value.status().code() == Code::exhausted) return too_large_for_row(scan.key());
  return value;
}

Result<std::string> json_row(Scan& scan, bool keys_only) {
  JsonObject object;
  object.bytes("key", scan.key());
  if (!keys_only) {
    object.bytes("value", TALEA_TRY(value_of(scan)))
        .number("revision", TALEA_TRY(scan.revision()))
        .expiry(TALEA_TRY(scan.expiry_ms()));
  }
  return std::move(object.close());
}

Status print_text_row(Output& out, Scan& scan, bool keys_only, bool escape) {
  TALEA_TRY(out.write(escape ? printable(scan.key()) : Bytes(scan.key())));
  if (!keys_only) {
    TALEA_TRY(out.write("\t"));
    const BytesView value = TALEA_TRY(value_of(scan));
    TALEA_TRY(escape ? out.write(printable(value)) : out.write(value));
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
  Engine engine = TALEA_TRY(context.open_for_reading());
  const std::optional<At> at = TALEA_TRY(request.at.at());
  Scan scan = TALEA_TRY(at ? engine.scan(range, *at) : engine.scan(range));
  const bool escape = context.out().is_terminal();
  while (TALEA_TRY(scan.next())) {
    if (context.json()) {
      TALEA_TRY(context.print_json(TALEA_TRY(json_row(scan, request.keys_only))));
    } else {
      TALEA_TRY(print_text_row(context.out(), scan, request.keys_only, escape));
    }
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
