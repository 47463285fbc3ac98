// The records of authentication as version 1 wrote them.
#include <gtest/gtest.h>

#include "auth/records.h"
#include "auth/sealer.h"
#include "auth/token.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

AuthId ascending_id(unsigned char first) {
  AuthId id;
  for (unsigned char& byte : id.bytes) byte = first++;
  return id;
}

const AuthId kUser = ascending_id(0x00);
const AuthId kKey = ascending_id(0x10);
const AuthId kOtherKey = ascending_id(0x20);
constexpr BytesView kMetadata = "role=admin";

MasterKey master_key(unsigned char fill) {
  MasterKey key;
  key.fill(fill);
  return key;
}

// Seed 1 is all the randomness there is.
Bytes sealed_for(const Bytes& record) {
  SeededRandom random(1);
  return *make_sealer(master_key(0x4d), {}, random)->seal(record, kMetadata);
}

ApiToken token() {
  ApiToken token;
  token.key = kKey;
  for (std::size_t i = 0; i < SecretKey::kBytes; ++i) {
    token.secret.bytes()[i] = static_cast<unsigned char>(0xe0 + i);
  }
  return token;
}

UserRecord user() {
  return {.id = kUser,
          .created_ms = 1'700'000'000'005,
          .password_changed_ms = 1'700'086'400'305,
          .name = "Alice",
          .password_hash =
              "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
              "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
          .sealed_metadata = sealed_for(key_of(AuthKind::user, kUser))};
}

ApiKeyRecord api_key() {
  return {.id = kKey,
          .owner = kUser,
          .created_ms = 1'700'000'000'005,
          .expires_ms = 1'731'536'000'000,
          .token_hash = hash_of(token()),
          .label = "laptop",
          .scopes = {"read", "write"},
          .sealed_metadata = sealed_for(key_of(AuthKind::api_key, kKey))};
}

struct Golden {
  const char* name;
  Bytes key;
  Bytes value;
};

std::vector<Golden> written() {
  return {
      {"auth-v1/name", key_of_name("alice"), encode(NameRecord{kUser})},
      {"auth-v1/user", key_of(AuthKind::user, kUser), encode(user())},
      {"auth-v1/failures", key_of(AuthKind::failures, kUser),
       encode(FailuresRecord{kUser, 10, 1'700'087'300'305, 1'700'086'400'305})},
      {"auth-v1/seen", key_of(AuthKind::login_seen, kUser),
       encode(SeenRecord{AuthKind::login_seen, kUser, 1'700'086'400'305})},
      {"auth-v1/key-list", key_of(AuthKind::key_list, kUser),
       encode(KeyListRecord{kUser, {kKey, kOtherKey}})},
      {"auth-v1/api-key", key_of(AuthKind::api_key, kKey), encode(api_key())},
      {"auth-v1/envelope", key_of(AuthKind::user, kUser), user().sealed_metadata},
  };
}

TEST(GoldenAuth, IsWrittenByteForByte) {
  for (const Golden& golden : written()) expect_golden(golden.name, golden.value);
}

TEST(GoldenAuth, IsReadRight) {
  const auto read = [](const char* name) { return read_whole_file(kGoldenDirectory + name); };
  EXPECT_EQ(*decode_name(key_of_name("alice"), read("auth-v1/name")), NameRecord{kUser});
  EXPECT_EQ(*decode_user(key_of(AuthKind::user, kUser), read("auth-v1/user")), user());
  EXPECT_EQ(decode_failures(key_of(AuthKind::failures, kUser), read("auth-v1/failures"))->attempts,
            10U);
  EXPECT_EQ(decode_seen(key_of(AuthKind::login_seen, kUser), read("auth-v1/seen"))->time_ms,
            1'700'086'400'305U);
  EXPECT_EQ(decode_key_list(key_of(AuthKind::key_list, kUser), read("auth-v1/key-list"))->keys,
            (std::vector<AuthId>{kKey, kOtherKey}));
  EXPECT_EQ(*decode_api_key(key_of(AuthKind::api_key, kKey), read("auth-v1/api-key")), api_key());
}

TEST(GoldenAuth, AnEnvelopeOpensWithItsKeyAndForItsRecord) {
  const auto sealer = make_sealer(master_key(0x4d));
  const Bytes envelope = read_whole_file(kGoldenDirectory + std::string("auth-v1/envelope"));
  EXPECT_EQ(*sealer->open(key_of(AuthKind::user, kUser), envelope), kMetadata);
  EXPECT_EQ(sealer->open(key_of(AuthKind::api_key, kUser), envelope).status().code(),
            Code::corruption);
}

TEST(GoldenAuth, ATokenIsWhatItWas) {
  const std::string text =
      "talea_101112131415161718191a1b1c1d1e1f_"
      "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
  EXPECT_EQ(token_text(token()), text);
  ASSERT_TRUE(parse_token(text).has_value());
  EXPECT_EQ(hash_of(*parse_token(text)), hash_of(token()));
}

}  // namespace
}  // namespace talea
