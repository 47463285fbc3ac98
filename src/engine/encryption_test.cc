// An encrypted store as its user sees it: what opens it, what does not, and that it is a store like
// any other.
#include <gtest/gtest.h>

#include <map>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "engine/backup.h"
#include "engine/engine_store.h"
#include "engine/repair.h"
#include "engine/restore.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"
#include "log/record.h"
#include "log/segment_header.h"
#include "store/state_stream.h"
#include "store/state_testing.h"
#include "talea/changes.h"
#include "talea/history.h"

namespace talea {
namespace {

constexpr const char* kPath = "store";

Encryption key_of(char byte) {
  return {.key_source = [byte]() -> Result<Bytes> { return Bytes(32, byte); }};
}

class EncryptedEngine : public testing::Test {
 protected:
  Seams seams() { return {disk_, clock_, random_, executor_, nullptr}; }
  Options options(char key = 'k') const {
    Options options;
    options.segment_bytes = 64 * kKiB;
    options.encryption = key_of(key);
    return options;
  }
  Result<std::unique_ptr<EngineStore>> open(const Options& options) {
    return EngineStore::open(seams(), kPath, options);
  }
  Code open_code(const Options& options) { return open(options).status().code(); }
  void make(const Options& options) {
    const auto store = open(options).value();
    ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->put(Space::user, "l", "w").ok());
    ASSERT_TRUE(store->close().ok());
  }
  std::vector<std::string> names() { return disk_.list(kPath).value(); }
  // Changes a byte of the value of a single, and makes its check anew, as whoever has the files and
  // no key can.
  void forge(const std::string& path, std::uint32_t offset) {
    Bytes file = disk_.read_file(path).value();
    const SegmentContext context(decode_segment_header(file).value());
    const auto single = outline_single(BytesView(file).substr(offset), context);
    ASSERT_TRUE(single.has_value());
    char& value_end = file[offset + single->bytes - kSealTagBytes - 1];
    value_end = static_cast<char>(value_end ^ 1);
    const BytesView record = BytesView(file).substr(offset, single->bytes);
    char body_check[4];
    store_fixed(body_check, crc32c(0, record.substr(single->body)));
    const std::uint32_t prefix_check =
        crc32c(context.check_seed ^ offset, record.substr(4, single->body - 4));
    store_fixed(file.data() + offset, crc32c(prefix_check, {body_check, 4}));
    ASSERT_TRUE(disk_.write_file(path, file).ok());
  }
  static constexpr const char* kFirstLog = "store/0000000001.log";

  CrashFileSystem disk_;
  ManualClock clock_{1'700'000'000'000};
  SeededRandom random_{11};
  ManualExecutor executor_;
};

TEST_F(EncryptedEngine, TellsNoKeyAWrongKeyAndDamageApart) {
  make(options());
  EXPECT_EQ(open_code({}), Code::unauthenticated);
  EXPECT_EQ(open_code(options('x')), Code::denied);
  EXPECT_EQ(open(options()).value()->get_value(Space::user, "k").value(), "v");
  const Bytes keys = disk_.read_file("store/KEYS").value();
  ASSERT_TRUE(disk_.flip_bit("store/KEYS", 100, 3).ok());
  EXPECT_EQ(open_code(options()), Code::corruption);
  EXPECT_EQ(open_code(options('x')), Code::corruption);
  ASSERT_TRUE(disk_.remove("store/KEYS").ok());
  EXPECT_EQ(open_code(options()), Code::corruption);
  EXPECT_EQ(open_code({}), Code::unauthenticated);
  ASSERT_TRUE(disk_.write_file("store/KEYS", keys).ok());
  Options reading = options();
  reading.read_only = true;
  EXPECT_EQ(open(reading).value()->get_value(Space::user, "l").value(), "w");
}

TEST_F(EncryptedEngine, TheKeysOfAnotherStoreAreNotTakenForAWrongKey) {
  make(options());
  const auto other = EngineStore::open(seams(), "other", options('x')).value();
  ASSERT_TRUE(disk_.write_file("store/KEYS", disk_.read_file("other/KEYS").value()).ok());
  EXPECT_EQ(open_code(options()), Code::corruption);
  EXPECT_EQ(open_code(options('x')), Code::corruption);
  const VerifyReport report = verify_directory(seams(), kPath, {}, key_of('k')).value();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].file, "KEYS");
}

