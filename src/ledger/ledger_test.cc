// What a ledger does when all is well, and what it costs.
#include "talea/ledger.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/altering_transport.h"
#include "tests/support/ledger_world.h"

namespace talea {
namespace {

using Requests = std::vector<std::string>;

TEST(Ledger, GivesBackWhatWasSet) {
  LedgerWorld world;
  Ledger ledger = world.open();
  const auto written = ledger.set("alpha", R"( {"n": 1} )");
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(written->entry.sequence, 0);
  EXPECT_EQ(written->entry.previous_hash, kGenesisHash);
  EXPECT_EQ(written->entry.value, R"({"n":1})");
  EXPECT_EQ(written->key_object_etag, world.fake().current("records", "keys/alpha.json")->etag);
  const auto got = ledger.get("alpha").value();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->value, R"({"n":1})");
  EXPECT_EQ(got->version_id, written->entry.version_id);
  EXPECT_EQ(Ledger::verify(*got), HashForm::python);
  EXPECT_FALSE(ledger.get("beta").value());
}

TEST(Ledger, WritesTheObjectsOfImmukv) {
  LedgerWorld world;
  Ledger ledger = world.open();
  world.s3.clock.set_wall_ms(1'234'567'890'000);
  ASSERT_TRUE(ledger.set("test-key", R"({"field":"value"})").ok());
  EXPECT_EQ(*world.fake().bytes("records", "_log.json"),
            R"({"hash":"sha256:718a8e31b7d462467c27b8706ae07714b4b23cd51e48e67ccd47ff4974cc91b4",)"
            R"("key":"test-key","previous_hash":"sha256:genesis","sequence":0,)"
            R"("timestamp_ms":1234567890000,"value":{"field":"value"}})");
  const auto log = world.fake().current("records", "_log.json");
  EXPECT_EQ(*world.fake().bytes("records", "keys/test-key.json"),
            R"({"hash":"sha256:718a8e31b7d462467c27b8706ae07714b4b23cd51e48e67ccd47ff4974cc91b4",)"
            R"("key":"test-key","log_version_id":")" +
                log->id +
                R"(","previous_hash":"sha256:genesis","sequence":0,)"
                R"("timestamp_ms":1234567890000,"value":{"field":"value"}})");
  EXPECT_EQ(log->content_type, "application/json");
}

TEST(Ledger, LinksEntriesAndNamesTheObjectsBeforeThem) {
  LedgerWorld world;
  Ledger ledger = world.open();
  const auto first = ledger.set("a", "1").value();
  const auto second = ledger.set("a", "2").value();
  const auto third = ledger.set("b", "3").value();
  EXPECT_EQ(second.entry.previous_hash, first.entry.hash);
  EXPECT_EQ(second.entry.previous_version_id, first.entry.version_id);
  EXPECT_EQ(second.entry.previous_key_object_etag, first.key_object_etag);
  EXPECT_EQ(third.entry.sequence, 2);
  EXPECT_TRUE(third.entry.previous_key_object_etag.empty());
  EXPECT_EQ(ledger.get_log_version(second.entry.version_id).value()->value, "2");
  EXPECT_FALSE(ledger.get_log_version("there-is-none").value());
  EXPECT_EQ(ledger.head().value()->sequence, 2);
  expect_sound(ledger);
}

TEST(Ledger, OfAnEmptyPrefixHasNothing) {
  LedgerWorld world;
  Ledger ledger = world.open();
  EXPECT_FALSE(ledger.head().value());
  EXPECT_FALSE(ledger.get("a").value());
  EXPECT_TRUE(ledger.history("a").value().entries.empty());
  EXPECT_TRUE(ledger.log_entries().value().entries.empty());
  EXPECT_TRUE(ledger.list_keys().value().empty());
  const auto audit = ledger.audit().value();
  EXPECT_EQ(audit.entries + audit.faults, 0U);
  EXPECT_EQ(ledger.repair().value().examined, 0U);
}

