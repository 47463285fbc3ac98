// Stores by their URLs, on the machine's own clock and disk.
#include "home/open_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "store/state_stream.h"
#include "stores/rocksdb_store.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

// URLs of stores that are in this build, in the test's own directory.
std::vector<std::string> urls() {
  std::vector<std::string> urls = {test_directory() + "/engine",
                                   "file:" + test_directory() + "/file", "memory:"};
  if (has_rocksdb()) urls.push_back("rocksdb://" + test_directory() + "/rocksdb");
  return urls;
}

TEST(OpenStore, WhatIsNoUrlOfAStoreIsRefused) {
  for (const char* url : {"s3://bucket/x", "c:data", "FILE:data", "file://host/x", "",
                          "memory:data", "immukv+s3://bucket/app", "s4db+s3://bucket/app"}) {
    EXPECT_EQ(open_store(url).status().code(), Code::invalid_argument) << url;
  }
}

TEST(OpenStore, EveryKindIsAStore) {
  std::vector<StateHash> hashes;
  for (const std::string& url : urls()) {
    auto opened = open_store(url);
    ASSERT_TRUE(opened.ok()) << url << ": " << opened.status().to_string();
    OpenedStore& store = **opened;
    EXPECT_TRUE(store.apply(7, Batch().put("a", "1").put("b", "2", Space{300})).value());
    EXPECT_EQ(store.commit(Batch().require_revision("a", 7).put("a", "2"), nullptr).value(), 8U);
    EXPECT_EQ(store.get(Space::user, "a").value()->value, "2");
    {
      Scan scan = store.scan(Space{300}, {}).value();
      ASSERT_TRUE(scan.next().value());
      EXPECT_EQ(scan.key(), "b");
    }
    hashes.push_back(hash_state(*store.read_state().value()).value());
    EXPECT_TRUE(store.close().ok());
    EXPECT_EQ(store.get(Space::user, "a").status().code(), Code::invalid_argument);
    EXPECT_EQ(store.close().code(), Code::invalid_argument);
  }
  for (const StateHash& hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

TEST(OpenStore, WhatIsOnADiskIsThereAgain) {
  for (const std::string& url : urls()) {
    EXPECT_TRUE(open_store(url).value()->commit(Batch().put("a", "1"), nullptr).ok());
    const Options existing{.create_if_missing = false};
    auto again = open_store(url, existing);
    if (url == "memory:") {
      EXPECT_EQ(again.status().code(), Code::not_found);
      continue;
    }
    ASSERT_TRUE(again.ok()) << url << ": " << again.status().to_string();
    EXPECT_EQ((*again)->get(Space::user, "a").value()->value, "1");
  }
}

TEST(OpenStore, WhatIsReadIsNotWritten) {
  for (const std::string& url : urls()) {
    const Options reading{.read_only = true};
    const Code missing = open_store(url, reading).status().code();
    EXPECT_EQ(missing, url == "memory:" ? Code::invalid_argument : Code::not_found) << url;
    if (url == "memory:") continue;
    EXPECT_TRUE(open_store(url).value()->commit(Batch().put("a", "1"), nullptr).ok());
    const auto reader = open_store(url, reading).value();
    EXPECT_EQ(reader->get(Space::user, "a").value()->value, "1");
    EXPECT_EQ(reader->commit(Batch().put("a", "2"), nullptr).status().code(),
              Code::invalid_argument);
  }
}

TEST(OpenStore, AnOptionOutOfItsRangeIsRefusedByEveryKind) {
  for (const std::string& url : urls()) {
    const Options options{.sync_interval = std::chrono::milliseconds(0)};
    EXPECT_EQ(open_store(url, options).status().code(), Code::invalid_argument) << url;
  }
}

TEST(OpenStore, AKeyIsRefusedWhereNothingWouldBeEncrypted) {
  Options options;
  options.encryption.key_source = []() -> Result<Bytes> { return Bytes(32, 'k'); };
  const std::string path = test_directory() + "/rows";
  EXPECT_EQ(open_store("rocksdb:" + path, options).status().code(), Code::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(open_store(path, options).ok());
}

TEST(OpenStore, OneKindRefusesTheDirectoryOfAnother) {
  if (!has_rocksdb()) {
    EXPECT_EQ(open_store("rocksdb:" + test_directory() + "/r").status().code(), Code::unsupported);
    return;
  }
  const std::string engine = test_directory() + "/engine";
  const std::string rocksdb = test_directory() + "/rocksdb";
  ASSERT_TRUE(open_store("file:" + engine).ok());
  ASSERT_TRUE(open_store("rocksdb:" + rocksdb).ok());
  EXPECT_EQ(open_store("rocksdb:" + engine).status().code(), Code::invalid_argument);
  EXPECT_EQ(open_store("file:" + rocksdb).status().code(), Code::invalid_argument);
  EXPECT_TRUE(open_store("file:" + engine).ok()) << "neither was touched";
  EXPECT_TRUE(open_store("rocksdb:" + rocksdb).ok());
}

}  // namespace
}  // namespace talea