TEST_F(EncryptedEngine, AForgedNewestRevisionIsCorruptionForWhoeverAsks) {
  Options used = options();
  used.retention = Retention::all();
  {
    const auto store = open(used).value();
    ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
    ASSERT_TRUE(store->put(Space::user, "other", "w").ok());
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->close().ok());
  }
  forge(kFirstLog, kSegmentHeaderBytes);
  const auto store = open(used).value();  // and no key is in the trees yet
  const auto code = [](const auto& result) { return result.status().code(); };
  EXPECT_EQ(code(store->get_value(Space::user, "k")), Code::corruption);
  EXPECT_EQ(code(store->get(Space::user, "k", At::sequence(1))), Code::corruption);
  EXPECT_EQ(code(store->history(Space::user, "k", {})), Code::corruption);
  EXPECT_EQ(code(store->commit(Batch().require_absent("k").put("new", "v"), nullptr)),
            Code::corruption);
  EXPECT_EQ(store->get_value(Space::user, "other").value(), "w");
}

TEST_F(EncryptedEngine, AForgedPastRevisionIsCorruptionForWhoeverAsks) {
  Options used = options();
  used.retention = Retention::all();
  {
    const auto store = open(used).value();
    ASSERT_TRUE(store->put(Space::user, "k", "old").ok());
    ASSERT_TRUE(store->put(Space::user, "k", "new").ok());
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->close().ok());
  }
  forge(kFirstLog, kSegmentHeaderBytes);
  const auto store = open(used).value();
  EXPECT_EQ(store->get(Space::user, "k", At::sequence(1)).status().code(), Code::corruption);
  EXPECT_EQ(store->read_value(Space::user, "k", At::sequence(1)).status().code(), Code::corruption);
  EXPECT_EQ(store->history(Space::user, "k", {}).status().code(), Code::corruption);
  Scan scan = store->scan(Space::user, {}, At::sequence(1)).value();
  EXPECT_EQ(scan.next().status().code(), Code::corruption);
  EXPECT_EQ(store->get_value(Space::user, "k").value(), "new");
  ASSERT_TRUE(store->close().ok());
  EXPECT_FALSE(verify_directory(seams(), kPath, {}, key_of('k')).value().findings.empty());
}

// A torn tail would be cut off, and with it what was committed.
TEST_F(EncryptedEngine, AForgedEndOfTheLogIsDamageAndStays) {
  {
    const auto store = open(options()).value();
    ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
  }
  const Bytes intact = disk_.read_file(kFirstLog).value();
  forge(kFirstLog, kSegmentHeaderBytes);
  const Bytes forged = disk_.read_file(kFirstLog).value();
  EXPECT_EQ(open_code(options()), Code::corruption);
  EXPECT_EQ(disk_.read_file(kFirstLog).value(), forged);
  EXPECT_FALSE(verify_directory(seams(), kPath, {}, key_of('k')).value().findings.empty());
  ASSERT_TRUE(disk_.write_file(kFirstLog, intact).ok());
  EXPECT_EQ(open(options()).value()->get_value(Space::user, "k").value(), "v");
}

// A log that ends in one segment and goes on in the next.
TEST_F(EncryptedEngine, AForgedBeginningOfTheNextLogIsDamageAndStays) {
  constexpr const char* kNextLog = "store/0000000002.log";
  std::string last_key;
  Options used = options();
  used.sync = SyncMode::never;  // else the record itself would say that it was durable
  {
    const auto store = open(used).value();
    executor_.step_all();
    // Until one record is there.
    const auto next_is_used = [&] {
      const auto file = disk_.read_file(kNextLog);
      return file.ok() && file->find_first_not_of('\0', kSegmentHeaderBytes) != Bytes::npos;
    };
    for (int i = 0; i < 40 && !next_is_used(); ++i) {
      last_key = "key" + std::to_string(i);
      ASSERT_TRUE(store->put(Space::user, last_key, Bytes(3000, 'v')).ok());
    }
    ASSERT_TRUE(next_is_used());
  }
  const Bytes intact = disk_.read_file(kNextLog).value();
  forge(kNextLog, kSegmentHeaderBytes);
  const Bytes forged = disk_.read_file(kNextLog).value();
  EXPECT_EQ(open_code(options()), Code::corruption);
  EXPECT_EQ(disk_.read_file(kNextLog).value(), forged);
  EXPECT_FALSE(verify_directory(seams(), kPath, {}, key_of('k')).value().findings.empty());
  ASSERT_TRUE(disk_.write_file(kNextLog, intact).ok());
  EXPECT_EQ(open(options()).value()->get_value(Space::user, last_key).value(), Bytes(3000, 'v'));
}

