#include "s3/prices.h"

#include <gtest/gtest.h>

#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

TEST(Prices, AreThoseOfThreeClasses) {
  for (const char* operation : {"PutObject", "CopyObject", "UploadPart", "UploadPartCopy",
                                "CreateMultipartUpload", "CompleteMultipartUpload", "ListObjectsV2",
                                "ListObjectVersions", "DeleteObjects", "SomethingNew"}) {
    EXPECT_EQ(price_class(operation), PriceClass::put) << operation;
  }
  for (const char* operation : {"GetObject", "HeadObject", "HeadBucket", "GetBucketVersioning"}) {
    EXPECT_EQ(price_class(operation), PriceClass::get) << operation;
  }
  for (const char* operation : {"DeleteObject", "AbortMultipartUpload"}) {
    EXPECT_EQ(price_class(operation), PriceClass::free) << operation;
  }
}

TEST(Prices, OfAMillionPutsAndTwoMillionGets) {
  PricedRequests requests;
  requests.add("PutObject", 1'000'000);
  requests.add("GetObject", 2'000'000);
  requests.add("DeleteObject", 3'000'000);
  EXPECT_DOUBLE_EQ(requests.price({}), 5.80);
  EXPECT_DOUBLE_EQ(requests.price({.put = 1, .get = 10}), 21);
  EXPECT_EQ(requests.free, 3'000'000U);
}

TEST(Prices, RepetitionsAreBilled) {
  S3World world;
  const auto client = world.client();
  world.fake.set_fault(1, Fault::answer(503));
  ASSERT_TRUE(client->put("k", "1").ok());
  ASSERT_TRUE(client->get("k").ok());
  ASSERT_TRUE(client->remove("k").ok());
  const PricedRequests requests = priced(client->counts());
  EXPECT_EQ(requests.puts, 2U);
  EXPECT_EQ(requests.gets, 1U);
  EXPECT_EQ(requests.free, 1U);
}

}  // namespace
}  // namespace talea::s3
