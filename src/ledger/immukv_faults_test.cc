// What goes wrong with the original clients, done in the same way: docs/guide/from-immukv.md names
// the test of each.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/ledger_world.h"

namespace talea {
namespace {

using Requests = std::vector<std::string>;
using s3::Fault;

constexpr const char* kBucket = LedgerWorld::kBucket;

s3::FakeProfile may_not_write(std::string prefix) {
  s3::FakeProfile profile;
  profile.unwritable_prefixes = {std::move(prefix)};
  return profile;
}

std::size_t puts_in(const Requests& requests) {
  std::size_t puts = 0;
  for (const std::string& request : requests) puts += request.starts_with("PUT") ? 1U : 0U;
  return puts;
}

TEST(ImmukvFaults, EntriesOfBothLanguagesAreIntactInOneLog) {
  LedgerWorld world;
  Ledger ledger = world.open();
  world.append_orphan("a", R"({"field":"value"})", HashForm::python);
  ASSERT_TRUE(ledger.repair().ok());
  world.append_orphan("a", R"({"field":"value"})", HashForm::typescript);
  ASSERT_TRUE(ledger.repair().ok());
  const auto entries = ledger.log_entries().value().entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(Ledger::verify(entries[0]), HashForm::typescript);
  EXPECT_EQ(Ledger::verify(entries[1]), HashForm::python);
  expect_sound(ledger);
}

TEST(ImmukvFaults, PagesWithACursorAndBeyondAPageOfTheList) {
  LedgerWorld world;
  s3::FakeProfile profile;
  profile.page_keys_max = 3;
  world.fake().set_profile(profile);
  Ledger ledger = world.open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(ledger.set("k", std::to_string(i)).ok());
  for (const std::uint64_t limit : {1U, 2U, 3U, 7U, 20U, 100U}) {
    std::vector<std::string> of_log;
    std::vector<std::string> of_key;
    for (std::string before;;) {
      const auto page = ledger.log_entries({.before = before, .limit = limit}).value();
      EXPECT_LE(page.entries.size(), limit);
      for (const LedgerEntry& entry : page.entries) of_log.push_back(entry.value);
      before = page.next;
      if (before.empty()) break;
    }
    for (std::string before;;) {
      const auto page = ledger.history("k", {.before = before, .limit = limit}).value();
      for (const LedgerEntry& entry : page.entries) of_key.push_back(entry.value);
      before = page.next;
      if (before.empty()) break;
    }
    ASSERT_EQ(of_log.size(), 20U) << limit;
    EXPECT_EQ(of_key, of_log);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(of_log[static_cast<std::size_t>(i)], std::to_string(19 - i));
    }
  }
  expect_sound(ledger);
}

TEST(ImmukvFaults, ANullIsStoredAndWhatPythonLeftOutStopsNobody) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("n", "null").ok());
  EXPECT_TRUE(world.fake().bytes(kBucket, "_log.json")->ends_with(R"("value":null})"));
  EXPECT_TRUE(world.fake().bytes(kBucket, "keys/n.json")->ends_with(R"("value":null})"));
  // As the Python client writes it: no value in the log, null in the key's object.
  LedgerEntry entry = world.append_orphan("n", "null");
  Bytes body = *world.fake().bytes(kBucket, "_log.json");
  body.replace(body.find(R"(,"value":null})"), Bytes::npos, "}");
  world.fake().damage(kBucket, "_log.json", entry.version_id, body);
  Ledger other = world.open();
  EXPECT_EQ(value_of(other.get("n")), "null");
  EXPECT_TRUE(other.head().value()->value_is_missing);
  EXPECT_TRUE(other.set("a", "1").ok());
  EXPECT_TRUE(world.key_object("n")->version_id == entry.version_id) << "repaired";
  EXPECT_TRUE(world.fake().bytes(kBucket, "_log.json")->ends_with(R"("value":1})"))
      << "an entry that Python reads is the newest now";
  expect_sound(other);
}

TEST(ImmukvFaults, ADeletedKeyObjectStopsNoWriter) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  world.fake().remove(kBucket, "keys/a.json");
  Ledger other = world.open();
  ASSERT_TRUE(other.set("b", "2").ok());
  EXPECT_EQ(value_of(other.get("a")), "1") << "from the log";
  world.fake().remove(kBucket, "keys/b.json");
  const auto written = other.set("b", "3");
  ASSERT_TRUE(written.ok()) << "with the ETag that it knew";
  EXPECT_FALSE(written->key_object_etag.empty());
  EXPECT_EQ(value_of(other.get("b")), "3");
  expect_sound(other);
}