TEST_F(EncryptedEngine, APlainStoreIsRepairedWithoutAKey) {
  make({});
  ASSERT_TRUE(disk_.flip_bit("store/MANIFEST", 50, 1).ok());
  const auto refused = repair_directory(seams(), kPath, "one", options());
  EXPECT_EQ(refused.status().code(), Code::invalid_argument) << refused.status().to_string();
  EXPECT_EQ(repair_directory(seams(), kPath, "one", {}).value().keys_kept, 2U);
}

TEST_F(EncryptedEngine, AFailureOfTheSourceOfTheKeyMakesNoStore) {
  Options failing;
  failing.encryption.key_source = []() -> Result<Bytes> {
    return Status::unavailable("the key service does not answer");
  };
  EXPECT_EQ(open_code(failing), Code::unavailable);
  EXPECT_FALSE(disk_.exists("store/MANIFEST").value());
  failing.encryption.key_file = "both";
  EXPECT_EQ(open_code(failing), Code::invalid_argument);
  make(options());
}

TEST_F(EncryptedEngine, AMakingThatIsCutIsBegunAnewOrThereAndEncrypted) {
  for (std::uint64_t call = 1;; ++call) {
    CrashFileSystem disk;
    const Seams world{disk, clock_, random_, executor_, nullptr};
    disk.fail_at(call, CrashFileSystem::Fault::crash);
    (void)EngineStore::open(world, kPath, options()).ok();
    const bool is_over = disk.faults_fired() == 0;
    disk.clear_faults();
    disk.power_cut(call);
    const auto store = EngineStore::open(world, kPath, options());
    ASSERT_TRUE(store.ok()) << call << " " << store.status().to_string();
    ASSERT_EQ((*store)->stats().data_key, 1U);
    if (is_over) break;
  }
}

TEST_F(EncryptedEngine, AStoreThatIsNotEncryptedStaysSo) {
  Options plain;
  make(plain);
  const auto refused = open(options()).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("talea export"), std::string_view::npos);
  EXPECT_FALSE(disk_.exists("store/KEYS").value());
  const auto store = open(plain).value();
  EXPECT_EQ(store->get_value(Space::user, "k").value(), "v");
  EXPECT_EQ(store->rotate_master_key(key_of('n')).code(), Code::invalid_argument);
  EXPECT_EQ(store->rotate_data_key().status().code(), Code::invalid_argument);
  EXPECT_EQ(store->stats().data_key, 0U);
}

TEST_F(EncryptedEngine, BelievesNoFileThatIsNotEncrypted) {
  make(options());
  for (const std::string& name : names()) {
    const std::string path = join_path(kPath, name);
    const Bytes content = disk_.read_file(path).value();
    const auto header = decode_segment_header(content);
    if (!header.ok()) continue;
    SegmentHeader plain = *header;
    plain.features &= ~std::uint32_t{kFeatureEncryption};
    plain.key_id = 0;
    ASSERT_TRUE(disk_.write_file(path, encode_segment_header(plain) + content.substr(4096)).ok());
    EXPECT_EQ(open_code(options()), Code::corruption) << name;
    SegmentHeader other = *header;
    other.key_id = 9;
    ASSERT_TRUE(disk_.write_file(path, encode_segment_header(other) + content.substr(4096)).ok());
    EXPECT_EQ(open_code(options()), Code::corruption) << name << " of a key that nobody has";
    ASSERT_TRUE(disk_.write_file(path, content).ok());
  }
  EXPECT_EQ(open_code(options()), Code::ok);
}

