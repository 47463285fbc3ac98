// Every byte of every file is damaged, and every tail is cut: an error or a reported loss of what
// nothing proves, never a wrong value (E5).
#include <gtest/gtest.h>

#include "engine/verify.h"
#include "log/segment_scanner.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr const char* kSegment = "/store/0000000001.log";

Bytes value_of(int i) {
  return Bytes(static_cast<std::size_t>(i % 7 * 9), static_cast<char>('a' + i));
}

// 20 durable writes, among them batches, a removal and an overwrite; still open when it is copied.
struct Written {
  CrashWorld world;
  std::vector<Model> states;  // after each batch
  std::unique_ptr<EngineStore> store;
};

void write_store(Written& written, const Options& options = {}) {
  written.store = written.world.open(options).value();
  Model model;
  written.states.push_back(model);
  for (int i = 0; i < 20; ++i) {
    Batch batch;
    const Bytes key = "key" + std::to_string(i % 12);
    batch.put(key, value_of(i));
    model[key] = value_of(i);
    if (i % 5 == 3) {
      batch.remove("key0").put("pair" + std::to_string(i), "p");
      model.erase("key0");
      model["pair" + std::to_string(i)] = "p";
    }
    ASSERT_TRUE(written.store->commit(batch, nullptr).ok());
    written.states.push_back(model);
  }
}

// Where each record of the first segment ends.
std::vector<std::uint64_t> record_ends(CrashWorld& world) {
  const Manifest manifest = read_manifest(*world.disk, CrashWorld::kPath).value();
  const auto segment = Segment::open(*world.disk, CrashWorld::kPath, SegmentKind::log, 1,
                                     manifest.store_id, OpenMode::read)
                           .value();
  SegmentScanner scanner(*segment, segment->file().size().value());
  RecordView record;
  std::vector<std::uint64_t> ends{kSegmentHeaderBytes};
  while (scanner.next(record).value() == SegmentScanner::Step::record) {
    ends.push_back(scanner.offset());
  }
  return ends;
}

TEST(CutTail, AtEveryByteOpensWithTheExactPrefixAndSaysWhatItDropped) {
  Written written;
  write_store(written);
  CrashWorld killed = written.world.clone();
  const std::vector<std::uint64_t> ends = record_ends(killed);
  ASSERT_EQ(ends.size(), written.states.size());
  const Bytes whole = killed.disk->read_file(kSegment).value();
  for (std::uint64_t length = kSegmentHeaderBytes; length <= ends.back(); ++length) {
    CrashWorld world = killed.clone();
    ASSERT_TRUE(world.disk->write_file(kSegment, BytesView(whole).substr(0, length)).ok());
    auto opened = world.open({});
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    std::size_t records = 0;
    while (records + 1 < ends.size() && ends[records + 1] <= length) ++records;
    ASSERT_TRUE(contents_of(**opened).value() == written.states[records]) << "length " << length;
    const RecoveryReport& report = (*opened)->recovery();
    // Zero bytes at the cut cannot be told from space that was never used.
    std::uint64_t torn = length;
    while (torn > ends[records] && whole[torn - 1] == '\0') --torn;
    ASSERT_EQ(report.bytes_dropped, torn - ends[records]) << "length " << length;
    if (report.bytes_dropped > 0) {
      ASSERT_EQ(report.dropped_from_file, "0000000001.log");
      ASSERT_EQ(report.dropped_from_offset, ends[records]);
    }
    ASSERT_EQ(report.last_sequence, records);
  }
}

TEST(CutTail, BelowTheHeaderIsDamageBecauseNoCrashLeavesIt) {
  Written written;
  write_store(written);
  CrashWorld killed = written.world.clone();
  const Bytes whole = killed.disk->read_file(kSegment).value();
  for (std::uint64_t length = 0; length < kSegmentHeaderBytes; length += 111) {
    CrashWorld world = killed.clone();
    ASSERT_TRUE(world.disk->write_file(kSegment, BytesView(whole).substr(0, length)).ok());
    EXPECT_EQ(world.open({}).status().code(), Code::corruption) << length;
  }
}

TEST(CutTail, OfAClosedStoreIsDamageAtEveryByte) {
  Written written;
  write_store(written);
  ASSERT_TRUE(written.store->close().ok());
  const Bytes whole = written.world.disk->read_file(kSegment).value();
  for (std::uint64_t length = 0; length < whole.size(); ++length) {
    CrashWorld world = written.world.clone();
    ASSERT_TRUE(world.disk->write_file(kSegment, BytesView(whole).substr(0, length)).ok());
    ASSERT_EQ(world.open({}).status().code(), Code::corruption) << length;
  }
}

bool is_refusal(Code code) { return code == Code::corruption || code == Code::unsupported; }

