// Row A3: API keys.
#include "auth/api_keys.h"

#include <gtest/gtest.h>

#include <cstring>

#include "auth/token.h"
#include "tests/support/auth_world.h"

namespace talea {
namespace {

TEST(ApiKeys, AreIssuedCheckedAndListed) {
  AuthWorld world;
  const std::string owner = world.add_user("alice");
  const std::uint64_t now = world.clock().wall_ms();
  const auto issued = world.auth().issue_api_key(
      {.owner = owner, .label = "laptop", .scopes = {"read", "write"}, .expires_ms = now + 1000});
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued->token, "talea_" + issued->key.id.substr(4) + issued->token.substr(38));
  const auto checked = world.auth().check_api_key(issued->token);
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->id, issued->key.id);
  EXPECT_EQ(checked->owner, owner);
  EXPECT_EQ(checked->label, "laptop");
  EXPECT_EQ(checked->scopes, (std::vector<std::string>{"read", "write"}));
  EXPECT_TRUE(checked->has_scope("read"));
  EXPECT_FALSE(checked->has_scope("rea"));
  EXPECT_EQ(checked->created_ms, now);
  EXPECT_EQ(checked->expires_ms, now + 1000);

  const std::string nobodys = world.auth().issue_api_key({})->key.id;
  EXPECT_EQ(world.auth().list_api_keys()->size(), 2U);
  EXPECT_EQ(world.auth().list_api_keys_of(owner)->size(), 1U);
  EXPECT_EQ((*world.auth().list_api_keys_of(owner))[0].id, issued->key.id);
  EXPECT_EQ((*world.auth().api_key(nobodys))->owner, "");
  EXPECT_EQ(*world.auth().api_key("key-" + std::string(32, 'a')), std::nullopt);
  EXPECT_EQ(*world.auth().api_key("nonsense"), std::nullopt);
  const auto first = (*world.auth().list_api_keys({.limit = 1}))[0].id;
  const auto second = (*world.auth().list_api_keys({.after = first, .limit = 1}))[0].id;
  EXPECT_LT(first, second);
  EXPECT_TRUE(world.auth().list_api_keys({.after = second})->empty());
}

TEST(ApiKeys, SurviveARestart) {
  AuthWorld world;
  const std::string owner = world.add_user("alice");
  const std::string token = world.auth().issue_api_key({.owner = owner, .label = "l"})->token;
  const std::string revoked = world.auth().issue_api_key({.owner = owner})->token;
  ASSERT_TRUE(world.auth().revoke_api_key("key-" + revoked.substr(6, 32)).ok());
  world.open();
  EXPECT_EQ(world.auth().check_api_key(token)->label, "l");
  EXPECT_EQ(world.auth().check_api_key(revoked).status().code(), Code::unauthenticated);
}

