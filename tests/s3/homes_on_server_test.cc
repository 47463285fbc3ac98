// A ledger and bucket files on a server that others wrote, over real connections: what they write
// is there for the next who opens them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "talea/bucketdb.h"
#include "talea/ledger.h"
#include "tests/s3/server_world.h"

namespace talea {
namespace {

using testing::ElementsAre;

// Needs versions and conditions in one bucket, which RGW 16 has not.
TEST(LedgerOnServer, KeepsWhatManyWriteAndItsHistory) {
  const S3Options at = place_on_server("versioned");
  constexpr int kWriters = 4;
  constexpr int kSets = 5;
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Ledger ledger = Ledger::open(at).value();
      for (int i = 0; i < kSets; ++i) {
        const auto written = ledger.set("k" + std::to_string(w), std::to_string(i));
        EXPECT_TRUE(written.ok()) << written.status().to_string();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Ledger ledger = Ledger::open(at).value();
  EXPECT_THAT(ledger.list_keys().value(), ElementsAre("k0", "k1", "k2", "k3"));
  EXPECT_EQ(ledger.get("k0").value()->value, "4");
  EXPECT_EQ(ledger.history("k3").value().entries.size(), std::size_t{kSets});
  const LedgerAudit audit = ledger.audit().value();
  EXPECT_EQ(audit.entries, std::uint64_t{kWriters * kSets});
  EXPECT_EQ(audit.faults, 0U);
  EXPECT_TRUE(audit.reaches_genesis);
}

// The bucket without versions: there RGW 16 heeds conditions.
TEST(BucketFilesOnServer, TwoWritersLoseNothing) {
  const S3Options at = place_on_server("plain");
  BucketDb a = BucketDb::open(at).value();
  BucketDb b = BucketDb::open(at).value();
  ASSERT_TRUE(a.put("a", "1").ok());
  ASSERT_TRUE(b.put("b", "2").ok());
  const auto first = a.upload();
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  const auto second = b.upload();
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_GE(second->conflicts, 1U);
  BucketDb reader = BucketDb::open(at).value();
  EXPECT_EQ(reader.get("a").value(), "1");
  EXPECT_EQ(reader.get("b").value(), "2");
  ASSERT_TRUE(reader.compact(std::chrono::milliseconds(0)).ok());
  ASSERT_TRUE(a.refresh().ok());
  EXPECT_EQ(a.get("b").value(), "2");
}

}  // namespace
}  // namespace talea
