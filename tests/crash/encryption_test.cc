// An encrypted store through power cuts and failing calls: what it says stays true, no file ever
// gets a byte that a user wrote, no place of a file is sealed twice, and a rotation that is cut
// leaves a store that opens.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "engine/verify.h"
#include "log/segment_header.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

// Built twice: once for every run of the tests, and once, as a long test, with every call.
#ifndef TALEA_CRASH_STRIDE
#define TALEA_CRASH_STRIDE 11
#endif
constexpr std::uint64_t kStride = TALEA_CRASH_STRIDE;

Encryption key_of(char byte) {
  return {.key_source = [byte]() -> Result<Bytes> { return Bytes(32, byte); }};
}

Options encrypted(char key = 'k') {
  Options options;
  options.segment_bytes = 64 * kKiB;
  options.compress_from_bytes = 100;
  options.encryption = key_of(key);
  return options;
}

// Whether a place of a segment is written a second time with other bytes: then one nonce would have
// been used for two contents. It is by the salt of a segment that its key is another one.
class NonceAudit {
 public:
  // For the disk of one world. Those that are cloned from it go on with a copy.
  static void watch(CrashFileSystem& disk, const std::shared_ptr<NonceAudit>& audit) {
    disk.audit_writes([audit](const std::string& path, std::uint64_t offset, BytesView data) {
      audit->written(path, offset, data);
    });
  }

  void written(const std::string& path, std::uint64_t offset, BytesView data) {
    if (offset == 0 && data.size() >= kSegmentHeaderBytes) {
      const auto header = decode_segment_header(data);
      if (header.ok() && header->is_encrypted()) salts_[path] = header->salt;
    }
    const auto salt = salts_.find(path);
    if (salt == salts_.end() || offset < kSegmentHeaderBytes) return;
    // Zeros that take space are no content.
    if (data.find_first_not_of('\0') == BytesView::npos) return;
    Image& image = images_[salt->second];
    if (image.bytes.size() < offset + data.size()) {
      image.bytes.resize(offset + data.size());
      image.is_written.resize(offset + data.size());
    }
    for (std::size_t i = 0; i < data.size(); ++i) {
      char& was = image.bytes[offset + i];
      if (image.is_written[offset + i] != 0 && was != data[i]) ++sealed_twice;
      image.is_written[offset + i] = 1;
      was = data[i];
      ++places;
    }
  }

  std::uint64_t sealed_twice = 0;
  std::uint64_t places = 0;

 private:
  struct Image {
    Bytes bytes;
    Bytes is_written;
  };
  using Salt = std::array<unsigned char, 32>;
  std::map<std::string, Salt> salts_;
  std::map<Salt, Image> images_;
};

// A world with salts that no other world has.
void give_randomness(CrashWorld& world) {
  static std::uint64_t seed = 1'000'000;
  world.random = std::make_unique<SeededRandom>(++seed);
}

void expect_recovers(CrashWorld& world, const CrashWorkload::Run& run, const Options& options) {
  auto opened = world.open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  const Result<Model> contents = contents_of(**opened);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  ASSERT_TRUE(*contents == run.before || *contents == run.after);
  ASSERT_TRUE((*opened)->put(Space::user, "after", "the crash").ok());
  ASSERT_TRUE((*opened)->close().ok());
  opened->reset();
  const auto report =
      verify_directory(world.seams(), CrashWorld::kPath, {}, options.encryption).value();
  ASSERT_TRUE(report.findings.empty())
      << report.findings[0].file << " " << report.findings[0].problem;
}

std::uint64_t calls_of(const CrashWorkload& workload, const Options& options) {
  CrashWorld world;
  const CrashWorkload::Run run = workload.run(world, options);
  EXPECT_TRUE(run.store != nullptr) << run.open_failure.to_string();
  return world.disk->counted_calls();
}

