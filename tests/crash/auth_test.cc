// The power fails during every call of a life of users and keys. What is left is whole: a user with
// its name, its list of keys and the keys in it, or nothing of them; and what was acknowledged is
// there.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "auth/records.h"
#include "auth/token.h"
#include "tests/support/auth_world.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

// What was acknowledged, and whether the last call may have happened.
struct Life {
  std::map<std::string, std::string> passwords;  // by name
  std::set<std::string> tokens;
  std::set<std::string> revoked;
  std::set<std::string> uncertain;  // names and tokens that the failed call was about
};

Result<Auth> open_auth(CrashWorld& world, EngineStore& store, PlainHasher::Counts& counts) {
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(counts);
  options.sealer = make_sealer(master_key(1), {}, *world.random);
  return Auth::open(store, std::move(options), {*world.clock, *world.random});
}

// Creates, changes and deletes, until a call fails.
Status live(Auth& auth, Life& life) {
  for (int i = 0; i < 4; ++i) {
    const std::string name = "user" + std::to_string(i);
    life.uncertain = {name};
    const User user =
        TALEA_TRY(auth.create_user({.name = name, .password = "first", .metadata = name}));
    life.passwords[name] = "first";
    std::string token;
    for (int k = 0; k < 2; ++k) {
      life.uncertain.clear();  // a token that nobody was told is nobody's
      token = TALEA_TRY(auth.issue_api_key({.owner = user.id, .metadata = name})).token;
      life.tokens.insert(token);
    }
    life.uncertain = {name};
    TALEA_TRY(auth.change_password(user.id, "first", "second"));
    life.passwords[name] = "second";
    life.uncertain = {token};
    TALEA_TRY(auth.revoke_api_key("key-" + token.substr(6, 32)));
    life.tokens.erase(token);
    life.revoked.insert(token);
    if (i % 2 == 0) continue;
    life.uncertain = {name};
    std::set<std::string> theirs;
    for (const std::string& of_anyone : life.tokens) {
      if (auth.check_api_key(of_anyone)->owner == user.id) theirs.insert(of_anyone);
    }
    life.uncertain.insert(theirs.begin(), theirs.end());
    TALEA_TRY(auth.delete_user(user.id));
    life.passwords.erase(name);
    for (const std::string& of_theirs : theirs) {
      life.tokens.erase(of_theirs);
      life.revoked.insert(of_theirs);
    }
  }
  life.uncertain.clear();
  return auth.flush();
}

// Every record belongs to others that are there.
void expect_whole(EngineStore& store) {
  std::map<char, std::set<Bytes>> ids;  // by kind, the ids in the keys
  std::set<Bytes> of_names;
  std::set<Bytes> listed;
  std::set<Bytes> owned;
  Scan scan = *store.scan(kAuthSpace, {});
  while (*scan.next()) {
    const char kind = scan.key().front();
    ids[kind].insert(Bytes(scan.key().substr(1)));
    const BytesView value = *scan.value();
    if (kind == 'n') of_names.insert(Bytes(decode_name(scan.key(), value)->user.view()));
    if (kind == 'o') {
      const KeyListRecord list = *decode_key_list(scan.key(), value);
      for (const AuthId& id : list.keys) listed.insert(Bytes(id.view()));
    }
    if (kind == 'k') {
      const ApiKeyRecord key = *decode_api_key(scan.key(), value);
      owned.insert(Bytes(key.id.view()));
      EXPECT_TRUE(ids['u'].contains(Bytes(key.owner.view())) ||
                  *store.get(kAuthSpace, key_of(AuthKind::user, key.owner)));
    }
  }
  EXPECT_EQ(of_names, ids['u']) << "a user and its name";
  EXPECT_EQ(listed, owned) << "keys and lists of keys";
  for (const Bytes& id : ids['o']) EXPECT_TRUE(ids['u'].contains(id));
  for (const Bytes& id : ids['t']) EXPECT_TRUE(ids['k'].contains(id));
  for (const Bytes& id : ids['l']) EXPECT_TRUE(ids['u'].contains(id));
}

void expect_what_was_acknowledged(Auth& auth, const Life& life) {
  for (const auto& [name, password] : life.passwords) {
    if (life.uncertain.contains(name)) continue;
    const auto user = auth.log_in(name, password);
    ASSERT_TRUE(user.ok()) << name << ": " << user.status().to_string();
    EXPECT_EQ(*auth.user_metadata(user->id), name);
  }
  for (const std::string& token : life.tokens) {
    if (life.uncertain.contains(token)) continue;
    EXPECT_TRUE(auth.check_api_key(token).ok());
  }
  for (const std::string& token : life.revoked) {
    EXPECT_EQ(auth.check_api_key(token).status().code(), Code::unauthenticated);
  }
  // And it goes on: the names that were being made are free, or taken by whole users.
  const auto again = auth.create_user({.name = "afterwards", .password = "p"});
  EXPECT_TRUE(again.ok()) << again.status().to_string();
}

TEST(AuthCrash, APowerCutDuringEveryCallLeavesWholeUsersAndAllThatWasAcknowledged) {
  const std::uint64_t seed = test_seed();
  std::uint64_t calls = 0;
  for (std::uint64_t call = 0; call == 0 || call <= calls; ++call) {
    SCOPED_TRACE("call=" + std::to_string(call));
    PlainHasher::Counts counts;
    CrashWorld world;
    Life life;
    {
      const auto store = *world.open({});
      const std::uint64_t before = world.disk->counted_calls();
      Auth auth = *open_auth(world, *store, counts);
      if (call > 0) world.disk->fail_at(call, CrashFileSystem::Fault::crash);
      const Status lived = live(auth, life);
      ASSERT_EQ(lived.ok(), call == 0) << lived.to_string();
      if (call == 0) calls = world.disk->counted_calls() - before;
    }
    world.disk->power_cut(seed + call);
    world.disk->clear_faults();
    auto store = world.open({});
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    expect_whole(**store);
    Auth auth = *open_auth(world, **store, counts);
    expect_what_was_acknowledged(auth, life);
    if (HasFailure()) return;
  }
  std::printf("%lu power cuts\n", static_cast<unsigned long>(calls));
  EXPECT_GE(calls, 30U);
}

}  // namespace
}  // namespace talea