// Every way to read, of every kind of value, in the log, in copies, and with a past.
TEST_F(EncryptedEngine, IsAStoreLikeAnyOther) {
  std::map<Bytes, Bytes> model;
  const auto value_of = [](int i) {
    return Bytes(static_cast<std::size_t>(i * 37 % 5000), static_cast<char>('a' + i % 26));
  };
  Options used = options();
  used.compress_from_bytes = 200;
  auto store = open(used).value();
  for (int i = 0; i < 400; ++i) {
    const Bytes key = "key" + std::to_string(i % 150);
    if (i % 7 == 6) {
      ASSERT_TRUE(store->remove(Space::user, key).ok());
      model.erase(key);
    } else {
      ASSERT_TRUE(store->put(Space::user, key, value_of(i)).ok());
      model[key] = value_of(i);
    }
    if (i % 90 == 89) {
      ASSERT_TRUE(store->compact().ok());
    }
    if (i % 130 == 129) {
      ASSERT_TRUE(store->close().ok());
      store = open(used).value();
    }
  }
  const Bytes large(kMiB * 2 + 77, 'L');
  ASSERT_TRUE(store->put(Space::user, "large", large).ok());
  model["large"] = large;
  const Snapshot before = store->snapshot().value();
  ASSERT_TRUE(store->put(Space::user, "key3", "later").ok());
  ASSERT_TRUE(store->remove(Space::user, "key4").ok());
  ASSERT_TRUE(store->checkpoint().ok());

  for (const bool reverse : {false, true}) {
    std::map<Bytes, Bytes> found;
    Scan scan = before.scan({.reverse = reverse}).value();
    while (scan.next().value()) found[Bytes(scan.key())] = Bytes(scan.value().value());
    EXPECT_EQ(found, model);
  }
  for (const auto& [key, value] : model) ASSERT_EQ(before.get(key).value(), value) << key;
  model["key3"] = "later";
  model.erase("key4");
  std::vector<BytesView> keys;
  keys.reserve(model.size());
  for (const auto& [key, value] : model) keys.push_back(key);
  std::vector<std::optional<Bytes>> values(keys.size());
  ASSERT_TRUE(store->multi_get(Space::user, keys, values).ok());
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(values[i], model[Bytes(keys[i])]);
  EXPECT_FALSE(store->get_value(Space::user, "absent").value().has_value());

  ValueReader reader = store->read_value(Space::user, "large").value().value();
  ASSERT_TRUE(reader.seek(kMiB + 5).ok());
  EXPECT_EQ(reader.read().value(), BytesView(large).substr(kMiB + 5, kMiB - 5));

  ChangeReader changes = store->changes(Space::user, store->stats().last_sequence - 2, "").value();
  ASSERT_TRUE(changes.next().value());
  EXPECT_EQ(changes.change().key, "key3");
  EXPECT_EQ(changes.change().value, "later");
  ASSERT_TRUE(changes.next().value());
  EXPECT_TRUE(changes.change().is_remove);
  EXPECT_EQ(changes.change().key, "key4");
}

TEST_F(EncryptedEngine, HasTheStateOfOneThatIsNotAndIsMadeOfItsStream) {
  auto store = open(options()).value();
  Options plain;
  auto other = EngineStore::open(seams(), "plain", plain).value();
  for (int i = 0; i < 100; ++i) {
    const Batch batch = Batch().put("key" + std::to_string(i), Bytes(100, 'v'));
    ASSERT_TRUE(store->apply(static_cast<Sequence>(i) + 1, batch).value());
    ASSERT_TRUE(other->apply(static_cast<Sequence>(i) + 1, batch).value());
  }
  ASSERT_TRUE(store->put(Space::user, "large", Bytes(kMiB + 1, 'L')).ok());
  ASSERT_TRUE(other->put(Space::user, "large", Bytes(kMiB + 1, 'L')).ok());
  const StateHash hash = hash_state(*other->read_state().value()).value();
  EXPECT_EQ(hash_state(*store->read_state().value()).value(), hash);

  Bytes stream;
  ASSERT_TRUE(write_state_stream(*other->read_state().value(), sink_to(stream)).ok());
  const auto state = StateStreamReader::open(source_of(stream)).value();
  EXPECT_EQ(restore_directory(seams(), "restored", options(), *state).value(), hash);
  for (const std::string& name : disk_.list("restored").value()) {
    const Bytes content = disk_.read_file(join_path("restored", name)).value();
    EXPECT_EQ(content.find("key1"), Bytes::npos) << name;
    EXPECT_EQ(content.find("vvvvvvvv"), Bytes::npos) << name;
    EXPECT_EQ(content.find("LLLLLLLL"), Bytes::npos) << name;
  }
  auto restored = EngineStore::open(seams(), "restored", options()).value();
  EXPECT_EQ(hash_state(*restored->read_state().value()).value(), hash);
}