TEST(EncryptedStore, SurvivesPowerCutsAndSealsNoPlaceTwice) {
  const Options options = encrypted();
  const std::uint64_t seed = test_seed();
  const CrashWorkload workload(20, 40, CrashWorkload::Maintenance::interleaved);
  const std::uint64_t calls = calls_of(workload, options);
  std::uint64_t cuts = 0;
  std::uint64_t places = 0;
  for (std::uint64_t call = 1; call <= calls; call += kStride) {
    CrashWorld world;
    give_randomness(world);
    const auto audit = std::make_shared<NonceAudit>();
    NonceAudit::watch(*world.disk, audit);
    world.disk->fail_at(call, Fault::crash);
    CrashWorkload::Run run = workload.run(world, options);
    run.store.reset();
    ASSERT_EQ(audit->sealed_twice, 0U) << "call=" << call;
    for (std::uint64_t i = 0; i < 3; ++i) {
      CrashWorld after = world.clone();
      give_randomness(after);
      const auto further = std::make_shared<NonceAudit>(*audit);
      NonceAudit::watch(*after.disk, further);
      if (i == 0) {
        after.disk->power_cut_losing_everything_unsynced();
      } else if (i == 1) {
        after.disk->power_cut_keeping_everything();
      } else {
        after.disk->power_cut(seed + call);
      }
      after.disk->clear_faults();
      SCOPED_TRACE("call=" + std::to_string(call) + " cut=" + std::to_string(i));
      expect_recovers(after, run, options);
      if (HasFatalFailure()) return;
      ASSERT_EQ(further->sealed_twice, 0U);
      places += further->places;
      ++cuts;
    }
  }
  std::printf("%lu cuts, %lu bytes audited\n", static_cast<unsigned long>(cuts),
              static_cast<unsigned long>(places));
  EXPECT_GT(places, 0U);
}

TEST(EncryptedStore, SaysTheTruthWhenACallFailsAndSealsNoPlaceTwice) {
  const Options options = encrypted();
  const std::uint64_t seed = test_seed();
  const CrashWorkload workload(77, 25, CrashWorkload::Maintenance::interleaved);
  const std::uint64_t calls = calls_of(workload, options);
  std::uint64_t rejected = 0;
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    for (std::uint64_t call = 1; call <= calls; call += kStride) {
      SCOPED_TRACE("call=" + std::to_string(call));
      CrashWorld world;
      give_randomness(world);
      const auto audit = std::make_shared<NonceAudit>();
      NonceAudit::watch(*world.disk, audit);
      world.disk->fail_at(call, fault);
      CrashWorkload::Run run = workload.run(world, options);
      rejected += run.rejected;
      if (!run.unknown) run.after = run.before;
      run.store.reset();
      world.disk->clear_faults();
      world.disk->power_cut(seed + call);
      give_randomness(world);
      expect_recovers(world, run, options);
      if (HasFatalFailure()) return;
      ASSERT_EQ(audit->sealed_twice, 0U);
    }
  }
  EXPECT_GT(rejected, 0U);
}

// An audit that finds nothing would prove nothing.
TEST(NonceAudit, FindsAPlaceThatIsWrittenTwice) {
  NonceAudit audit;
  KeyRing keys;
  keys.add({.id = 1, .made_ms = 0, .key = {}});
  SegmentHeader header;
  header.id = 1;
  header.encrypt(&keys);
  audit.written("a", 0, encode_segment_header(header));
  audit.written("a", 4096, "first");
  audit.written("a", 4096, "first");
  EXPECT_EQ(audit.sealed_twice, 0U);
  audit.written("a", 4100, "other");
  EXPECT_GT(audit.sealed_twice, 0U);
}

// --- What is in the files ------------------------------------------------------------------------

// No byte of it is a letter that repeats, so that compression leaves it as it is.
constexpr std::string_view kMarker = "Qz7#Lm2!Xr9@";

Bytes marked(const std::string& text) { return std::string(kMarker) + text + std::string(kMarker); }

