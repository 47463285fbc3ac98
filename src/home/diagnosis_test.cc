#include "home/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/s3_world.h"

namespace talea {
namespace {

using s3::FakeProfile;
using s3::S3World;
using testing::HasSubstr;
using testing::IsEmpty;

// Who is not the environment's gives credentials with the place.
Place place_of(const std::string& url) {
  Place place = parse_place(url).value();
  if (place.url.s3.endpoint.empty()) place.url.s3.endpoint = "http://fake.test";
  place.url.s3.credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"};
  return place;
}

// Why a ledger, and bucket files, may not be written.
struct Verdicts {
  std::string of_ledger;
  std::string of_files;
};
Verdicts verdicts(S3World& world, const std::string& url = "s3://records/p/") {
  const auto diagnosis = diagnose(place_of(url), world.seams());
  EXPECT_TRUE(diagnosis.ok()) << diagnosis.status().to_string();
  if (!diagnosis.ok() || diagnosis->homes.size() != 2) return {"none", "none"};
  EXPECT_EQ(diagnosis->homes[0].scheme, StoreScheme::ledger);
  EXPECT_EQ(diagnosis->homes[1].scheme, StoreScheme::bucket_files);
  return {diagnosis->homes[0].why_not, diagnosis->homes[1].why_not};
}
Verdicts verdicts_with(const FakeProfile& profile) {
  S3World world;
  world.fake.set_profile(profile);
  return verdicts(world);
}

TEST(Diagnosis, APlaceIsTheUrlOfAStoreOrOfAnyOnS3) {
  const Place any = parse_place("s3://records/app/?endpoint=http://localhost:9000").value();
  EXPECT_TRUE(any.is_for_any);
  EXPECT_EQ(any.url.s3.bucket, "records");
  EXPECT_EQ(any.url.s3.prefix, "app/");
  EXPECT_EQ(any.url.s3.endpoint, "http://localhost:9000");
  EXPECT_EQ(any.schemes().size(), 2U);
  const Place files = parse_place("s4db+s3://records/app/").value();
  EXPECT_FALSE(files.is_for_any);
  EXPECT_EQ(files.schemes(), std::vector<StoreScheme>{StoreScheme::bucket_files});
  EXPECT_EQ(parse_place("./data").value().url.path, "./data");
  for (const char* url : {"s3:", "s3://", "s3:records", "s3://records?size=1", "http://host/"}) {
    EXPECT_EQ(parse_place(url).status().code(), Code::invalid_argument) << url;
  }
}

TEST(Diagnosis, AStoreLikeAwsTakesBoth) {
  S3World world;
  const auto diagnosis = diagnose(place_of("s3://records/p/"), world.seams());
  ASSERT_TRUE(diagnosis.ok()) << diagnosis.status().to_string();
  EXPECT_EQ(diagnosis->probe.checks.size(), 10U);
  for (const HomeVerdict& home : diagnosis->homes) EXPECT_TRUE(home.may_be_written());
  EXPECT_GT(diagnosis->requests.at({"probe", "PutObject"}).sent, 3U);
  EXPECT_TRUE(world.fake.keys("records").empty()) << "it leaves nothing behind";
}

TEST(Diagnosis, AnIgnoredConditionForbidsBoth) {
  const Verdicts match = verdicts_with({.ignores_if_match = true});
  EXPECT_EQ(match.of_ledger, "the store ignores If-Match");
  EXPECT_EQ(match.of_files, "the store ignores If-Match");
  const Verdicts both = verdicts_with({.ignores_if_match = true, .ignores_if_none_match = true});
  EXPECT_EQ(both.of_files, "the store ignores If-None-Match; the store ignores If-Match");
}

TEST(Diagnosis, WithOneWriterConditionsAreNotNeeded) {
  S3World world;
  world.fake.set_profile({.ignores_if_match = true, .ignores_if_none_match = true});
  const auto diagnosis = diagnose(place_of("s4db+s3://records/p/?writers=one"), world.seams());
  ASSERT_TRUE(diagnosis.ok()) << diagnosis.status().to_string();
  ASSERT_EQ(diagnosis->homes.size(), 1U);
  EXPECT_EQ(diagnosis->homes[0].why_not, "");
}

TEST(Diagnosis, WithoutVersionsThereIsNoLedger) {
  S3World world(s3::Versioning::never);
  EXPECT_EQ(
      verdicts(world).of_ledger,
      "the bucket keeps no versions, which a ledger needs: versioning of the bucket was never "
      "enabled");
  EXPECT_THAT(verdicts(world).of_files, IsEmpty());
  world.fake.set_versioning("records", s3::Versioning::suspended);
  EXPECT_THAT(verdicts(world).of_ledger, HasSubstr("suspended"));
  EXPECT_THAT(verdicts_with({.no_versioning = true}).of_ledger, HasSubstr("keeps no versions"));
}

TEST(Diagnosis, WithoutListsThereIsNeither) {
  const Verdicts denied = verdicts_with({.may_list = false});
  EXPECT_THAT(denied.of_ledger, HasSubstr("s3:ListBucket"));
  EXPECT_THAT(denied.of_files, HasSubstr("s3:ListBucket"));
  EXPECT_THAT(verdicts_with({.lists_lag = true}).of_ledger, HasSubstr("list"));
}

TEST(Diagnosis, WhatDoesNoHarmIsNoReason) {
  for (const FakeProfile& profile :
       {FakeProfile{.only_unquoted_if_match = true}, FakeProfile{.if_match_of_absent_is_412 = true},
        FakeProfile{.ignores_ranges = true}, FakeProfile{.no_encoding_type = true},
        FakeProfile{.may_delete = false}}) {
    const Verdicts found = verdicts_with(profile);
    EXPECT_EQ(found.of_ledger, "");
    EXPECT_EQ(found.of_files, "");
  }
}

TEST(Diagnosis, WhoMayNotWriteGetsNoDiagnosisAndTheReason) {
  S3World world;
  world.fake.set_profile({.unwritable_prefixes = {"p/"}});
  const auto denied = diagnose(place_of("s3://records/p/"), world.seams());
  EXPECT_EQ(denied.status().code(), Code::denied);
  EXPECT_THAT(std::string(denied.status().message()), HasSubstr("s3:PutObject"));
  const auto missing = diagnose(place_of("s3://nowhere/p/"), world.seams());
  EXPECT_EQ(missing.status().code(), Code::not_found);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("make the bucket"));
  EXPECT_EQ(diagnose(place_of("./data"), world.seams()).status().code(), Code::invalid_argument);
}

// A check that nobody made is no reason to say yes.
TEST(Diagnosis, WhatWasNotTriedIsNotTaken) {
  const HomeVerdict verdict = judge(StoreScheme::bucket_files, BucketWriters::many, {});
  EXPECT_FALSE(verdict.may_be_written());
  EXPECT_THAT(verdict.why_not, HasSubstr("put if absent was not tried"));
}

}  // namespace
}  // namespace talea
