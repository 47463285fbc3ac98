#include "cli/human_text.h"

#include <gtest/gtest.h>

namespace talea::cli {
namespace {

TEST(HumanText, BytesAreShownInTheUnitThatFits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.0 MiB");  // not 1024.0 KiB
  EXPECT_EQ(human_bytes(UINT64_MAX), "16384.0 PiB");
}

TEST(HumanText, SecondsTurnIntoMinutes) {
  EXPECT_EQ(human_seconds(0.0421), "0.042 s");
  EXPECT_EQ(human_seconds(12.34), "12.3 s");
  EXPECT_EQ(human_seconds(185), "3 min 5 s");
}

TEST(HumanText, DurationsAreShownInTheUnitThatFits) {
  EXPECT_EQ(human_duration(999), "999 ns");
  EXPECT_EQ(human_duration(1000), "1.0 us");
  EXPECT_EQ(human_duration(999'949), "999.9 us");
  EXPECT_EQ(human_duration(999'950), "1.0 ms");  // not 1000.0 us
  EXPECT_EQ(human_duration(1'250'000'000), "1.250 s");
}

TEST(HumanText, PrintableTextStaysAsItIs) {
  EXPECT_EQ(printable("plain text, \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "plain text, \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(HumanText, WhatATerminalWouldObeyIsEscaped) {
  EXPECT_EQ(printable("a\x1b[31m\n\t\r\\"), "a\\x1b[31m\\n\\t\\r\\\\");
  EXPECT_EQ(printable(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");  // U+009B begins a command like ESC [
}

TEST(HumanText, WhatRearrangesTheTextAroundItIsEscaped) {
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b"),
            "a\\xe2\\x80\\xaeb");  // U+202E
  EXPECT_EQ(printable("\xE2\x80\x8F\xE2\x80\xA8\xE2\x81\xA6\xD8\x9C"),
            "\\xe2\\x80\\x8f\\xe2\\x80\\xa8\\xe2\\x81\\xa6\\xd8\\x9c");
  for (const char* stays : {"\xE2\x80\x8D", "\xE2\x80\xA7", "\xE2\x80\xAF", "\xE2\x81\xA5"}) {
    EXPECT_EQ(printable(stays), stays);  // its neighbours
  }
}

TEST(HumanText, BytesThatAreNotUtf8AreEscaped) {
  EXPECT_EQ(printable("\xC3"), "\\xc3");                             // cut short
  EXPECT_EQ(printable("\xC0\xAF"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xE0\x80\xAF"), "\\xe0\\x80\\xaf");           // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

TEST(HumanText, ATableAlignsItsColumns) {
  EXPECT_EQ(table({{"name", "n"}, {"a", "100"}}), "name    n\na     100\n");
}

}  // namespace
}  // namespace talea::cli