TEST(Ledger, PutsThePrefixInFrontAsItIs) {
  LedgerWorld world;
  Ledger folder = world.open(LedgerWorld::one_at_a_time(), "app/");
  Ledger bare = world.open(LedgerWorld::one_at_a_time(), "app");
  ASSERT_TRUE(folder.set("k", "1").ok());
  ASSERT_TRUE(bare.set("k", "2").ok());
  EXPECT_TRUE(world.fake().bytes("records", "app/keys/k.json"));
  EXPECT_TRUE(world.fake().bytes("records", "appkeys/k.json"));
  EXPECT_TRUE(world.fake().bytes("records", "app_log.json"));
  EXPECT_EQ(value_of(folder.get("k")), "1");
  EXPECT_EQ(value_of(bare.get("k")), "2");
}

TEST(Ledger, TakesKeysOfEveryKind) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (const char* key : {"", "a b", "a/b", "a//b", "..", "../x", "a+b%20", "caf\xc3\xa9", "k.json",
                          "\xf0\x9f\x98\x80", "?versions", "a&b=c#d", "'\"<>"}) {
    ASSERT_TRUE(ledger.set(key, "\"" + std::string("v") + "\"").ok()) << key;
    const auto got = ledger.get(key).value();
    ASSERT_TRUE(got) << key;
    EXPECT_EQ(got->key, key);
    EXPECT_EQ(ledger.history(key).value().entries.size(), 1U) << key;
  }
  EXPECT_EQ(ledger.list_keys().value().size(), 13U);
  expect_sound(ledger);
}

TEST(Ledger, GivesManyKeysAndVersionsInTheirOrder) {
  LedgerWorld world;
  LedgerOptions options = LedgerWorld::one_at_a_time();
  for (const std::uint32_t parallel_gets : {1U, 4U}) {
    options.parallel_gets = parallel_gets;
    Ledger ledger = world.open(options, std::to_string(parallel_gets) + "/");
    std::vector<std::string> keys;
    for (int n = 0; n < 20; ++n) {
      keys.push_back("k" + std::to_string(n));
      ASSERT_TRUE(ledger.set(keys.back(), std::to_string(n)).ok());
    }
    keys.insert(keys.begin() + 7, "none");
    const auto entries = ledger.get_many(keys).value();
    ASSERT_EQ(entries.size(), 21U);
    for (std::size_t at = 0; at < keys.size(); ++at) {
      if (keys[at] == "none") {
        EXPECT_FALSE(entries[at].has_value());
      } else {
        EXPECT_EQ("k" + entries[at]->value, keys[at]);
      }
    }
    std::vector<std::string> versions = ledger.log_versions().value();
    ASSERT_EQ(versions.size(), 20U);
    versions.insert(versions.begin(), "none");
    const auto logged = ledger.get_log_versions(versions).value();
    ASSERT_EQ(logged.size(), 21U);
    EXPECT_FALSE(logged[0].has_value());
    for (std::size_t at = 1; at < logged.size(); ++at) {
      EXPECT_EQ(logged[at]->sequence, static_cast<std::int64_t>(at) - 1);
    }
    keys.emplace_back("a\nb");
    EXPECT_EQ(ledger.get_many(keys).status().code(), Code::invalid_argument);
    versions.emplace_back();
    EXPECT_EQ(ledger.get_log_versions(versions).status().code(), Code::invalid_argument);
    ASSERT_TRUE(ledger.close().ok());
    EXPECT_EQ(ledger.log_versions().status().code(), Code::cancelled);
  }
}

TEST(LedgerCost, OfTheVersionsOfTheLogIsOneRequestForAThousand) {
  LedgerWorld world;
  Ledger ledger = world.open();
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(ledger.set("k", std::to_string(n)).ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.log_versions().ok());
  EXPECT_EQ(world.requests_since(from), (Requests{"GET ?versions"}));
}

