#include "codec/utf8.h"

#include <gtest/gtest.h>

#include <utility>

namespace talea {
namespace {

TEST(Utf8, TakesWhatPythonTakes) {
  for (const char* text :
       {"", "a", "\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80",
        "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "12345678\xc2\x80"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  EXPECT_TRUE(is_utf8(BytesView("\0\0", 2)));
}

TEST(Utf8, RefusesLongerFormsSurrogatesAndWhatIsCut) {
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe6\x97", "\xf0\x9f\x98",
        "a\xc3(", "12345678\xbf", "1234567\xe6\x97(12345678"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Utf8, ReadsTheFirstCharacter) {
  const std::pair<const char*, Utf8Character> texts[] = {
      {"ab", {U'a', 1}},
      {"\xc3\xa9t", {U'\u00e9', 2}},
      {"\xe6\x97\xa5", {U'\u65e5', 3}},
      {"\xee\x80\x80", {0xe000, 3}},
      {"\xf0\x9f\x98\x80!", {U'\U0001f600', 4}},
      {"\xf4\x8f\xbf\xbf", {0x10ffff, 4}},
      {"\x80", {0, 0}},
      {"\xe6\x97", {0, 0}},
      {"\xed\xa0\x80", {0, 0}},
  };
  for (const auto& [text, expected] : texts) {
    const Utf8Character read = read_utf8(text);
    EXPECT_EQ(read.character, expected.character) << text;
    EXPECT_EQ(read.length, expected.length) << text;
  }
}

}  // namespace
}  // namespace talea
