// The client against an S3 server that others wrote, over real connections, with the buckets
// `versioned` and `plain`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "s3/client.h"
#include "s3/machine.h"
#include "s3/probe.h"
#include "tests/s3/server_world.h"

namespace talea::s3 {
namespace {

class S3Server : public testing::Test {
 public:
  void SetUp() override {
    client = make("versioned");
    plain = make("plain");
  }

  std::unique_ptr<Client> make(const std::string& bucket) {
    auto made = Client::create(place_on_server(bucket), machine.seams());
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    return std::move(*made);
  }

  Machine machine;
  std::unique_ptr<Client> client;
  std::unique_ptr<Client> plain;
};

TEST_F(S3Server, PutsGetsHeadsAndRemoves) {
  for (Client* const store : {client.get(), plain.get()}) {
    EXPECT_FALSE(store->get("k")->has_value());
    EXPECT_FALSE(store->head("k")->has_value());
    const auto written = store->put("k", "bytes");
    ASSERT_TRUE(written.ok()) << written.status().to_string();
    const auto object = store->get("k");
    ASSERT_TRUE(object.ok() && *object) << object.status().to_string();
    EXPECT_EQ((*object)->bytes, "bytes");
    EXPECT_EQ((*object)->info.etag, written->etag);
    EXPECT_EQ((*object)->info.version_id, written->version_id);
    EXPECT_EQ((*object)->info.write_nonce.size(), 32U);
    EXPECT_GT((*object)->info.last_modified_ms, 1'600'000'000'000U);
    EXPECT_EQ((*store->head("k"))->size, 5U);
    ASSERT_TRUE(store->remove("k").ok());
    EXPECT_FALSE(store->get("k")->has_value());
    EXPECT_FALSE(store->head("k")->has_value());
  }
}

TEST_F(S3Server, AMissingBucketIsNoMissingObject) {
  const auto nowhere = make("nowhere");
  EXPECT_EQ(nowhere->get("k").status().code(), Code::not_found);
  EXPECT_EQ(nowhere->head("k").status().code(), Code::not_found);
  EXPECT_EQ(nowhere->put("k", "").status().code(), Code::not_found);
  EXPECT_EQ(nowhere->list({}).status().code(), Code::not_found);
}

TEST_F(S3Server, ReadsRangesAndVersions) {
  const auto first = client->put("k", "0123456789");
  const auto second = client->put("k", "abc");
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_NE(first->version_id, second->version_id);
  const auto range = client->get("k", {.version_id = first->version_id, .range = ByteRange{3, 4}});
  ASSERT_TRUE(range.ok() && *range) << range.status().to_string();
  EXPECT_EQ((*range)->bytes, "3456");
  EXPECT_EQ((*range)->info.size, 10U);
  EXPECT_EQ((*client->get("k", {.range = ByteRange{1, 100}}))->bytes, "bc");
  EXPECT_EQ(client->get("k", {.range = ByteRange{3, 1}}).status().code(), Code::invalid_argument);
  EXPECT_FALSE(
      client->get("k", {.version_id = "00000000-0000-0000-0000-000000000000"})->has_value());
}

TEST_F(S3Server, KeepsConditions) {
  for (Client* const store : {client.get(), plain.get()}) {
    const auto first = store->put("k", "1", {.condition = Condition::absent()});
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    EXPECT_EQ(store->put("k", "2", {.condition = Condition::absent()}).status().code(),
              Code::conflict);
    const auto second = store->put("k", "2", {.condition = Condition::matches(first->etag)});
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    EXPECT_EQ(store->put("k", "3", {.condition = Condition::matches(first->etag)}).status().code(),
              Code::conflict);
    EXPECT_EQ((*store->get("k"))->bytes, "2");
    EXPECT_EQ(store->get("k", {.if_match = first->etag}).status().code(), Code::conflict);
    EXPECT_TRUE(store->get("k", {.if_match = second->etag}).ok());
  }
}

TEST_F(S3Server, OneOfManyWritersWins) {
  constexpr int kWriters = 8;
  for (int round = 0; round < 5; ++round) {
    const std::string key = "k" + std::to_string(round);
    std::atomic<int> won = 0;
    std::atomic<int> refused = 0;
    std::vector<std::thread> writers;
    writers.reserve(kWriters);
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&, i] {
        const auto put = client->put(key, std::to_string(i), {.condition = Condition::absent()});
        if (put.ok()) {
          ++won;
        } else if (put.status().code() == Code::conflict) {
          ++refused;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(won + refused, kWriters);
    EXPECT_GE(won, 1);
  }
}

TEST_F(S3Server, SendsOddKeysAsTheyAre) {
  const std::vector<std::string> keys = {
      "a b",    "a+b", "a%2Fb", "a&b=c",        "<k>", "ü/\xF0\x9F\xA4\x96",
      "~*'()!", "?x",  "#x",    "a=b;c,d@e:f$g"};
  for (const std::string& key : keys) {
    ASSERT_TRUE(plain->put(key, key).ok()) << key;
    const auto object = plain->get(key);
    ASSERT_TRUE(object.ok() && *object) << key << ": " << object.status().to_string();
    EXPECT_EQ((*object)->bytes, key);
  }
  const auto page = plain->list({});
  ASSERT_TRUE(page.ok()) << page.status().to_string();
  std::vector<std::string> listed;
  listed.reserve(keys.size());
  for (const ObjectInfo& info : page->objects) listed.push_back(info.key);
  EXPECT_THAT(listed, testing::UnorderedElementsAreArray(keys));
  const auto failures = plain->remove_all(keys);
  ASSERT_TRUE(failures.ok()) << failures.status().to_string();
  EXPECT_TRUE(failures->empty());
  EXPECT_TRUE(plain->list({})->objects.empty());
}

TEST_F(S3Server, ListsPageByPage) {
  std::vector<std::string> keys;
  for (const char* key : {"a", "a+", "a-b", "a.b", "b", "b c"}) {
    keys.emplace_back(key);
    ASSERT_TRUE(plain->put(key, key).ok());
  }
  std::vector<std::string> listed;
  ListOptions options{.keys_max = 2};
  for (;;) {
    const auto page = plain->list(options);
    ASSERT_TRUE(page.ok()) << page.status().to_string();
    for (const ObjectInfo& info : page->objects) listed.push_back(info.key);
    if (page->next_token.empty()) break;
    options.token = page->next_token;
  }
  EXPECT_EQ(listed, keys);
  EXPECT_EQ(plain->list({.start_after = "a.b"})->objects.front().key, "b");
}

TEST_F(S3Server, ListsVersionsNewestFirst) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    const auto written = client->put("k", std::to_string(i));
    ASSERT_TRUE(written.ok());
    ids.insert(ids.begin(), written->version_id);
  }
  std::vector<std::string> listed;
  VersionListOptions options{.keys_max = 2};
  for (;;) {
    const auto page = client->list_versions(options);
    ASSERT_TRUE(page.ok()) << page.status().to_string();
    for (const ObjectVersion& version : page->versions) {
      EXPECT_EQ(version.is_latest, listed.empty());
      listed.push_back(version.info.version_id);
    }
    if (!page->truncated) break;
    options.key_marker = page->next_key_marker;
    options.version_id_marker = page->next_version_id_marker;
  }
  EXPECT_EQ(listed, ids);
  ASSERT_TRUE(client->remove("k", {.version_id = ids.front()}).ok());
  EXPECT_EQ((*client->get("k"))->bytes, "3");
}

TEST_F(S3Server, KnowsWhetherItIsVersioned) {
  EXPECT_EQ(*client->versioning(), Versioning::enabled);
  EXPECT_EQ(*plain->versioning(), Versioning::never);
}

TEST_F(S3Server, PutsPartsAndCopies) {
  const Bytes large(5U << 20, 'x');
  int parts = 0;
  const auto next = [&]() -> Result<Bytes> {
    ++parts;
    if (parts == 1) return large;
    return parts == 2 ? Bytes("end") : Bytes();
  };
  const auto written = client->put_parts("k", next, {.condition = Condition::absent()});
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  const auto object = client->get("k");
  ASSERT_TRUE(object.ok() && *object);
  EXPECT_TRUE((*object)->bytes == large + "end");
  EXPECT_EQ((*object)->info.etag, written->etag);
  EXPECT_EQ((*object)->info.version_id, written->version_id);
  const auto copied = client->copy("k", "a copy");
  ASSERT_TRUE(copied.ok()) << copied.status().to_string();
  EXPECT_EQ((*client->get("a copy"))->bytes.size(), large.size() + 3);
  EXPECT_EQ(client->copy("none", "x").status().code(), Code::not_found);
}

TEST_F(S3Server, CopiesByParts) {
  ClientSeams seams = machine.seams();
  seams.limits.copy_bytes_max = 5U << 20;
  seams.limits.copy_part_bytes = 5U << 20;
  const auto store = *Client::create(client->options(), seams);
  const Bytes large((5U << 20) + 10, 'x');
  ASSERT_TRUE(store->put("large", large).ok());
  const auto copied = store->copy("large", "to");
  ASSERT_TRUE(copied.ok()) << copied.status().to_string();
  EXPECT_TRUE((*store->get("to"))->bytes == large);
  EXPECT_EQ(store->counts().at({"other", "UploadPartCopy"}).sent, 2U);
}

TEST_F(S3Server, IsFitForWriting) {
  SystemClock clock;
  SystemRandom random;
  const auto report = probe(*client, clock, random);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(fit_for_writing(*report, true).to_string(), "ok");
  EXPECT_TRUE(client->list_versions({})->versions.empty()) << "it leaves nothing behind";
  const auto of_plain = probe(*plain, clock, random);
  ASSERT_TRUE(of_plain.ok());
  EXPECT_EQ(fit_for_writing(*of_plain, false).to_string(), "ok");
  EXPECT_EQ(fit_for_writing(*of_plain, true).code(), Code::unsupported);
}

}  // namespace
}  // namespace talea::s3