TEST(ImmukvFaults, ALostAnswerToThePutOfTheLogMakesOneEntry) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  world.fake().set_fault(world.fake().requests() + 1, Fault::lose_answer());
  ASSERT_TRUE(ledger.set("a", "2").ok());
  // Also when another has written on top of it before we could look.
  Ledger other = world.open();
  const auto next = world.fake().requests() + 1;
  world.fake().set_fault(next, Fault::lose_answer());
  world.fake().set_before(next + 1, [&] { ASSERT_TRUE(other.set("b", "4").ok()); });
  const auto third = ledger.set("a", "3");
  ASSERT_TRUE(third.ok()) << third.status().to_string();
  EXPECT_EQ(third->entry.sequence, 2);
  const auto log = world.log();
  ASSERT_EQ(log.size(), 4U);
  EXPECT_EQ(log[2].value, "3");
  EXPECT_EQ(log[3].value, "4");
  EXPECT_EQ(value_of(ledger.get("a")), "3");
  expect_sound(ledger);
}

TEST(ImmukvFaults, TheSameEntryOfTwoProcessesInOneMomentIsTwoEntries) {
  LedgerWorld world;
  Ledger ours = world.open();
  Ledger theirs = world.open();
  ASSERT_TRUE(theirs.set("a", "0").ok());
  ASSERT_TRUE(ours.set("a", "0").ok());
  ASSERT_TRUE(theirs.set("a", "1").ok());
  ASSERT_TRUE(ours.get("a").ok());
  ASSERT_TRUE(ours.set("a", "1").ok());
  // Ours never arrives, and theirs, of the same bytes, is there when we look.
  const auto next = world.fake().requests() + 1;
  ASSERT_TRUE(theirs.head().ok());
  world.fake().set_before(next + 1, [&] { ASSERT_TRUE(theirs.set("a", "2").ok()); });
  world.fake().set_fault(next + 1, Fault::lose_request());
  ASSERT_TRUE(ours.set("a", "2").ok());
  std::size_t twos = 0;
  for (const LedgerEntry& entry : world.log()) twos += entry.value == "2" ? 1U : 0U;
  EXPECT_EQ(twos, 2U);
  expect_sound(ours);
}

TEST(ImmukvFaults, ADeletedLogIsContinuedNotBegunAgain) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  world.fake().remove(kBucket, "_log.json");
  world.fake().remove(kBucket, "_log.json");
  Ledger ledger = world.open();
  EXPECT_EQ(value_of(ledger.get("a")), "1");
  const auto written = ledger.set("a", "2").value();
  EXPECT_EQ(written.entry.sequence, 1);
  const auto audit = ledger.audit().value();
  EXPECT_TRUE(audit.reaches_genesis);
  EXPECT_EQ(audit.faults, 2U);
  EXPECT_EQ(audit.faults_by_kind[static_cast<std::size_t>(LedgerFaultKind::log_deleted)], 2U);
}

TEST(ImmukvFaults, NoSecondOrphanIsMadeWhereTheFirstMayNotBeRepaired) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  world.fake().set_profile(may_not_write("keys/"));
  const auto orphan = ledger.set("a", "2");
  ASSERT_TRUE(orphan.ok()) << "it is in the log";
  EXPECT_TRUE(orphan->key_object_etag.empty());
  EXPECT_EQ(value_of(ledger.get("a")), "2");
  const auto refused = ledger.set("b", "3");
  EXPECT_EQ(refused.status().code(), Code::denied);
  EXPECT_NE(refused.status().message().find("entry 1 of key 'a'"), std::string_view::npos);
  EXPECT_EQ(world.log().size(), 2U);
  world.fake().set_profile({});
  ASSERT_TRUE(ledger.set("b", "3").ok());
  EXPECT_EQ(world.key_object("a")->value, "2");
  expect_sound(ledger);
}

