// The operations, and what becomes of each when any of its requests meets any fault.
#include "s3/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <utility>

#include "s3/sender.h"
#include "tests/support/altering_transport.h"
#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;

// Control characters, what XML and queries mean something by, dots, slashes, and a blank.
const std::vector<std::string>& odd_keys() {
  static const std::vector<std::string> keys = {".",
                                                "..",
                                                "a//b",
                                                "/a",
                                                "a/",
                                                "a/../b",
                                                " ",
                                                "a b",
                                                "a+b",
                                                "a%2Fb",
                                                "a&b=c",
                                                "<k>",
                                                "ü/\xF0\x9F\xA4\x96",
                                                "a\nb",
                                                "a\rb",
                                                "a\tb",
                                                "\x01",
                                                "~*'()!",
                                                "?x",
                                                "#x"};
  return keys;
}

// --- Reading and writing

TEST(Client, PutsGetsAndHeads) {
  S3World world;
  const auto client = world.client({.prefix = "app/"});
  const auto written = client->put("k", "bytes");
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(written->etag, fake_etag("bytes"));
  const auto object = client->get("k");
  ASSERT_TRUE(object.ok() && *object) << object.status().to_string();
  EXPECT_EQ((*object)->bytes, "bytes");
  EXPECT_EQ((*object)->info.key, "k");
  EXPECT_EQ((*object)->info.etag, written->etag);
  EXPECT_EQ((*object)->info.version_id, written->version_id);
  EXPECT_EQ((*object)->info.size, 5U);
  EXPECT_EQ((*object)->info.last_modified_ms, world.clock.wall_ms());
  EXPECT_EQ((*object)->info.write_nonce.size(), 32U);
  const auto info = client->head("k");
  ASSERT_TRUE(info.ok() && *info);
  EXPECT_EQ((*info)->etag, written->etag);
  EXPECT_EQ((*info)->size, 5U);
  EXPECT_EQ(world.fake.keys("records"), std::vector<std::string>{"app/k"});
}

TEST(Client, WhatIsNotThereIsAValueAndAMissingBucketIsNot) {
  S3World world;
  const auto client = world.client();
  EXPECT_EQ(*client->get("k"), std::nullopt);
  EXPECT_EQ(client->head("k")->has_value(), false);
  EXPECT_EQ(client->get("k", {.version_id = "none"})->has_value(), false);
  const auto elsewhere = world.client({.bucket = "nowhere"});
  EXPECT_EQ(elsewhere->get("k").status().code(), Code::not_found);
  EXPECT_EQ(elsewhere->head("k").status().code(), Code::not_found);
  EXPECT_EQ(elsewhere->put("k", "").status().code(), Code::not_found);
  EXPECT_EQ(elsewhere->list({}).status().code(), Code::not_found);
  EXPECT_EQ(elsewhere->remove("k").code(), Code::not_found);
}

TEST(Client, OldVersionsAreReadByTheirIds) {
  S3World world;
  const auto client = world.client();
  const auto first = client->put("k", "1");
  const auto second = client->put("k", "2");
  EXPECT_EQ((*client->get("k", {.version_id = first->version_id}))->bytes, "1");
  EXPECT_EQ((*client->head("k", {.version_id = second->version_id}))->etag, fake_etag("2"));
  ASSERT_TRUE(client->remove("k").ok());
  EXPECT_FALSE(client->get("k")->has_value());
  EXPECT_FALSE(client->head("k")->has_value());
  EXPECT_EQ((*client->get("k", {.version_id = second->version_id}))->bytes, "2");
  const std::string marker = world.fake.versions("records", "k").back().id;
  EXPECT_FALSE(client->get("k", {.version_id = marker})->has_value());
  EXPECT_FALSE(client->head("k", {.version_id = marker})->has_value());
}

TEST(Client, ReadsRanges) {
  for (const bool ignored : {false, true}) {
    S3World world;
    world.fake.set_profile({.ignores_ranges = ignored});
    const auto client = world.client();
    ASSERT_TRUE(client->put("k", "0123456789").ok());
    const auto range = [&](std::uint64_t offset, std::uint64_t length) {
      return client->get("k", {.range = ByteRange{.offset = offset, .length = length}});
    };
    const auto middle = range(2, 3);
    ASSERT_TRUE(middle.ok()) << middle.status().to_string();
    EXPECT_EQ((*middle)->bytes, "234");
    EXPECT_EQ((*middle)->info.size, 10U);
    EXPECT_EQ((*range(8, 100))->bytes, "89");
    EXPECT_EQ(range(10, 1).status().code(), Code::invalid_argument);
    EXPECT_EQ(range(0, 0).status().code(), Code::invalid_argument);
    EXPECT_EQ(range(UINT64_MAX, 2).status().code(), Code::invalid_argument);
  }
}

TEST(Client, AReadMayAskForAnEtag) {
  for (const bool unquoted : {false, true}) {
    S3World world;
    world.fake.set_profile({.only_unquoted_if_match = unquoted});
    const auto client = world.client();
    const auto written = client->put("k", "1");
    EXPECT_TRUE(client->get("k", {.if_match = written->etag}).ok());
    ASSERT_TRUE(client->put("k", "2").ok());
    EXPECT_EQ(client->get("k", {.if_match = written->etag}).status().code(), Code::conflict);
    EXPECT_EQ(client->head("k", {.if_match = written->etag}).status().code(), Code::conflict);
  }
}

TEST(Client, EveryKeyThatS3HasIsSentAsItIs) {
  S3World world;
  const auto client = world.client();
  for (const std::string& key : odd_keys()) {
    ASSERT_TRUE(client->put(key, key).ok()) << key;
    const auto object = client->get(key);
    ASSERT_TRUE(object.ok() && *object) << key;
    EXPECT_EQ((*object)->bytes, key);
    EXPECT_EQ(world.bytes(key), key);
  }
  const auto page = client->list({});
  ASSERT_TRUE(page.ok()) << page.status().to_string();
  std::vector<std::string> listed;
  listed.reserve(page->objects.size());
  for (const ObjectInfo& info : page->objects) listed.push_back(info.key);
  EXPECT_EQ(listed, world.fake.keys("records"));
  const auto failures = client->remove_all(odd_keys());
  ASSERT_TRUE(failures.ok()) << failures.status().to_string();
  EXPECT_TRUE(failures->empty());
  EXPECT_TRUE(world.fake.keys("records").empty());
}

