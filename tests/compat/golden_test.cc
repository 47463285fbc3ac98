// A store as version 1 wrote it: written anew it has the same bytes, and what is committed reads
// right. A failure of the first kind alone means that the writer changed, which old readers may
// or may not understand; of the second kind, that we can no longer read our own stores.
//
// TALEA_UPDATE_GOLDEN=1 writes the files anew. Do that only before version 1 is released, or to add
// files; afterwards a change of the bytes is a new version with golden files of its own.
#include "tests/compat/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/engine_store.h"
#include "engine/verify.h"
#include "io/posix_file_system.h"
#include "log/extent.h"
#include "log/segment_scanner.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr const char* kClosed = "store-v1";
constexpr const char* kUnclosed = "store-v1-unclosed";
// The same as a writer of today makes it, whose entries may expire and be compressed.
constexpr const char* kClosedNow = "store-v1-values";
constexpr const char* kUnclosedNow = "store-v1-values-unclosed";
constexpr std::uint64_t kBegan = 1'700'000'000'000;
constexpr std::uint64_t kDayMs = 24 * 60 * 60 * 1000;

// Salts and ids depend on how many were made before, not on what else was drawn in between.
class GoldenRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    SeededRandom(1000 * out.size() + ++drawn_[out.size()]).fill(out);
  }

 private:
  std::map<std::size_t, std::uint64_t> drawn_;
};

struct World {
  PosixFileSystem file_system;
  ManualClock clock{kBegan};
  GoldenRandom random;
  ManualExecutor executor;

  Seams seams() { return {file_system, clock, random, executor}; }
  Result<std::unique_ptr<EngineStore>> open(const std::string& path, bool read_only = false) {
    Options options;
    options.segment_bytes = kSegmentBytesMin;
    options.read_only = read_only;
    options.compress_from_bytes = 100;
    return EngineStore::open(seams(), path, options);
  }
};

// The content of both stores: key -> value and revision.
using Content = std::map<Bytes, std::pair<Bytes, Sequence>>;

const Bytes kBinaryKey("\0\xff", 2);

Content expected_content() {
  return {{kBinaryKey, {Bytes(200, 'v'), 5}},
          {"alpha", {"six", 7}},
          {"charlie", {"three", 3}},
          {"delta", {"", 3}},
          {"echo", {"five", 6}}};
}

// Of the stores of today.
Content expected_content_now() {
  Content content = expected_content();
  content["golf"] = {"seven", 8};
  content["hotel"] = {Bytes(500, 'h'), 9};
  return content;
}
constexpr std::uint64_t kGolfExpires = kBegan + 10 * kDayMs;

// Makes the two stores below `directory`.
void write_stores(const std::string& directory) {
  World world;
  const std::string closed = directory + "/" + kClosedNow;
  const std::string unclosed = directory + "/" + kUnclosedNow;
  {
    auto store = world.open(closed).value();
    ASSERT_TRUE(store->put(Space::user, "alpha", "one").ok());
    world.clock.advance_ms(5);
    ASSERT_TRUE(store->put(Space::user, "bravo", "two").ok());
    world.clock.advance_ms(300);
    Batch batch;
    batch.require_absent("charlie");
    batch.put("charlie", "three");
    batch.remove("bravo");
    batch.put("alpha", "internal", Space{300});
    batch.put("delta", "");
    ASSERT_EQ(store->commit(batch, nullptr).value(), 3U);
    ASSERT_TRUE(store->remove(Space::user, "alpha").ok());
    ASSERT_TRUE(store->put(Space::user, kBinaryKey, Bytes(200, 'v')).ok());
    ASSERT_TRUE(store->close().ok());
  }
  world.clock.advance_ms(kDayMs);
  auto store = world.open(closed).value();
  ASSERT_EQ(store->put(Space::user, "echo", "five").value(), 6U);
  ASSERT_EQ(store->put(Space::user, "alpha", "six").value(), 7U);
  Batch expires;
  expires.put("golf", "seven", Expiry::at(kGolfExpires));
  ASSERT_EQ(store->commit(expires, nullptr).value(), 8U);
  Batch both;
  both.put("hotel", Bytes(500, 'h'), Expiry::at(kGolfExpires + 1));
  ASSERT_EQ(store->commit(both, nullptr).value(), 9U);
  std::filesystem::copy(closed, unclosed);
  ASSERT_TRUE(store->close().ok());
}

// One value of two chunks would take a MiB, so this is put together by hand: a value of one chunk.
const Bytes kExtentContent = "a large value is cut into chunks; this one is small";

SegmentHeader extent_header() {
  SegmentHeader header;
  header.kind = SegmentKind::extent;
  header.id = 3;
  header.base_now = kBegan;
  GoldenRandom random;
  random.fill(header.store_id);
  random.fill(header.salt);
  return header;
}

ExtentList extent_list() {
  return {.value_id = 0x0123456789abcdef,
          .bytes = kExtentContent.size(),
          .pieces = {{.segment = 3, .offset = 4096, .bytes = kExtentContent.size()}}};
}

Bytes extent_segment() {
  const SegmentHeader header = extent_header();
  Bytes bytes = encode_segment_header(header);
  const ChunkPlace place{.value_id = extent_list().value_id, .number = 0, .offset = 4096};
  append_chunk(place, kExtentContent, SegmentContext(header), bytes);
  return bytes;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename() != "LOCK") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A copy of a committed store that can be opened: with a LOCK, which is not committed, because
