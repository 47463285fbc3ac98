#include <chrono>

#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

Result<ExitCode> run_rotate_key(Context& context, const RotateKeyRequest& request) {
  const bool has_master = request.new_master.is_given();
  if (!has_master && !request.data) {
    return Status::invalid_argument(
        "say which key is to be another: --new-key-file or --new-key-env for the master key, "
        "--data "
        "for the data key");
  }
  Engine engine = TALEA_TRY(context.open_for_upkeep());
  if (request.data) (void)TALEA_TRY(engine.rotate_data_key());
  // After an error above, or here, the store opens with the key that it was opened with. After one
  // below it does not, and the error says so.
  if (has_master) TALEA_TRY(engine.rotate_master_key(request.new_master));
  Status rest = request.data ? engine.compact() : Status();
  const Stats stats = engine.stats();
  Status closed = engine.close();
  if (rest.ok()) rest = std::move(closed);
  if (has_master) rest = std::move(rest).with_context("the master key is the new one by now");
  TALEA_TRY(std::move(rest));
  if (context.json()) {
    TALEA_TRY(context.print_json(JsonObject()
                                     .boolean("master_key", has_master)
                                     .number("data_key", stats.data_key)
                                     .number("data_keys", stats.data_keys)
                                     .number("old_key_bytes", stats.old_key_bytes)
                                     .close()));
    return ExitCode::ok;
  }
  if (context.settings().quiet) return ExitCode::ok;
  TALEA_TRY(context.out().write(table({
      {"master key", has_master ? "the new one from now on" : "as it was"},
      {"data key of new files", std::to_string(stats.data_key)},
      {"data keys", std::to_string(stats.data_keys)},
      {"bytes under older data keys", human_bytes(stats.old_key_bytes)},
  })));
  return ExitCode::ok;
}

}  // namespace talea::cli