TEST(ImmukvFaults, OrphansBehindTheNewestEntryAreFoundAndRepairedInOrder) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  for (const char* key : {"a", "b", "a"}) world.append_orphan(key, "2");
  world.append_orphan("c", "3");
  Ledger ledger = world.open();
  const auto repair = ledger.repair().value();
  EXPECT_EQ(repair.examined, 5U);
  EXPECT_EQ(repair.repaired, 4U);
  EXPECT_EQ(ledger.history("a").value().entries.size(), 3U) << "none left out";
  expect_sound(ledger);
  // One that is buried under an entry that reached its object.
  world.append_orphan("b", "4");
  const LedgerEntry above = world.append_orphan("c", "5");
  world.fake().put(kBucket, "keys/c.json", encode_key_object(above, HashForm::python));
  EXPECT_EQ(ledger.repair().value().repaired, 0U);
  EXPECT_EQ(ledger.repair({.entries_min = 2}).value().repaired, 1U);
  expect_sound(ledger);
}

TEST(ImmukvFaults, ARepairOfAllTellsHowFarItCame) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* key : {"a", "b", "c", "d"}) ASSERT_TRUE(ledger.set(key, "1").ok());
  world.fake().remove(kBucket, "keys/b.json");
  EXPECT_EQ(ledger.repair().value().oldest_sequence, 3);
  const auto repair = ledger.repair({.entries_min = UINT64_MAX}).value();
  EXPECT_EQ(repair.examined, 4U);
  EXPECT_EQ(repair.repaired, 1U);
  EXPECT_EQ(repair.oldest_sequence, 0);
  EXPECT_FALSE(repair.has_more);
  expect_sound(ledger);
  const auto versions = world.fake().versions(kBucket, "_log.json");
  world.fake().remove_version(kBucket, "_log.json", versions[0].id);
  EXPECT_EQ(ledger.repair({.entries_min = UINT64_MAX}).value().oldest_sequence, 1);
}

TEST(ImmukvFaults, ARepairOfMoreThanItTakesAtOnceGoesOnTheNextTime) {
  LedgerWorld world;
  Ledger ledger = world.open();
  const std::uint64_t keys = kLedgerOrphansMax + 3;
  for (std::uint64_t n = 0; n < keys; ++n) {
    ASSERT_TRUE(ledger.set("k" + std::to_string(n), "1").ok());
    world.fake().remove(kBucket, "keys/k" + std::to_string(n) + ".json");
  }
  EXPECT_EQ(ledger.repair().status().code(), Code::exhausted);
  const auto first = ledger.repair({.entries_min = UINT64_MAX}).value();
  EXPECT_TRUE(first.has_more);
  EXPECT_EQ(first.repaired, kLedgerOrphansMax);
  EXPECT_EQ(first.oldest_sequence, 3);
  const auto second = ledger.repair({.entries_min = UINT64_MAX}).value();
  EXPECT_FALSE(second.has_more);
  EXPECT_EQ(second.repaired, 3U);
  expect_sound(ledger);
}

TEST(ImmukvFaults, ARefusedRepairIsTriedAgainAfterTheInterval) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  world.append_orphan("a", "2");
  world.fake().set_profile(may_not_write("keys/"));
  Ledger ledger = world.open();
  EXPECT_EQ(value_of(ledger.get("a")), "2");
  const auto from = world.fake().requests();
  EXPECT_EQ(value_of(ledger.get("a")), "2");
  EXPECT_EQ(puts_in(world.requests_since(from)), 0U) << "not with each get";
  world.fake().set_profile({});
  EXPECT_EQ(value_of(ledger.get("a")), "2");
  EXPECT_EQ(world.key_object("a")->value, "1");
  world.s3.clock.advance_ms(300'000);
  EXPECT_EQ(value_of(ledger.get("a")), "2");
  EXPECT_EQ(world.key_object("a")->value, "2");
}

TEST(ImmukvFaults, AReaderWithoutRightsSeesACommittedNewKey) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  world.append_orphan("b", "2");
  Ledger reader = world.open(LedgerWorld::reading_only());
  const auto from = world.fake().requests();
  EXPECT_EQ(value_of(reader.get("b")), "2");
  EXPECT_EQ(value_of(reader.get("a")), "1");
  EXPECT_EQ(reader.history("b").value().entries.size(), 1U);
  EXPECT_EQ(puts_in(world.requests_since(from)), 0U);
  EXPECT_EQ(reader.set("a", "3").status().code(), Code::invalid_argument);
  EXPECT_EQ(reader.repair().status().code(), Code::invalid_argument);
}

