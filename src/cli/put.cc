#include "cli/home_words.h"
#include "cli/json_reader.h"
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

  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  const HomeCondition condition{.absent = request.if_absent, .revision = request.if_revision};
  TALEA_TRY(
      require(abilities.has_conditions || condition.is_none(), abilities.refusals.has_conditions));
  TALEA_TRY(require(abilities.expires || expiry.kind() == Expiry::Kind::never,
                    abilities.refusals.expires));
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_writing());
  const auto pieces = [&](char* out, std::size_t bytes) { return source->read(out, bytes); };
  const std::uint64_t revision =
      TALEA_TRY(source ? home->put_pieces(key, pieces, condition, expiry)
                       : home->put(key, value.literal, condition, expiry));
  TALEA_TRY(publish(*home));
  TALEA_TRY(home->close());
  if (context.json()) TALEA_TRY(context.print_json(sequence_json(abilities, revision)));
  return ExitCode::ok;
}

}  // namespace talea::cli