TEST(EncryptedStore, WritesNoKeyAndNoValueToAnyFile) {
  std::uint64_t found = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, std::uint64_t> written;  // by what follows the dot of a name
  const auto audit = [&](const std::string& path, std::uint64_t, BytesView data) {
    if (data.find(kMarker) != BytesView::npos) ++found;
    bytes += data.size();
    written[path.substr(path.find_last_of("./") + 1)] += data.size();
  };
  for (const SyncMode sync : {SyncMode::always, SyncMode::never}) {
    for (std::uint64_t fault = 0; fault < 60; fault += 2 * kStride) {
      CrashWorld world;
      give_randomness(world);
      Options options = encrypted();
      options.sync = sync;
      if (fault % 4 == 0) options.retention = Retention::all();
      world.disk->audit_writes(audit);
      if (fault > 0) world.disk->fail_at(10 * fault, Fault::io_error);
      auto store = world.open(options);
      if (!store.ok()) continue;
      for (int i = 0; i < 300; ++i) {
        const Bytes key = marked(std::to_string(i % 50));
        Bytes value = marked(std::to_string(i));
        if (i % 3 == 0) value += Bytes(500, 'c') + marked("compressed");
        if (i % 97 == 0) value.append(kMiB + 1, 'L').append(marked("large"));
        Batch batch;
        batch.put(key, value);
        if (i % 4 == 0) {
          batch.put(marked("expires"), value, Expiry::at(4'000'000'000'000));
          batch.remove(marked(std::to_string((i + 7) % 50)));
        }
        (void)(*store)->commit(batch, nullptr).ok();
        if (i % 60 == 50) (void)(*store)->checkpoint().ok();
        if (i % 90 == 80) (void)(*store)->compact().ok();
        if (i == 150) (void)(*store)->rotate_data_key().ok();
        if (i % 100 == 99) {
          world.disk->kill_process();
          store = world.open(options);
          if (!store.ok()) break;
        }
      }
      if (store.ok()) (void)(*store)->close().ok();
      // What came by way of a mapping shows in the files alone.
      for (const std::string& name : world.disk->list(CrashWorld::kPath).value()) {
        const Bytes content = world.disk->read_file(join_path(CrashWorld::kPath, name)).value();
        ASSERT_EQ(content.find(kMarker), Bytes::npos) << name;
      }
    }
  }
  EXPECT_EQ(found, 0U);
  EXPECT_GT(bytes, 10 * kMiB);
  for (const char* kind : {"log", "data", "extent", "run", "tmp"}) EXPECT_GT(written[kind], 0U);
}

TEST(UnencryptedStore, HasTheMarkersInItsFiles) {
  CrashWorld world;
  auto store = world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, marked("key"), marked("value")).ok());
  ASSERT_TRUE(store->checkpoint().ok());
  std::uint64_t files = 0;
  for (const std::string& name : world.disk->list(CrashWorld::kPath).value()) {
    const Bytes content = world.disk->read_file(join_path(CrashWorld::kPath, name)).value();
    if (content.find(kMarker) != Bytes::npos) ++files;
  }
  EXPECT_EQ(files, 2U) << "the log and a run: the search finds what there is";
}

