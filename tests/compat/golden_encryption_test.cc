// An encrypted store: the key file, a log with a single and a batch, a data segment's worth of
// entries in a run. The seal is a function of key, place and content, so the bytes are always the
// same.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/engine_store.h"
#include "io/crash_file_system.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

constexpr const char* kStore = "encrypted-v1";
const std::vector<std::string> kNames = {"KEYS", "MANIFEST", "0000000001.log", "0000000002.run",
                                         "0000000003.log"};

Options encrypted() {
  Options options;
  options.encryption.key_source = []() -> Result<Bytes> { return Bytes(32, '*'); };
  options.reap_expired = false;
  return options;
}

struct World {
  CrashFileSystem disk;
  ManualClock clock{1'700'000'000'000};
  SeededRandom random{2026};
  ManualExecutor executor;

  Result<std::unique_ptr<EngineStore>> open() {
    return EngineStore::open({disk, clock, random, executor, nullptr}, kStore, encrypted());
  }
};

TEST(GoldenEncryption, IsWrittenByteForByte) {
  World world;
  {
    auto store = world.open().value();
    ASSERT_TRUE(store->put(Space::user, "alpha", "one").ok());
    Batch batch;
    batch.put("bravo", "two", Expiry::at(1'800'000'000'000));
    batch.remove("absent");
    ASSERT_TRUE(store->commit(batch, nullptr).ok());
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->put(Space::user, "charlie", "three").ok());
    ASSERT_TRUE(store->close().ok());
  }
  std::vector<std::string> names;
  for (const std::string& name : world.disk.list(kStore).value()) {
    if (name != "LOCK" && name != "RESERVE") names.push_back(name);
  }
  std::vector<std::string> expected = kNames;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names, expected);
  for (const std::string& name : names) {
    expect_golden(join_path(kStore, name), world.disk.read_file(join_path(kStore, name)).value());
  }
}

TEST(GoldenEncryption, IsReadRight) {
  World world;
  for (const std::string& name : kNames) {
    const Bytes content = read_whole_file(kGoldenDirectory + join_path(kStore, name));
    ASSERT_FALSE(content.empty()) << name;
    for (const char* secret : {"alpha", "one", "bravo", "two", "charlie", "three", "absent"}) {
      EXPECT_EQ(content.find(secret), Bytes::npos) << name << " " << secret;
    }
    ASSERT_TRUE(world.disk.write_file(join_path(kStore, name), content).ok());
  }
  ASSERT_TRUE(world.disk.write_file(join_path(kStore, "LOCK"), "").ok());
  const auto opened = world.open();
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  EngineStore& store = **opened;
  EXPECT_EQ(store.get(Space::user, "alpha").value()->value, "one");
  EXPECT_EQ(store.get(Space::user, "bravo").value()->expiry_ms, 1'800'000'000'000U);
  EXPECT_EQ(store.get(Space::user, "charlie").value()->value, "three");
  EXPECT_FALSE(store.get(Space::user, "absent").value().has_value());
}

}  // namespace
}  // namespace talea