TEST(ImmukvFaults, AReaderWithoutRightsSeesTheNewestValueOfAKnownKey) {
  LedgerWorld world;
  Ledger writer = world.open();
  ASSERT_TRUE(writer.set("a", "1").ok());
  ASSERT_TRUE(writer.set("a", "2").ok());
  world.append_orphan("a", "3");
  Ledger reader = world.open(LedgerWorld::reading_only());
  EXPECT_EQ(value_of(reader.get("a")), "3");
  world.fake().set_profile(may_not_write("keys/"));
  Ledger denied = world.open();
  EXPECT_EQ(value_of(denied.get("a")), "3");
}

TEST(ImmukvFaults, AKeyObjectThatWasPutBackIsFoundAndRepaired) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const Bytes old = *world.fake().bytes(kBucket, "keys/a.json");
  ASSERT_TRUE(ledger.set("a", "2").ok());
  world.fake().put(kBucket, "keys/a.json", old);
  EXPECT_EQ(ledger.audit().value().faults, 1U);
  ASSERT_TRUE(world.open().set("b", "3").ok());
  EXPECT_EQ(world.key_object("a")->value, "2");
  // Put back between the look and the put, so that the put is refused.
  ASSERT_TRUE(ledger.get("b").ok());
  world.fake().set_before(world.fake().requests() + 2,
                          [&] { world.fake().put(kBucket, "keys/b.json", "no key object"); });
  const auto written = ledger.set("b", "4");
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(world.key_object("b")->value, "4");
  expect_sound(ledger);
}

TEST(ImmukvFaults, WaitsBetweenTriesAndEndsInTime) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto began = world.s3.clock.monotonic_ns();
  int others = 0;
  // Somebody is always faster.
  world.fake().set_before_each([&](const s3::FakeRequest& request) {
    if (request.method == "PUT" && request.key == kLogName) {
      world.append_orphan("b", std::to_string(++others));
    }
  });
  const auto refused = ledger.set("a", "\"ours\"");
  EXPECT_EQ(refused.status().code(), Code::unavailable) << refused.status().to_string();
  const auto waited_ms = (world.s3.clock.monotonic_ns() - began) / 1'000'000;
  EXPECT_GE(waited_ms, 120'000U);
  EXPECT_LT(waited_ms, 125'000U);
  EXPECT_LT(others, 1000) << "with waits between";
  world.fake().clear_plan();
  for (const LedgerEntry& entry : world.log()) EXPECT_NE(entry.value, "\"ours\"");
  ASSERT_TRUE(ledger.set("a", "3").ok());
  expect_sound(ledger);
}

TEST(ImmukvFaults, AnswersThatAskToTryAgainAreTriedAgain) {
  for (const int status : {409, 503, 500, 429}) {
    LedgerWorld world;
    Ledger ledger = world.open();
    ASSERT_TRUE(ledger.set("a", "1").ok());
    world.fake().set_fault(world.fake().requests() + 1, Fault::answer(status));
    EXPECT_TRUE(ledger.set("a", "2").ok()) << status;
    world.fake().set_fault(world.fake().requests() + 2, Fault::answer(status));
    EXPECT_FALSE(ledger.set("a", "3").value().key_object_etag.empty()) << status;
    EXPECT_EQ(world.log().size(), 3U);
    expect_sound(ledger);
  }
}

TEST(ImmukvFaults, AListThatFailedIsNoEmptyList) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  s3::FakeProfile profile;
  profile.may_list = false;
  world.fake().set_profile(profile);
  EXPECT_EQ(ledger.list_keys().status().code(), Code::denied);
  EXPECT_EQ(ledger.list_keys_with_prefix("a").status().code(), Code::denied);
  EXPECT_EQ(ledger.log_entries().status().code(), Code::denied);
  EXPECT_EQ(ledger.audit().status().code(), Code::denied);
  S3Options at;
  at.bucket = "there-is-none";
  at.endpoint = "http://fake.test";
  at.credentials = S3Credentials{"AKIDEXAMPLE", "secret", {}, {}};
  Ledger nowhere = Ledger::open(at, {}, world.seams()).value();
  EXPECT_EQ(nowhere.list_keys().status().code(), Code::not_found);
  EXPECT_EQ(nowhere.set("a", "1").status().code(), Code::not_found);
}

