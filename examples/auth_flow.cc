// Users, logins, API keys and sealed metadata, beside your own keys in one store.
//
//     auth_flow DIRECTORY
#include <talea/auth.h>
#include <talea/engine.h>

#include <iostream>
#include <string>

namespace {

talea::Status log_in(talea::Auth& auth, std::string_view name, std::string_view password) {
  const talea::Result<talea::User> user = auth.log_in(name, password);
  std::cout << name << ": " << (user.ok() ? "welcome" : talea::code_name(user.status().code()))
            << "\n";
  return {};
}

talea::Status users(talea::Auth& auth) {
  const talea::User alice = TALEA_TRY(auth.create_user(
      {.name = "Alice", .password = "correct horse", .metadata = "alice@example.org"}));
  std::cout << "a second alice: "
            << auth.create_user({.name = "ALICE", .password = "x"}).status().message() << "\n";
  TALEA_TRY(log_in(auth, "alice", "correct horse"));
  TALEA_TRY(log_in(auth, "alice", "wrong horse"));
  TALEA_TRY(log_in(auth, "nobody", "wrong horse"));  // the same answer, and it takes as long
  TALEA_TRY(auth.change_password(alice.id, "correct horse", "battery staple"));
  TALEA_TRY(log_in(auth, "alice", "battery staple"));
  std::cout << "sealed: " << TALEA_TRY(auth.user_metadata(alice.id)) << "\n";
  return {};
}

talea::Status api_keys(talea::Auth& auth) {
  const talea::User alice = TALEA_TRY(auth.find_user("alice")).value();
  const talea::IssuedApiKey issued = TALEA_TRY(
      auth.issue_api_key({.owner = alice.id, .label = "nightly report", .scopes = {"read"}}));
  // The token goes to its owner now: the store has its hash only.
  const talea::ApiKey key = TALEA_TRY(auth.check_api_key(issued.token));
  std::cout << key.label << " may read: " << key.has_scope("read")
            << ", may write: " << key.has_scope("write") << "\n";
  TALEA_TRY(auth.revoke_api_key(key.id));
  std::cout << "revoked: " << talea::code_name(auth.check_api_key(issued.token).status().code())
            << "\n";
  return {};
}

talea::Status run(const std::string& directory) {
  talea::Engine engine = TALEA_TRY(talea::Engine::open(directory));
  // Of a random source, and kept where the store is not.
  const talea::MasterKey master_key = {1, 2, 3};
  {
    talea::AuthOptions options;
    options.sealer = talea::make_sealer(master_key);
    talea::Auth auth = TALEA_TRY(talea::Auth::open(engine, std::move(options)));
    TALEA_TRY(users(auth));
    TALEA_TRY(api_keys(auth));
    TALEA_TRY(auth.flush());
  }
  return engine.close();
}

}  // namespace

int main(int argc, char** argv) {
  const talea::Status status = run(argc > 1 ? argv[1] : "./data");
  if (!status.ok()) std::cerr << status.to_string() << "\n";
  return status.ok() ? 0 : 1;
}

// Prints:
//
//     a second alice: there is a user "ALICE" already
//     alice: welcome
//     alice: unauthenticated
//     nobody: unauthenticated
//     alice: welcome
//     sealed: alice@example.org
//     nightly report may read: 1, may write: 0
//     revoked: unauthenticated
