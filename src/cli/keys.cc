// keys issue, list and revoke: API keys for what is built on the store.
#include "base/clock.h"
#include "cli/auth_records.h"
#include "cli/duration_text.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "talea/auth.h"

namespace talea::cli {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

void add_key(JsonObject& object, const ApiKey& key) {
  JsonArray scopes;
  for (const std::string& scope : key.scopes) {
    std::string text;
    append_json_string(text, scope);
    scopes.add(text);
  }
  object.text("id", key.id)
      .text("owner", key.owner)
      .text("label", key.label)
      .json("scopes", scopes.close())
      .number("created_ms", key.created_ms)
      .number("expires_ms", key.expires_ms)
      .number("last_used_ms", key.last_used_ms);
}

Result<std::uint64_t> moment_of(const ExpiryArgument& argument) {
  const std::optional<Expiry> expiry = TALEA_TRY(argument.expiry());
  if (!expiry) return std::uint64_t{0};
  if (expiry->kind() == Expiry::Kind::at) return expiry->ms();
  return SystemClock().wall_ms() + expiry->ms();
}

Status print_issued(Context& context, const IssuedApiKey& issued) {
  if (!context.json()) {
    // The token alone, so that a script can take it; the id is what revokes it.
    context.remark("key " + issued.key.id + "; the token is shown this once");
    return context.out().write(issued.token + "\n");
  }
  JsonObject object;
  add_key(object, issued.key);
  return context.print_json(object.text("token", issued.token).close());
}

// Calls `visit` for every key, or for those of one user.
template <typename Visit>
Status for_each_key(Auth& auth, const std::optional<User>& owner, Visit&& visit) {
  if (owner) {
    for (const ApiKey& key : TALEA_TRY(auth.list_api_keys_of(owner->id))) TALEA_TRY(visit(key));
    return {};
  }
  std::string after;
  while (true) {
    const std::vector<ApiKey> keys = TALEA_TRY(auth.list_api_keys({.after = after}));
    if (keys.empty()) return {};
    for (const ApiKey& key : keys) TALEA_TRY(visit(key));
    after = keys.back().id;
  }
}

}  // namespace

Result<ExitCode> run_keys_issue(Context& context, const KeysIssueRequest& request) {
  const std::uint64_t expires_ms = TALEA_TRY(moment_of(request.expiry));
  Engine engine = TALEA_TRY(context.open_for_writing());
  std::optional<IssuedApiKey> issued;
  {
    Auth auth = TALEA_TRY(Auth::open(engine));
    std::optional<User> owner;
    if (!request.owner.empty()) {
      owner = TALEA_TRY(find_user(auth, request.owner));
      if (!owner) return no_such_user(context, request.owner);
    }
    issued = TALEA_TRY(auth.issue_api_key({.owner = owner ? owner->id : std::string_view(),
                                           .label = request.label,
                                           .scopes = request.scopes,
                                           .expires_ms = expires_ms}));
    // A key whose token nobody has seen must not stay.
    Status shown = print_issued(context, *issued);
    if (shown.ok()) shown = context.out().flush();
    if (!shown.ok()) {
      TALEA_TRY(auth.revoke_api_key(issued->key.id));
      return std::move(shown).with_context("show the token; the key was revoked");
    }
  }
  TALEA_TRY(engine.close());
  return ExitCode::ok;
}

Result<ExitCode> run_keys_list(Context& context, const KeysListRequest& request) {
  Engine engine = TALEA_TRY(context.open_for_reading());
  Auth auth = TALEA_TRY(Auth::open(engine));
  std::optional<User> owner;
  if (!request.owner.empty()) {
    owner = TALEA_TRY(find_user(auth, request.owner));
    if (!owner) return no_such_user(context, request.owner);
  }
  std::vector<std::vector<std::string>> rows = {
      {"id", "label", "scopes", "created", "last used", "expires"}};
  TALEA_TRY(for_each_key(auth, owner, [&](const ApiKey& key) -> Status {
    if (context.json()) {
      JsonObject object;
      add_key(object, key);
      return context.print_json(object.close());
    }
    rows.push_back({key.id, printable(key.label), printable(joined(key.scopes)),
                    moment_or_never(key.created_ms), moment_or_never(key.last_used_ms),
                    moment_or_never(key.expires_ms)});
    return {};
  }));
  if (rows.size() > 1) TALEA_TRY(context.out().write(table(rows)));
  if (rows.size() == 1 && !context.json()) context.remark("there are no keys");
  return ExitCode::ok;
}

Result<ExitCode> run_keys_revoke(Context& context, const KeysRevokeRequest& request) {
  Engine engine = TALEA_TRY(context.open_existing_for_writing());
  const Status revoked = [&]() -> Status {
    Auth auth = TALEA_TRY(Auth::open(engine));
    return auth.revoke_api_key(request.id);
  }();
  if (!revoked.ok() && revoked.code() != Code::not_found) return revoked;
  TALEA_TRY(engine.close());
  if (revoked.ok()) return ExitCode::ok;
  return context.fail(ExitCode::not_found, revoked, context.command("keys list"));
}

}  // namespace talea::cli
