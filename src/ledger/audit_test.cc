// Each planted fault is found, and its place is told.
#include "ledger/audit.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/support/ledger_world.h"

namespace talea {
namespace {

constexpr const char* kBucket = LedgerWorld::kBucket;
const std::string kLog(kLogName);

// Ten entries of three keys; entry 9 is of key "a", 8 of "c", 7 of "b".
struct AuditedWorld : LedgerWorld {
  AuditedWorld() {
    Ledger ledger = open();
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(ledger.set(std::string(1, "abc"[i % 3]), std::to_string(i)).ok());
    }
    entries = log();
  }

  struct Found {
    LedgerAudit audit;
    std::vector<LedgerFault> faults;
  };

  Found audit(LedgerAuditOptions options = {}) {
    Found found;
    options.on_fault = [&](const LedgerFault& fault) { found.faults.push_back(fault); };
    const auto audit = open().audit(options);
    EXPECT_TRUE(audit.ok()) << audit.status().to_string();
    if (audit.ok()) found.audit = *audit;
    EXPECT_EQ(found.audit.faults, found.faults.size());
    return found;
  }

  // The one fault that there is.
  void expect_one(LedgerFaultKind kind, std::optional<std::int64_t> sequence,
                  const LedgerAuditOptions& options = {}) {
    const Found found = audit(options);
    ASSERT_EQ(found.faults.size(), 1U) << fault_name(kind);
    EXPECT_EQ(fault_name(found.faults[0].kind), fault_name(kind)) << found.faults[0].message;
    EXPECT_EQ(found.faults[0].sequence, sequence);
    EXPECT_FALSE(found.faults[0].message.empty());
    EXPECT_EQ(found.audit.faults_by_kind[static_cast<std::size_t>(kind)], 1U);
    if (sequence) {
      EXPECT_EQ(found.faults[0].key, entries[static_cast<std::size_t>(*sequence)].key);
      EXPECT_EQ(found.faults[0].version_id,
                entries[static_cast<std::size_t>(*sequence)].version_id);
    }
  }

  // Replaces what a log version holds.
  void damage(std::size_t sequence, const std::function<void(LedgerEntry&)>& change) {
    LedgerEntry entry = entries[sequence];
    change(entry);
    fake().damage(kBucket, kLog, entries[sequence].version_id,
                  encode_log_entry(entry, HashForm::python));
  }
  void rewrite_key(const LedgerEntry& entry) {
    fake().put(kBucket, key_object_name(entry.key), encode_key_object(entry, HashForm::python));
  }
  LedgerPoint point(std::size_t sequence) const {
    return {entries[sequence].sequence, entries[sequence].hash};
  }

