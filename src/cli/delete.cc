#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

Result<ExitCode> run_delete(Context& context, const DeleteRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  Engine engine = TALEA_TRY(context.open_for_writing());
  Batch batch;
  if (request.must_exist) batch.require_present(key);
  if (request.if_revision) batch.require_revision(key, *request.if_revision);
  batch.remove(key);
  FailedPrecondition failed;
  const Result<Sequence> sequence = engine.commit(batch, &failed);
  if (!sequence.ok() && sequence.status().code() == Code::conflict && !failed.found) {
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
