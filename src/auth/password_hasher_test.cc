// The real hashers. The Argon2id text is that of the reference implementation's tests.
#include "auth/password_hasher.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/records.h"
#include "tests/support/auth_world.h"

namespace talea {
namespace {

constexpr std::string_view kPublished =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
constexpr std::string_view kBcrypt = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

std::unique_ptr<PasswordHasher> cheap(Random& random) {
  return *make_password_hasher({.memory_kib = 64, .passes = 1, .lanes = 1}, random);
}

TEST(PasswordHasher, ComparesWithWhatTheReferenceImplementationMade) {
  SeededRandom random(1);
  const auto hasher = *make_password_hasher(PasswordCost(), random);
  const auto right = *hasher->verify("password", kPublished);
  EXPECT_TRUE(right.matches);
  EXPECT_TRUE(right.is_outdated) << "of another cost";
  EXPECT_FALSE(hasher->verify("Password", kPublished)->matches);
  EXPECT_FALSE(hasher->verify("Password", kPublished)->is_outdated);
}

TEST(PasswordHasher, MakesHashesOfTheDefaultCostThatItTakesForUpToDate) {
  SeededRandom random(1);
  const auto hasher = *make_password_hasher(PasswordCost(), random);
  const std::string hash = *hasher->hash("correct horse");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_EQ(hash.size(), 31U + 22 + 1 + 43);
  const auto compared = *hasher->verify("correct horse", hash);
  EXPECT_TRUE(compared.matches);
  EXPECT_FALSE(compared.is_outdated);
  EXPECT_FALSE(hasher->verify("incorrect horse", hash)->matches);
  EXPECT_NE(*hasher->hash("correct horse"), hash) << "each has a salt of its own";
}

TEST(PasswordHasher, WithRandomnessOfItsOwnDoesTheSame) {
  const auto hasher = *make_password_hasher({.memory_kib = 64, .passes = 1});
  const std::string hash = *hasher->hash("a");
  EXPECT_TRUE(hasher->verify("a", hash)->matches);
  EXPECT_TRUE(hasher->check_hash(hash).ok());
  EXPECT_NE(*hasher->hash("a"), hash);
}

TEST(PasswordHasher, TakesPasswordsOfAnyBytesAndLength) {
  SeededRandom random(1);
  const auto hasher = cheap(random);
  for (const Bytes& password : {Bytes("a\0b", 3), Bytes(1, '\0'), Bytes(1024, '\xff')}) {
    const std::string hash = *hasher->hash(password);
    EXPECT_TRUE(hasher->verify(password, hash)->matches);
    EXPECT_FALSE(hasher->verify(password.substr(0, password.size() - 1), hash)->matches);
  }
}

TEST(PasswordHasher, HasLanesWithoutThreads) {
  SeededRandom random(1);
  const auto hasher = *make_password_hasher({.memory_kib = 64, .passes = 1, .lanes = 4}, random);
  const std::string hash = *hasher->hash("a");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=64,t=1,p=4$"));
  EXPECT_TRUE(hasher->verify("a", hash)->matches);
}

TEST(PasswordHasher, BcryptMatchesAndIsOutdated) {
  SeededRandom random(1);
  const auto hasher = cheap(random);
  EXPECT_TRUE(hasher->check_hash(kBcrypt).ok());
  EXPECT_TRUE(hasher->verify("U*U", kBcrypt)->matches);
  EXPECT_TRUE(hasher->verify("U*U", kBcrypt)->is_outdated);
  EXPECT_FALSE(hasher->verify("U*V", kBcrypt)->matches);
}

TEST(PasswordHasher, WhatBcryptHasNotSeenDoesNotBecomeThePassword) {
  SeededRandom random(1);
  const auto hasher = cheap(random);
  const std::string password =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const auto hash = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
  EXPECT_TRUE(hasher->verify(password, hash)->is_outdated);
  EXPECT_TRUE(hasher->verify(password + "x", hash)->matches);
  EXPECT_FALSE(hasher->verify(password + "x", hash)->is_outdated);
}

TEST(PasswordHasher, RefusesHashesThatItDoesNotKnowOrThatAreTooDear) {
  SeededRandom random(1);
  const auto hasher = cheap(random);
  const std::string good(kPublished);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = good;
    return changed.replace(changed.find(from), from.size(), to);
  };
  EXPECT_TRUE(hasher->check_hash(good).ok());
  for (const std::string& bad : {std::string(),
                                 std::string("md5"),
                                 with("argon2id", "argon2i"),
                                 with("v=19", "v=16"),
                                 with("m=65536", "m=065536"),
                                 with("m=65536", "m=262145"),
                                 with("m=65536", "m=7"),
                                 with("m=65536", "m=-1"),
                                 with("m=65536", "m=99999999999"),
                                 with("t=2", "t=17"),
                                 with("t=2", "t=0"),
                                 with("p=1", "p=9"),
                                 with("p=1", "p=1,x=2"),
                                 with("c29tZXNhbHQ", "c29tZXNhbHR"),
                                 with("c29tZXNhbHQ", "c29t"),
                                 with("c29t", "c2 t"),
                                 with("PPc", "PPd"),
                                 with("PPc", "PPc="),
                                 good + "AA",
                                 good + "$",
                                 with("$CTFh", "CTFh"),
                                 "$2b$16$" + std::string(kBcrypt.substr(7))}) {
    EXPECT_EQ(hasher->check_hash(bad).code(), Code::invalid_argument) << bad;
    EXPECT_EQ(hasher->verify("password", bad).status().code(), Code::invalid_argument) << bad;
  }
}

TEST(PasswordHasher, CostsHaveLimits) {
  SeededRandom random(1);
  const auto code = [&](const PasswordCost& cost) {
    const Code seen = make_password_hasher(cost, random).status().code();
    EXPECT_EQ(make_password_hasher(cost).status().code(), seen);
    return seen;
  };
  EXPECT_EQ(code({.memory_kib = 8, .passes = 1, .lanes = 1}), Code::ok);
  EXPECT_EQ(code({.memory_kib = 7, .passes = 1, .lanes = 1}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 15, .passes = 1, .lanes = 2}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 262'145, .passes = 1, .lanes = 1}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 8, .passes = 0, .lanes = 1}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 8, .passes = 17, .lanes = 1}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 80, .passes = 1, .lanes = 9}), Code::invalid_argument);
  EXPECT_EQ(code({.memory_kib = 80, .passes = 1, .lanes = 0}), Code::invalid_argument);
}

// A1, with nothing in its place: bcrypt from elsewhere becomes Argon2id at the first login that
// succeeds.
TEST(PasswordHasher, ABcryptUserLogsInAndHasAnArgon2idHashThen) {
  AuthWorld world;
  AuthOptions options;
  options.hasher = cheap(world.random());
  world.open(std::move(options));
  ASSERT_TRUE(world.auth().create_user({.name = "u", .password_hash = kBcrypt}).ok());
  const auto hash = [&] {
    Scan scan = *world.engine().scan(kAuthSpace, {.prefix = "u"});
    EXPECT_TRUE(*scan.next());
    return decode_user(scan.key(), *scan.value())->password_hash;
  };
  EXPECT_EQ(world.log_in("u", "wrong"), Code::unauthenticated);
  EXPECT_EQ(hash(), kBcrypt);
  EXPECT_EQ(world.log_in("u", "U*U"), Code::ok);
  EXPECT_TRUE(hash().starts_with("$argon2id$")) << hash();
  EXPECT_EQ(world.log_in("u", "U*U"), Code::ok);
  EXPECT_EQ(world.log_in("u", "U*V"), Code::unauthenticated);
}

}  // namespace
}  // namespace talea
