#include "cli/stats_report.h"

#include <gtest/gtest.h>

namespace talea::cli {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(StatsReport, TellsHowManyKeysExpired) {
  Stats stats;
  stats.keys_expired = 7;
  EXPECT_EQ(activity_rows(stats),
            (TableRows{{"counted since this open"}, {"  keys expired", "7"}}));
  EXPECT_TRUE(contains(activity_json(stats), R"("keys_expired":7,)"));
}

TEST(StatsReport, TellsWhatCompressionSaved) {
  Stats stats;
  stats.values_compressed = 3;
  stats.bytes_before_compression = 4096;
  stats.bytes_after_compression = 1536;
  EXPECT_EQ(activity_rows(stats), (TableRows{{"counted since this open"},
                                             {"  values compressed", "3"},
                                             {"  bytes before compression", "4.0 KiB"},
                                             {"  bytes after compression", "1.5 KiB"},
                                             {"  before to after compression", "2.67"}}));
  EXPECT_TRUE(contains(activity_json(stats),
                       R"("values_compressed":3,"bytes_before_compression":4096,)"
                       R"("bytes_after_compression":1536,"compression_ratio":2.667,)"));
}

TEST(StatsReport, WhatDidNotHappenHasNoRowAndNoRatio) {
  EXPECT_EQ(activity_rows(Stats()), (TableRows{{"counted since this open", "nothing"}}));
  EXPECT_TRUE(contains(activity_json(Stats()), R"("keys_expired":0,"values_compressed":0,)"));
  EXPECT_TRUE(contains(activity_json(Stats()), R"("compression_ratio":null,)"));
}

}  // namespace
}  // namespace talea::cli