TEST(Client, KeysThatS3DoesNotHaveAreRefusedBeforeAnythingIsSent) {
  S3World world;
  const auto client = world.client({.prefix = "p"});
  for (const std::string& key : {std::string(1024, 'k'), std::string("\xff"),
                                 std::string("\xc0\x80"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(client->put(key, "").status().code(), Code::invalid_argument);
    EXPECT_EQ(client->get(key).status().code(), Code::invalid_argument);
    EXPECT_EQ(client->remove(key).code(), Code::invalid_argument);
  }
  EXPECT_EQ(world.client()->get("").status().code(), Code::invalid_argument);
  EXPECT_EQ(world.fake.requests(), 0U);
  EXPECT_TRUE(client->put(std::string(1023, 'k'), "").ok());
}

TEST(Client, KmsKeyGoesWithEveryWrite) {
  S3World world;
  const auto client = world.client({.kms_key_id = "arn:key"});
  ASSERT_TRUE(client->put("k", "1").ok());
  ASSERT_TRUE(client->copy("k", "copy").ok());
  EXPECT_EQ(world.fake.current("records", "k")->kms_key_id, "arn:key");
  EXPECT_EQ(world.fake.current("records", "copy")->kms_key_id, "arn:key");
  world.fake.set_profile({.kms_denied = true});
  const Status refused = client->put("k", "2").status();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("kms:GenerateDataKey"));
}

// --- Conditions

TEST(Client, ConditionsAreKept) {
  S3World world;
  const auto client = world.client();
  const auto first = client->put("k", "1", {.condition = Condition::absent()});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(client->put("k", "2", {.condition = Condition::absent()}).status().code(),
            Code::conflict);
  const auto second = client->put("k", "2", {.condition = Condition::matches(first->etag)});
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_EQ(client->put("k", "3", {.condition = Condition::matches(first->etag)}).status().code(),
            Code::conflict);
  EXPECT_EQ(
      client->put("none", "3", {.condition = Condition::matches(first->etag)}).status().code(),
      Code::conflict)
      << "404 on AWS";
  world.fake.set_profile({.if_match_of_absent_is_412 = true});
  EXPECT_EQ(
      client->put("none", "3", {.condition = Condition::matches(first->etag)}).status().code(),
      Code::conflict)
      << "412 on Ceph";
  EXPECT_EQ(world.bytes("k"), "2");
}

TEST(Client, AConditionThatFailsCostsOneLook) {
  S3World world;
  const auto client = world.client();
  const auto first = client->put("k", "1");
  const auto second = client->put("k", "2", {.condition = Condition::matches(first->etag)});
  ASSERT_TRUE(second.ok());
  const std::uint64_t before = world.fake.requests();
  EXPECT_EQ(client->put("k", "3", {.condition = Condition::matches(first->etag)}).status().code(),
            Code::conflict);
  EXPECT_EQ(world.fake.requests(), before + 2);
}

TEST(Client, AStoreThatReadsEtagsOnlyWithoutQuotesIsRemembered) {
  S3World world;
  world.fake.set_profile({.only_unquoted_if_match = true});
  const auto client = world.client();
  const auto first = client->put("k", "1");
  const auto second = client->put("k", "2", {.condition = Condition::matches(first->etag)});
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  const std::uint64_t before = world.fake.requests();
  const auto third = client->put("k", "3", {.condition = Condition::matches(second->etag)});
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(world.fake.requests(), before + 1);
  EXPECT_EQ(client->put("k", "4", {.condition = Condition::matches(first->etag)}).status().code(),
            Code::conflict);
  EXPECT_EQ(world.bytes("k"), "3");
}

TEST(Client, OfTwoFirstWritesToAStoreWithoutQuotesBothFindTheForm) {
  S3World world;
  world.fake.set_profile({.only_unquoted_if_match = true});
  const auto client = world.client();
  const auto a = client->put("a", "1");
  const auto b = client->put("b", "1");
  // The put of b goes and learns the form while that of a is on its way, with quotes.
  world.fake.set_before(3, [&] {
    EXPECT_TRUE(client->put("b", "2", {.condition = Condition::matches(b->etag)}).ok());
  });
  const auto put = client->put("a", "2", {.condition = Condition::matches(a->etag)});
  EXPECT_TRUE(put.ok()) << put.status().to_string();
  EXPECT_EQ(world.bytes("a"), "2");
}

// --- Removing and lists

TEST(Client, RemovesOneAndMany) {
  S3World world(Versioning::never);
  const auto client = world.client({.prefix = "p/"});
  std::vector<std::string> keys;
  keys.reserve(2500);
  for (int i = 0; i < 2500; ++i) {
    keys.push_back("k" + std::to_string(i));
    world.fake.put("records", "p/" + keys.back(), "1");
  }
  world.fake.put("records", "other", "1");
  EXPECT_TRUE(client->remove("k7").ok());
  EXPECT_TRUE(client->remove("k7").ok()) << "it was gone";
  const auto failures = client->remove_all(keys, {.cause = "clear"});
  ASSERT_TRUE(failures.ok()) << failures.status().to_string();
  EXPECT_TRUE(failures->empty());
  EXPECT_EQ(world.fake.keys("records"), std::vector<std::string>{"other"});
  EXPECT_EQ(client->counts().at({"clear", "DeleteObjects"}).sent, 3U);
  EXPECT_TRUE(client->remove_all({})->empty());
}

TEST(Client, SaysWhichCouldNotBeRemovedAndWhy) {
  S3World world;
  world.fake.set_profile({.unwritable_prefixes = {"p/keep"}});
  const auto client = world.client({.prefix = "p/"});
  const auto failures = client->remove_all(std::vector<std::string>{"a", "keep1", "b"});
  ASSERT_TRUE(failures.ok());
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_EQ((*failures)[0].key, "keep1");
  EXPECT_EQ((*failures)[0].status.code(), Code::denied);
  EXPECT_THAT(std::string((*failures)[0].status.message()), HasSubstr("s3:DeleteObject"));
}

TEST(Client, RemovesAVersionForGood) {
  S3World world;
  const auto client = world.client();
  const auto first = client->put("k", "1");
  ASSERT_TRUE(client->put("k", "2").ok());
  ASSERT_TRUE(client->remove("k", {.version_id = first->version_id}).ok());
  EXPECT_EQ(world.fake.versions("records", "k").size(), 1U);
  EXPECT_EQ(world.bytes("k"), "2");
}

TEST(Client, ListsPageByPage) {
  for (const std::uint32_t page_keys : {1U, 2U, 1000U}) {
    S3World world;
    world.fake.set_profile({.page_keys_max = page_keys});
    const auto client = world.client({.prefix = "p/"});
    for (const char* key : {"p/a", "p/a+", "p/a-b", "p/a.b", "p/b", "q", "p/b c"}) {
      world.fake.put("records", key, key);
    }
    world.fake.remove("records", "p/a-b");
    const auto all = [&](const std::string& prefix, const std::string& after) {
      std::string keys;
      ListOptions options{.prefix = prefix, .start_after = after};
      for (;;) {
        const auto page = client->list(options);
        EXPECT_TRUE(page.ok()) << page.status().to_string();
        if (!page.ok()) return std::string("failed");
        for (const ObjectInfo& info : page->objects) {
          keys += info.key + ",";
          EXPECT_EQ(info.size, info.key.size() + 2);
          EXPECT_EQ(info.etag, fake_etag("p/" + info.key));
        }
        if (page->next_token.empty()) return keys;
        options.token = page->next_token;
      }
    };
    EXPECT_EQ(all("", ""), "a,a+,a.b,b,b c,");
    EXPECT_EQ(all("a", ""), "a,a+,a.b,");
    EXPECT_EQ(all("", "a+"), "a.b,b,b c,");
    EXPECT_EQ(all("none", ""), "");
  }
}

TEST(Client, ListsVersionsNewestFirst) {
  for (const std::uint32_t page_keys : {1U, 3U, 1000U}) {
    S3World world;
    world.fake.set_profile({.page_keys_max = page_keys});
    const auto client = world.client({.prefix = "p/"});
    std::string expected;
    for (const char* key : {"a", "a b"}) {
      std::string of_key;
      for (int i = 0; i < 4; ++i) {
        const auto written = client->put(key, std::to_string(i));
        of_key = std::string(key) + written->version_id + "," + of_key;
      }
      expected += of_key;
    }
    ASSERT_TRUE(client->remove("a").ok());
    const FakeVersion marker = world.fake.versions("records", "p/a").back();
    expected = "a" + marker.id + "," + expected;
    std::string seen;
    int latest = 0;
    int markers = 0;
    VersionListOptions options;
    for (;;) {
      const auto page = client->list_versions(options);
      ASSERT_TRUE(page.ok()) << page.status().to_string();
      for (const ObjectVersion& version : page->versions) {
        seen += version.info.key + version.info.version_id + ",";
        latest += version.is_latest ? 1 : 0;
        markers += version.is_delete_marker ? 1 : 0;
      }
      if (!page->truncated) break;
      options.key_marker = page->next_key_marker;
      options.version_id_marker = page->next_version_id_marker;
    }
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(latest, 2);
    EXPECT_EQ(markers, 1);
  }
}

// A client of `world` behind `transport`, which outlives it.
std::unique_ptr<Client> altered_client(S3World& world, AlteringTransport& transport) {
  const S3Options options{
      .bucket = S3World::kBucket,
      .endpoint = "http://fake.test",
      .credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"}};
  return *Client::create(options, {.transport = transport,
                                   .clock = world.clock,
                                   .random = world.random,
                                   .wait = world.seams().wait});
}

TEST(Client, AListThatDoesNotMoveIsCorruption) {
  S3World world;
  AlteringTransport stuck(
      world.fake,
      [](const HttpRequest& request, const Result<HttpResponse>&) -> Result<HttpResponse> {
        if (request.url.find("versions") == std::string::npos) {
          return made_up(200,
                         "<ListBucketResult><IsTruncated>true</IsTruncated>"
                         "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
        }
        return made_up(200,
                       "<ListVersionsResult><IsTruncated>true</IsTruncated>"
                       "<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v"
                       "</NextVersionIdMarker></ListVersionsResult>");
      });
  const auto client = altered_client(world, stuck);
  EXPECT_EQ(client->list({})->next_token, "t");
  EXPECT_EQ(client->list({.token = "t"}).status().code(), Code::corruption);
  EXPECT_TRUE(client->list_versions({})->truncated);
  EXPECT_TRUE(client->list_versions({.key_marker = "k", .version_id_marker = "u"}).ok());
  EXPECT_EQ(client->list_versions({.key_marker = "k", .version_id_marker = "v"}).status().code(),
            Code::corruption);
}

TEST(Client, VersionsOfTheKeyThatIsThePrefixItselfAreListedToTheirEnd) {
  S3World world;
  world.fake.set_profile({.page_keys_max = 1});
  for (const char* bytes : {"1", "2", "3"}) world.fake.put("records", "p/", bytes);
  const auto client = world.client({.prefix = "p/"});
  std::size_t seen = 0;
  VersionListOptions options;
  for (int pages = 0; pages < 5; ++pages) {
    const auto page = client->list_versions(options);
    ASSERT_TRUE(page.ok()) << page.status().to_string();
    seen += page->versions.size();
    if (!page->truncated) break;
    options.key_marker = page->next_key_marker;
    options.version_id_marker = page->next_version_id_marker;
  }
  EXPECT_EQ(seen, 3U);
}

TEST(Client, OnlyTheStoreSaysThatThereIsNoSuchVersion) {
  S3World world;
  ASSERT_TRUE(world.client()->put("k", "1").ok());
  Bytes answer;
  int status = 0;
  AlteringTransport altering(
      world.fake, [&](const HttpRequest&, const Result<HttpResponse>&) -> Result<HttpResponse> {
        return made_up(status, answer);
      });
  const auto client = altered_client(world, altering);
  const auto get = [&](int said, const char* code) {
    status = said;
    answer = "<Error><Code>" + std::string(code) + "</Code></Error>";
    return client->get("k", {.version_id = "None"});
  };
  EXPECT_EQ(get(400, "InvalidArgument")->has_value(), false);
  EXPECT_EQ(get(404, "NoSuchVersion")->has_value(), false);
  EXPECT_EQ(get(301, "PermanentRedirect").status().code(), Code::invalid_argument);
  EXPECT_EQ(get(400, "KMS.DisabledException").status().code(), Code::invalid_argument);
  EXPECT_EQ(get(414, "").status().code(), Code::invalid_argument);
  status = 400;
  answer = "<Error><Code>InvalidArgument</Code></Error>";
  EXPECT_EQ(client->get("k").status().code(), Code::invalid_argument) << "no version was named";
}

TEST(Client, NoVersionHasAnIdOfMegabytesAndNobodyIsAsked) {
  S3World world;
  const auto client = world.client();
  std::string id;
  id.resize(9'000'000, 'v');
  EXPECT_EQ(client->get("k", {.version_id = id})->has_value(), false);
  EXPECT_EQ(client->head("k", {.version_id = id})->has_value(), false);
  EXPECT_EQ(world.fake.requests(), 0U);
}

TEST(Client, AnAnswerThatIsXmlHasALimitOfItsOwn) {
  S3World world;
  std::vector<std::uint64_t> limits;
  AlteringTransport noting(world.fake,
                           [&](const HttpRequest& request, Result<HttpResponse> answer) {
                             limits.push_back(request.answer_bytes_max);
                             return answer;
                           });
  const auto client = altered_client(world, noting);
  ASSERT_TRUE(client->put("k", "1").ok());
  ASSERT_TRUE(client->get("k").ok());
  ASSERT_TRUE(client->list({}).ok());
  ASSERT_EQ(limits.size(), 3U);
  EXPECT_EQ(limits[1], std::uint64_t{256} << 20);
  EXPECT_EQ(limits[2], kXmlBytesMax);
}

TEST(Client, KnowsTheVersioningOfTheBucket) {
  for (const Versioning versioning :
       {Versioning::never, Versioning::enabled, Versioning::suspended}) {
    S3World world(versioning);
    EXPECT_EQ(*world.client()->versioning(), versioning);
  }
  S3World world;
  world.fake.set_profile({.no_versioning = true});
  EXPECT_EQ(world.client()->versioning().status().code(), Code::unsupported);
}

// --- Parts and copies

std::function<Result<Bytes>()> parts_of(std::vector<Bytes> parts) {
  return [parts = std::move(parts), i = std::size_t{0}]() mutable -> Result<Bytes> {
    return i < parts.size() ? parts[i++] : Bytes();
  };
}

ClientSeams small_seams(S3World& world) {
  ClientSeams seams = world.seams();
  seams.limits = {
      .put_bytes_max = 10, .copy_bytes_max = 8, .part_bytes_min = 3, .copy_part_bytes = 4};
  world.fake.set_profile({.part_bytes_min = 3, .put_bytes_max = 10});
  return seams;
}

S3Options small_options() {
  return {.bucket = S3World::kBucket,
          .prefix = "p/",
          .endpoint = "http://fake.test",
          .credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"}};
}

TEST(Client, PutsPartsAsOneObject) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  const auto written = client->put_parts("k", parts_of({"a", "bb", "cccc", "d"}));
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(world.bytes("p/k"), "abbccccd");
  EXPECT_EQ(written->etag, world.fake.current("records", "p/k")->etag);
  EXPECT_EQ(written->version_id, world.fake.current("records", "p/k")->id);
  EXPECT_EQ(client->counts().at({"other", "UploadPart"}).sent, 3U);
  EXPECT_EQ((*client->get("k"))->info.write_nonce.size(), 32U);
}

TEST(Client, TheEtagOfAnUploadThatTheAnswerLeavesOutIsAskedFor) {
  for (const Versioning versioning : {Versioning::enabled, Versioning::never}) {
    S3World world(versioning);
    const auto client = *Client::create(small_options(), small_seams(world));
    FakeProfile profile = world.fake.profile();
    profile.completes_without_etag = true;
    world.fake.set_profile(profile);
    const auto put = [&] {
      return client->put_parts("k", parts_of({"aaa", "bbb"}), {.condition = Condition::absent()});
    };
    const auto written = put();
    ASSERT_TRUE(written.ok()) << written.status().to_string();
    EXPECT_EQ(written->etag, world.fake.current("records", "p/k")->etag);
    EXPECT_EQ(written->version_id, (*client->head("k"))->version_id);
    EXPECT_EQ(world.bytes("p/k"), "aaabbb");
    EXPECT_EQ(put().status().code(), Code::conflict);
  }
}

TEST(Client, WhereTheEtagOfAnUploadCannotBeHadNobodyKnowsWhatBecameOfIt) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  FakeProfile profile = world.fake.profile();
  profile.completes_without_etag = true;
  world.fake.set_profile(profile);
  // Create, two parts, complete; then somebody replaces it.
  world.fake.set_before(5, [&] { world.fake.put("records", "p/k", "theirs"); });
  const Status replaced = client->put_parts("k", parts_of({"aaa", "bbb"})).status();
  EXPECT_EQ(replaced.code(), Code::timed_out) << replaced.to_string();
  EXPECT_THAT(std::string(replaced.message()), HasSubstr("another object is in its place"));
  profile.unreadable_prefixes = {"p/k"};
  world.fake.set_profile(profile);
  const Status denied = client->put_parts("k", parts_of({"aaa", "bbb"})).status();
  EXPECT_EQ(denied.code(), Code::timed_out) << denied.to_string();
  EXPECT_THAT(std::string(denied.message()), HasSubstr("the upload was completed"));
  EXPECT_EQ(world.bytes("p/k"), "aaabbb") << "it is there";
}

TEST(Client, OnePartIsOnePut) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  ASSERT_TRUE(client->put_parts("k", parts_of({"a", "b"})).ok());
  ASSERT_TRUE(client->put_parts("empty", parts_of({})).ok());
  EXPECT_EQ(world.bytes("p/k"), "ab");
  EXPECT_EQ(world.bytes("p/empty"), "");
  EXPECT_EQ(world.fake.requests(), 2U);
}

TEST(Client, AnUploadThatFailsIsAborted) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  int calls = 0;
  const auto failing = [&]() -> Result<Bytes> {
    if (++calls > 3) return Status::io_error("planted");
    return Bytes("abc");
  };
  EXPECT_EQ(client->put_parts("k", failing).status().code(), Code::io_error);
  EXPECT_EQ(world.fake.open_uploads("records"), 0U);
  EXPECT_EQ(world.bytes("p/k"), std::nullopt);
  ASSERT_TRUE(client->put("k", "1").ok());
  EXPECT_EQ(client->put_parts("k", parts_of({"aaa", "bbb"}), {.condition = Condition::absent()})
                .status()
                .code(),
            Code::conflict);
  EXPECT_EQ(world.fake.open_uploads("records"), 0U);
  EXPECT_EQ(world.bytes("p/k"), "1");
}

