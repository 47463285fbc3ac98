// Row A2: sealed metadata, and the rotation of its master key.
#include "auth/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "auth/sealer.h"
#include "auth/token.h"
#include "tests/support/auth_world.h"

namespace talea {
namespace {

constexpr std::size_t kOverhead = 100;

TEST(Sealer, OpensWhatItSealed) {
  SeededRandom random(1);
  const auto sealer = make_sealer(master_key(1), {}, random);
  for (const Bytes& metadata : {Bytes("m"), Bytes(64 * kKiB, '\0')}) {
    const Bytes sealed = *sealer->seal("record", metadata);
    EXPECT_EQ(sealed.size(), metadata.size() + kOverhead);
    EXPECT_EQ(*sealer->open("record", sealed), metadata);
    EXPECT_NE(*sealer->seal("record", metadata), sealed) << "each has a data key of its own";
  }
  EXPECT_EQ(sealer->seal("record", "").status().code(), Code::invalid_argument);
  EXPECT_EQ(sealer->seal("record", Bytes(64 * kKiB + 1, 'm')).status().code(),
            Code::invalid_argument);
}

TEST(Sealer, WithRandomnessOfItsOwnDoesTheSame) {
  const auto sealer = make_sealer(master_key(1));
  const Bytes sealed = *sealer->seal("record", "m");
  EXPECT_EQ(*sealer->open("record", sealed), "m");
  EXPECT_EQ(*sealer->rewrap("record", sealed), std::nullopt);
  EXPECT_NE(*sealer->seal("record", "m"), sealed);
}

TEST(Sealer, OpensNothingThatWasChangedOrCut) {
  SeededRandom random(1);
  const auto sealer = make_sealer(master_key(1), {}, random);
  const Bytes sealed = *sealer->seal("record", "metadata");
  const auto refuses = [&](const Bytes& changed) {
    const Code opened = sealer->open("record", changed).status().code();
    return opened == Code::corruption || opened == Code::unsupported || opened == Code::not_found;
  };
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_TRUE(refuses(changed)) << "bit " << bit;
  }
  for (std::size_t cut = 0; cut < sealed.size(); ++cut) {
    ASSERT_TRUE(refuses(sealed.substr(0, cut))) << "cut at " << cut;
  }
  EXPECT_TRUE(refuses(sealed + "x"));
  Bytes newer = sealed;
  newer[1] = 2;
  EXPECT_EQ(sealer->open("record", newer).status().code(), Code::unsupported);
}

TEST(Sealer, AnotherMasterKeyIsNamed) {
  SeededRandom random(1);
  const auto sealer = make_sealer(master_key(1), {}, random);
  const auto other = make_sealer(master_key(2), {}, random);
  const auto opened = other->open("record", *sealer->seal("record", "m"));
  EXPECT_EQ(opened.status().code(), Code::not_found);
  EXPECT_NE(opened.status().message().find("master key "), std::string_view::npos);
}

TEST(Sealer, RewrappingDoesNotTouchThePayload) {
  SeededRandom random(1);
  const auto before = make_sealer(master_key(1), {}, random);
  const auto both = make_sealer(master_key(2), std::vector<MasterKey>{master_key(1)}, random);
  const auto after = make_sealer(master_key(2), {}, random);
  const Bytes sealed = *before->seal("record", "metadata");
  EXPECT_EQ(*both->open("record", sealed), "metadata");
  const Bytes rewrapped = **both->rewrap("record", sealed);
  EXPECT_NE(rewrapped, sealed);
  EXPECT_EQ(rewrapped.substr(72), sealed.substr(72)) << "nonce, metadata and tag";
  EXPECT_EQ(*after->open("record", rewrapped), "metadata");
  EXPECT_EQ(before->open("record", rewrapped).status().code(), Code::not_found);
  EXPECT_EQ(*both->rewrap("record", rewrapped), std::nullopt);
  EXPECT_EQ(both->rewrap("other", sealed).status().code(), Code::corruption);
  EXPECT_EQ(after->rewrap("record", sealed).status().code(), Code::not_found);
}

TEST(Metadata, OfUsersAndKeysIsKeptAndReplaced) {
  AuthWorld world;
  world.open(world.sealing(1));
  const auto user =
      world.auth().create_user({.name = "alice", .password = "p", .metadata = "first"});
  ASSERT_TRUE(user.ok());
  EXPECT_TRUE(user->has_metadata);
  EXPECT_EQ(*world.auth().user_metadata(user->id), "first");
  ASSERT_TRUE(world.auth().set_user_metadata(user->id, "second").ok());
  EXPECT_EQ(*world.auth().user_metadata(user->id), "second");
  EXPECT_EQ(world.log_in("alice", "p"), Code::ok);
  ASSERT_TRUE(world.auth().set_user_metadata(user->id, "").ok());
  EXPECT_EQ(*world.auth().user_metadata(user->id), "");
  EXPECT_FALSE((*world.auth().user(user->id))->has_metadata);

  const auto issued = *world.auth().issue_api_key({.owner = user->id, .metadata = "of key"});
  EXPECT_TRUE(world.auth().check_api_key(issued.token)->has_metadata);
  EXPECT_EQ(*world.auth().api_key_metadata(issued.key.id), "of key");
  ASSERT_TRUE(world.auth().set_api_key_metadata(issued.key.id, "new").ok());
  world.open(world.sealing(1));
  EXPECT_EQ(*world.auth().api_key_metadata(issued.key.id), "new");
  EXPECT_TRUE(world.auth().check_api_key(issued.token).ok());
}

TEST(Metadata, NeedsASealerAndHasALimit) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  EXPECT_EQ(world.auth().set_user_metadata(id, "m").code(), Code::invalid_argument);
  EXPECT_EQ(*world.auth().user_metadata(id), "") << "none needs no sealer";
  EXPECT_EQ(
      world.auth().create_user({.name = "bob", .password = "p", .metadata = "m"}).status().code(),
      Code::invalid_argument);
  EXPECT_EQ(world.auth().rewrap_metadata().status().code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().rotate_master_key(nullptr).status().code(), Code::invalid_argument);
  world.open(world.sealing(1));
  const Bytes long_metadata(64 * kKiB + 1, 'm');
  EXPECT_EQ(world.auth().set_user_metadata(id, long_metadata).code(), Code::invalid_argument);
  EXPECT_TRUE(world.auth().set_user_metadata(id, long_metadata.substr(1)).ok());
  EXPECT_EQ(world.auth().user_metadata("usr-" + std::string(32, 'a')).status().code(),
            Code::not_found);
  EXPECT_EQ(world.auth().set_user_metadata("x", "m").code(), Code::not_found);
  EXPECT_EQ(world.auth().api_key_metadata("x").status().code(), Code::not_found);
  EXPECT_EQ(world.auth().set_api_key_metadata("x", "m").code(), Code::not_found);
  world.open();
  EXPECT_EQ(world.auth().user_metadata(id).status().code(), Code::invalid_argument);
}