TEST(ApiKeys, OneThatIsWrongInAnyDigitIsRefused) {
  AuthWorld world;
  const std::string token = world.auth().issue_api_key({})->token;
  const auto code = [&](std::string_view text) {
    return world.auth().check_api_key(text).status().code();
  };
  ASSERT_EQ(code(token), Code::ok);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_EQ(code(changed), Code::unauthenticated) << i;
    EXPECT_EQ(code(token.substr(0, i)), Code::unauthenticated);
  }
  EXPECT_EQ(code(token + "0"), Code::unauthenticated);
  EXPECT_EQ(code(""), Code::unauthenticated);
  EXPECT_EQ(code(std::string(100'000, 'x')), Code::unauthenticated);
}

TEST(ApiKeys, TheSecretOfOneDoesNotOpenAnother) {
  AuthWorld world;
  const std::string one = world.auth().issue_api_key({})->token;
  const std::string other = world.auth().issue_api_key({})->token;
  EXPECT_EQ(world.auth().check_api_key(one.substr(0, 39) + other.substr(39)).status().code(),
            Code::unauthenticated);
}

TEST(ApiKeys, ExpireAtTheirTime) {
  AuthWorld world;
  const std::uint64_t now = world.clock().wall_ms();
  EXPECT_EQ(world.auth().issue_api_key({.expires_ms = now}).status().code(),
            Code::invalid_argument);
  const std::string token = world.auth().issue_api_key({.expires_ms = now + 10})->token;
  world.clock().advance_ms(9);
  EXPECT_TRUE(world.auth().check_api_key(token).ok());
  world.clock().advance_ms(1);
  EXPECT_EQ(world.auth().check_api_key(token).status().code(), Code::unauthenticated);
  EXPECT_EQ(world.auth().list_api_keys()->size(), 1U) << "it is listed until it is revoked";
}

TEST(ApiKeys, AreRevokedOnceAndForAll) {
  AuthWorld world;
  const std::string owner = world.add_user("alice");
  std::vector<IssuedApiKey> keys;
  keys.reserve(5);
  for (int i = 0; i < 5; ++i) keys.push_back(*world.auth().issue_api_key({.owner = owner}));
  for (const IssuedApiKey& key : keys) {
    ASSERT_TRUE(world.auth().check_api_key(key.token).ok());
    ASSERT_TRUE(world.auth().revoke_api_key(key.key.id).ok());
    EXPECT_EQ(world.auth().check_api_key(key.token).status().code(), Code::unauthenticated);
    EXPECT_EQ(world.auth().revoke_api_key(key.key.id).code(), Code::not_found);
  }
  EXPECT_TRUE(world.auth().list_api_keys_of(owner)->empty());
  ASSERT_TRUE(world.auth().flush().ok());
  Scan scan = *world.engine().scan(kAuthSpace, {});
  std::string kinds;
  while (*scan.next()) kinds += scan.key().front();
  EXPECT_EQ(kinds, "nu") << "nothing of a key is left";
}

TEST(ApiKeys, HaveLimits) {
  AuthWorld world;
  const auto code = [&](const NewApiKey& key) {
    return world.auth().issue_api_key(key).status().code();
  };
  EXPECT_EQ(code({.label = std::string(257, 'l')}), Code::invalid_argument);
  EXPECT_EQ(code({.label = "\xff"}), Code::invalid_argument);
  EXPECT_EQ(code({.scopes = {""}}), Code::invalid_argument);
  EXPECT_EQ(code({.scopes = {"\n"}}), Code::invalid_argument);
  EXPECT_EQ(code({.scopes = {std::string(129, 's')}}), Code::invalid_argument);
  EXPECT_EQ(code({.scopes = std::vector<std::string>(65, "s")}), Code::invalid_argument);
  EXPECT_EQ(code({.owner = "alice"}), Code::not_found);
  EXPECT_EQ(code({.owner = "usr-" + std::string(32, 'a')}), Code::not_found);
  EXPECT_EQ(code({.metadata = "m"}), Code::invalid_argument) << "there is no sealer";
  EXPECT_TRUE(world.auth().list_api_keys()->empty());
  const std::string label(256, 'l');
  EXPECT_EQ(code({.label = label, .scopes = std::vector<std::string>(64, std::string(128, 's'))}),
            Code::ok);
  EXPECT_EQ((*world.auth().list_api_keys())[0].scopes.size(), 64U);
  EXPECT_EQ(world.auth().list_api_keys({.limit = 0}).status().code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().list_api_keys({.after = "x"}).status().code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().list_api_keys_of("x").status().code(), Code::not_found);
  EXPECT_EQ(world.auth().revoke_api_key("x").code(), Code::not_found);
}

TEST(ApiKeys, AUserHasAThousandOfThemAndNoMore) {
  AuthWorld world;
  const std::string owner = world.add_user("alice");
  std::string last;
  for (std::uint64_t i = 0; i < kApiKeysPerUserMax; ++i) {
    const auto issued = world.auth().issue_api_key({.owner = owner});
    ASSERT_TRUE(issued.ok()) << issued.status().to_string();
    last = issued->key.id;
  }
  EXPECT_EQ(world.auth().issue_api_key({.owner = owner}).status().code(), Code::exhausted);
  EXPECT_EQ(world.auth().list_api_keys_of(owner)->size(), kApiKeysPerUserMax);
  ASSERT_TRUE(world.auth().revoke_api_key(last).ok());
  EXPECT_TRUE(world.auth().issue_api_key({.owner = owner}).ok());
  ASSERT_TRUE(world.auth().delete_user(owner).ok());
  EXPECT_TRUE(world.auth().list_api_keys()->empty());
}

TEST(ApiKeys, NoPlaintextIsOnTheDisk) {
  AuthWorld world;
  world.open(world.sealing(1));
  const auto user = world.auth().create_user(
      {.name = "alice", .password = "s3cret-password", .metadata = "hidden-marker"});
  ASSERT_TRUE(user.ok());
  const std::string token =
      world.auth().issue_api_key({.owner = user->id, .metadata = "hidden-marker"})->token;
  ASSERT_TRUE(world.auth().check_api_key(token).ok());
  Bytes secret;
  const auto parsed = parse_token(token);
  secret = parsed->secret.view();
  int rows = 0;
  Scan scan = *world.engine().scan(kAuthSpace, {});
  while (*scan.next()) {
    ++rows;
    const Bytes row = Bytes(scan.key()) + Bytes(*scan.value());
    EXPECT_EQ(row.find(token.substr(39)), Bytes::npos);
    EXPECT_EQ(row.find(secret), Bytes::npos);
    EXPECT_EQ(row.find("hidden-marker"), Bytes::npos);
  }
  EXPECT_EQ(rows, 4) << "name, user, key list, key";
}

// H22: each use of a key was a slow hash and a write.
TEST(ApiKeys, ACheckIsOneLookUpAndWritesNothing) {
  AuthWorld world;
  const auto issued = *world.auth().issue_api_key({});
  const int hashes = world.counts.hashes + world.counts.comparisons;
  const std::uint64_t commits = world.store().commits;
  const std::uint64_t gets = world.store().gets;
  for (int i = 0; i < 1000; ++i) {
    world.clock().advance_ms(59);
    ASSERT_TRUE(world.auth().check_api_key(issued.token).ok());
  }
  EXPECT_EQ(world.store().gets - gets, 1000U);
  EXPECT_EQ(world.store().commits, commits);
  EXPECT_EQ(world.counts.hashes + world.counts.comparisons, hashes);
}

TEST(LastSeen, ReachesTheDiskAfterAMinuteForAllAtOnce) {
  AuthWorld world;
  const std::string user = world.add_user("alice");
  const auto one = *world.auth().issue_api_key({});
  const auto other = *world.auth().issue_api_key({.owner = user});
  const std::uint64_t commits = world.store().commits;
  const std::uint64_t first = world.clock().wall_ms();
  ASSERT_TRUE(world.auth().check_api_key(one.token).ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  world.clock().advance_ms(59'999);
  EXPECT_EQ(world.auth().check_api_key(one.token)->last_used_ms, first);
  EXPECT_EQ(world.store().commits, commits);
  world.clock().advance_ms(1);
  ASSERT_TRUE(world.auth().check_api_key(other.token).ok());
  EXPECT_EQ(world.store().commits, commits + 1);
  const std::uint64_t now = world.clock().wall_ms();
  // As if the process had ended: what memory has is lost.
  Auth after = world.another();
  EXPECT_EQ((*after.api_key(one.key.id))->last_used_ms, now - 1);
  EXPECT_EQ((*after.api_key(other.key.id))->last_used_ms, now);
  EXPECT_EQ((*after.user(user))->last_login_ms, first);
}

TEST(LastSeen, AClockThatGoesBackDoesNotStopIt) {
  AuthWorld world;
  const auto issued = *world.auth().issue_api_key({});
  ASSERT_TRUE(world.auth().check_api_key(issued.token).ok());
  ASSERT_TRUE(world.auth().flush().ok());
  world.clock().set_wall_ms(1000);
  ASSERT_TRUE(world.auth().check_api_key(issued.token).ok());
  world.clock().advance_ms(60'000);
  ASSERT_TRUE(world.auth().check_api_key(issued.token).ok());
  world.open();
  EXPECT_EQ((*world.auth().api_key(issued.key.id))->last_used_ms, 61'000U);
}

TEST(LastSeen, AWriteThatFailsFailsNoCheckAndIsTriedAgain) {
  AuthWorld world;
  const auto issued = *world.auth().issue_api_key({});
  ASSERT_TRUE(world.auth().check_api_key(issued.token).ok());
  world.store().before_commit = [](const Batch&) { return Status::exhausted("planted"); };
  world.clock().advance_ms(60'000);
  EXPECT_TRUE(world.auth().check_api_key(issued.token).ok());
  EXPECT_EQ(world.auth().flush().code(), Code::exhausted);
  const std::uint64_t commits = world.store().commits;
  EXPECT_TRUE(world.auth().check_api_key(issued.token).ok());
  EXPECT_EQ(world.store().commits, commits) << "not at once";
  world.store().before_commit = nullptr;
  world.clock().advance_ms(60'000);
  EXPECT_TRUE(world.auth().check_api_key(issued.token).ok());
  EXPECT_EQ(world.store().commits, commits + 1);
}

TEST(LastSeen, KeepsNoMoreThanItsLimitAndWritesThemInPieces) {
  AuthWorld world;
  RecordStore records(world.store());
  LastSeen last_seen(records, world.clock());
  const auto id_of = [](std::uint64_t number) {
    AuthId id;
    std::memcpy(id.bytes.data(), &number, sizeof number);
    return id;
  };
  world.store().before_commit = [](const Batch&) { return Status::exhausted("planted"); };
  for (std::uint64_t i = 1; i <= kLastSeenWaitingMax; ++i) {
    const Bytes key = key_of(AuthKind::api_key, id_of(i));
    if (i <= 3000) {
      ASSERT_TRUE(world.engine().put(kAuthSpace, key, "there").ok());
    }
    last_seen.note(AuthKind::api_key_seen, id_of(i));
  }
  EXPECT_EQ(world.store().commits, 1U) << "full, so it is tried before its time";
  world.clock().advance_ms(1);
  last_seen.note(AuthKind::api_key_seen, id_of(kLastSeenWaitingMax + 1));
  EXPECT_EQ(last_seen.waiting_time_of(AuthKind::api_key_seen, id_of(kLastSeenWaitingMax + 1)), 0U)
      << "what is beyond the limit is lost";
  world.store().before_commit = nullptr;
  const std::uint64_t commits = world.store().commits;
  ASSERT_TRUE(last_seen.flush().ok());
  EXPECT_EQ(world.store().commits - commits, 64U) << "1024 at a time";
  for (const std::uint64_t i : {1U, 1500U, 3000U}) {
    EXPECT_EQ(last_seen.waiting_time_of(AuthKind::api_key_seen, id_of(i)), 0U);
    EXPECT_EQ(*last_seen.time_of(AuthKind::api_key_seen, id_of(i)), world.clock().wall_ms() - 1);
  }
  EXPECT_EQ(*last_seen.time_of(AuthKind::api_key_seen, id_of(3001)), 0U);
}

TEST(LastSeen, LeavesNothingOfWhoIsGone) {
  AuthWorld world;
  const auto gone = *world.auth().issue_api_key({});
  const auto kept = *world.auth().issue_api_key({});
  ASSERT_TRUE(world.auth().check_api_key(gone.token).ok());
  ASSERT_TRUE(world.auth().check_api_key(kept.token).ok());
  // Revoked between the look and the commit.
  world.store().before_next_commit = [&](const Batch&) {
    return world.auth().revoke_api_key(gone.key.id);
  };
  ASSERT_TRUE(world.auth().flush().ok());
  Scan scan = *world.engine().scan(kAuthSpace, {});
  std::string kinds;
  while (*scan.next()) kinds += scan.key().front();
  EXPECT_EQ(kinds, "kt");
}

}  // namespace
}  // namespace talea
