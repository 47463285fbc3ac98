#include "auth/text.h"

#include <gtest/gtest.h>

#include "auth/token.h"
#include "base/random.h"

namespace talea {
namespace {

TEST(AuthText, KnowsUtf8) {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "\xc2\xa0"}) {
    EXPECT_TRUE(is_plain_utf8(good)) << good;
  }
  for (const char* bad : {"\x80",
                          "\xc3",
                          "\xc0\x80",
                          "\xc1\xbf",
                          "\xe0\x80\x80",
                          "\xe0\x9f\xbf",
                          "\xed\xa0\x80",
                          "\xed\xbf\xbf",
                          "\xf0\x80\x80\x80",
                          "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80",
                          "\xff",
                          "\xe2\x82",
                          "\xe2\x28\xa1",
                          "a\nb",
                          "\x7f",
                          "\xc2\x80",
                          "\xc2\x9f",
                          "\x1b[0m"}) {
    EXPECT_FALSE(is_plain_utf8(bad)) << testing::PrintToString(bad);
  }
  EXPECT_FALSE(is_plain_utf8(std::string_view("a\0b", 3)));
}

TEST(AuthText, NamesAreTrimmedAndFolded) {
  EXPECT_EQ(*checked_user_name(" \t\r\n\v\f a b \n"), "a b");
  EXPECT_EQ(folded("AZaz@[`{ \xc3\x89"), "azaz@[`{ \xc3\x89");
  EXPECT_EQ(checked_user_name(" ").status().code(), Code::invalid_argument);
  EXPECT_TRUE(checked_user_name(" " + std::string(256, 'n') + " ").ok());
  EXPECT_EQ(checked_user_name(std::string(257, 'n')).status().code(), Code::invalid_argument);
}

TEST(AuthToken, ComesBackAsItWas) {
  SeededRandom random(3);
  ApiToken token{{}, SecretKey::make(random)};
  random.fill(token.key.bytes);
  const std::string text = token_text(token);
  EXPECT_EQ(text.size(), 103U);
  const auto parsed = parse_token(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->key, token.key);
  EXPECT_EQ(parsed->secret.view(), token.secret.view());
  EXPECT_EQ(*parse_key_id(key_id_text(token.key)), token.key);
  EXPECT_EQ(*parse_user_id(user_id_text(token.key)), token.key);
}

TEST(AuthToken, NothingElseIsOne) {
  SeededRandom random(3);
  const std::string text = token_text({{}, SecretKey::make(random)});
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '_' ? '-' : 'G';
    EXPECT_FALSE(parse_token(changed).has_value()) << changed;
    EXPECT_FALSE(parse_token(text.substr(0, i)).has_value());
  }
  EXPECT_FALSE(parse_token(text + "0").has_value());
  EXPECT_FALSE(parse_user_id("usr-" + std::string(32, '0')).has_value()) << "none";
  EXPECT_FALSE(parse_user_id("usr-" + std::string(32, 'A')).has_value());
  EXPECT_FALSE(parse_user_id("key-" + std::string(32, 'a')).has_value());
  EXPECT_FALSE(parse_key_id("key-" + std::string(31, 'a')).has_value());
}

TEST(AuthToken, ItsHashIsOfItsIdToo) {
  SeededRandom random(3);
  ApiToken token{{}, SecretKey::make(random)};
  const Sha256Digest first = hash_of(token);
  token.key.bytes.fill(1);
  EXPECT_NE(hash_of(token), first);
  token.secret = SecretKey::make(random);
  EXPECT_NE(hash_of(token), hash_of({token.key, SecretKey()}));
}

}  // namespace
}  // namespace talea