// H19: one key for all, no associated data: who could write to the disk gave one user another's
// blob.
TEST(Metadata, OfOneRecordDoesNotOpenInAnother) {
  AuthWorld world;
  world.open(world.sealing(1));
  const auto id_of = [&](const char* name) {
    return world.auth().create_user({.name = name, .password = "p", .metadata = name})->id;
  };
  const std::string alice = id_of("alice");
  const std::string bob = id_of("bob");
  const auto key = world.auth().issue_api_key({.metadata = "key"})->key.id;
  const auto user_key = [](const std::string& id) {
    return key_of(AuthKind::user, *parse_user_id(id));
  };
  const auto read = [&](const std::string& id) {
    return *decode_user(user_key(id), (*world.engine().get(kAuthSpace, user_key(id)))->value);
  };
  UserRecord of_alice = read(alice);
  UserRecord of_bob = read(bob);
  EXPECT_NE(of_alice.sealed_metadata.substr(24, 48), of_bob.sealed_metadata.substr(24, 48))
      << "a data key for each";
  std::swap(of_alice.sealed_metadata, of_bob.sealed_metadata);
  ASSERT_TRUE(world.engine().put(kAuthSpace, user_key(alice), encode(of_alice)).ok());
  ASSERT_TRUE(world.engine().put(kAuthSpace, user_key(bob), encode(of_bob)).ok());
  EXPECT_EQ(world.auth().user_metadata(alice).status().code(), Code::corruption);
  EXPECT_EQ(world.auth().user_metadata(bob).status().code(), Code::corruption);
  // And from a user into a key.
  const Bytes api_key = key_of(AuthKind::api_key, *parse_key_id(key));
  ApiKeyRecord of_key = *decode_api_key(api_key, (*world.engine().get(kAuthSpace, api_key))->value);
  of_key.sealed_metadata = of_bob.sealed_metadata;
  ASSERT_TRUE(world.engine().put(kAuthSpace, api_key, encode(of_key)).ok());
  EXPECT_EQ(world.auth().api_key_metadata(key).status().code(), Code::corruption);
}

