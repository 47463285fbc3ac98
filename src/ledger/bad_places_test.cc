// What a place may refuse, lack or have wrong: a clear error, before an entry is written, and
// nothing is lost. More of it, as the original clients had it: immukv_faults_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ledger_world.h"

namespace talea {
namespace {

using testing::HasSubstr;

constexpr const char* kBucket = LedgerWorld::kBucket;

TEST(LedgerBadPlace, APrefixBehindWhichNoNameFitsIsRefusedBeforeAnyRequest) {
  LedgerWorld world;
  Ledger ledger = world.open(LedgerWorld::one_at_a_time(), std::string(1015, 'p'));
  const Status refused = ledger.set("", "1").status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_THAT(refused.to_string(), HasSubstr("prefix"));
  EXPECT_EQ(world.fake().requests(), 0U);
}

TEST(LedgerBadPlace, WithoutThePermissionToPutTheLogNothingIsWritten) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  world.fake().set_profile({.unwritable_prefixes = {std::string(kLogName)}});
  Ledger ledger = world.open();
  const Status denied = ledger.set("a", "2").status();
  EXPECT_EQ(denied.code(), Code::denied);
  EXPECT_THAT(denied.to_string(), HasSubstr("s3:PutObject"));
  EXPECT_EQ(world.log().size(), 1U);
  EXPECT_EQ(world.key_object("a")->value, "1");
  EXPECT_EQ(ledger.get("a").value()->value, "1");
  world.fake().set_profile({});
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(ledger.audit().value().faults, 0U);
}

TEST(LedgerBadPlace, ALogWhoseNewestVersionIsNoEntryTakesNoMore) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  const std::string log(kLogName);
  world.fake().put(kBucket, log, "junk");
  const std::string junk = world.fake().current(kBucket, log)->id;
  Ledger ledger = world.open();
  const Status refused = ledger.set("a", "2").status();
  EXPECT_EQ(refused.code(), Code::corruption);
  EXPECT_THAT(refused.to_string(), HasSubstr(junk)) << "which version";
  EXPECT_EQ(world.fake().versions(kBucket, log).size(), 2U);
  EXPECT_EQ(world.key_object("a")->value, "1");
  // Whoever takes the version away has the log that was there.
  world.fake().remove_version(kBucket, log, junk);
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(ledger.audit().value().faults, 0U);
}

TEST(LedgerBadPlace, AKeyObjectThatWasReplacedIsAnErrorOfThatKeyAlone) {
  LedgerWorld world;
  Ledger writer = world.open();
  ASSERT_TRUE(writer.set("a", "1").ok());
  ASSERT_TRUE(writer.set("b", "2").ok());
  world.fake().put(kBucket, key_object_name("a"), "junk");
  Ledger ledger = world.open();
  const auto replaced = ledger.get("a");
  EXPECT_EQ(replaced.status().code(), Code::corruption) << replaced.status().to_string();
  EXPECT_EQ(ledger.get("b").value()->value, "2");
  EXPECT_EQ(ledger.audit().value().faults, 1U);
  ASSERT_TRUE(ledger.set("a", "3").ok()) << "the log has everything: a set makes it good";
  EXPECT_EQ(ledger.get("a").value()->value, "3");
}

}  // namespace
}  // namespace talea