TEST_F(EncryptedEngine, IsVerifiedAndRepairedWithItsKey) {
  make(options());
  EXPECT_EQ(verify_directory(seams(), kPath, {}).status().code(), Code::unauthenticated);
  EXPECT_EQ(verify_directory(seams(), kPath, {}, key_of('x')).status().code(), Code::denied);
  EXPECT_TRUE(verify_directory(seams(), kPath, {}, key_of('k')).value().findings.empty());
  const Bytes manifest = disk_.read_file("store/MANIFEST").value();
  for (const bool has_manifest : {true, false}) {
    if (!has_manifest) {
      ASSERT_TRUE(disk_.flip_bit("store/MANIFEST", 50, 1).ok());
    }
    const std::string path = has_manifest ? "one" : "other";
    EXPECT_EQ(repair_directory(seams(), kPath, path, {}).status().code(), Code::unauthenticated)
        << "nobody takes what is encrypted for what was put";
    const auto report = repair_directory(seams(), kPath, path, options());
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_EQ(report->keys_kept, 2U);
    auto repaired = EngineStore::open(seams(), path, options());
    ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
    EXPECT_EQ((*repaired)->get_value(Space::user, "l").value(), "w");
  }
}

TEST_F(EncryptedEngine, IsBackedUpAsItIsAndRestoredWithoutAKey) {
  ASSERT_TRUE(disk_.create_directory("backups").ok());
  auto target = open_backup_directory(disk_, "backups").value();
  {
    auto store = open(options()).value();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(store->put(Space::user, "marker" + std::to_string(i), "MARKER").ok());
    }
    ASSERT_TRUE(store->backup(*target, {}).ok());
    const Sequence first = store->stats().last_sequence;
    ASSERT_TRUE(store->rotate_data_key().ok());
    ASSERT_TRUE(store->rotate_master_key(key_of('n')).ok());
    ASSERT_TRUE(store->put(Space::user, "marker", "newer").ok());
    ASSERT_TRUE(store->compact().ok());
    ASSERT_TRUE(store->backup(*target, {}).ok());
    ASSERT_TRUE(verify_backups(*target, {}).ok());
    ASSERT_TRUE(restore_backup(seams(), *target, "older", {.at_sequence = first}).ok());
    ASSERT_TRUE(restore_backup(seams(), *target, "newest", {}).ok());
  }
  for (const std::string& name : disk_.list("backups").value()) {
    const Bytes content = disk_.read_file(join_path("backups", name)).value();
    EXPECT_EQ(content.find("marker"), Bytes::npos) << name;
    EXPECT_EQ(content.find("MARKER"), Bytes::npos) << name;
  }
  auto older = EngineStore::open(seams(), "older", options('k'));
  ASSERT_TRUE(older.ok()) << older.status().to_string();
  EXPECT_EQ((*older)->get_value(Space::user, "marker7").value(), "MARKER");
  EXPECT_FALSE((*older)->get_value(Space::user, "marker").value().has_value());
  auto newest = EngineStore::open(seams(), "newest", options('n'));
  ASSERT_TRUE(newest.ok()) << newest.status().to_string();
  EXPECT_EQ((*newest)->get_value(Space::user, "marker").value(), "newer");
}

TEST_F(EncryptedEngine, ABackupHasTheKeysThatTheStoreUsesWhateverBecameOfTheirFile) {
  ASSERT_TRUE(disk_.create_directory("backups").ok());
  auto target = open_backup_directory(disk_, "backups").value();
  auto store = open(options()).value();
  ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
  ASSERT_TRUE(disk_.flip_bit("store/KEYS", 90, 1).ok());
  ASSERT_TRUE(store->backup(*target, {}).ok());
  ASSERT_TRUE(disk_.remove("store/KEYS").ok());
  ASSERT_TRUE(store->put(Space::user, "k", "w").ok());
  ASSERT_TRUE(store->backup(*target, {}).ok());
  ASSERT_TRUE(store->close().ok());
  ASSERT_TRUE(verify_backups(*target, {}).ok());
  EXPECT_EQ(open(options()).value()->get_value(Space::user, "k").value(), "w");
  // Keys without a store, of a restore that was killed, are in nobody's way.
  ASSERT_TRUE(disk_.write_file("restored/KEYS", "nothing").ok());
  const auto restored = restore_backup(seams(), *target, "restored", {.at_sequence = 1});
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  const auto opened = EngineStore::open(seams(), "restored", options());
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  EXPECT_EQ((*opened)->get_value(Space::user, "k").value(), "v");
}

