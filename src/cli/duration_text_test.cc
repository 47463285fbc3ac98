#include "cli/duration_text.h"

#include <gtest/gtest.h>

#include <string>

#include "talea/limits.h"

namespace talea::cli {
namespace {

std::string refusal_of_duration(std::string_view text) {
  const auto read = parse_duration(text);
  EXPECT_EQ(read.status().code(), Code::invalid_argument) << text;
  return std::string(read.status().message());
}

std::string refusal_of_moment(std::string_view text) {
  const auto read = parse_moment(text);
  EXPECT_EQ(read.status().code(), Code::invalid_argument) << text;
  return std::string(read.status().message());
}

TEST(DurationText, EveryUnitIsRead) {
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  EXPECT_EQ(parse_duration("30s")->count(), 30'000);
  EXPECT_EQ(parse_duration("5m")->count(), 300'000);
  EXPECT_EQ(parse_duration("2h")->count(), 7'200'000);
  EXPECT_EQ(parse_duration("7d")->count(), 604'800'000);
  EXPECT_EQ(parse_duration("007d")->count(), 604'800'000);
}

TEST(DurationText, ANumberWithoutAUnitIsRefusedWithTheUnits) {
  EXPECT_EQ(refusal_of_duration("30"), "'30' has no unit: write 30ms, 30s, 30m, 30h or 30d");
  refusal_of_duration("0");
}

TEST(DurationText, TheLimitsAreOneMillisecondAndAHundredYears) {
  EXPECT_EQ(parse_duration("1ms")->count(), 1);
  EXPECT_EQ(parse_duration("36600d")->count(), static_cast<std::int64_t>(kTimeToLiveMsMax));
  EXPECT_EQ(parse_duration(std::to_string(kTimeToLiveMsMax) + "ms")->count(),
            static_cast<std::int64_t>(kTimeToLiveMsMax));
  EXPECT_EQ(refusal_of_duration("0s"), "'0s' is out of range: a key lives 1ms to 36600d");
  for (const std::string& text :
       {std::string("36601d"), std::string("0ms"), std::to_string(kTimeToLiveMsMax + 1) + "ms"}) {
    EXPECT_NE(refusal_of_duration(text).find("out of range"), std::string::npos) << text;
  }
}

TEST(DurationText, WhatOverflowsIsOutOfRangeAndDoesNotWrap) {
  for (const char* text : {"18446744073709551615ms", "18446744073709551616ms",
                           "18446744073709551617s", "213503982335d", "99999999999999999999999d"}) {
    EXPECT_NE(refusal_of_duration(text).find("out of range"), std::string::npos) << text;
  }
}

TEST(DurationText, AllElseIsRefusedWithWhatMayBeWritten) {
  for (const char* text : {"", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "1.5h", "1h30m", "5S",
                           "5sec", "5us", "1w", "5M", "0x5s", "five", "ms"}) {
    EXPECT_NE(refusal_of_duration(text).find("ms, s, m, h or d"), std::string::npos) << text;
  }
  EXPECT_NE(refusal_of_duration("\x1b[0m").find("'\\x1b[0m'"), std::string::npos);
}

TEST(MomentText, ATimeInUtcIsRead) {
  EXPECT_EQ(*parse_moment("2026-12-24T18:00:00Z"), 1'798'135'200'000U);
  EXPECT_EQ(*parse_moment("2026-12-24T18:00:00.250Z"), 1'798'135'200'250U);
  EXPECT_EQ(*parse_moment("1970-01-01T00:00:00.001Z"), 1U);
  EXPECT_EQ(*parse_moment("1970-01-02T00:00:00Z"), 86'400'000U);
  EXPECT_EQ(*parse_moment("2000-02-29T23:59:59Z"), 951'868'799'000U);
  EXPECT_EQ(*parse_moment("9999-12-31T23:59:59.999Z"), kExpiryMsMax);
}

TEST(MomentText, MillisecondsSince1970AreRead) {
  EXPECT_EQ(*parse_moment("100000000000"), 100'000'000'000U);
  EXPECT_EQ(*parse_moment("1798135200000"), 1'798'135'200'000U);
  EXPECT_EQ(*parse_moment(std::to_string(kExpiryMsMax)), kExpiryMsMax);
}

TEST(MomentText, SecondsAreNotTakenForMilliseconds) {
  for (const char* text : {"1", "1798135200", "99999999999"}) {
    EXPECT_NE(refusal_of_moment(text).find("if seconds are meant"), std::string::npos) << text;
  }
  EXPECT_NE(refusal_of_moment("1798135200").find("1970-01-21"), std::string::npos);
}

TEST(MomentText, DaysAndTimesThatDoNotExistAreRefused) {
  for (const char* text : {"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z",
                           "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z", "2026-12-31T23:59:60Z"}) {
    EXPECT_NE(refusal_of_moment(text).find("does not exist"), std::string::npos) << text;
  }
}

TEST(MomentText, WhatIsOutOfRangeIsRefusedWithTheRange) {
  for (const std::string& text :
       {std::string("0"), std::to_string(kExpiryMsMax + 1), std::string("18446744073709551616"),
        std::string("1970-01-01T00:00:00Z"), std::string("1969-12-31T23:59:59Z"),
        std::string("0000-01-01T00:00:00Z")}) {
    const std::string refusal = refusal_of_moment(text);
    EXPECT_NE(refusal.find("out of range"), std::string::npos) << text;
    EXPECT_NE(refusal.find("253402300799999"), std::string::npos) << text;
  }
}

TEST(MomentText, OtherFormsAreRefusedWithTheForm) {
  for (const char* text : {"",
                           "now",
                           "tomorrow",
                           "-1",
                           "+5",
                           "1.5",
                           "5s",
                           "2026-12-24",
                           "2026-12-24T18:00Z",
                           "2026-12-24 18:00:00Z",
                           "2026-12-24T18:00:00",
                           "2026-12-24T18:00:00z",
                           "2026-12-24T18:00:00+01:00",
                           "2026-12-24T18:00:00.Z",
                           "2026-12-24T18:00:00.2Z",
                           "2026-12-24T18:00:00.2500Z",
                           "20261224T180000Z",
                           "24.12.2026",
                           "2026-1-24T18:00:00Z",
                           "2026-12-24T1x:00:00Z",
                           "10000-01-01T00:00:00Z",
                           " 2026-12-24T18:00:00Z"}) {
    const std::string refusal = refusal_of_moment(text);
    EXPECT_NE(refusal.find("2026-12-24T18:00:00Z"), std::string::npos) << text;
    EXPECT_NE(refusal.find("is not a time"), std::string::npos) << text;
  }
}

TEST(MomentText, IsWhatParseMomentReads) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-12-24T18:00:00Z",
                           "9999-12-31T23:59:59Z"}) {
    const auto moment = parse_moment(text);
    if (!moment.ok()) continue;  // the first moment is none that a key may expire at
    EXPECT_EQ(moment_text(*moment), text);
  }
  EXPECT_EQ(moment_text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(moment_text(1'700'000'000'999), "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace talea::cli