TEST(FlippedByte, OfAClosedStoreIsRefusedWhereverItIs) {
  Written written;
  write_store(written);
  ASSERT_TRUE(written.store->close().ok());
  const std::uint64_t seed = test_seed();
  for (const std::string& name : written.world.disk->list(CrashWorld::kPath).value()) {
    const std::string path = join_path(CrashWorld::kPath, name);
    const std::uint64_t bytes = written.world.disk->read_file(path).value().size();
    for (std::uint64_t offset = 0; offset < bytes; ++offset) {
      CrashWorld world = written.world.clone();
      ASSERT_TRUE(world.disk->flip_bit(path, offset, (seed + offset) % 8).ok());
      const auto verified = verify_directory(world.seams(), CrashWorld::kPath, {});
      const auto opened = world.open({});
      ASSERT_FALSE(opened.ok()) << path << " at " << offset;
      ASSERT_TRUE(is_refusal(opened.status().code())) << opened.status().to_string();
      ASSERT_TRUE(verified.ok() ? !verified->findings.empty()
                                : is_refusal(verified.status().code()))
          << "verify missed " << path << " at " << offset;
    }
  }
}

TEST(FlippedByte, OfAStoreThatWasKilledIsRefusedOrAReportedLossOfTheLastWrites) {
  Written written;
  write_store(written);
  CrashWorld killed = written.world.clone();
  const std::vector<std::uint64_t> ends = record_ends(killed);
  const std::uint64_t seed = test_seed();
  std::uint64_t refused = 0;
  std::uint64_t dropped = 0;
  for (std::uint64_t offset = 0; offset < ends.back() + 600; ++offset) {
    CrashWorld world = killed.clone();
    ASSERT_TRUE(world.disk->flip_bit(kSegment, offset, (seed + offset) % 8).ok());
    auto opened = world.open({});
    if (!opened.ok()) {
      ASSERT_TRUE(is_refusal(opened.status().code())) << opened.status().to_string();
      ++refused;
      continue;
    }
    ++dropped;
    const Model contents = contents_of(**opened).value();
    ASSERT_TRUE(contents == written.states.back() ||
                contents == written.states[written.states.size() - 2])
        << "offset " << offset << " lost more than the last write";
    ASSERT_GT((*opened)->recovery().bytes_dropped, 0U) << "offset " << offset;
  }
  // Only the last record has no later one that proves it; behind it is space.
  EXPECT_EQ(dropped, ends.back() - ends[ends.size() - 2] + 600);
  EXPECT_EQ(refused, ends[ends.size() - 2]);
}

