// Each line of the table, counted.
#include "home/request_costs.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "talea/bucketdb.h"
#include "talea/ledger.h"
#include "tests/support/bucket_world.h"
#include "tests/support/ledger_world.h"

namespace talea {
namespace {

using bucketdb::BucketWorld;

const OperationCost& cost_named(StoreScheme scheme, std::string_view operation) {
  for (const OperationCost& cost : operation_costs(scheme)) {
    if (cost.operation == operation) return cost;
  }
  ADD_FAILURE() << "there is no line '" << operation << "'";
  return operation_costs(scheme).front();
}

// That what happened between the two counts is what the line says.
void expect_cost(StoreScheme scheme, std::string_view operation, const S3RequestCounts& before,
                 const S3RequestCounts& after) {
  const OperationCost& cost = cost_named(scheme, operation);
  EXPECT_EQ(s3::priced(after).puts - s3::priced(before).puts, cost.puts) << operation;
  EXPECT_EQ(s3::priced(after).gets - s3::priced(before).gets, cost.gets) << operation;
}

TEST(RequestCosts, OfALedgerAreWhatItAsks) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("other", "1").ok());
  Ledger ledger = world.open();
  const auto check = [&](std::string_view operation, const std::function<void()>& act) {
    const S3RequestCounts before = ledger.request_counts();
    act();
    expect_cost(StoreScheme::ledger, operation, before, ledger.request_counts());
  };
  check("first put of a process", [&] { ASSERT_TRUE(ledger.set("a", "1").ok()); });
  check("put of a key it wrote or read before", [&] { ASSERT_TRUE(ledger.set("a", "2").ok()); });
  check("put of another key", [&] { ASSERT_TRUE(ledger.set("b", "1").ok()); });
  ASSERT_TRUE(ledger.get("a").ok());  // with the look at the log that was due
  check("get", [&] { ASSERT_TRUE(ledger.get("a")->has_value()); });
  const S3RequestCounts before = ledger.request_counts();
  ASSERT_EQ(ledger.history("a")->entries.size(), 2U);
  const auto read = s3::priced(ledger.request_counts()).gets - s3::priced(before).gets;
  EXPECT_EQ(read, 2 * cost_named(StoreScheme::ledger, "entry of a history or an audit").gets);
}

TEST(RequestCosts, OfBucketFilesAreWhatTheyAsk) {
  BucketWorld world;
  {
    BucketDb first = world.open();
    ASSERT_TRUE(first.put("other", "1").ok());
    ASSERT_TRUE(first.upload().ok());
  }
  BucketDb db = world.open();
  expect_cost(StoreScheme::bucket_files, "open", {}, db.request_counts());
  const auto check = [&](std::string_view operation, const std::function<void()>& act) {
    const S3RequestCounts before = db.request_counts();
    act();
    expect_cost(StoreScheme::bucket_files, operation, before, db.request_counts());
  };
  check("put, until it is uploaded", [&] { ASSERT_TRUE(db.put("a", "1").ok()); });
  check("first upload of a process", [&] { ASSERT_TRUE(db.upload().ok()); });
  for (const char* key : {"b", "c", "d"}) ASSERT_TRUE(db.put(key, "1").ok());
  check("upload", [&] { ASSERT_TRUE(db.upload().ok()); });
  check("get of what is not in memory or a directory",
        [&] { ASSERT_TRUE(db.get("other")->has_value()); });
}

TEST(RequestCosts, OfAWorkloadAreTheSum) {
  const auto ledger =
      cost_of(StoreScheme::ledger, {.puts = 1'000'000, .gets = 5'000'000, .starts = 10});
  ASSERT_EQ(ledger.size(), 3U);
  EXPECT_EQ(ledger[0].requests.puts, 20U);
  EXPECT_EQ(ledger[0].requests.gets, 30U);
  EXPECT_EQ(ledger[1].requests.puts, 2'000'000U);
  EXPECT_EQ(ledger[1].requests.gets, 1'000'000U);
  EXPECT_EQ(ledger[2].requests.puts, 0U);
  EXPECT_EQ(ledger[2].requests.gets, 5'000'000U);
  const auto files = cost_of(StoreScheme::bucket_files,
                             {.puts = 1001, .gets = 7, .starts = 3, .puts_per_upload = 100});
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[0].requests.puts, 6U);
  EXPECT_EQ(files[0].requests.gets, 3U);
  EXPECT_EQ(files[1].times, 11U) << "the last upload has one put";
  EXPECT_EQ(files[1].requests.puts, 22U);
  EXPECT_EQ(files[2].requests.gets, 7U);
}

TEST(RequestCosts, WhatIsNotOnS3HasNone) {
  for (const StoreScheme scheme : {StoreScheme::file, StoreScheme::rocksdb, StoreScheme::memory}) {
    EXPECT_TRUE(operation_costs(scheme).empty());
    EXPECT_TRUE(cost_of(scheme, {.puts = 1}).empty());
  }
}

}  // namespace
}  // namespace talea