// H19: there was no way to another key.
TEST(Metadata, TheMasterKeyRotates) {
  AuthWorld world;
  world.open(world.sealing(1));
  std::vector<std::string> users;
  users.reserve(300);
  std::vector<std::string> keys;
  keys.reserve(5);
  for (int i = 0; i < 300; ++i) {  // several pages
    const std::string name = "user" + std::to_string(i);
    users.push_back(
        world.auth().create_user({.name = name, .password = "p", .metadata = name})->id);
  }
  for (int i = 0; i < 5; ++i) {
    keys.push_back(world.auth().issue_api_key({.metadata = "key" + std::to_string(i)})->key.id);
  }
  world.add_user("without");
  const std::uint64_t commits = world.store().commits;
  const auto rewrapped = world.auth().rotate_master_key(world.sealer(2, {master_key(1)}));
  ASSERT_TRUE(rewrapped.ok()) << rewrapped.status().to_string();
  EXPECT_EQ(*rewrapped, 305U);
  EXPECT_EQ(world.store().commits - commits, 4U) << "pages, not records";
  EXPECT_EQ(*world.auth().rewrap_metadata(), 0U);
  // The old key is of no more use, and not needed.
  world.open(world.sealing(2));
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(*world.auth().user_metadata(users[static_cast<std::size_t>(i)]),
              "user" + std::to_string(i));
  }
  EXPECT_EQ(*world.auth().api_key_metadata(keys[3]), "key3");
  world.open(world.sealing(1));
  EXPECT_EQ(world.auth().user_metadata(users[0]).status().code(), Code::not_found);
}

TEST(Metadata, IsReadUnderOldAndNewKeysDuringARotation) {
  AuthWorld world;
  world.open(world.sealing(1));
  const std::string old_id =
      world.auth().create_user({.name = "old", .password = "p", .metadata = "old"})->id;
  world.open(world.sealing(2, {master_key(1)}));
  const std::string new_id =
      world.auth().create_user({.name = "new", .password = "p", .metadata = "new"})->id;
  EXPECT_EQ(*world.auth().user_metadata(old_id), "old");
  EXPECT_EQ(*world.auth().user_metadata(new_id), "new");
  EXPECT_EQ(*world.auth().rewrap_metadata(), 1U);
}

TEST(Metadata, ARotationUndoesNoChangeThatCameBetween) {
  AuthWorld world;
  world.open(world.sealing(1));
  const auto add = [&](const char* name) {
    return world.auth().create_user({.name = name, .password = "p", .metadata = name})->id;
  };
  const std::string changed = add("changed");
  const std::string removed = add("removed");
  const std::string kept = add("kept");
  Auth other = world.another(world.sealing(2, {master_key(1)}));
  world.store().before_next_commit = [&](const Batch&) -> Status {
    TALEA_TRY(other.set_user_metadata(changed, "newer"));
    TALEA_TRY(other.set_password(kept, "new"));
    return other.delete_user(removed);
  };
  const auto rewrapped = world.auth().rotate_master_key(world.sealer(2, {master_key(1)}));
  ASSERT_TRUE(rewrapped.ok()) << rewrapped.status().to_string();
  EXPECT_EQ(*rewrapped, 1U) << "one is new already, one is gone";
  EXPECT_EQ(*world.auth().user_metadata(changed), "newer");
  EXPECT_EQ(*world.auth().user_metadata(kept), "kept");
  EXPECT_EQ(world.log_in("kept", "new"), Code::ok);
  EXPECT_EQ(*world.auth().user(removed), std::nullopt);
  world.open(world.sealing(2));
  EXPECT_EQ(*world.auth().user_metadata(kept), "kept");
}

TEST(Metadata, ARotationThatCannotOpenARecordSaysWhich) {
  AuthWorld world;
  world.open(world.sealing(1));
  const std::string id =
      world.auth().create_user({.name = "alice", .password = "p", .metadata = "m"})->id;
  const auto rotated = world.auth().rotate_master_key(world.sealer(3, {master_key(2)}));
  EXPECT_EQ(rotated.status().code(), Code::not_found);
  EXPECT_NE(rotated.status().message().find(id), std::string_view::npos)
      << rotated.status().to_string();
  // With the right keys it goes on.
  EXPECT_EQ(*world.auth().rotate_master_key(world.sealer(3, {master_key(2), master_key(1)})), 1U);
  EXPECT_EQ(*world.auth().user_metadata(id), "m");
}

TEST(Metadata, ARotationStopsAtAFailureOfTheStore) {
  AuthWorld world;
  world.open(world.sealing(1));
  const std::string id =
      world.auth().create_user({.name = "alice", .password = "p", .metadata = "m"})->id;
  world.store().before_commit = [](const Batch&) { return Status::io_error("planted"); };
  EXPECT_EQ(world.auth().rotate_master_key(world.sealer(2, {master_key(1)})).status().code(),
            Code::io_error);
  world.store().before_commit = nullptr;
  EXPECT_EQ(*world.auth().user_metadata(id), "m");
  EXPECT_EQ(*world.auth().rewrap_metadata(), 1U);
}

}  // namespace
}  // namespace talea
