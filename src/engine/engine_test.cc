// What a user of one engine sees, on the real file system.
#include "talea/engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/test_directory.h"

namespace talea {
namespace {

Engine open_or_die(const std::string& path, const Options& options = {}) {
  auto opened = Engine::open(path, options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

std::string store_path() { return test_directory() + "/store"; }

TEST(Engine, KeepsWhatWasPut) {
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.put("alpha", "bravo"), 1U);
  EXPECT_EQ(*engine.put("empty", ""), 2U);
  EXPECT_EQ(*engine.get("alpha"), "bravo");
  EXPECT_EQ(*engine.get("empty"), "");
  EXPECT_EQ(*engine.get("absent"), std::nullopt);
  EXPECT_EQ(*engine.put("alpha", "echo"), 3U);
  EXPECT_EQ(*engine.get("alpha"), "echo");
  EXPECT_EQ(*engine.remove("alpha"), 4U);
  EXPECT_EQ(*engine.get("alpha"), std::nullopt);
}

TEST(Engine, KeepsItAcrossAReopen) {
  const Bytes binary("\0key\xff", 5);
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put(binary, Bytes(1000, '\0')).ok());
    ASSERT_TRUE(engine.put("gone", "x").ok());
    ASSERT_TRUE(engine.remove("gone").ok());
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get(binary), Bytes(1000, '\0'));
  EXPECT_EQ(*engine.get("gone"), std::nullopt);
  EXPECT_EQ(engine.recovery().last_sequence, 3U);
  EXPECT_EQ(engine.recovery().bytes_dropped, 0U);
  EXPECT_EQ(*engine.put("next", "y"), 4U) << "sequences go on after a reopen";
}

TEST(Engine, WithoutCloseKeepsWhatWasAcknowledged) {
  { ASSERT_TRUE(open_or_die(store_path()).put("k", "v").ok()); }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get("k"), "v");
}

TEST(Engine, StoresLargeValuesInExtents) {
  Bytes large(5 * kMiB + 17, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  {
    Engine engine = open_or_die(store_path());
    ASSERT_TRUE(engine.put("large", large).ok());
    EXPECT_EQ(*engine.get("large"), large);
    EXPECT_EQ(engine.stats().extent_bytes_written, large.size() + 6 * 32);
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die(store_path());
  EXPECT_EQ(*engine.get("large"), large);
  std::optional<ValueReader> reader = *engine.read_value("large");
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->bytes(), large.size());
  ASSERT_TRUE(reader->seek(3 * kMiB + 5).ok());
  EXPECT_EQ(*reader->read(), BytesView(large).substr(3 * kMiB + 5, kMiB - 5));
  EXPECT_EQ(*reader->read(), BytesView(large).substr(4 * kMiB, kMiB));
  EXPECT_EQ(*reader->read(), BytesView(large).substr(5 * kMiB));
  EXPECT_EQ(*reader->read(), "");
}

TEST(Engine, ScansInBothDirections) {
  Engine engine = open_or_die(store_path());
  for (const char* key : {"a", "b/1", "b/2", "b/3", "c"}) ASSERT_TRUE(engine.put(key, key).ok());
  const auto keys = [&](const ScanRange& range) {
    std::string all;
    Scan scan = *engine.scan(range);
    while (*scan.next()) {
      EXPECT_EQ(*scan.value(), scan.key());
      all += std::string(scan.key()) + ' ';
    }
    return all;
  };
  EXPECT_EQ(keys({}), "a b/1 b/2 b/3 c ");
  EXPECT_EQ(keys({.prefix = "b/"}), "b/1 b/2 b/3 ");
  EXPECT_EQ(keys({.prefix = "b/", .reverse = true}), "b/3 b/2 b/1 ");
  EXPECT_EQ(keys({.start = "b/2", .end = "c"}), "b/2 b/3 ");
  EXPECT_EQ(keys({.start = "b/2", .end = "c", .reverse = true, .limit = 1}), "b/3 ");
  EXPECT_EQ(keys({.reverse = true, .limit = 2}), "c b/3 ");
  EXPECT_EQ(keys({.prefix = "\xff"}), "");
}

}  // namespace
}  // namespace talea