TEST(Client, WhatIsTooLargeForOnePutIsRefused) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  EXPECT_EQ(client->put("k", "12345678901").status().code(), Code::exhausted);
  EXPECT_EQ(world.fake.requests(), 0U);
}

TEST(Client, CopiesInsideTheStore) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  world.fake.put("records", "p/a b", "12345678");
  world.fake.put("records", "p/large", "1234567890");
  const auto small = client->copy("a b", "to");
  ASSERT_TRUE(small.ok()) << small.status().to_string();
  EXPECT_EQ(world.bytes("p/to"), "12345678");
  EXPECT_EQ(small->etag, fake_etag("12345678"));
  ASSERT_TRUE(client->copy("large", "to").ok());
  EXPECT_EQ(world.bytes("p/to"), "1234567890");
  EXPECT_EQ(client->counts().at({"other", "UploadPartCopy"}).sent, 3U);
  EXPECT_EQ(client->copy("none", "to").status().code(), Code::not_found);
  EXPECT_EQ(client->copy("a b", "to", {.condition = Condition::absent()}).status().code(),
            Code::conflict);
  EXPECT_EQ(client->copy("large", "to", {.condition = Condition::absent()}).status().code(),
            Code::conflict);
  EXPECT_EQ(world.fake.open_uploads("records"), 0U);
}