TEST(LedgerCost, OfASetIsTwoRequestsWhenHeadAndKeyAreKnown) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(world.requests_since(from), (Requests{"PUT _log.json", "PUT keys/a.json"}));
}

TEST(LedgerCost, OfASetOfANewKeyIsThreeRequests) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.set("b", "2").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"HEAD keys/b.json", "PUT _log.json", "PUT keys/b.json"}));
}

TEST(LedgerCost, OfASetAfterAGetIsTwoRequests) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("b", "0").ok());
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  ASSERT_TRUE(ledger.get("a").ok());
  const auto from = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("b")), "0");
  ASSERT_TRUE(ledger.set("b", "2").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"GET keys/b.json", "PUT _log.json", "PUT keys/b.json"}));
}

TEST(LedgerCost, OfTheFirstSetOfAProcessIsItsLookAtStoreLogAndNewestEntry) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.set("b", "2").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"GET ?versioning", "PUT _talea_probe", "PUT _talea_probe", "GET _log.json",
                      "GET keys/a.json", "HEAD keys/b.json", "PUT _log.json", "PUT keys/b.json"}));
}

TEST(LedgerCost, OfAGetIsOneRequestAndTwoWhenTheCheckIsDue) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(from), (Requests{"GET _log.json", "GET keys/a.json"}));
  const auto second = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(second), (Requests{"GET keys/a.json"}));
  world.s3.clock.advance_ms(300'000);
  const auto third = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(third), (Requests{"GET _log.json", "GET keys/a.json"}));
}

TEST(LedgerCost, OfAGetIsNeverThreeThoughTheNewestEntryIsOfAnotherKey) {
  LedgerWorld world;
  Ledger writer = world.open();
  ASSERT_TRUE(writer.set("a", "1").ok());
  ASSERT_TRUE(writer.set("b", "2").ok());
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(from), (Requests{"GET _log.json", "GET keys/a.json"}));
  const auto second = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(second), (Requests{"GET keys/a.json", "GET keys/b.json"}))
      << "the check's second half";
  const auto third = world.fake().requests();
  ASSERT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(world.requests_since(third), (Requests{"GET keys/a.json"}));
}

TEST(LedgerCost, AnotherWritersEntryForgetsNoOtherKey) {
  LedgerWorld world;
  Ledger ours = world.open();
  Ledger theirs = world.open();
  ASSERT_TRUE(ours.set("a", "1").ok());
  ASSERT_TRUE(theirs.set("b", "2").ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ours.set("a", "3").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"PUT _log.json", "GET _log.json", "GET keys/b.json", "PUT _log.json",
                      "PUT keys/a.json"}));
  expect_sound(ours);
}

TEST(LedgerCost, WhereManyWereFirstIsAListAndAReadMore) {
  LedgerWorld world;
  Ledger ours = world.open();
  Ledger theirs = world.open();
  ASSERT_TRUE(ours.set("a", "1").ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(theirs.set("b", std::to_string(i)).ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ours.set("a", "3").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"PUT _log.json", "GET _log.json", "GET ?versions", "GET _log.json",
                      "GET keys/b.json", "HEAD keys/a.json", "PUT _log.json", "PUT keys/a.json"}));
  expect_sound(ours);
}

TEST(LedgerCost, OfAStoreThatReadsEtagsWithoutQuotesIsKnownAfterTheFirstRefusal) {
  LedgerWorld world;
  world.fake().set_profile({.only_unquoted_if_match = true});
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.set("a", "2").ok());
  EXPECT_EQ(world.requests_since(from),
            (Requests{"PUT _log.json", "GET _log.json", "PUT _log.json", "HEAD _log.json",
                      "PUT _log.json", "PUT keys/a.json"}));
  const auto second = world.fake().requests();
  ASSERT_TRUE(ledger.set("a", "3").ok());
  EXPECT_EQ(world.requests_since(second), (Requests{"PUT _log.json", "PUT keys/a.json"}));
  expect_sound(ledger);
}