TEST(EncryptedStore, WithAnyByteFlippedGivesNoWrongValue) {
  const Options options = encrypted();
  CrashWorld world;
  {
    auto store = world.open(options).value();
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(store->put(Space::user, "key" + std::to_string(i), Bytes(200, 'v')).ok());
    }
    ASSERT_TRUE(store->put(Space::user, "large", Bytes(kMiB + 500, 'L')).ok());
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->put(Space::user, "key1", "newer").ok());
    ASSERT_TRUE(store->close().ok());
  }
  std::uint64_t refused = 0;
  std::uint64_t flips = 0;
  for (const std::string& name : world.disk->list(CrashWorld::kPath).value()) {
    if (name == "LOCK" || name == "RESERVE") continue;
    const std::string path = join_path(CrashWorld::kPath, name);
    const std::uint64_t size = world.disk->read_file(path)->size();
    const bool is_small = size < 1000;
    for (std::uint64_t at = 0; at < size; at += is_small ? 1 : 61 * kStride) {
      if (size > kMiB && at > 10'000 && at < kMiB) at = kMiB;
      CrashWorld damaged = world.clone();
      ASSERT_TRUE(damaged.disk->flip_bit(path, at, at % 8).ok());
      ++flips;
      auto opened = damaged.open(options);
      if (!opened.ok()) {
        EXPECT_EQ(opened.status().code(), Code::corruption)
            << name << " " << at << " " << opened.status().to_string();
        ++refused;
        continue;
      }
      for (int i = 0; i < 40; ++i) {
        const auto got = (*opened)->get_value(Space::user, "key" + std::to_string(i));
        if (!got.ok()) {
          EXPECT_EQ(got.status().code(), Code::corruption) << got.status().to_string();
          ++refused;
          continue;
        }
        ASSERT_TRUE(got->has_value()) << name << " " << at;
        ASSERT_EQ(**got, i == 1 ? Bytes("newer") : Bytes(200, 'v')) << name << " " << at;
      }
      const auto large = (*opened)->get_value(Space::user, "large");
      if (large.ok()) {
        ASSERT_EQ(**large, Bytes(kMiB + 500, 'L'));
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, flips / 20);
}

// --- Rotation ------------------------------------------------------------------------------------

TEST(KeyRotation, OfTheMasterKeyThatIsCutLeavesTheOldOneOrTheNew) {
  for (const auto kind : {Fault::crash, Fault::io_error}) {
    bool any_old = false;
    bool any_new = false;
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE("call=" + std::to_string(call));
      CrashWorld world;
      Status rotated;
      {
        auto store = world.open(encrypted('a')).value();
        ASSERT_TRUE(store->put(Space::user, "k", "v").ok());
        world.disk->fail_at(call, kind);
        rotated = store->rotate_master_key(key_of('b'));
      }
      const bool is_over = world.disk->faults_fired() == 0;
      world.disk->clear_faults();
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        CrashWorld after = world.clone();
        after.disk->power_cut(seed);
        const auto with_old = after.open(encrypted('a'));
        const bool is_old = with_old.ok();
        const auto with_new = is_old ? Result<std::unique_ptr<EngineStore>>(Status::unavailable(""))
                                     : after.open(encrypted('b'));
        ASSERT_TRUE(is_old || with_new.ok()) << with_new.status().to_string();
        ASSERT_FALSE(rotated.ok() && is_old) << "it was said to be done";
        const auto& store = is_old ? *with_old : *with_new;
        EXPECT_EQ(store->get_value(Space::user, "k").value(), "v");
        any_old = any_old || is_old;
        any_new = any_new || !is_old;
      }
      if (is_over) {
        EXPECT_TRUE(rotated.ok());
        break;
      }
    }
    EXPECT_TRUE(any_old && any_new);
  }
}

// A life with a rotation in it: until the old key is gone.
Status rotate_and_rewrite(EngineStore& store, Model& model) {
  for (int i = 0; i < 20; ++i) {
    const Bytes key = "key" + std::to_string(i);
    TALEA_TRY(store.put(Space::user, key, Bytes(300, static_cast<char>('a' + i))));
    model[key] = Bytes(300, static_cast<char>('a' + i));
  }
  TALEA_TRY(store.checkpoint());
  TALEA_TRY(store.rotate_data_key());
  TALEA_TRY(store.put(Space::user, "later", "value"));
  model["later"] = "value";
  return store.compact();
}

void expect_that_a_rotation_loses_nothing(Fault kind) {
  for (std::uint64_t call = 1;; call += kStride) {
    SCOPED_TRACE("call=" + std::to_string(call));
    CrashWorld world;
    Model model;
    {
      auto store = world.open(encrypted()).value();
      world.disk->fail_at(call, kind);
      (void)rotate_and_rewrite(*store, model).ok();
    }
    const bool is_over = world.disk->faults_fired() == 0;
    world.disk->clear_faults();
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      CrashWorld after = world.clone();
      after.random = std::make_unique<SeededRandom>(call * 10 + seed);
      after.disk->power_cut(seed);
      auto store = after.open(encrypted());
      ASSERT_TRUE(store.ok()) << store.status().to_string();
      Model found = contents_of(**store).value();
      for (const auto& [key, value] : model) ASSERT_EQ(found[key], value) << key;
      // Whatever was done of it, it can be done again, and to its end.
      Model again;
      ASSERT_TRUE(rotate_and_rewrite(**store, again).ok());
      ASSERT_TRUE((*store)->compact().ok());
      ASSERT_EQ((*store)->stats().old_key_bytes, 0U);
      ASSERT_EQ((*store)->stats().data_keys, 1U);
    }
    if (is_over) break;
  }
}

TEST(KeyRotation, OfTheDataKeyThatIsCutAnywhereLosesNothing) {
  expect_that_a_rotation_loses_nothing(Fault::crash);
}

// Also when the key was made, and the log that is to go on under it was not.
TEST(KeyRotation, OfTheDataKeyInWhichACallFailsLosesNothing) {
  expect_that_a_rotation_loses_nothing(Fault::io_error);
}

}  // namespace
}  // namespace talea