TEST(Client, ACopyByPartsIsOfOneObjectAlsoWhereVersioningIsSuspended) {
  for (const Versioning versioning : {Versioning::never, Versioning::suspended}) {
    S3World world(versioning);
    const auto client = *Client::create(small_options(), small_seams(world));
    world.fake.put("records", "p/large", "1234567890");
    // Head, begin, a part; then somebody replaces it.
    world.fake.set_before(4, [&] { world.fake.put("records", "p/large", "abcdefghij"); });
    EXPECT_EQ(client->copy("large", "to").status().code(), Code::conflict);
    EXPECT_EQ(world.bytes("p/to"), std::nullopt);
  }
}

TEST(Client, AnErrorInAnAnswerThatBeganWith200IsAnError) {
  S3World world;
  const auto client = *Client::create(small_options(), small_seams(world));
  world.fake.put("records", "p/k", "1");
  world.fake.set_fault(2, Fault::error_in_200());  // of head, copy
  ASSERT_TRUE(client->copy("k", "to").ok());
  EXPECT_EQ(world.bytes("p/to"), "1");
  EXPECT_EQ(client->counts().at({"other", "CopyObject"}).sent, 2U);
  const std::uint64_t before = world.fake.requests();
  world.fake.set_fault(before + 4, Fault::error_in_200());  // of create, two parts, complete
  ASSERT_TRUE(client->put_parts("k", parts_of({"aaa", "bbb"})).ok());
  EXPECT_EQ(world.bytes("p/k"), "aaabbb");
  EXPECT_EQ(client->counts().at({"other", "CompleteMultipartUpload"}).sent, 2U);
}

