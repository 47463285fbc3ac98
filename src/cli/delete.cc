#include "cli/home_words.h"
#include "cli/human_text.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// One that is too large to be got is there.
bool is_absent(Home& home, const Bytes& key) {
  const auto got = home.get(key);
  return got.ok() && !*got;
}

}  // namespace

Result<ExitCode> run_delete(Context& context, const DeleteRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  TALEA_TRY(require(abilities.removes, abilities.refusals.removes));
  TALEA_TRY(
      require(abilities.has_conditions || !request.if_revision, abilities.refusals.has_conditions));
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_writing());
  const Result<std::uint64_t> revision =
      home->remove(key, {.revision = request.if_revision, .present = request.must_exist});
  if (revision.status().code() == Code::conflict && is_absent(*home, key)) {
    TALEA_TRY(home->close());
    return context.fail(ExitCode::not_found,
                        Status::not_found("there is no key '" + printable(key) + "'"));
  }
  TALEA_TRY(Status(revision.status()));
  TALEA_TRY(publish(*home));
  TALEA_TRY(home->close());
  if (context.json()) TALEA_TRY(context.print_json(sequence_json(abilities, *revision)));
  return ExitCode::ok;
}

}  // namespace talea::cli
