#include "cli/cost_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace talea::cli {
namespace {

using testing::HasSubstr;

constexpr StoreScheme kBoth[] = {StoreScheme::ledger, StoreScheme::bucket_files};

TEST(CostReport, DollarsHaveTheDigitsThatMatter) {
  EXPECT_EQ(dollars_text(10.4), "10.40");
  EXPECT_EQ(dollars_text(0), "0.00");
  EXPECT_EQ(dollars_text(0.4), "0.40");
  EXPECT_EQ(dollars_text(0.0000104), "0.0000104");
}

TEST(CostReport, AMillionOfEachOperationHasItsPrice) {
  const std::string text = operation_costs_text(kBoth, {});
  EXPECT_THAT(text, HasSubstr("immukv+s3 put of another key"));
  EXPECT_THAT(text, HasSubstr("10.40\n"));
  EXPECT_THAT(text, HasSubstr("s4db+s3 upload"));
  EXPECT_THAT(operation_costs_json(kBoth, {.put = 1, .get = 10}),
              HasSubstr(R"({"home":"immukv+s3","operation":"put of another key","puts":2,"gets":1,)"
                        R"("million_dollars":12.000})"));
  EXPECT_EQ(operation_costs_text(std::span(kBoth).first(1), {}).find("s4db"), std::string::npos);
}

TEST(CostReport, AWorkloadHasASum) {
  const auto costs = cost_of(StoreScheme::ledger, {.puts = 1'000'000, .gets = 1'000'000});
  EXPECT_THAT(workload_text(costs, {}), HasSubstr("10.80\n"));
  EXPECT_THAT(workload_json(costs, {}),
              HasSubstr(R"("sum":{"puts":2000000,"gets":2000000,"free":0,)"
                        R"("microdollars":10800000.000})"));
}

TEST(CostReport, RequestsAreListedByCause) {
  const S3RequestCounts counts = {
      {{"get", "GetObject"}, {.sent = 3, .repeated = 1, .bytes_sent = 0, .bytes_received = 2048}},
      {{"set", "PutObject"}, {.sent = 2, .repeated = 0, .bytes_sent = 100, .bytes_received = 0}}};
  const std::string text = requests_text(counts, {});
  EXPECT_THAT(text, HasSubstr("GetObject"));
  EXPECT_THAT(text, HasSubstr("2.0 KiB"));
  EXPECT_THAT(
      text, HasSubstr("2 at the price of a PUT, 3 of a GET, 0 for nothing: 0.0000112 US dollars"));
  EXPECT_EQ(requests_json(counts, {}),
            R"({"requests":[{"cause":"get","operation":"GetObject","sent":3,"repeated":1,)"
            R"("bytes_sent":0,"bytes_received":2048},{"cause":"set","operation":"PutObject",)"
            R"("sent":2,"repeated":0,"bytes_sent":100,"bytes_received":0}],"puts":2,"gets":3,)"
            R"("free":0,"microdollars":11.200})");
}

TEST(CostReport, WhatIsAssumedIsSaid) {
  EXPECT_THAT(prices_text({.put = 4.5, .get = 0.36}), HasSubstr("assumed: 4.50 US dollars"));
  EXPECT_THAT(prices_text({}), HasSubstr("--price-put"));
}

}  // namespace
}  // namespace talea::cli