// --- Faults

// An operation that is to be played with every fault at every one of its requests.
struct Story {
  std::string name;
  std::function<void(S3World&)> prepare;
  std::function<Status(Client&)> act;
  std::function<bool(const S3World&)> is_done;
  /// Not counting the one that does it: what a repetition leaves behind without harm.
  bool repeats_leave_versions = false;
};

template <typename T>
Status status_of_result(const Result<T>& result) {
  return result.ok() ? Status() : result.status();
}

std::vector<Story> stories() {
  const auto nothing = [](S3World&) {};
  const auto old = [](S3World& world) { world.fake.put("records", "p/k", "old"); };
  const auto is = [](const char* bytes) {
    return [bytes](const S3World& world) { return world.bytes("p/k") == bytes; };
  };
  return {
      {"put if absent", nothing,
       [](Client& client) {
         return status_of_result(client.put("k", "new", {.condition = Condition::absent()}));
       },
       is("new")},
      {"put if matches", old,
       [](Client& client) {
         return status_of_result(
             client.put("k", "new", {.condition = Condition::matches(fake_etag("old"))}));
       },
       is("new")},
      {"put", old, [](Client& client) { return status_of_result(client.put("k", "new")); },
       is("new"), true},
      {"put parts if absent", nothing,
       [](Client& client) {
         return status_of_result(
             client.put_parts("k", parts_of({"aaa", "bbb"}), {.condition = Condition::absent()}));
       },
       is("aaabbb")},
      {"put parts", nothing,
       [](Client& client) {
         return status_of_result(client.put_parts("k", parts_of({"aaa", "bbb"})));
       },
       is("aaabbb")},
      {"copy if matches",
       [](S3World& world) {
         world.fake.put("records", "p/k", "old");
         world.fake.put("records", "p/from", "new");
       },
       [](Client& client) {
         return status_of_result(
             client.copy("from", "k", {.condition = Condition::matches(fake_etag("old"))}));
       },
       is("new")},
      {"remove a version", old,
       [](Client& client) {
         const auto info = client.head("k");
         if (!info.ok()) return info.status();
         if (!*info) return Status();
         return client.remove("k", {.version_id = (*info)->version_id});
       },
       [](const S3World& world) { return !world.bytes("p/k"); }},
      {"remove many", old,
       [](Client& client) {
         return status_of_result(client.remove_all(std::vector<std::string>{"k"}));
       },
       [](const S3World& world) { return !world.bytes("p/k"); }, true},
      {"get", old,
       [](Client& client) {
         const auto object = client.get("k");
         if (!object.ok()) return object.status();
         return *object && (*object)->bytes == "old" ? Status() : Status::corruption("not as put");
       },
       is("old")},
      {"list", old,
       [](Client& client) {
         const auto page = client.list({});
         if (!page.ok()) return page.status();
         return page->objects.size() == 1 ? Status() : Status::corruption("not all is listed");
       },
       is("old")},
      {"list versions", old,
       [](Client& client) {
         const auto page = client.list_versions({});
         if (!page.ok()) return page.status();
         return page->versions.size() == 1 ? Status() : Status::corruption("not all is listed");
       },
       is("old")},
  };
}

// What was asked for happens once, whatever happens to one request on its way.
TEST(ClientFaults, EveryOperationGetsOverAnyOneFault) {
  for (const Story& story : stories()) {
    std::uint64_t requests = 0;
    {
      S3World world;
      story.prepare(world);
      const auto client = *Client::create(small_options(), small_seams(world));
      ASSERT_TRUE(story.act(*client).ok()) << story.name;
      requests = world.fake.requests();
    }
    for (const Fault& fault : every_fault()) {
      for (std::uint64_t number = 1; number <= requests; ++number) {
        SCOPED_TRACE(story.name + ": " + fault.name() + " at request " + std::to_string(number));
        S3World world;
        story.prepare(world);
        const std::size_t before = world.fake.versions("records", "p/k").size();
        world.fake.set_fault(number, fault);
        const auto client = *Client::create(small_options(), small_seams(world));
        const Status outcome = story.act(*client);
        world.fake.run_delayed();
        // A 409 of something without a condition is an answer that S3 does not give.
        if (fault == Fault::answer(409) && outcome.code() == Code::conflict) continue;
        EXPECT_TRUE(outcome.ok()) << outcome.to_string();
        EXPECT_TRUE(story.is_done(world));
        if (!story.repeats_leave_versions) {
          EXPECT_LE(world.fake.versions("records", "p/k").size(), before + 1);
        }
      }
    }
  }
}

// Any two requests meet any two faults. Now an outcome may be unknown, but never wrong.
TEST(ClientFaults, NoPairOfFaultsMakesAConditionalPutLie) {
  for (const bool absent : {true, false}) {
    for (const Fault& first : every_fault()) {
      for (const Fault& second : every_fault()) {
        for (std::uint64_t at = 2; at <= 4; ++at) {
          SCOPED_TRACE(first.name() + " at 1, " + second.name() + " at " + std::to_string(at));
          S3World world;
          if (!absent) world.fake.put("records", "k", "old");
          const std::size_t before = world.fake.versions("records", "k").size();
          world.fake.set_fault(1, first);
          world.fake.set_fault(at, second);
          const auto outcome = world.client()->put(
              "k", "new",
              {.condition = absent ? Condition::absent() : Condition::matches(fake_etag("old"))});
          world.fake.run_delayed();
          const auto after = world.fake.versions("records", "k");
          EXPECT_LE(after.size(), before + 1) << "done twice";
          if (outcome.ok()) {
            ASSERT_EQ(after.size(), before + 1);
            EXPECT_EQ(after.back().id, outcome->version_id);
            EXPECT_EQ(after.back().etag, outcome->etag);
          } else if (outcome.status().code() != Code::timed_out) {
            EXPECT_EQ(after.size(), before) << outcome.status().to_string();
          }
        }
      }
    }
  }
}