TEST(ImmukvFaults, LimitsAreKeptAndNoCursorIsLost) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* value : {"1", "2", "3"}) ASSERT_TRUE(ledger.set("k", value).ok());
  world.append_orphan("k", "4");
  Ledger reader = world.open(LedgerWorld::reading_only());
  ASSERT_EQ(value_of(reader.get("k")), "4");
  EXPECT_TRUE(reader.history("k", {.limit = 0}).value().entries.empty());
  EXPECT_TRUE(reader.log_entries({.limit = 0}).value().entries.empty());
  for (const std::uint64_t limit : {1U, 2U, 3U, 4U, 5U}) {
    std::string values;
    for (std::string before;;) {
      const auto page = reader.history("k", {.before = before, .limit = limit}).value();
      EXPECT_LE(page.entries.size(), limit);
      for (const LedgerEntry& entry : page.entries) values += entry.value;
      before = page.next;
      if (before.empty()) break;
    }
    EXPECT_EQ(values, "4321") << limit;
  }
  EXPECT_EQ(reader.history("k", {.before = "@log", .limit = 0}).value().next, "@log");
  EXPECT_EQ(reader.history("k", {.limit = kLedgerPageMax + 1}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(reader.log_entries({.limit = kLedgerPageMax + 1}).status().code(),
            Code::invalid_argument);
}

TEST(ImmukvFaults, ABucketWithoutVersionsIsRefusedBeforeAnythingIsWritten) {
  for (const s3::Versioning versioning : {s3::Versioning::never, s3::Versioning::suspended}) {
    LedgerWorld world(versioning);
    Ledger ledger = world.open();
    const auto refused = ledger.set("a", "1");
    EXPECT_EQ(refused.status().code(), Code::unsupported);
    EXPECT_NE(refused.status().message().find("versioning"), std::string_view::npos);
    EXPECT_TRUE(world.fake().keys(kBucket).empty());
    world.fake().set_versioning(kBucket, s3::Versioning::enabled);
    EXPECT_TRUE(ledger.set("a", "1").ok()) << "it looks again";
  }
}

TEST(ImmukvFaults, VersioningThatWasSwitchedOffStopsTheNextSet) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  world.fake().set_versioning(kBucket, s3::Versioning::suspended);
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(ledger.set("a", "3").status().code(), Code::unsupported);
}

TEST(ImmukvFaults, WithoutTheRightToListTheErrorSaysSo) {
  LedgerWorld world;
  s3::FakeProfile profile;
  profile.may_list = false;
  world.fake().set_profile(profile);
  Ledger ledger = world.open();
  for (const Status& status : {ledger.get("a").status(), ledger.set("a", "1").status()}) {
    EXPECT_EQ(status.code(), Code::denied);
    EXPECT_NE(status.message().find("s3:ListBucket"), std::string_view::npos);
  }
  EXPECT_TRUE(world.log().empty());
}

TEST(ImmukvFaults, ADeniedKmsKeyIsFoundBeforeAnEntryIsWritten) {
  LedgerWorld world;
  s3::FakeProfile profile;
  profile.kms_denied = true;
  world.fake().set_profile(profile);
  S3Options at;
  at.bucket = kBucket;
  at.endpoint = "http://fake.test";
  at.credentials = S3Credentials{"AKIDEXAMPLE", "secret", {}, {}};
  at.kms_key_id = "arn:aws:kms:eu-west-1:1:key/2";
  Ledger ledger = Ledger::open(at, {}, world.seams()).value();
  EXPECT_EQ(ledger.set("a", "1").status().code(), Code::denied);
  EXPECT_TRUE(world.fake().keys(kBucket).empty());
}

TEST(ImmukvFaults, AStoreThatIgnoresConditionsIsRefusedForWriting) {
  for (const bool of_match : {true, false}) {
    LedgerWorld world;
    ASSERT_TRUE(world.open().set("a", "1").ok());
    s3::FakeProfile profile;
    profile.ignores_if_match = of_match;
    profile.ignores_if_none_match = !of_match;
    world.fake().set_profile(profile);
    Ledger ledger = world.open();
    const auto refused = ledger.set("a", "2");
    EXPECT_EQ(refused.status().code(), Code::unsupported);
    EXPECT_NE(refused.status().message().find(of_match ? "If-Match" : "If-None-Match"),
              std::string_view::npos);
    EXPECT_EQ(world.log().size(), 1U);
    EXPECT_EQ(value_of(ledger.get("a")), "1");
  }
}