// What a store that is open finds damaged when it reads it first.
TEST(FlippedByte, BeforeTheFirstReadOfAnOpenedStoreIsAnErrorOrTheRightValue) {
  Written written;
  write_store(written);
  const Model& model = written.states.back();
  CrashWorld killed = written.world.clone();
  const std::uint64_t end = record_ends(killed).back();
  const std::uint64_t seed = test_seed();
  std::uint64_t errors = 0;
  for (std::uint64_t offset = kSegmentHeaderBytes; offset < end; offset += 3) {
    CrashWorld world = killed.clone();
    const auto store = world.open({}).value();
    const auto bit = static_cast<unsigned>((seed + offset) % 8);
    ASSERT_TRUE(world.disk->flip_bit(kSegment, offset, bit).ok());
    for (const auto& [key, value] : model) {
      const auto got = store->get(Space::user, key);
      if (got.ok()) {
        ASSERT_TRUE(got->has_value()) << "offset " << offset << " key " << key;
        ASSERT_EQ((*got)->value, value) << "offset " << offset;
      } else {
        ASSERT_EQ(got.status().code(), Code::corruption);
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 0U);
}

TEST(FlippedByte, UnderAnOpenStoreIsAnErrorOrTheRightValue) {
  Written written;
  Options options;
  options.verify_reads = VerifyReads::always;
  write_store(written, options);
  const Model& model = written.states.back();
  const std::uint64_t end = record_ends(written.world).back();
  const std::uint64_t seed = test_seed();
  std::uint64_t errors = 0;
  for (std::uint64_t offset = 0; offset < end; ++offset) {
    const auto bit = static_cast<unsigned>((seed + offset) % 8);
    ASSERT_TRUE(written.world.disk->flip_bit(kSegment, offset, bit).ok());
    for (const auto& [key, value] : model) {
      const auto got = written.store->get(Space::user, key);
      if (got.ok()) {
        ASSERT_TRUE(got->has_value());
        ASSERT_EQ((*got)->value, value) << "offset " << offset;
      } else {
        ASSERT_EQ(got.status().code(), Code::corruption);
        ++errors;
      }
    }
    ASSERT_TRUE(written.world.disk->flip_bit(kSegment, offset, bit).ok());
  }
  EXPECT_GT(errors, 100U);
}

TEST(FlippedByte, OfALargeValueIsAnErrorAndNeverAWrongPiece) {
  CrashWorld world;
  auto store = world.open({}).value();
  const Bytes large(kMiB + 500, 'L');
  ASSERT_TRUE(store->put(Space::user, "large", large).ok());
  ASSERT_TRUE(store->close().ok());
  store.reset();
  const std::string path = "/store/0000000001.extent";
  const std::uint64_t bytes = world.disk->read_file(path).value().size();
  const std::uint64_t second_chunk = kSegmentHeaderBytes + 32 + kMiB;
  ASSERT_EQ(bytes, second_chunk + 32 + 500);
  // Every byte of the headers and of the last chunk, and a sample of the long one.
  for (std::uint64_t offset = 0; offset < bytes;) {
    CrashWorld damaged = world.clone();
    ASSERT_TRUE(damaged.disk->flip_bit(path, offset, 3).ok());
    const VerifyReport report = verify_directory(damaged.seams(), CrashWorld::kPath, {}).value();
    ASSERT_EQ(report.findings.size(), 1U) << offset;
    auto opened = damaged.open({});
    if (opened.ok()) {
      ASSERT_EQ((*opened)->get_value(Space::user, "large").status().code(), Code::corruption);
    } else {
      ASSERT_EQ(opened.status().code(), Code::corruption);
      ASSERT_LT(offset, kSegmentHeaderBytes);
    }
    const bool in_long_chunk = offset > kSegmentHeaderBytes + 40 && offset < second_chunk;
    offset += in_long_chunk ? 9973 : offset < kSegmentHeaderBytes ? 97 : 1;
    if (in_long_chunk) offset = std::min(offset, second_chunk);
  }
}

TEST(MissingFile, IsRefusedByName) {
  Written written;
  Options options;
  options.segment_bytes = 64 * kKiB;
  write_store(written, options);
  ASSERT_TRUE(written.store->put(Space::user, "large", Bytes(kMiB + 1, 'x')).ok());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(
        written.store->put(Space::user, "roll" + std::to_string(i), Bytes(20000, 'x')).ok());
  }
  ASSERT_TRUE(written.store->close().ok());
  std::size_t segments = 0;
  for (const std::string& name : written.world.disk->list(CrashWorld::kPath).value()) {
    if (name == kLockName) continue;
    CrashWorld world = written.world.clone();
    ASSERT_TRUE(world.disk->remove(join_path(CrashWorld::kPath, name)).ok());
    const auto opened = world.open({});
    ASSERT_EQ(opened.status().code(), Code::corruption) << name;
    EXPECT_NE(opened.status().message().find(name), std::string::npos)
        << opened.status().to_string();
    if (name == kManifestName) continue;
    ++segments;
    const VerifyReport report = verify_directory(world.seams(), CrashWorld::kPath, {}).value();
    ASSERT_EQ(report.findings.size(), 1U) << name;
    EXPECT_EQ(report.findings[0].file, name);
  }
  EXPECT_GE(segments, 4U);
}

TEST(SwappedFiles, AreRefused) {
  Written written;
  Options options;
  options.segment_bytes = 64 * kKiB;
  write_store(written, options);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(
        written.store->put(Space::user, "roll" + std::to_string(i), Bytes(20000, 'x')).ok());
  }
  ASSERT_TRUE(written.store->close().ok());
  CrashFileSystem& disk = *written.world.disk;
  const Bytes first = disk.read_file(kSegment).value();
  ASSERT_TRUE(disk.write_file("/store/0000000002.log", first).ok());
  EXPECT_EQ(written.world.open({}).status().code(), Code::corruption);
}

TEST(OldManifest, BesideNewerSegmentsIsRefusedAndRemovesNothing) {
  Written written;
  write_store(written);
  const Bytes old_manifest = written.world.disk->read_file("/store/MANIFEST").value();
  ASSERT_TRUE(written.store->close().ok());
  auto store = written.world.open({}).value();
  ASSERT_TRUE(store->put(Space::user, "newer", "x").ok());
  ASSERT_TRUE(store->close().ok());
  store.reset();
  ASSERT_TRUE(written.world.disk->write_file("/store/MANIFEST", old_manifest).ok());
  const auto before = written.world.disk->list(CrashWorld::kPath).value();
  const auto opened = written.world.open({});
  ASSERT_EQ(opened.status().code(), Code::corruption);
  EXPECT_NE(opened.status().message().find("older than the log"), std::string::npos)
      << opened.status().to_string();
  EXPECT_EQ(written.world.disk->list(CrashWorld::kPath).value(), before);
}

TEST(FlippedByte, TwiceInAnOpenSegmentIsFoundByVerify) {
  CrashWorld world;
  auto store = world.open({}).value();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(store->put(Space::user, "key", Bytes(50, 'v')).ok());
  store.reset();
  const std::string name = "/store/0000000001.log";
  ASSERT_TRUE(world.disk->flip_bit(name, 4096 + 70, 0).ok());      // in the second record
  ASSERT_TRUE(world.disk->flip_bit(name, 4096 + 4 * 70, 0).ok());  // in the fourth or fifth
  const auto report = verify_directory(world.seams(), "/store", {});
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->findings.empty());
}

}  // namespace
}  // namespace talea