// Another client writes at any moment, while any fault happens.
TEST(ClientFaults, NoFaultAndNoOtherWriterMakesAConditionalPutLie) {
  for (const bool absent : {true, false}) {
    for (const bool removes : {true, false}) {
      for (const Fault& fault : every_fault()) {
        for (std::uint64_t when = 1; when <= 4; ++when) {
          SCOPED_TRACE(fault.name() + ", another before request " + std::to_string(when) +
                       (removes ? " removes" : " puts"));
          S3World world;
          if (!absent) world.fake.put("records", "k", "old");
          world.fake.set_fault(1, fault);
          world.fake.set_before(when, [&] {
            if (removes) {
              world.fake.remove("records", "k");
            } else {
              world.fake.put("records", "k", "other");
            }
          });
          const auto outcome = world.client()->put(
              "k", "new",
              {.condition = absent ? Condition::absent() : Condition::matches(fake_etag("old"))});
          world.fake.run_delayed();
          std::size_t ours = 0;
          std::string id;
          for (const FakeVersion& version : world.fake.versions("records", "k")) {
            if (version.metadata.empty()) continue;
            ++ours;
            id = version.id;
          }
          // What was late and removed at once leaves no trace that a look could find.
          const bool is_hidden = fault.kind == Fault::Kind::delay && removes && absent;
          EXPECT_LE(ours, is_hidden ? 2U : 1U) << "done twice";
          if (outcome.ok()) {
            EXPECT_GE(ours, 1U);
            EXPECT_EQ(id, outcome->version_id);
          } else if (outcome.status().code() != Code::timed_out && fault != Fault::twice_second()) {
            // Of one that was doubled on its way and overwritten at once, nobody can tell.
            EXPECT_EQ(ours, 0U) << outcome.status().to_string();
          }
        }
      }
    }
  }
}

// Of a put that was done, that had such an answer, and that another overwrote at once.
TEST(ClientFaults, AnAnswerThatDoesNotSayThatAPutWasNotDoneLeavesItUnknown) {
  for (const char* code : {"ServiceUnavailable", "InternalError", ""}) {
    S3World world;
    int puts = 0;
    AlteringTransport breaking(
        world.fake, [&](const HttpRequest& request, Result<HttpResponse> answer) {
          if (request.method != "PUT" || ++puts > 1) return answer;
          world.fake.put("records", "k", "other");
          return Result<HttpResponse>(
              made_up(503, "<Error><Code>" + std::string(code) + "</Code></Error>"));
        });
    const auto put =
        altered_client(world, breaking)->put("k", "new", {.condition = Condition::absent()});
    EXPECT_EQ(put.status().code(), Code::timed_out) << code << ": " << put.status().to_string();
  }
}

TEST(ClientFaults, AnAnswerThatIsTooLongMayBeThatToAPutThatWasDone) {
  S3World world;
  int puts = 0;
  AlteringTransport chatty(world.fake,
                           [&](const HttpRequest& request, Result<HttpResponse> answer) {
                             if (request.method != "PUT" || ++puts > 1) return answer;
                             return Result<HttpResponse>(Status::exhausted("too long"));
                           });
  const auto client = altered_client(world, chatty);
  const auto put = client->put("k", "new", {.condition = Condition::absent()});
  EXPECT_TRUE(put.ok()) << put.status().to_string();
  EXPECT_EQ(world.fake.versions("records", "k").size(), 1U);
  puts = 0;
  world.fake.set_before(world.fake.requests() + 2,
                        [&] { world.fake.put("records", "new", "other"); });
  EXPECT_EQ(client->put("new", "1", {.condition = Condition::absent()}).status().code(),
            Code::timed_out);
}

TEST(ClientFaults, AnAnswerOfACdnToAReadIsAskedForAgain) {
  for (const int status : {520, 524, 529, 598, 599, 500, 502, 504}) {
    S3World world;
    world.fake.put("records", "k", "1");
    int gets = 0;
    AlteringTransport cdn(world.fake, [&](const HttpRequest&, const Result<HttpResponse>& answer) {
      return ++gets > 1 ? answer : Result<HttpResponse>(made_up(status, "<html/>"));
    });
    EXPECT_TRUE(altered_client(world, cdn)->get("k").ok()) << status;
  }
  for (const int status : {501, 505, 507}) {
    S3World world;
    int gets = 0;
    AlteringTransport final_answer(world.fake,
                                   [&](const HttpRequest&, const Result<HttpResponse>&) {
                                     ++gets;
                                     return Result<HttpResponse>(made_up(status, ""));
                                   });
    EXPECT_FALSE(altered_client(world, final_answer)->get("k").ok()) << status;
    EXPECT_EQ(gets, 1) << status;
  }
}