// it names a process.
std::string copy_of(const std::string& name) {
  const std::string path = test_directory() + "/" + name;
  std::filesystem::copy(kGoldenDirectory + name, path);
  std::ofstream(path + "/LOCK").flush();
  return path;
}

void expect_content(EngineStore& store, const Content& expected) {
  Scan scan = store.scan(Space::user, {}).value();
  Content found;
  while (scan.next().value()) {
    found[Bytes(scan.key())] = {Bytes(scan.value().value()), scan.revision().value()};
  }
  EXPECT_EQ(found, expected);
  const auto internal = store.get(Space{300}, "alpha").value();
  ASSERT_TRUE(internal.has_value());
  EXPECT_EQ(internal->value, "internal");
  EXPECT_EQ(internal->revision, 3U);
}

TEST(GoldenStore, IsWrittenByteForByte) {
  write_stores(test_directory());
  for (const char* store : {kClosedNow, kUnclosedNow}) {
    const std::string written = test_directory() + "/" + store;
    for (const std::string& name : names_in(written)) {
      expect_golden(std::string(store) + "/" + name, read_whole_file(written + "/" + name));
    }
    EXPECT_EQ(names_in(written), names_in(kGoldenDirectory + store));
  }
}

TEST(GoldenStore, IsReadRight) {
  for (const char* name : {kClosed, kUnclosed}) {
    World world;
    auto store = world.open(copy_of(name), true);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    expect_content(**store, expected_content());
    EXPECT_EQ((*store)->recovery().bytes_dropped, 0U);
    EXPECT_EQ((*store)->recovery().last_sequence, 7U);
  }
}

TEST(GoldenStore, OfTodayIsReadRight) {
  for (const char* name : {kClosedNow, kUnclosedNow}) {
    World world;
    auto store = world.open(copy_of(name), true);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    expect_content(**store, expected_content_now());
    EXPECT_EQ((*store)->get(Space::user, "golf").value()->expiry_ms, kGolfExpires);
    EXPECT_EQ((*store)->get(Space::user, "alpha").value()->expiry_ms, 0U);
    EXPECT_EQ((*store)->recovery().last_sequence, 9U);
    world.clock.set_wall_ms(kGolfExpires);
    EXPECT_FALSE((*store)->get(Space::user, "golf").value().has_value());
    EXPECT_TRUE((*store)->get(Space::user, "hotel").value().has_value());
  }
}

TEST(GoldenStore, HasNothingForVerifyToFind) {
  for (const char* name : {kClosed, kUnclosed}) {
    World world;
    const auto report = verify_directory(world.seams(), copy_of(name), {});
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_TRUE(report->findings.empty());
    EXPECT_EQ(report->batches, 7U);
    EXPECT_EQ(report->entries, 10U);
    EXPECT_EQ(report->torn_tail_bytes, 0U);
  }
}

TEST(GoldenStore, IsWrittenOn) {
  for (const char* name : {kClosed, kUnclosed}) {
    const std::string path = copy_of(name);
    Content expected = expected_content();
    for (const Sequence sequence : {8U, 9U}) {
      World world;
      auto store = world.open(path);
      ASSERT_TRUE(store.ok()) << store.status().to_string();
      ASSERT_EQ((*store)->put(Space::user, "foxtrot", "new").value(), sequence);
      expected["foxtrot"] = {"new", sequence};
      expect_content(**store, expected);
      ASSERT_TRUE((*store)->close().ok());
    }
  }
}

// The last record of the store that was not closed, cut anywhere, is dropped and reported.
TEST(GoldenStore, TornAtItsEndLosesTheLastBatchAlone) {
  const std::string path = copy_of(kUnclosed);
  const std::string tail = path + "/0000000002.log";
  const Bytes whole = read_whole_file(tail);
  const std::uint64_t end = whole.find_last_not_of('\0') + 1;
  Content expected = expected_content();
  expected.erase("alpha");
  for (std::uint64_t lost = 1; lost <= 4; ++lost) {
    std::filesystem::resize_file(tail, end - lost);
    World world;
    auto store = world.open(path, true);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    expect_content(**store, expected);
    EXPECT_GT((*store)->recovery().bytes_dropped, 0U);
    EXPECT_EQ((*store)->recovery().dropped_from_file, "0000000002.log");
    EXPECT_EQ((*store)->recovery().last_sequence, 6U);
  }
}

TEST(GoldenExtent, IsWrittenByteForByte) {
  expect_golden("extent-v1/0000000003.extent", extent_segment());
  expect_golden("extent-v1/list", encode_extent_list(extent_list()));
}

TEST(GoldenExtent, IsReadRight) {
  PosixFileSystem file_system;
  const auto list = decode_extent_list(read_whole_file(kGoldenDirectory + "extent-v1/list"));
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(*list, extent_list());
  const auto segment =
      Segment::open(file_system, kGoldenDirectory + "extent-v1", SegmentKind::extent, 3,
                    extent_header().store_id, OpenMode::read);
  ASSERT_TRUE(segment.ok()) << segment.status().to_string();
  Bytes scratch;
  const auto content =
      read_chunk(**segment, {list->value_id, 0, list->pieces[0].offset}, list->bytes, scratch);
  ASSERT_TRUE(content.ok()) << content.status().to_string();
  EXPECT_EQ(*content, kExtentContent);
}

}  // namespace
}  // namespace talea
