// Homes by their URLs, and those on a disk.
#include <gtest/gtest.h>

#include <filesystem>

#include "home/home_testing.h"
#include "stores/rocksdb_store.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

std::vector<std::string> urls() {
  std::vector<std::string> urls = {test_directory() + "/engine"};
  if (has_rocksdb()) urls.push_back("rocksdb:" + test_directory() + "/rocksdb");
  return urls;
}

TEST(OpenHome, WhatIsOnADiskTakesAndGivesRows) {
  for (const std::string& url : urls()) {
    const auto home = open_home(url).value();
    EXPECT_TRUE(home->abilities().removes);
    EXPECT_EQ(home->put("b", "2").value(), 1U);
    EXPECT_EQ(home->write({{.key = "a", .value = "1"},
                           {.key = "c", .value = "3"},
                           {.key = "b", .value = "", .is_remove = true}})
                  .value(),
              2U);
    EXPECT_EQ(home->put_pieces("d", source_of("in pieces")).value(), 3U);
    EXPECT_TRUE(home->publish().ok());
    EXPECT_EQ(rows_of(home->scan({}, false)), (Rows{{"a", "1"}, {"c", "3"}, {"d", "in pieces"}}));
    EXPECT_EQ(rows_of(home->scan({.reverse = true, .limit = 2}, true)),
              (Rows{{"d", ""}, {"c", ""}}));
    EXPECT_EQ(value_of(home->get("c")), "3");
    EXPECT_EQ(home->get("c").value()->revision, 2U);
    EXPECT_EQ(value_of(home->get("b")), "nothing");
    Bytes read;
    const StateSink sink = [&](BytesView piece) {
      read += piece;
      return Status();
    };
    EXPECT_TRUE(home->read("d", {}, sink).value());
    EXPECT_EQ(read, "in pieces");
    EXPECT_FALSE(home->read("none", {}, sink).value());
    EXPECT_TRUE(home->close().ok());
  }
}

TEST(OpenHome, ConditionsHoldOrNothingHappens) {
  for (const std::string& url : urls()) {
    const auto home = open_home(url).value();
    EXPECT_TRUE(home->put("k", "1", {.absent = true}).ok());
    EXPECT_EQ(home->put("k", "2", {.absent = true}).status().code(), Code::conflict);
    EXPECT_EQ(home->put("k", "2", {.revision = 7}).status().code(), Code::conflict);
    EXPECT_TRUE(home->put_pieces("k", source_of("2"), {.revision = 1}).ok());
    EXPECT_EQ(home->remove("none", {.present = true}).status().code(), Code::conflict);
    EXPECT_EQ(home->remove("k", {.revision = 1}).status().code(), Code::conflict);
    EXPECT_EQ(value_of(home->get("k")), "2");
    EXPECT_TRUE(home->remove("k", {.present = true}).ok());
    EXPECT_EQ(value_of(home->get("k")), "nothing");
  }
}

TEST(OpenHome, KeysThatAreRemovedAreListedWhereTheyHaveAPast) {
  for (const std::string& url : urls()) {
    HomeOptions options;
    const bool is_directory = url.find(':') == std::string::npos;
    if (is_directory) options.engine.retention = Retention::all();
    const auto home = open_home(url, options).value();
    EXPECT_EQ(home->abilities().keeps_all_history, is_directory);
    EXPECT_FALSE(home->abilities().keeps_newest_alone);
    EXPECT_TRUE(home->put("gone", "1").ok());
    EXPECT_TRUE(home->put("there", "1").ok());
    EXPECT_TRUE(home->remove("gone").ok());
    EXPECT_EQ(rows_of(home->keys_with_past()),
              is_directory ? (Rows{{"gone", ""}, {"there", ""}}) : (Rows{{"there", ""}}));
  }
}

TEST(OpenHome, ADirectoryKeepsWhatItWasTold) {
  const std::string path = test_directory() + "/told";
  EXPECT_TRUE(open_home(path).value()->abilities().keeps_newest_alone) << "by default";
  HomeOptions options;
  options.engine.retention = Retention::revisions(3);
  EXPECT_FALSE(open_home(path, options).value()->abilities().keeps_newest_alone);
  const auto home = open_home(path).value();
  EXPECT_FALSE(home->abilities().keeps_newest_alone) << "the store remembers";
  EXPECT_FALSE(home->abilities().keeps_all_history);
}

TEST(OpenHome, KeysExpire) {
  for (const std::string& url : urls()) {
    const auto home = open_home(url).value();
    EXPECT_TRUE(home->put("k", "1", {}, Expiry::at(32503053600000)).ok());
    EXPECT_EQ(home->get("k").value()->expiry_ms, 32503053600000U);
    EXPECT_TRUE(home->put_pieces("k", source_of("2"), {}, Expiry::keep()).ok());
    EXPECT_EQ(home->get("k").value()->expiry_ms, 32503053600000U);
    EXPECT_TRUE(home->write({{.key = "gone", .value = "x", .expiry_ms = 1}}).ok());
    EXPECT_EQ(value_of(home->get("gone")), "nothing");
  }
}

