// The home of bucket files, on a store in this process.
#include "home/home_of_bucket.h"

#include <gtest/gtest.h>

#include "home/home_testing.h"
#include "tests/support/bucket_world.h"

namespace talea {
namespace {

using bucketdb::BucketWorld;
using bucketdb::Machine;
using bucketdb::Model;

struct BucketHomeWorld : BucketWorld {
  std::unique_ptr<Home> home(const BucketDbOptions& options = {}, Machine* machine = nullptr) {
    return home_of_bucket(open(options, machine), [this] { return try_open(); });
  }
};

TEST(HomeOfBucket, WhatIsPublishedOthersSee) {
  BucketHomeWorld world;
  const auto home = world.home();
  EXPECT_EQ(home->put("b", "2").value(), 0U);
  EXPECT_EQ(home->put_pieces("a", source_of("in pieces")).value(), 0U);
  EXPECT_EQ(home->write({{.key = "c", .value = "3"},
                         {.key = "b", .value = "", .is_remove = true},
                         {.key = "d", .value = ""}})
                .value(),
            0U);
  const Rows expected = {{"a", "in pieces"}, {"c", "3"}, {"d", ""}};
  EXPECT_EQ(rows_of(home->scan({}, false)), expected);
  EXPECT_EQ(committed_contents(world).value(), Model()) << "nothing is there before publish()";
  EXPECT_TRUE(home->publish().ok());
  EXPECT_EQ(committed_contents(world).value(), Model(expected.begin(), expected.end()));
  EXPECT_EQ(value_of(home->get("a")), "in pieces");
  EXPECT_EQ(value_of(home->get("b")), "nothing");
  EXPECT_EQ(home->key_count(), 3U);
  EXPECT_TRUE(home->close().ok());
}

TEST(HomeOfBucket, APublicationThatFailsSaysSoAndCanBeRepeated) {
  BucketHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  world.fake.set_plan([](const s3::FakeRequest& request) {
    return request.method == "PUT" ? s3::Fault::answer(503) : s3::Fault();
  });
  EXPECT_EQ(home->publish().code(), Code::unavailable);
  world.fake.clear_plan();
  EXPECT_TRUE(home->publish().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

TEST(HomeOfBucket, ScansRangesInTheOrderOfKeys) {
  BucketHomeWorld world;
  const auto home = world.home();
  for (const char* key : {"c", "b/2", "a", "b", "b/1", ""}) ASSERT_TRUE(home->put(key, "1").ok());
  ASSERT_TRUE(home->publish().ok());
  ASSERT_TRUE(home->put("b/3", "1").ok());
  const auto keys = [&](const ScanRange& range) {
    std::string joined;
    for (const auto& [key, value] : rows_of(home->scan(range, true))) joined += key + " ";
    std::string again;
    for (const auto& [key, value] : rows_of(home->scan(range, false))) {
      again += key + " ";
      EXPECT_EQ(value, "1");
    }
    EXPECT_EQ(joined, again);
    return joined;
  };
  EXPECT_EQ(keys({}), " a b b/1 b/2 b/3 c ");
  EXPECT_EQ(keys({.reverse = true}), "c b/3 b/2 b/1 b a  ");
  EXPECT_EQ(keys({.prefix = "b/"}), "b/1 b/2 b/3 ");
  EXPECT_EQ(keys({.prefix = "b", .reverse = true, .limit = 2}), "b/3 b/2 ");
  EXPECT_EQ(keys({.start = "b", .end = "b/3"}), "b b/1 b/2 ");
  EXPECT_EQ(keys({.prefix = "b", .start = "b/2"}), "b/2 b/3 ");
  EXPECT_EQ(keys({.limit = 2}), " a ");
  EXPECT_EQ(keys({.prefix = "none"}), "");
}

TEST(HomeOfBucket, WhatBucketFilesDoNotDoIsRefused) {
  BucketHomeWorld world;
  const auto home = world.home();
  const HomeRefusals& refusals = home->abilities().refusals;
  const auto expect_refusal = [](const Status& refused, std::string_view sentence) {
    EXPECT_EQ(refused.code(), Code::unsupported);
    EXPECT_EQ(refused.message(), sentence);
    EXPECT_FALSE(sentence.empty());
  };
  expect_refusal(home->put("k", "1", {.absent = true}).status(), refusals.has_conditions);
  expect_refusal(home->put("k", "1", {.revision = 1}).status(), refusals.has_conditions);
  expect_refusal(home->remove("k", {.revision = 1}).status(), refusals.has_conditions);
  expect_refusal(home->put("k", "1", {}, Expiry::at(1)).status(), refusals.expires);
  expect_refusal(home->write({{.key = "k", .value = "1", .expiry_ms = 1}}).status(),
                 refusals.expires);
  expect_refusal(home->get("k", At::sequence(1)).status(), refusals.keeps_history);
  expect_refusal(home->scan({}, false, At::sequence(1)).status(), refusals.keeps_history);
  expect_refusal(home->history("k", {}).status(), refusals.keeps_history);
  expect_refusal(home->revisions("k").status(), refusals.keeps_history);
  EXPECT_EQ(home->key_count(), 0U);
}

TEST(HomeOfBucket, WhetherAKeyIsThereMayBeAsked) {
  BucketHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("k", "1").ok());
  EXPECT_EQ(home->remove("none", {.present = true}).status().code(), Code::conflict);
  EXPECT_TRUE(home->remove("none").ok());
  EXPECT_TRUE(home->remove("k", {.present = true}).ok());
  EXPECT_EQ(value_of(home->get("k")), "nothing");
}

TEST(HomeOfBucket, VersionOneKeepsTextAndVersionTwoBytes) {
  BucketHomeWorld world;
  const auto text = world.home();
  EXPECT_FALSE(text->abilities().keeps_bytes);
  EXPECT_TRUE(text->check("é", "日本").ok());
  EXPECT_TRUE(text->check("", "").ok());
  const Status refused = text->check("k", "\xff");
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("?format=v2"), std::string_view::npos);
  EXPECT_EQ(text->put("k", "\xff").status().code(), Code::invalid_argument);
  EXPECT_EQ(text->check("\xff", "v").code(), Code::invalid_argument);
  EXPECT_TRUE(text->check(Bytes(kBucketKeyBytesMax, 'k'), "v").ok());
  EXPECT_EQ(text->check(Bytes(kBucketKeyBytesMax + 1, 'k'), "v").code(), Code::invalid_argument);

  BucketHomeWorld other;
  const auto bytes = other.home({.format = BucketFormat::v2});
  EXPECT_TRUE(bytes->abilities().keeps_bytes);
  EXPECT_TRUE(bytes->put("k", "\xff").ok());
  EXPECT_TRUE(bytes->publish().ok());
  EXPECT_EQ(committed_contents(other).value(), (Model{{"k", "\xff"}}));
}

TEST(HomeOfBucket, WhatIsLeftInADirectoryIsPublishedTheNextTime) {
  BucketHomeWorld world;
  Machine machine;
  {
    const auto home = world.home({}, &machine);
    ASSERT_TRUE(home->put("a", "1").ok());
    ASSERT_TRUE(home->close().ok());
  }
  EXPECT_EQ(committed_contents(world).value(), Model());
  const auto home = world.home({}, &machine);
  EXPECT_EQ(value_of(home->get("a")), "1");
  ASSERT_TRUE(home->publish().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

TEST(HomeOfBucket, ManyWritesDoNotWaitInMemoryForTheEnd) {
  BucketHomeWorld world;
  const auto home = world.home();
  const Bytes value(8 * kMiB, 'v');
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(home->put(std::to_string(n), value).ok());
  EXPECT_GE(world.open().size(), 8U);
  ASSERT_TRUE(home->publish().ok());
  EXPECT_EQ(world.open().size(), 10U);
}

TEST(HomeOfBucket, VerifyNamesTheKeysWhoseEntriesAreDamaged) {
  BucketHomeWorld world;
  const auto home = world.home();
  for (int n = 100; n < 400; ++n) {
    ASSERT_TRUE(home->put(std::to_string(n), "value of " + std::to_string(n)).ok());
  }
  ASSERT_TRUE(home->publish().ok());
  std::uint64_t done_last = 0;
  const auto sound = home->verify([&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 300U);
    done_last = done;
  });
  ASSERT_TRUE(sound.ok()) << sound.status().to_string();
  EXPECT_EQ(sound->keys, 300U);
  EXPECT_TRUE(sound->findings.empty());
  EXPECT_EQ(done_last, 300U);

  const auto before = world.fake.current(BucketWorld::kBucket, world.name("data_000001.s4db"));
  Bytes damaged = *before->bytes;
  damaged[damaged.find("value of 222")] ^= 1;
  world.fake.damage(BucketWorld::kBucket, world.name("data_000001.s4db"), before->id, damaged);
  const auto found = home->verify({}).value();
  EXPECT_EQ(found.keys, 299U);
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings.front().place, "222");
  EXPECT_NE(found.findings.front().problem.find("data_000001.s4db"), std::string::npos);
}

TEST(HomeOfBucket, WhatCannotBePublishedMayBeForgotten) {
  BucketHomeWorld world;
  Machine machine;
  for (Machine* where : {static_cast<Machine*>(nullptr), &machine}) {
    const auto home = world.home({}, where);
    ASSERT_TRUE(home->put("a", "1").ok());
    world.fake.set_plan([](const s3::FakeRequest& request) {
      return request.method == "PUT" ? s3::Fault::answer(503) : s3::Fault();
    });
    EXPECT_EQ(home->publish().code(), Code::unavailable);
    world.fake.clear_plan();
    EXPECT_EQ(home->pending().writes, 1U);
    EXPECT_EQ(home->pending().is_kept, where != nullptr);
    EXPECT_TRUE(home->discard_pending().ok());
    EXPECT_EQ(home->pending().writes, 0U);
    ASSERT_TRUE(home->publish().ok());
    EXPECT_EQ(committed_contents(world).value(), Model());
  }
}

TEST(HomeOfBucket, AKeyOfAnotherWriterIsRemoved) {
  BucketHomeWorld world;
  const auto home = world.home();
  const auto other = world.home();
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(other->put(key, "1").ok());
  ASSERT_TRUE(other->publish().ok());
  EXPECT_EQ(value_of(home->get("a")), "nothing");
  EXPECT_TRUE(home->remove("a").ok());
  EXPECT_TRUE(home->publish().ok());
  ASSERT_TRUE(other->put("d", "1").ok());
  ASSERT_TRUE(other->publish().ok());
  EXPECT_TRUE(home->remove("d", {.present = true}).ok());
  ASSERT_TRUE(other->put("e", "1").ok());
  ASSERT_TRUE(other->publish().ok());
  EXPECT_TRUE(home->write({{.key = "e", .is_remove = true}, {.key = "f", .value = "1"}}).ok());
  EXPECT_TRUE(home->publish().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"b", "1"}, {"c", "1"}, {"f", "1"}}));
  EXPECT_TRUE(other->refresh().ok());
  EXPECT_EQ(value_of(other->get("f")), "1");
}