TEST(LedgerCondition, HoldsForTheNewestEntryOfTheKey) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1", {.absent = true}).ok());
  EXPECT_EQ(ledger.set("a", "2", {.absent = true}).status().code(), Code::conflict);
  EXPECT_EQ(ledger.set("a", "2", {.sequence = 5}).status().code(), Code::conflict);
  EXPECT_EQ(ledger.set("b", "2", {.sequence = 0}).status().code(), Code::conflict);
  const auto second = ledger.set("a", "2", {.sequence = 0}).value();
  EXPECT_EQ(second.entry.sequence, 1);
  Ledger other = world.open();
  EXPECT_EQ(other.set("a", "3", {.sequence = 0}).status().code(), Code::conflict);
  EXPECT_TRUE(other.set("a", "3", {.sequence = 1}).ok());
  EXPECT_EQ(ledger.set("a", "4", {.sequence = 1}).status().code(), Code::conflict)
      << "what it knew was old";
  EXPECT_EQ(ledger.set("a", "4", {.absent = true, .sequence = 1}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(world.log().size(), 3U);
}

TEST(LedgerCondition, OfASetThatWasDoneBeforeItWasRefusedDoesNotSpeakAgainstItself) {
  for (const int others : {1, 2, 5}) {
    LedgerWorld world;
    Ledger ours = world.open();
    Ledger theirs = world.open();
    ASSERT_TRUE(ours.set("x", "0").ok());
    ASSERT_TRUE(ours.get("a").ok());
    // A proxy makes two puts of one, and others append before our client looks.
    const auto next = world.fake().requests() + 1;
    world.fake().set_fault(next, s3::Fault::twice_second());
    world.fake().set_before(next + 1, [&] {
      for (int i = 0; i < others; ++i) EXPECT_TRUE(theirs.set("b", "1").ok());
    });
    const auto set = ours.set("a", "2", {.absent = true});
    ASSERT_TRUE(set.ok()) << set.status().to_string();
    EXPECT_EQ(set->entry.sequence, 1);
    EXPECT_EQ(world.log().size(), 2U + static_cast<std::size_t>(others));
    EXPECT_EQ(world.log()[1].version_id, set->entry.version_id);
    EXPECT_EQ(value_of(ours.get("a")), "2");
    expect_sound(ours);
  }
}

TEST(Ledger, OnAStoreThatForgetsMetadataALostAnswerStaysUnknown) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  s3::FakeProfile profile;
  profile.forgets_metadata = true;
  world.fake().set_profile(profile);
  const auto began = world.s3.clock.monotonic_ns();
  world.fake().set_fault(world.fake().requests() + 1, s3::Fault::lose_answer());
  EXPECT_EQ(ledger.set("a", "2").status().code(), Code::timed_out);
  EXPECT_EQ(world.log().size(), 2U) << "it is there once";
  EXPECT_LT(world.s3.clock.monotonic_ns() - began, 10'000'000'000U) << "asking again is no help";
  ASSERT_TRUE(ledger.set("a", "3").ok());
  expect_sound(ledger);
}

TEST(Ledger, TakesNoValueThatIsTooLongAsItIsStored) {
  LedgerWorld world;
  Ledger ledger = world.open();
  // U+007F takes six characters in Python's form.
  const Bytes value = '"' + Bytes(kLedgerValueBytesMax / 6 + 1, '\x7f') + '"';
  EXPECT_EQ(ledger.set("a", value).status().code(), Code::exhausted);
  EXPECT_EQ(world.fake().requests(), 0U);
}

TEST(Ledger, WhereTheLogIsDamagedGetsGoOn) {
  LedgerWorld world;
  Ledger writer = world.open();
  ASSERT_TRUE(writer.set("a", "1").ok());
  const auto newest = writer.set("b", "2").value().entry;
  world.fake().damage(LedgerWorld::kBucket, "_log.json", newest.version_id, "damaged");
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  EXPECT_EQ(value_of(ledger.get("a")), "1");
  EXPECT_EQ(value_of(ledger.get("b")), "2");
  EXPECT_EQ(world.requests_since(from).size(), 3U) << "one look at the log";
  for (const Status& status : {ledger.head().status(), ledger.set("a", "3").status()}) {
    EXPECT_EQ(status.code(), Code::corruption);
    EXPECT_NE(status.message().find(newest.version_id), std::string_view::npos);
  }
  // What the message says is what helps.
  world.fake().remove_version(LedgerWorld::kBucket, "_log.json", newest.version_id);
  ASSERT_TRUE(ledger.set("a", "3").ok());
}

TEST(Ledger, AVersionIdThatNoneCanHaveIsNoVersion) {
  LedgerWorld world;
  Ledger ledger = world.open();
  ASSERT_TRUE(ledger.set("a", "1").ok());
  const auto from = world.fake().requests();
  std::string long_id;
  long_id.resize(9'000'000, 'v');
  EXPECT_EQ(ledger.get_log_version(long_id)->has_value(), false);
  EXPECT_EQ(world.fake().requests(), from);
}

// A ledger whose store answers as `alter` says.
struct AlteredLedger {
  AlteredLedger(LedgerWorld& world, s3::AlteringTransport::Alter alter)
      : transport(world.fake(), std::move(alter)) {
    S3Options at;
    at.bucket = LedgerWorld::kBucket;
    at.endpoint = "http://fake.test";
    at.credentials = S3Credentials{"AKIDEXAMPLE", "secret", {}, {}};
    LedgerSeams seams{.transport = transport,
                      .clock = world.s3.clock,
                      .random = world.s3.random,
                      .executor = world.executor,
                      .wait = world.seams().wait};
    ledger.emplace(Ledger::open(at, LedgerWorld::one_at_a_time(), seams).value());
  }
  Ledger* operator->() { return &*ledger; }

  s3::AlteringTransport transport;
  std::optional<Ledger> ledger;
};

TEST(Ledger, AnIdOfAVersionThatIsNoTextIsCorruption) {
  LedgerWorld world;
  ASSERT_TRUE(world.open().set("a", "1").ok());
  world.append_orphan("a", "2");
  AlteredLedger ledger(world, [](const s3::HttpRequest&, Result<s3::HttpResponse> answer) {
    if (!answer.ok()) return answer;
    for (s3::HttpHeader& header : answer->headers) {
      if (header.name == "x-amz-version-id") header.value = "\xff";
    }
    return answer;
  });
  EXPECT_EQ(ledger->repair().status().code(), Code::corruption);
  EXPECT_EQ(ledger->head().status().code(), Code::corruption);
}

TEST(Ledger, ARedirectDoesNotSayThatThereIsNoSuchVersion) {
  LedgerWorld world;
  LedgerEntry planted = world.open().set("a", "1").value().entry;
  planted.key = "b";
  planted.version_id = "elsewhere";
  world.fake().put(LedgerWorld::kBucket, "keys/b.json",
                   encode_key_object(planted, HashForm::python));
  bool redirects = true;
  AlteredLedger ledger(world, [&](const s3::HttpRequest& request, Result<s3::HttpResponse> answer) {
    const bool is_meant = request.url.find("versionId=elsewhere") != std::string::npos;
    if (!is_meant || !redirects) return answer;
    return Result<s3::HttpResponse>(
        s3::made_up(301, "<Error><Code>PermanentRedirect</Code></Error>"));
  });
  EXPECT_EQ(ledger->get_log_version("elsewhere").status().code(), Code::invalid_argument);
  EXPECT_EQ(ledger->audit().status().code(), Code::invalid_argument) << "no fault of the ledger";
  redirects = false;
  EXPECT_EQ(ledger->audit()->faults, 1U);
}

TEST(Ledger, AfterTheLastSequenceThereIsNoOther) {
  LedgerWorld world;
  LedgerEntry last;
  last.key = "a";
  last.value = "1";
  last.sequence = kLastSequence;
  last.timestamp_ms = 1;
  last.previous_hash = std::string(kGenesisHash);
  last.hash = hash_of(last, HashForm::python);
  world.fake().put(LedgerWorld::kBucket, std::string(kLogName),
                   encode_log_entry(last, HashForm::python));
  Ledger ledger = world.open();
  EXPECT_EQ(ledger.set("a", "2").status().code(), Code::exhausted);
  ASSERT_TRUE(ledger.audit().ok());
  Bytes beyond = encode_log_entry(last, HashForm::python);
  const std::string number = std::to_string(kLastSequence);
  beyond.replace(beyond.find(number), number.size(), "9223372036854775807");
  EXPECT_EQ(decode_log_entry(beyond, "v").status().code(), Code::corruption);
}

TEST(Ledger, ThatAnOriginalClientBeganAgainIsGoneOnWith) {
  LedgerWorld world;
  Ledger ours = world.open(LedgerWorld::checking_each_get());
  for (const char* value : {"1", "2", "3"}) ASSERT_TRUE(ours.set("a", value).ok());
  // Somebody deletes the log; the original client begins another, and ends before its second step.
  world.fake().remove(LedgerWorld::kBucket, std::string(kLogName));
  world.s3.clock.advance_ms(1000);
  LedgerEntry first;
  first.key = "a";
  first.value = "4";
  first.timestamp_ms = world.s3.clock.wall_ms();
  first.previous_hash = std::string(kGenesisHash);
  first.hash = hash_of(first, HashForm::python);
  world.fake().put(LedgerWorld::kBucket, std::string(kLogName),
                   encode_log_entry(first, HashForm::python));
  Ledger other = world.open();
  const auto next = other.set("b", "5");
  ASSERT_TRUE(next.ok()) << next.status().to_string();
  EXPECT_EQ(next->entry.sequence, 1);
  EXPECT_EQ(world.key_object("a")->value, "4") << "the object of before is not newer";
  for (int i = 0; i < 2; ++i) ASSERT_EQ(value_of(ours.get("a")), "4");
  const auto from = world.fake().requests();
  ASSERT_TRUE(ours.set("a", "6").ok());
  EXPECT_EQ(world.requests_since(from).front(), "PUT _log.json") << "it knew the new log";
}

TEST(LedgerProfile, DecidesWhoseClientsFindAnEntryIntact) {
  LedgerWorld world;
  Ledger typescript = world.open(LedgerWorld::with_profile(HashProfile::typescript));
  Ledger python = world.open(LedgerWorld::with_profile(HashProfile::python));
  const auto a = typescript.set("a", "20.0").value().entry;
  const auto b = python.set("b", "20.0").value().entry;
  EXPECT_EQ(Ledger::verify(a), HashForm::typescript);
  EXPECT_EQ(a.value, "20");
  EXPECT_EQ(Ledger::verify(b), HashForm::python);
  EXPECT_EQ(b.value, "20.0");
  expect_sound(python);
}

TEST(LedgerProfile, AutomaticIsThatOfTheNewestEntry) {
  LedgerWorld world;
  Ledger ledger = world.open();
  EXPECT_EQ(Ledger::verify(ledger.set("a", "1.0").value().entry), HashForm::python);
  ASSERT_TRUE(world.open(LedgerWorld::with_profile(HashProfile::typescript)).set("a", "1").ok());
  const auto entry = ledger.set("a", "3.0").value().entry;
  EXPECT_EQ(Ledger::verify(entry), HashForm::typescript);
  EXPECT_EQ(entry.value, "3");
  expect_sound(ledger);
}

TEST(LedgerProfile, RefusesWhatItsNumbersCannotHold) {
  LedgerWorld world;
  Ledger typescript = world.open(LedgerWorld::with_profile(HashProfile::typescript));
  EXPECT_EQ(typescript.set("a", "9007199254740993").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.fake().requests(), 0U);
  ASSERT_TRUE(typescript.set("a", "1").ok());
  Ledger automatic = world.open();
  EXPECT_EQ(automatic.set("a", "9007199254740993").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.log().size(), 1U);
  Ledger python = world.open(LedgerWorld::with_profile(HashProfile::python));
  EXPECT_EQ(python.set("a", "9007199254740993").value().entry.value, "9007199254740993");
}

TEST(LedgerCodec, EncodesOnceAndDecodesOnDemand) {
  LedgerWorld world;
  int encoded = 0;
  int decoded = 0;
  LedgerOptions options = LedgerWorld::one_at_a_time();
  options.codec = {.encode = [&](BytesView value) -> Result<Bytes> {
                     ++encoded;
                     if (value == "bad") return Status::invalid_argument("no codec for it");
                     return "\"" + Bytes(value) + "\"";
                   },
                   .decode = [&](BytesView json) -> Result<Bytes> {
                     ++decoded;
                     return Bytes(json.substr(1, json.size() - 2));
                   }};
  Ledger ledger = world.open(options);
  ASSERT_TRUE(ledger.set("a", "x").ok());
  ASSERT_TRUE(world.open().set("b", "[]").ok());
  ASSERT_TRUE(ledger.set("a", "y").ok());
  EXPECT_EQ(encoded, 2) << "once for each set, also when it begins again";
  const auto entry = ledger.get("a").value();
  ASSERT_TRUE(ledger.get("b").ok());
  EXPECT_EQ(decoded, 0) << "entries of others are not decoded";
  EXPECT_EQ(ledger.decode(*entry).value(), "y");
  EXPECT_EQ(Ledger::verify(*entry), HashForm::python);
  const auto from = world.fake().requests();
  EXPECT_EQ(ledger.set("a", "bad").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.fake().requests(), from);
}

TEST(LedgerOpen, RefusesOptionsOutOfTheirRange) {
  LedgerWorld world;
  const auto code = [&](LedgerOptions options) {
    S3Options at;
    at.bucket = "records";
    return Ledger::open(at, std::move(options), world.seams()).status().code();
  };
  LedgerOptions options;
  options.repair_check_interval = std::chrono::milliseconds(-1);
  EXPECT_EQ(code(options), Code::invalid_argument);
  options.repair_check_interval = std::chrono::hours(24 * 367);
  EXPECT_EQ(code(options), Code::invalid_argument);
  options = {};
  options.parallel_gets = 0;
  EXPECT_EQ(code(options), Code::invalid_argument);
  options.parallel_gets = kLedgerParallelGetsMax + 1;
  EXPECT_EQ(code(options), Code::invalid_argument);
}

TEST(LedgerClose, EndsEachLedgerOnItsOwn) {
  LedgerWorld world;
  Ledger first = world.open();
  Ledger second = first.with_codec({});
  ASSERT_TRUE(first.set("a", "1").ok());
  const auto from = world.fake().requests();
  ASSERT_TRUE(first.close().ok());
  EXPECT_TRUE(first.close().ok());
  EXPECT_EQ(first.set("a", "2").status().code(), Code::cancelled);
  EXPECT_EQ(first.get("a").status().code(), Code::cancelled);
  EXPECT_EQ(first.audit().status().code(), Code::cancelled);
  EXPECT_EQ(world.fake().requests(), from);
  ASSERT_TRUE(second.set("a", "2").ok());
  EXPECT_EQ(world.requests_since(from), (Requests{"PUT _log.json", "PUT keys/a.json"}))
      << "it knows what the first knew";
}

}  // namespace
}  // namespace talea