TEST(ClientFaults, AStoreThatNeverAnswersIsGivenUpInTime) {
  for (const Fault& fault : {Fault::refuse(), Fault::lose_request(), Fault::answer(503)}) {
    S3World world;
    world.fake.set_plan([&](const FakeRequest&) { return fault; });
    const auto client = world.client();
    const std::uint64_t begin = world.clock.wall_ms();
    const bool not_done = fault != Fault::lose_request();
    EXPECT_EQ(client->get("k").status().code(), not_done ? Code::unavailable : Code::timed_out);
    EXPECT_LE(world.clock.wall_ms() - begin, 120'000U);
    const auto put = client->put("k", "1", {.condition = Condition::absent()});
    EXPECT_EQ(put.status().code(), not_done ? Code::unavailable : Code::timed_out)
        << put.status().to_string();
    EXPECT_EQ(client->put("k", "1").status().code(),
              not_done ? Code::unavailable : Code::timed_out);
  }
}

TEST(ClientFaults, WaitsGrowAndAreRandom) {
  S3World world;
  world.fake.set_plan([&](const FakeRequest&) { return Fault::refuse(); });
  std::vector<std::int64_t> waits;
  ClientSeams seams = world.seams();
  seams.wait = [&](std::chrono::milliseconds span) {
    waits.push_back(span.count());
    world.clock.advance_ms(static_cast<std::uint64_t>(span.count()));
  };
  const auto client = *Client::create(small_options(), seams);
  EXPECT_FALSE(client->get("k").ok());
  ASSERT_GT(waits.size(), 20U);
  for (std::size_t i = 0; i < waits.size(); ++i) {
    EXPECT_LE(waits[i],
              std::min<std::int64_t>(5'000, std::int64_t{100} << std::min<std::size_t>(i, 10)));
  }
  EXPECT_GT(std::count_if(waits.begin(), waits.end(), [](auto wait) { return wait > 2'500; }), 3);
  EXPECT_GT(std::count_if(waits.begin() + 6, waits.end(), [](auto wait) { return wait < 2'500; }),
            3);
}

TEST(ClientFaults, WithoutThePermissionToLookALostAnswerStaysUnknown) {
  S3World world;
  world.fake.set_profile({.unreadable_prefixes = {"k"}});
  world.fake.set_fault(1, Fault::lose_answer());
  const auto put = world.client()->put("k", "1", {.condition = Condition::absent()});
  EXPECT_EQ(put.status().code(), Code::timed_out);
  EXPECT_THAT(std::string(put.status().message()), HasSubstr("s3:GetObject"));
}

TEST(ClientFaults, EveryRequestIsCountedUnderItsCause) {
  S3World world;
  world.fake.set_fault(1, Fault::lose_answer());
  const auto client = world.client();
  ASSERT_TRUE(client->put("k", "bytes", {.cause = "set", .condition = Condition::absent()}).ok());
  ASSERT_TRUE(client->get("k", {.cause = "get"}).ok());
  const S3RequestCounts counts = client->counts();
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts.at({"set", "PutObject"}).sent, 1U);
  EXPECT_EQ(counts.at({"set", "PutObject"}).bytes_sent, 5U);
  EXPECT_EQ(counts.at({"set", "HeadObject"}).sent, 1U);
  EXPECT_EQ(counts.at({"set", "HeadObject"}).repeated, 0U);
  EXPECT_EQ(counts.at({"get", "GetObject"}).bytes_received, 5U);
  world.fake.set_fault(world.fake.requests() + 1, Fault::answer(500));
  ASSERT_TRUE(client->get("k", {.cause = "get"}).ok());
  EXPECT_EQ(client->counts().at({"get", "GetObject"}).sent, 3U);
  EXPECT_EQ(client->counts().at({"get", "GetObject"}).repeated, 1U);
}

// s3rver lists the bucket when it is asked for its versioning.
TEST(ClientErrors, AnAnswerToAnotherQuestionIsNotAskedForAgain) {
  S3World world;
  struct Lister final : HttpTransport {
    Result<HttpResponse> send(const HttpRequest&) override {
      ++asked;
      return HttpResponse{.status = 200, .headers = {}, .body = "<ListBucketResult/>"};
    }
    int asked = 0;
  } lister;
  const auto client = *Client::create(
      {.bucket = "records",
       .endpoint = "http://fake.test",
       .credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"}},
      {.transport = lister,
       .clock = world.clock,
       .random = world.random,
       .wait = world.seams().wait});
  const Status status = client->versioning().status();
  EXPECT_EQ(status.code(), Code::unsupported) << status.to_string();
  EXPECT_EQ(lister.asked, 1);
}

TEST(ClientFaults, WhoAsksIsToldOfEveryRequest) {
  S3World world;
  S3RequestCounts told;
  S3Options options;
  options.on_request = [&](const S3RequestKind& kind, const S3RequestCount& one) {
    told[kind].add(one);
  };
  const auto client = world.client(options);
  world.fake.set_fault(1, Fault::answer(500));
  ASSERT_TRUE(client->put("k", "bytes", {.cause = "set"}).ok());
  ASSERT_TRUE(client->get("k", {.cause = "get"}).ok());
  const auto counts = client->counts();
  ASSERT_EQ(told.size(), counts.size());
  for (const auto& [kind, count] : counts) {
    EXPECT_EQ(told[kind].sent, count.sent) << kind.operation;
    EXPECT_EQ(told[kind].repeated, count.repeated) << kind.operation;
    EXPECT_EQ(told[kind].bytes_sent, count.bytes_sent) << kind.operation;
    EXPECT_EQ(told[kind].bytes_received, count.bytes_received) << kind.operation;
  }
  EXPECT_EQ((told[{"set", "PutObject"}].repeated), 1U);
}

// No machine has the name of the host.
class NoSuchHost final : public HttpTransport {
 public:
  Result<HttpResponse> send(const HttpRequest& request) override {
    ++asked;
    return Status::not_found(request.url + ": could not resolve host");
  }
  int asked = 0;
};

TEST(ClientFaults, AHostThatNobodyKnowsIsTriedThreeTimesAndNotForTheTimeOfAnOperation) {
  S3World world;
  NoSuchHost nowhere;
  const auto client = *Client::create(
      {.bucket = "records",
       .endpoint = "http://typing-error.test",
       .credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"}},
      {.transport = nowhere,
       .clock = world.clock,
       .random = world.random,
       .wait = world.seams().wait});
  const std::uint64_t begin = world.clock.monotonic_ns();
  const auto check = [&](const Status& status) {
    EXPECT_EQ(status.code(), Code::unavailable) << "it did not happen";
    EXPECT_THAT(std::string(status.message()), HasSubstr("could not resolve host"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("check the endpoint"));
    EXPECT_EQ(std::exchange(nowhere.asked, 0), 3);
  };
  check(client->get("k").status());
  check(client->put("k", "1").status());
  check(client->put("k", "1", {.condition = Condition::absent()}).status());
  EXPECT_LT(world.clock.monotonic_ns() - begin, 1'000'000'000U);
}

TEST(ClientFaults, ARefusalCostsNoLookForThoseToWhomItIsTheSame) {
  S3World world;
  const auto client = world.client();
  ASSERT_TRUE(client->put("k", "1").ok());
  const auto refused_with = [&](const Condition& condition) {
    const std::uint64_t before = world.fake.requests();
    const auto put = client->put("k", "2", {.condition = condition, .looks_after_refusal = false});
    EXPECT_EQ(put.status().code(), Code::conflict);
    return world.fake.requests() - before;
  };
  EXPECT_EQ(refused_with(Condition::absent()), 1U);
  EXPECT_EQ(refused_with(Condition::matches("\"0\"")), 1U);
  world.fake.set_fault(world.fake.requests() + 1, Fault::answer(409));
  EXPECT_EQ(refused_with(Condition::absent()), 2U) << "409 tells nothing of the condition";
  // After a lost answer nobody knows without a look.
  world.fake.set_fault(world.fake.requests() + 1, Fault::lose_answer());
  EXPECT_TRUE(
      client->put("new", "1", {.condition = Condition::absent(), .looks_after_refusal = false})
          .ok());
  EXPECT_EQ(world.bytes("k"), "1");
}

// --- Refusals

TEST(ClientErrors, SayWhatWasAskedWhatWasSaidAndWhatToDo) {
  S3World world;
  world.fake.set_profile({.unreadable_prefixes = {"p/k"}});
  const auto client = world.client({.prefix = "p/"});
  const Status denied = client->get("k\n").status();
  EXPECT_EQ(denied.code(), Code::denied);
  const std::string text(denied.message());
  EXPECT_THAT(text, HasSubstr("GetObject s3://records/p/k?:"));
  EXPECT_THAT(text, HasSubstr("403 AccessDenied"));
  EXPECT_THAT(text, HasSubstr("(request FAKE1)"));
  EXPECT_THAT(text, HasSubstr("s3:GetObject"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

TEST(ClientErrors, WithoutThePermissionToListAnObjectThatIsNotThereIsDenied) {
  S3World world;
  world.fake.set_profile({.may_list = false});
  const auto client = world.client();
  const Status denied = client->get("k").status();
  EXPECT_EQ(denied.code(), Code::denied);
  EXPECT_THAT(std::string(denied.message()), HasSubstr("s3:ListBucket"));
  EXPECT_EQ(client->head("k").status().code(), Code::denied);
}

TEST(ClientErrors, TheClockOfTheStoreIsLearned) {
  S3World world;
  ManualClock wrong(world.clock.wall_ms() - 3'600'000);
  world.fake.set_profile({.demands_right_time = true});
  ClientSeams seams{.transport = world.fake,
                    .clock = wrong,
                    .random = world.random,
                    .wait = [](std::chrono::milliseconds) { FAIL() << "nothing to wait for"; }};
  const auto client = *Client::create(small_options(), seams);
  const auto put = client->put("k", "1", {.condition = Condition::absent()});
  ASSERT_TRUE(put.ok()) << put.status().to_string();
  EXPECT_EQ(world.fake.requests(), 2U);
  EXPECT_TRUE(client->get("k").ok());
  EXPECT_EQ(world.fake.requests(), 3U) << "once and for all";
  wrong.advance_ms(2'000'000);
  EXPECT_TRUE(client->head("k").ok()) << "also when the answer has no body to say why";
  EXPECT_EQ(world.fake.requests(), 5U);
}

TEST(ClientErrors, TheClockOfTheStoreIsLearnedByAllWhoWereUnderWay) {
  S3World world;
  ManualClock wrong(world.clock.wall_ms() - 3'600'000);
  world.fake.set_profile({.demands_right_time = true});
  const ClientSeams seams{
      .transport = world.fake,
      .clock = wrong,
      .random = world.random,
      .wait = [](std::chrono::milliseconds) { FAIL() << "nothing to wait for"; }};
  const auto client = *Client::create(small_options(), seams);
  // The second is signed, sent, refused and sent again while the first is on its way.
  world.fake.set_before(1, [&] { EXPECT_TRUE(client->put("b", "1").ok()); });
  const auto first = client->put("a", "1");
  EXPECT_TRUE(first.ok()) << first.status().to_string();
}

TEST(ClientErrors, ATokenThatMayHaveExpiredIsReplacedWhereTheAnswerSaysNothing) {
  S3World world;
  int given = 0;
  bool has_others = true;
  const auto client = world.client({.credential_provider = [&]() -> Result<S3Credentials> {
    ++given;
    return S3Credentials{.access_key_id = has_others ? "id" + std::to_string(given) : "id",
                         .secret_access_key = "secret",
                         .session_token = "token"};
  }});
  world.fake.put("records", "k", "1");
  ASSERT_TRUE(client->head("k").ok());
  world.clock.advance_ms(60'000);
  world.fake.set_fault(2, Fault::answer(400));
  const auto head = client->head("k");
  EXPECT_TRUE(head.ok()) << head.status().to_string();
  EXPECT_EQ(given, 2);
  EXPECT_EQ(world.fake.requests(), 3U);
  // Where there are no others, the answer stands, and what is had stays in use.
  has_others = false;
  world.clock.advance_ms(3'600'000);
  ASSERT_TRUE(client->head("k").ok());
  world.clock.advance_ms(60'000);
  world.fake.set_fault(5, Fault::answer(400));
  const Status refused = client->head("k").status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("a session token that has expired"));
  EXPECT_EQ(given, 4);
  EXPECT_EQ(world.fake.requests(), 5U);
}

TEST(ClientErrors, AnArchivedObjectIsToBeRestored) {
  S3World world;
  AlteringTransport archive(world.fake, [](const HttpRequest&, const Result<HttpResponse>&) {
    return Result<HttpResponse>(
        made_up(403, "<Error><Code>InvalidObjectState</Code><Message>m</Message></Error>"));
  });
  const Status status = altered_client(world, archive)->get("k").status();
  EXPECT_EQ(status.code(), Code::unavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("restore it"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3:GetObject")));
}

TEST(ClientErrors, ATokenThatTheStoreCallsExpiredIsReplaced) {
  S3World world;
  int given = 0;
  const auto client = world.client({.credential_provider = [&]() -> Result<S3Credentials> {
    return S3Credentials{.access_key_id = "id" + std::to_string(++given),
                         .secret_access_key = "secret",
                         .session_token = "token"};
  }});
  world.fake.put("records", "k", "1");
  world.fake.set_fault(1, Fault::answer(400));
  const auto object = client->get("k");
  ASSERT_TRUE(object.ok()) << object.status().to_string();
  EXPECT_EQ(given, 2);
  const std::vector<LoggedRequest> log = world.fake.request_log();
  ASSERT_EQ(log.size(), 2U);
  EXPECT_THAT(log[0].headers.at("authorization"), HasSubstr("Credential=id1/"));
  EXPECT_THAT(log[1].headers.at("authorization"), HasSubstr("Credential=id2/"));
  EXPECT_EQ(log[1].headers.at("x-amz-security-token"), "token");
}

TEST(ClientErrors, OptionsThatCannotBeAreRefused) {
  S3World world;
  const auto code = [&](const S3Options& options) {
    return Client::create(options, world.seams()).status().code();
  };
  EXPECT_EQ(code({}), Code::invalid_argument);
  EXPECT_EQ(code({.bucket = "a/b"}), Code::invalid_argument);
  EXPECT_EQ(code({.bucket = "abc", .region = "a b"}), Code::invalid_argument);
  for (const char* endpoint : {"localhost:9000", "ftp://x", "http://", "http://a b", "http://u@h",
                               "https://h/?x", "http://h/a b"}) {
    EXPECT_EQ(code({.bucket = "abc", .endpoint = endpoint}), Code::invalid_argument) << endpoint;
  }
  for (const auto timeout :
       {std::chrono::milliseconds(0), std::chrono::milliseconds(-1),
        std::chrono::milliseconds(24 * 3'600'000 + 1), std::chrono::milliseconds::max()}) {
    EXPECT_EQ(code({.bucket = "abc", .request_timeout = timeout}), Code::invalid_argument);
    EXPECT_EQ(code({.bucket = "abc", .operation_timeout = timeout}), Code::invalid_argument);
  }
  EXPECT_EQ(code({.bucket = "abc", .operation_timeout = std::chrono::hours(24)}), Code::ok);
  EXPECT_EQ(code({.bucket = "abc",
                  .credentials = S3Credentials{.access_key_id = "a", .secret_access_key = "b"},
                  .credential_provider =
                      [] {
                        return S3Credentials{"a", "b"};
                      }}),
            Code::invalid_argument);
  EXPECT_EQ(code({.bucket = "abc"}), Code::ok);
}

TEST(ClientErrors, WithoutCredentialsNothingIsSent) {
  S3World world;
  const auto client =
      *Client::create({.bucket = "records", .endpoint = "http://fake.test"}, world.seams());
  EXPECT_EQ(client->get("k").status().code(), Code::unauthenticated);
  EXPECT_EQ(client->put("k", "1").status().code(), Code::unauthenticated);
  for (const LoggedRequest& request : world.fake.request_log()) {
    EXPECT_EQ(request.bucket, "latest") << "the metadata of an instance, which this is not";
  }
}

TEST(S3ClientNonce, MayBeTheCallersOwn) {
  S3World world;
  const auto client = world.client();
  ASSERT_TRUE(client->put("k", "v", {.nonce = "mine"}).ok());
  EXPECT_EQ((*client->head("k"))->write_nonce, "mine");
  ASSERT_TRUE(client->put("k", "v").ok());
  EXPECT_EQ((*client->head("k"))->write_nonce.size(), 32U);
}

}  // namespace
}  // namespace talea::s3