TEST(ImmukvFaults, ACheckOfTheLogWritesNothing) {
  LedgerWorld world;
  Ledger ledger = world.open(LedgerWorld::checking_each_get());
  ASSERT_TRUE(ledger.set("a", "1").ok());
  ASSERT_TRUE(ledger.set("b", "1").ok());
  const auto from = world.fake().requests();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(ledger.get("a").ok());
  const Requests requests = world.requests_since(from);
  EXPECT_EQ(requests.size(), 20U);
  EXPECT_EQ(puts_in(requests), 0U);
}

TEST(ImmukvFaults, AHistoryReadsNoSiblings) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* key : {"k", "k.json", "k.json.json", "k", "kk"}) {
    ASSERT_TRUE(ledger.set(key, "1").ok());
  }
  s3::FakeProfile profile;
  profile.page_keys_max = 2;
  world.fake().set_profile(profile);
  const auto from = world.fake().requests();
  const auto page = ledger.history("k", {.limit = 5}).value();
  EXPECT_EQ(page.entries.size(), 2U);
  EXPECT_TRUE(page.next.empty());
  EXPECT_LE(world.requests_since(from).size(), 4U);
}

TEST(ImmukvFaults, ARepairKeepsTheBytesOfTheValue) {
  LedgerWorld world;
  Ledger ledger = world.open(LedgerWorld::with_profile(HashProfile::typescript));
  const LedgerEntry entry =
      world.append_orphan("a", R"([20.0,9007199254740993,1e-05])", HashForm::python);
  ASSERT_TRUE(ledger.set("b", "1").ok());
  EXPECT_EQ(*world.fake().bytes(kBucket, "keys/a.json"),
            encode_key_object(entry, HashForm::python));
  EXPECT_EQ(ledger.get("a").value()->value, "[20.0,9007199254740993,1e-05]");
  expect_sound(ledger);
}

TEST(ImmukvFaults, NotANumberIsRefusedAndReadWhereItIs) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* value : {"NaN", "[Infinity]", "{\"a\":-Infinity}", "1e999"}) {
    EXPECT_EQ(ledger.set("a", value).status().code(), Code::invalid_argument) << value;
  }
  EXPECT_EQ(world.fake().requests(), 0U);
  world.append_orphan("a", "[NaN]");
  EXPECT_EQ(value_of(ledger.get("a")), "[NaN]");
  EXPECT_EQ(Ledger::verify(*ledger.get("a").value()), HashForm::python);
  ASSERT_TRUE(ledger.set("b", "1").ok());
  expect_sound(ledger);
}

TEST(ImmukvFaults, AValueThatIsNotJsonIsRefusedBeforeAnyRequest) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* value : {"", "hello", "{", "{\"a\":1,\"a\":2}", "1 2", "\"\xff\""}) {
    EXPECT_EQ(ledger.set("a", value).status().code(), Code::invalid_argument) << value;
  }
  EXPECT_EQ(world.fake().requests(), 0U);
}

TEST(ImmukvFaults, AKmsKeyIsSentWithEveryPut) {
  LedgerWorld world;
  S3Options at;
  at.bucket = kBucket;
  at.endpoint = "http://fake.test";
  at.credentials = S3Credentials{"AKIDEXAMPLE", "secret", {}, {}};
  at.kms_key_id = "arn:aws:kms:eu-west-1:1:key/2";
  Ledger ledger = Ledger::open(at, {}, world.seams()).value();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  for (const s3::LoggedRequest& request : world.fake().request_log()) {
    if (request.method != "PUT") continue;
    const auto header = request.headers.find("x-amz-server-side-encryption-aws-kms-key-id");
    ASSERT_NE(header, request.headers.end()) << request.key;
    EXPECT_EQ(header->second, at.kms_key_id);
  }
}

