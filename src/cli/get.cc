#include "cli/home_words.h"
#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_writer.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// Where the value goes. A file is made when it is known that there is a value, so that it is left
// alone when there is no such key.
class Destination {
 public:
  Destination(Output& standard, const std::string& file) : standard_(standard), path_(file) {}

  Result<Output*> output() {
    if (path_.empty()) return &standard_;
    if (file_ == nullptr) file_ = TALEA_TRY(OutputFile::create(path_));
    return &file_->output();
  }
  Status write(BytesView bytes) { return TALEA_TRY(output())->write(bytes); }
  Status commit() { return file_ == nullptr ? Status() : file_->commit(); }

 private:
  Output& standard_;
  const std::string& path_;
  std::unique_ptr<OutputFile> file_;
};

// Whether there is such a key; then its value was written.
Result<bool> copy_value(Home& home, const Bytes& key, const std::optional<At>& at,
                        Destination& destination) {
  const bool found = TALEA_TRY(home.read(key, at, [&](BytesView piece) -> Status {
    TALEA_TRY(destination.write(piece));
    return interrupted() ? Status::cancelled("interrupted") : Status();
  }));
  if (!found) return false;
  // So that a prompt does not follow the value; a program gets the value alone.
  Output& out = *TALEA_TRY(destination.output());
  if (out.is_terminal()) TALEA_TRY(out.write("\n"));
  return true;
}

Result<bool> print_json(Home& home, bool is_engine, const Bytes& key, const std::optional<At>& at,
                        Destination& destination) {
  const Result<std::optional<HomeEntry>> found = home.get(key, at);
  if (is_engine && found.status().code() == Code::exhausted) return too_large_for_row(key);
  if (!found.ok()) return found.status();
  if (!*found) return false;
  const HomeEntry& entry = **found;
  JsonObject object;
  object.bytes("key", key).bytes("value", entry.value);
  add_revision(object, home.abilities(), entry.revision, entry.expiry_ms);
  TALEA_TRY(destination.write(object.close()));
  TALEA_TRY(destination.write("\n"));
  return true;
}

}  // namespace

Result<ExitCode> run_get(Context& context, const GetRequest& request) {
  const Bytes key = TALEA_TRY(request.key.bytes());
  const std::optional<At> at = TALEA_TRY(request.at.at());
  const HomeAbilities abilities = TALEA_TRY(context.abilities());
  TALEA_TRY(require(abilities.keeps_history || !at, abilities.refusals.keeps_history));
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  if (!request.out.empty()) catch_interruption();
  Destination destination(context.out(), request.out);
  const bool is_engine = TALEA_TRY(context.url()).scheme == StoreScheme::file;
  const bool found = TALEA_TRY(context.json() ? print_json(*home, is_engine, key, at, destination)
                                              : copy_value(*home, key, at, destination));
  if (!found) {
    return context.fail(ExitCode::not_found,
                        Status::not_found("there is no key '" + printable(key) + "'"),
                        "list the keys: " + context.command("scan --keys-only --limit 20"));
  }
  TALEA_TRY(destination.commit());
  return ExitCode::ok;
}

}  // namespace talea::cli