TEST(OpenHome, WhatCannotBeARowIsRefused) {
  for (const std::string& url : urls()) {
    const auto home = open_home(url).value();
    EXPECT_TRUE(home->check("k", "v").ok());
    EXPECT_EQ(home->check("", "v").code(), Code::invalid_argument);
    EXPECT_EQ(home->check(Bytes(kKeyBytesMax + 1, 'k'), "v").code(), Code::invalid_argument);
    EXPECT_EQ(home->put("", "v").status().code(), Code::invalid_argument);
  }
}

TEST(OpenHome, AnEngineKeepsThePast) {
  HomeOptions options;
  options.engine.retention = Retention::all();
  const auto home = open_home(test_directory() + "/engine", options).value();
  ASSERT_TRUE(home->put("k", "1").ok());
  ASSERT_TRUE(home->put("k", "22").ok());
  ASSERT_TRUE(home->remove("k").ok());
  EXPECT_EQ(revisions_of(home->history("k", {})), (std::vector<std::uint64_t>{3, 2, 1}));
  EXPECT_EQ(revisions_of(home->history("k", {.before = 3, .limit = 1})),
            (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(value_of(home->get("k", At::sequence(2))), "22");
  EXPECT_EQ(rows_of(home->scan({}, false, At::sequence(1))), (Rows{{"k", "1"}}));
  const auto cursor = home->revisions("k").value();
  std::vector<std::pair<std::uint64_t, std::string>> seen;
  while (cursor->next().value()) {
    EXPECT_GT(cursor->time_ms(), 0U);
    seen.emplace_back(cursor->entry().revision,
                      cursor->is_remove() ? "removed" : cursor->entry().value);
  }
  EXPECT_EQ(seen, (decltype(seen){{1, "1"}, {2, "22"}, {3, "removed"}}));
  EXPECT_EQ(rows_of(home->revisions("k", 1)), (Rows{{"k", "22"}, {"k", ""}}));
  EXPECT_EQ(home->revisions(std::nullopt).status().code(), Code::unsupported);
}

TEST(OpenHome, RocksDbSaysThatItKeepsNoPast) {
  if (!has_rocksdb()) GTEST_SKIP() << "this build has no RocksDB";
  const auto home = open_home("rocksdb:" + test_directory() + "/rocksdb").value();
  EXPECT_FALSE(home->abilities().keeps_history);
  for (const Status& refused :
       {home->get("k", At::sequence(1)).status(), home->scan({}, false, At::sequence(1)).status(),
        home->history("k", {}).status(), home->revisions("k").status()}) {
    EXPECT_EQ(refused.code(), Code::unsupported);
    EXPECT_EQ(refused.message(), home->abilities().refusals.keeps_history);
  }
  HomeOptions options;
  options.engine.retention = Retention::all();
  EXPECT_EQ(open_home("rocksdb:" + test_directory() + "/other", options).status().code(),
            Code::invalid_argument);
}

TEST(OpenHome, VerifyReadsWhatIsThere) {
  for (const std::string& url : urls()) {
    {
      const auto home = open_home(url).value();
      ASSERT_TRUE(home->write({{.key = "a", .value = "1"}, {.key = "b", .value = "2"}}).ok());
      ASSERT_TRUE(home->close().ok());
    }
    HomeOptions reading;
    reading.engine.read_only = true;
    const auto home = open_home(url, reading).value();
    const auto verified = home->verify({});
    ASSERT_TRUE(verified.ok()) << url << verified.status().to_string();
    EXPECT_EQ(verified->keys, 2U);
    EXPECT_TRUE(verified->findings.empty());
    const auto facts = home->facts().value();
    EXPECT_EQ(facts.front().name, "keys");
    EXPECT_EQ(std::get<std::uint64_t>(facts.front().value), 2U);
  }
}

TEST(OpenHome, WhatIsMissingIsNotMadeByReading) {
  HomeOptions reading;
  reading.engine.read_only = true;
  for (const std::string& url : urls()) {
    EXPECT_EQ(open_home(url, reading).status().code(), Code::not_found) << url;
  }
  EXPECT_TRUE(std::filesystem::is_empty(test_directory()));
}

TEST(OpenHome, MemoryIsRefused) {
  const Status refused = open_home("memory:").status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("./data"), std::string_view::npos);
}

TEST(OpenHome, OnS3NoOptionIsTakenThatWouldNotBeKept) {
  for (const char* url : {"immukv+s3://records/app/", "s4db+s3://records/app/"}) {
    HomeOptions retention;
    retention.engine.retention = Retention::all();
    EXPECT_EQ(open_home(url, retention).status().code(), Code::invalid_argument);
    HomeOptions encryption;
    encryption.engine.encryption.key_file = "master.key";
    const Status refused = open_home(url, encryption).status();
    EXPECT_EQ(refused.code(), Code::invalid_argument);
    EXPECT_NE(refused.message().find("kms_key_id"), std::string_view::npos);
  }
}

TEST(OpenHome, EachKindOpensItsOwn) {
  const StoreUrl ledger = parse_store_url("immukv+s3://records/app/").value();
  const StoreUrl files = parse_store_url("s4db+s3://records/app/").value();
  EXPECT_EQ(open_ledger(files).status().code(), Code::invalid_argument);
  EXPECT_EQ(open_bucket_files(ledger).status().code(), Code::invalid_argument);
  EXPECT_TRUE(open_ledger(ledger).ok()) << "without a request";
}

}  // namespace
}  // namespace talea