TEST(HomeOfBucket, ThatOthersWriteTooIsNoCondition) {
  BucketHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  ASSERT_TRUE(home->publish().ok());
  ASSERT_TRUE(home->put("a", "2").ok());
  BucketDb other = world.open();
  world.fake.set_before_each([&](const s3::FakeRequest& request) {
    // Requests of the hook have no number.
    if (request.number == 0 || request.method != "PUT" || !request.key.ends_with("index.idx"))
      return;
    EXPECT_TRUE(other.put("other", std::to_string(request.number)).ok());
    EXPECT_TRUE(other.upload().ok());
  });
  const Status contended = home->publish();
  EXPECT_EQ(contended.code(), Code::unavailable) << contended.to_string();
  EXPECT_NE(contended.message().find("others committed"), std::string_view::npos);
}

TEST(HomeOfBucket, TheParameterForOneWriterIsToldWhereItHelps) {
  BucketHomeWorld careless;
  careless.fake.set_profile({.ignores_if_match = true});
  const auto refused = careless.home();
  ASSERT_TRUE(refused->put("a", "1").ok());
  const Status ignored = refused->publish();
  EXPECT_EQ(ignored.code(), Code::unsupported);
  EXPECT_NE(ignored.message().find("?writers=one"), std::string_view::npos);

  BucketHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  ASSERT_TRUE(home->publish().ok());
  ASSERT_TRUE(home->put("a", "2").ok());
  for (const std::string& name : world.objects()) {
    world.fake.remove(BucketWorld::kBucket, world.name(name));
  }
  BucketDb anew = world.open({.format = BucketFormat::v2});
  ASSERT_TRUE(anew.put("b", "1").ok());
  ASSERT_TRUE(anew.upload().ok());
  const Status of_another = home->publish();
  EXPECT_EQ(of_another.code(), Code::unsupported) << of_another.to_string();
  EXPECT_EQ(of_another.message().find("?writers=one"), std::string_view::npos);
}

