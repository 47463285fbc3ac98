#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

Result<ExitCode> run_expire(Context& context, const ExpireRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const std::optional<Expiry> expiry = TALEA_TRY(request.expiry.expiry());
  if (!expiry) {
    return Status::invalid_argument(
        "say when the key is to expire: --ttl DURATION as in 30s, --expires-at TIME as in "
        "2026-12-24T18:00:00Z, or --never");
  }
  Engine engine = TALEA_TRY(context.open_existing_for_writing());
  Batch batch;
  batch.require_present(key).set_expiry(key, *expiry);
  FailedPrecondition failed;
  const Result<Sequence> sequence = engine.commit(batch, &failed);
  if (sequence.status().code() == Code::conflict && !failed.found) {
    TALEA_TRY(engine.close());
    return context.fail(ExitCode::not_found,
                        Status::not_found("there is no key '" + printable(key) + "'"));
  }
  TALEA_TRY(Status(sequence.status()));
  TALEA_TRY(engine.close());
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject().number("sequence", *sequence).close()));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