TEST(ImmukvFaults, ANullWithAConditionIsARemovalThatAllClientsRead) {
  LedgerWorld world;
  Ledger ledger = world.open();
  const auto first = ledger.set("a", "1", {.absent = true}).value();
  const auto removed = ledger.set("a", "null", {.sequence = first.entry.sequence}).value();
  EXPECT_EQ(value_of(ledger.get("a")), "null");
  EXPECT_EQ(ledger.set("a", "2", {.sequence = first.entry.sequence}).status().code(),
            Code::conflict);
  EXPECT_EQ(ledger.head().value()->version_id, removed.entry.version_id) << "to watch by";
}

TEST(ImmukvFaults, TimeDoesNotGoBackInTheLog) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto first = world.log().back().timestamp_ms;
  world.s3.clock.set_wall_ms(first - 5000);
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(world.log().back().timestamp_ms, first);
  world.s3.clock.set_wall_ms(first + 7);
  ASSERT_TRUE(world.open().set("a", "3").ok());
  EXPECT_EQ(world.log().back().timestamp_ms, first + 7);
}

TEST(ImmukvFaults, ACallEndsWhenTheStoreIsGone) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  world.fake().set_plan([](const s3::FakeRequest&) { return Fault::refuse(); });
  EXPECT_EQ(ledger.set("a", "2").status().code(), Code::unavailable);
  EXPECT_EQ(ledger.get("a").status().code(), Code::unavailable);
  EXPECT_EQ(ledger.list_keys().status().code(), Code::unavailable);
  world.fake().set_plan([](const s3::FakeRequest&) { return Fault::lose_request(); });
  EXPECT_EQ(ledger.set("b", "2").status().code(), Code::unavailable)
      << "nothing was put: it was not known whether the key has an object";
  EXPECT_EQ(ledger.set("a", "2").status().code(), Code::timed_out);
  world.fake().clear_plan();
  EXPECT_EQ(world.log().size(), 1U);
  EXPECT_TRUE(ledger.close().ok());
}

TEST(ImmukvFaults, AKeyThatCannotBeIsRefusedBeforeAnyRequest) {
  LedgerWorld world;
  Ledger ledger = world.open(LedgerWorld::one_at_a_time(), std::string(14, 'p'));
  for (const std::string& key :
       {std::string(1001, 'k'), std::string("a\nb"), std::string("\x7f"), std::string("\xff")}) {
    EXPECT_EQ(ledger.set(key, "1").status().code(), Code::invalid_argument);
    EXPECT_EQ(ledger.get(key).status().code(), Code::invalid_argument);
    EXPECT_EQ(ledger.history(key).status().code(), Code::invalid_argument);
  }
  EXPECT_EQ(world.fake().requests(), 0U);
  ASSERT_TRUE(ledger.set(std::string(1000, 'k'), "1").ok());
  EXPECT_EQ(ledger.list_keys().value().front().size(), 1000U);
}

TEST(ImmukvFaults, CredentialsAreAskedForAgainBeforeTheyEnd) {
  LedgerWorld world;
  int calls = 0;
  S3Options at;
  at.bucket = kBucket;
  at.endpoint = "http://fake.test";
  bool says_when = true;
  at.credential_provider = [&]() -> Result<S3Credentials> {
    ++calls;
    S3Credentials credentials{"AKIDEXAMPLE", "secret", "token", {}};
    if (says_when) credentials.expires_at_ms = world.s3.clock.wall_ms() + 3'600'000;
    return credentials;
  };
  Ledger ledger = Ledger::open(at, {}, world.seams()).value();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  EXPECT_EQ(calls, 1);
  world.s3.clock.advance_ms(3'600'000);
  says_when = false;
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(calls, 2);
  world.s3.clock.advance_ms(3'600'000);
  ASSERT_TRUE(ledger.set("a", "3").ok());
  EXPECT_EQ(calls, 3) << "without a time, after an hour";
}

TEST(ImmukvFaults, WhoSaysNothingOfTheIntervalHasChecks) {
  EXPECT_EQ(LedgerOptions().repair_check_interval, std::chrono::minutes(5));
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  Ledger ledger = world.open({});
  ASSERT_TRUE(ledger.get("a").ok());
  world.append_orphan("a", "2");
  EXPECT_EQ(value_of(ledger.get("a")), "1");
  world.s3.clock.advance_ms(300'000);
  EXPECT_EQ(value_of(ledger.get("a")), "2");
}

}  // namespace
}  // namespace talea
