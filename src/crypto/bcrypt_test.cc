// Vectors of Openwall's crypt_blowfish (wrapper.c).
#include "crypto/bcrypt.h"

#include <gtest/gtest.h>

namespace talea {
namespace {

TEST(Bcrypt, MatchesAsPublished) {
  EXPECT_TRUE(
      *bcrypt_matches("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
  EXPECT_TRUE(
      *bcrypt_matches("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"));
  EXPECT_TRUE(
      *bcrypt_matches("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"));
  EXPECT_TRUE(*bcrypt_matches("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"));
  EXPECT_FALSE(
      *bcrypt_matches("U*V", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

TEST(Bcrypt, LooksAtSeventyTwoBytes) {
  // The vector has 72 bytes, and more behind them that must not matter.
  const Bytes password = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  ASSERT_EQ(password.size(), kBcryptPasswordBytesMax);
  const BytesView hash = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
  EXPECT_TRUE(*bcrypt_matches(password, hash));
  EXPECT_TRUE(*bcrypt_matches(password + "chars after 72 are ignored", hash));
  EXPECT_FALSE(*bcrypt_matches(BytesView(password).substr(1), hash));
}

TEST(Bcrypt, APasswordWithANulMatchesNothing) {
  EXPECT_FALSE(*bcrypt_matches(BytesView("U*U\0x", 5),
                               "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

TEST(Bcrypt, KnowsItsHashes) {
  const Bytes hash = "$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  EXPECT_EQ(bcrypt_cost(hash), 12);
  EXPECT_EQ(bcrypt_cost(""), 0);
  EXPECT_EQ(bcrypt_cost(hash + "x"), 0);
  EXPECT_EQ(bcrypt_cost("$2x$" + hash.substr(4)), 0);
  EXPECT_EQ(bcrypt_cost("$2b$03$" + hash.substr(7)), 0);
  EXPECT_EQ(bcrypt_cost("$2b$32$" + hash.substr(7)), 0);
  EXPECT_EQ(bcrypt_cost("$2b$1x$" + hash.substr(7)), 0);
  EXPECT_EQ(bcrypt_cost(hash.substr(0, 59) + "!"), 0);
}

TEST(Bcrypt, RefusesASaltThatIsNone) {
  // Right characters, and bits in the last one of the salt that no salt has.
  const auto matches =
      bcrypt_matches("x", "*2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
  ASSERT_FALSE(matches.ok());
  EXPECT_EQ(matches.status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace talea