  std::vector<LedgerEntry> entries;
};

TEST(LedgerAudit, OfASoundLedgerSaysHowFarItGoes) {
  AuditedWorld world;
  const auto audit =
      world.audit({.expected_head = world.point(9), .checkpoint = world.point(4)}).audit;
  EXPECT_EQ(audit.entries, 10U);
  EXPECT_EQ(audit.key_objects, 3U);
  EXPECT_EQ(audit.faults, 0U);
  EXPECT_TRUE(audit.reaches_genesis);
  EXPECT_EQ(audit.first->sequence, 0);
  EXPECT_EQ(audit.head->sequence, 9);
  EXPECT_EQ(audit.head->hash, world.entries[9].hash);
}

TEST(LedgerAudit, OfALimitLooksAtTheNewestAlone) {
  AuditedWorld world;
  world.damage(2, [](LedgerEntry& entry) { entry.value = "changed"; });
  const auto audit = world.audit({.limit = 4}).audit;
  EXPECT_EQ(audit.entries, 4U);
  EXPECT_EQ(audit.faults, 0U);
  EXPECT_EQ(audit.first->sequence, 6);
  EXPECT_EQ(world.open().verify_log_chain(4)->faults, 0U);
  EXPECT_EQ(world.open().verify_log_chain()->faults, 1U);
}

TEST(LedgerAudit, FindsAnUnreadableEntry) {
  AuditedWorld world;
  world.fake().damage(kBucket, kLog, world.entries[5].version_id, "{}");
  const auto found = world.audit();
  ASSERT_EQ(found.faults.size(), 1U);
  EXPECT_EQ(found.faults[0].kind, LedgerFaultKind::unreadable);
  EXPECT_EQ(found.faults[0].version_id, world.entries[5].version_id);
}

TEST(LedgerAudit, FindsAChangedValue) {
  AuditedWorld world;
  world.damage(4, [](LedgerEntry& entry) { entry.value = "44"; });
  world.expect_one(LedgerFaultKind::hash, 4);
}

TEST(LedgerAudit, FindsARewrittenEntry) {
  AuditedWorld world;
  world.damage(4, [](LedgerEntry& entry) {
    entry.value = "44";
    entry.hash = hash_of(entry, HashForm::python);
  });
  world.expect_one(LedgerFaultKind::previous_hash, 4);
}

TEST(LedgerAudit, FindsMissingEntries) {
  AuditedWorld world;
  world.fake().remove_version(kBucket, kLog, world.entries[5].version_id);
  world.expect_one(LedgerFaultKind::sequence, 4);
  world.fake().remove_version(kBucket, kLog, world.entries[4].version_id);
  const auto found = world.audit();
  ASSERT_EQ(found.faults.size(), 1U);
  EXPECT_EQ(found.faults[0].message, "entries 4 to 5 are missing");
}

TEST(LedgerAudit, FindsALinkToAnotherVersion) {
  AuditedWorld world;
  world.damage(6, [](LedgerEntry& entry) { entry.previous_version_id = "None"; });
  world.expect_one(LedgerFaultKind::previous_version, 5);
}

TEST(LedgerAudit, FindsAFirstEntryThatIsNone) {
  AuditedWorld world;
  world.damage(0, [](LedgerEntry& entry) { entry.previous_version_id = "x"; });
  world.expect_one(LedgerFaultKind::genesis, 0);
}

TEST(LedgerAudit, FindsAMissingBeginningUnlessACheckpointStandsForIt) {
  AuditedWorld world;
  for (std::size_t i = 0; i < 3; ++i) {
    world.fake().remove_version(kBucket, kLog, world.entries[i].version_id);
  }
  world.expect_one(LedgerFaultKind::beginning_missing, 3);
  world.expect_one(LedgerFaultKind::beginning_missing, 3, {.checkpoint = world.point(1)});
  const auto found = world.audit({.checkpoint = world.point(2)});
  EXPECT_TRUE(found.faults.empty());
  EXPECT_FALSE(found.audit.reaches_genesis);
  EXPECT_EQ(found.audit.first->sequence, 3);
  EXPECT_TRUE(world.audit({.checkpoint = world.point(5)}).faults.empty());
}

TEST(LedgerAudit, FindsAHistoryThatIsNotTheOneOfTheCheckpoint) {
  AuditedWorld world;
  LedgerPoint other = world.point(4);
  other.hash = "sha256:other";
  world.expect_one(LedgerFaultKind::checkpoint, 4, {.checkpoint = other});
  for (std::size_t i = 0; i < 5; ++i) {
    world.fake().remove_version(kBucket, kLog, world.entries[i].version_id);
  }
  world.expect_one(LedgerFaultKind::checkpoint, 5, {.checkpoint = other});
}

TEST(LedgerAudit, FindsALogThatWasCutAtItsEnd) {
  AuditedWorld world;
  world.expect_one(LedgerFaultKind::head, 9, {.expected_head = LedgerPoint{9, "sha256:other"}});
  world.fake().remove_version(kBucket, kLog, world.entries[9].version_id);
  world.expect_one(LedgerFaultKind::head, std::nullopt,
                   {.expected_head = world.point(9), .key_objects = false});
  EXPECT_TRUE(world.audit({.expected_head = world.point(8), .key_objects = false}).faults.empty());
  LedgerWorld empty;
  const auto audit = empty.open().audit({.expected_head = world.point(9)}).value();
  EXPECT_EQ(audit.faults_by_kind[static_cast<std::size_t>(LedgerFaultKind::head)], 1U);
}

TEST(LedgerAudit, FindsThatTheCheckpointIsBeyondTheEndOfTheLog) {
  AuditedWorld world;
  world.fake().remove_version(kBucket, kLog, world.entries[9].version_id);
  const LedgerAuditOptions options{.checkpoint = world.point(9), .key_objects = false};
  world.expect_one(LedgerFaultKind::checkpoint, std::nullopt, options);
  // Also where the beginning is gone.
  world.fake().remove_version(kBucket, kLog, world.entries[0].version_id);
  world.expect_one(LedgerFaultKind::checkpoint, std::nullopt, options);
  LedgerAuditOptions limited = options;
  limited.limit = 3;
  world.expect_one(LedgerFaultKind::checkpoint, std::nullopt, limited);
  limited.checkpoint = world.point(2);
  EXPECT_TRUE(world.audit(limited).faults.empty()) << "behind the limit";
  LedgerWorld empty;
  const auto audit = empty.open().audit({.checkpoint = LedgerPoint{0, "sha256:0"}}).value();
  EXPECT_EQ(audit.faults_by_kind[static_cast<std::size_t>(LedgerFaultKind::checkpoint)], 1U);
}

TEST(LedgerAudit, FindsADeleteMarker) {
  AuditedWorld world;
  world.fake().remove(kBucket, kLog);
  const auto marker = world.fake().versions(kBucket, kLog).back().id;
  const auto found = world.audit();
  ASSERT_EQ(found.faults.size(), 1U);
  EXPECT_EQ(found.faults[0].kind, LedgerFaultKind::log_deleted);
  EXPECT_EQ(found.faults[0].version_id, marker);
  EXPECT_EQ(found.audit.entries, 10U);
}

TEST(LedgerAudit, FindsAMissingKeyObject) {
  AuditedWorld world;
  world.fake().remove(kBucket, "keys/b.json");
  world.expect_one(LedgerFaultKind::key_object_missing, 7);
}

TEST(LedgerAudit, FindsAStaleKeyObject) {
  AuditedWorld world;
  world.rewrite_key(world.entries[4]);
  world.expect_one(LedgerFaultKind::key_object_stale, 7);
  world.rewrite_key(world.entries[7]);
  world.append_orphan("b", "10");
  world.entries = world.log();
  world.expect_one(LedgerFaultKind::key_object_stale, 10);
}

TEST(LedgerAudit, FindsAKeyObjectThatDiffers) {
  AuditedWorld world;
  LedgerEntry changed = world.entries[8];
  changed.value = "88";
  world.rewrite_key(changed);
  world.expect_one(LedgerFaultKind::key_object_differs, 8);
  changed.value = "8.0";  // by the repair of another language, of a value that was 8
  world.rewrite_key(changed);
  EXPECT_TRUE(world.audit().faults.empty());
}

TEST(LedgerAudit, FindsAKeyObjectThatNamesNoEntry) {
  AuditedWorld world;
  LedgerEntry foreign = world.entries[9];
  foreign.key = "planted";
  world.rewrite_key(foreign);
  auto found = world.audit();
  ASSERT_EQ(found.faults.size(), 1U);
  EXPECT_EQ(found.faults[0].kind, LedgerFaultKind::key_object_foreign);
  EXPECT_EQ(found.faults[0].key, "planted");
  foreign.version_id = "there-is-none";
  world.rewrite_key(foreign);
  found = world.audit();
  ASSERT_EQ(found.faults.size(), 1U);
  EXPECT_EQ(found.faults[0].kind, LedgerFaultKind::key_object_foreign);
  foreign.key = "a";
  foreign.sequence = 77;
  world.rewrite_key(foreign);
  found = world.audit();
  ASSERT_EQ(found.faults.size(), 2U) << "of a known key, with a sequence to come, too";
}

TEST(LedgerAudit, FindsADamagedKeyObject) {
  AuditedWorld world;
  world.fake().put(kBucket, "keys/c.json", "no JSON");
  world.expect_one(LedgerFaultKind::key_object_damaged, 8);
  world.fake().put(kBucket, "keys/planted.json", "{}");
  const auto found = world.audit();
  ASSERT_EQ(found.faults.size(), 2U);
  EXPECT_EQ(found.faults[1].key, "planted");
}

TEST(LedgerAudit, FindsEachOfManyFaults) {
  AuditedWorld world;
  world.damage(3, [](LedgerEntry& entry) { entry.timestamp_ms += 1; });
  world.damage(6, [](LedgerEntry& entry) { entry.value = "66"; });
  world.fake().remove(kBucket, "keys/a.json");
  world.fake().put(kBucket, "keys/b.json", "[]");
  const auto found = world.audit();
  EXPECT_EQ(found.audit.faults, 4U);
  for (const auto kind :
       {LedgerFaultKind::key_object_missing, LedgerFaultKind::key_object_damaged}) {
    EXPECT_EQ(found.audit.faults_by_kind[static_cast<std::size_t>(kind)], 1U);
  }
  EXPECT_EQ(found.audit.faults_by_kind[static_cast<std::size_t>(LedgerFaultKind::hash)], 2U);
}

TEST(LedgerAudit, EndsWhenTheStoreDoesNotAnswer) {
  AuditedWorld world;
  world.fake().set_plan([](const s3::FakeRequest& request) {
    return request.has("versionId") ? s3::Fault::refuse() : s3::Fault();
  });
  EXPECT_EQ(world.open().audit().status().code(), Code::unavailable);
}

TEST(LedgerAudit, ReadsEachObjectOnce) {
  AuditedWorld world;
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  ASSERT_TRUE(ledger.audit().ok());
  EXPECT_EQ(world.requests_since(from).size(), 1U + 10 + 3 + 1)
      << "a list of versions, the entries, the objects of the keys, a list of the keys";
}

// Of the log beside others who write.
TEST(LedgerAudit, WaitsForTheWriterWhoIsBetweenItsTwoPuts) {
  for (const bool is_new : {false, true}) {
    AuditedWorld world;
    const std::string key = is_new ? "new" : "b";
    const LedgerEntry entry = world.append_orphan(key, "10");
    // A list of versions, the newest, its key; then the writer goes on.
    world.fake().set_before(world.fake().requests() + 4, [&] { world.rewrite_key(entry); });
    const auto found = world.audit();
    EXPECT_TRUE(found.faults.empty()) << fault_name(found.faults[0].kind);
    EXPECT_EQ(found.audit.key_objects, is_new ? 4U : 3U);
  }
}

TEST(LedgerAudit, ReadsAKeyThatWasSetMeanwhileTwiceAndNotForEachOfItsEntries) {
  AuditedWorld world;
  Ledger theirs = world.open();
  ASSERT_TRUE(theirs.get("a").ok());
  Ledger ledger = world.open();
  const auto from = world.fake().requests();
  world.fake().set_before(from + 3, [&] { EXPECT_TRUE(theirs.set("a", "77").ok()); });
  const auto audit = ledger.audit();
  ASSERT_TRUE(audit.ok()) << audit.status().to_string();
  EXPECT_EQ(audit->faults, 0U);
  EXPECT_EQ(audit->key_objects, 3U);
  std::size_t reads = 0;
  for (const std::string& request : world.requests_since(from)) {
    reads += request == "GET keys/a.json" ? 1U : 0U;
  }
  EXPECT_EQ(reads, 2U);
}

TEST(LedgerAudit, EveryKindOfFaultHasAName) {
  std::set<std::string_view> names;
  for (std::size_t kind = 0; kind < kLedgerFaultKinds; ++kind) {
    names.insert(fault_name(static_cast<LedgerFaultKind>(kind)));
  }
  EXPECT_EQ(names.size(), kLedgerFaultKinds);
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace talea