TEST(HomeOfBucket, WhatIsPublishedIsClosedWithoutAWrite) {
  BucketHomeWorld world;
  Machine machine;
  const auto home = world.home({}, &machine);
  ASSERT_TRUE(home->put("a", "1").ok());
  ASSERT_TRUE(home->publish().ok());
  const std::uint64_t calls = machine.disk->counted_calls();
  EXPECT_TRUE(home->close().ok());
  EXPECT_EQ(machine.disk->counted_calls(), calls);
  EXPECT_TRUE(world.try_open({}, &machine).ok()) << "the directory is free";
}

TEST(HomeOfBucket, AWriteThatIsRefusedBecauseManyWaitWasNotDone) {
  BucketHomeWorld world;
  Machine machine;
  const auto home = world.home({}, &machine);
  const Bytes value(33 * kMiB, 'v');
  ASSERT_TRUE(home->put("a", value).ok());
  ASSERT_TRUE(home->put("b", value).ok());
  world.fake.set_plan([](const s3::FakeRequest& request) {
    return request.method == "PUT" ? s3::Fault::answer(503) : s3::Fault();
  });
  EXPECT_EQ(home->put("c", "1").status().code(), Code::unavailable);
  world.fake.clear_plan();
  EXPECT_EQ(value_of(home->get("c")), "nothing");
  EXPECT_EQ(home->pending().writes, 2U);
}