TEST_F(EncryptedEngine, TheBackgroundRewritesWhatIsUnderAnOldDataKey) {
  Options used = options();
  auto store = open(used).value();
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(store->put(Space::user, "key" + std::to_string(i), Bytes(300, 'v')).ok());
  }
  ASSERT_TRUE(store->checkpoint().ok());
  EXPECT_EQ(store->stats().old_key_bytes, 0U);
  EXPECT_EQ(store->rotate_data_key().value(), 2U);
  EXPECT_GT(store->stats().old_key_bytes, 100'000U);
  EXPECT_EQ(store->stats().data_keys, 2U);
  ASSERT_TRUE(store->put(Space::user, "after", "it").ok());
  for (int i = 0; i < 10; ++i) {
    clock_.advance_ms(70'000);
    executor_.step_all();
  }
  EXPECT_EQ(store->stats().old_key_bytes, 0U);
  EXPECT_EQ(store->stats().data_keys, 1U);
  for (const SegmentInfo& segment : store->segments()) EXPECT_EQ(segment.data_key, 2U);
  store->close().ok();
  store = open(used).value();
  EXPECT_EQ(store->get_value(Space::user, "key77").value(), Bytes(300, 'v'));
}

TEST_F(EncryptedEngine, KeepsThePastSealedAndReadable) {
  Options used = options();
  used.retention = Retention::all();
  auto store = open(used).value();
  std::vector<Sequence> ends;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 60; ++i) {
      clock_.advance_ms(1);
      const Bytes key = "marker" + std::to_string(i);
      ASSERT_TRUE(store->put(Space::user, key, "MARKER" + std::to_string(round)).ok());
    }
    ends.push_back(store->stats().last_sequence);
    if (round == 1) {
      ASSERT_EQ(store->rotate_data_key().value(), 2U);
    }
    ASSERT_TRUE(store->checkpoint().ok());
  }
  for (const bool is_reopened : {false, true}) {
    for (std::size_t round = 0; round < ends.size(); ++round) {
      const Bytes value = "MARKER" + std::to_string(round);
      const At at = At::sequence(ends[round]);
      EXPECT_EQ(store->get(Space::user, "marker7", at).value()->value, value);
      Scan scan = store->scan(Space::user, {.reverse = round % 2 == 1}, at).value();
      std::size_t rows = 0;
      for (; scan.next().value(); ++rows) ASSERT_EQ(scan.value().value(), value);
      EXPECT_EQ(rows, 60U);
    }
    EXPECT_EQ(store->history(Space::user, "marker7", {}).value().size(), ends.size());
    if (is_reopened) break;
    ASSERT_TRUE(store->compact().ok());
    EXPECT_EQ(store->stats().old_key_bytes, 0U) << "of runs of the past as well";
    EXPECT_EQ(store->stats().data_keys, 1U);
    ASSERT_TRUE(store->close().ok());
    store = open(used).value();
  }
  EXPECT_TRUE(disk_.exists("store/KEYS").value());
  for (const std::string& name : names()) {
    const Bytes content = disk_.read_file(join_path(kPath, name)).value();
    EXPECT_EQ(content.find("marker"), Bytes::npos) << name;
    EXPECT_EQ(content.find("MARKER"), Bytes::npos) << name;
  }
}

TEST_F(EncryptedEngine, ALargeValueKeepsItsDataKeyUntilItIsReplaced) {
  auto store = open(options()).value();
  ASSERT_TRUE(store->put(Space::user, "large", Bytes(kMiB + 1, 'L')).ok());
  ASSERT_TRUE(store->rotate_data_key().ok());
  ASSERT_TRUE(store->put(Space::user, "after", "it").ok());
  ASSERT_TRUE(store->put(Space::user, "large, after", Bytes(kMiB + 1, 'M')).ok());
  std::vector<std::uint32_t> keys_of_extents;
  for (const SegmentInfo& segment : store->segments()) {
    if (segment.kind == SegmentKind::extent) keys_of_extents.push_back(segment.data_key);
    if (segment.kind == SegmentKind::log && segment.data_key == 1) {
      EXPECT_EQ(segment.last_sequence, 1U) << "what was put after it is under the new key";
    }
  }
  EXPECT_EQ(keys_of_extents, (std::vector<std::uint32_t>{1, 2}));
  ASSERT_TRUE(store->compact().ok());
  ASSERT_TRUE(store->compact().ok());
  EXPECT_GT(store->stats().old_key_bytes, kMiB);
  EXPECT_EQ(store->stats().data_keys, 2U);
  ASSERT_TRUE(store->close().ok());
  store = open(options()).value();
  EXPECT_EQ(store->get_value(Space::user, "large").value(), Bytes(kMiB + 1, 'L'));
}

}  // namespace
}  // namespace talea