TEST(HomeOfBucket, VerifyGoesOnBehindDamage) {
  BucketHomeWorld world;
  const auto home = world.home();
  std::vector<HomeWrite> writes;
  for (int n = 1000; n < 2000; ++n) {
    writes.push_back({.key = std::to_string(n), .value = "value of " + std::to_string(n)});
  }
  ASSERT_TRUE(home->write(writes).ok());
  ASSERT_TRUE(home->publish().ok());
  const auto before = world.fake.current(BucketWorld::kBucket, world.name("data_000001.s4db"));
  Bytes damaged = *before->bytes;
  for (const char* value : {"value of 1000", "value of 1700", "value of 1701", "value of 1999"}) {
    damaged[damaged.find(value)] ^= 1;
  }
  world.fake.damage(BucketWorld::kBucket, world.name("data_000001.s4db"), before->id, damaged);
  const auto found = home->verify({}).value();
  EXPECT_EQ(found.keys, 996U);
  std::vector<std::string> places;
  for (const HomeFinding& finding : found.findings) places.push_back(finding.place);
  EXPECT_EQ(places, (std::vector<std::string>{"1000", "1700", "1701", "1999"}));
}

TEST(HomeOfBucket, TellsWhatItHas) {
  BucketHomeWorld world;
  const auto home = world.home();
  ASSERT_TRUE(home->put("a", "1").ok());
  ASSERT_TRUE(home->publish().ok());
  ASSERT_TRUE(home->put("b", "1").ok());
  std::map<std::string_view, std::uint64_t> facts;
  for (const HomeFact& fact : home->facts().value()) {
    facts[fact.name] = std::get<std::uint64_t>(fact.value);
  }
  EXPECT_EQ(facts.at("keys"), 2U);
  EXPECT_EQ(facts.at("format"), 1U);
  EXPECT_EQ(facts.at("files"), 1U);
  EXPECT_EQ(facts.at("pending_writes"), 1U);
}

}  // namespace
}  // namespace talea
