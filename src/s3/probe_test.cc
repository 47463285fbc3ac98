#include "s3/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/altering_transport.h"
#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;

ProbeReport report_of(S3World& world) {
  const auto client = world.client({.prefix = "p/"});
  auto report = probe(*client, world.clock, world.random);
  EXPECT_TRUE(report.ok()) << report.status().to_string();
  return report.ok() ? *report : ProbeReport();
}

std::string unfit(const ProbeReport& report, bool needs_versions = true) {
  return fit_for_writing(report, needs_versions).to_string();
}

TEST(Probe, AStoreLikeAwsKeepsEverything) {
  S3World world;
  const ProbeReport report = report_of(world);
  for (const ProbeCheck& check : report.checks) {
    EXPECT_EQ(check.verdict, Verdict::kept) << check.name << ": " << check.seen;
  }
  EXPECT_EQ(report.checks.size(), 10U);
  EXPECT_EQ(report.versioning, Versioning::enabled);
  EXPECT_EQ(unfit(report), "ok");
  EXPECT_TRUE(world.fake.keys("records").empty()) << "it leaves nothing behind";
}

TEST(Probe, LeavesNoVersionBehind) {
  S3World world;
  std::vector<std::string> keys;
  world.fake.set_before_each([&](const FakeRequest& request) { keys.push_back(request.key); });
  report_of(world);
  for (const std::string& key : keys) {
    EXPECT_TRUE(world.fake.versions("records", key).empty()) << key;
  }
  EXPECT_LE(world.fake.requests(), 20U);
}

TEST(Probe, AConditionThatIsIgnoredIsNamed) {
  S3World world;
  world.fake.set_profile({.ignores_if_none_match = true});
  EXPECT_THAT(unfit(report_of(world)), HasSubstr("put if absent: If-None-Match was accepted"));
  world.fake.set_profile({.ignores_if_match = true});
  EXPECT_THAT(unfit(report_of(world)), HasSubstr("put if matches, stale: If-Match was accepted"));
  world.fake.set_profile({.ignores_if_match = true, .ignores_if_none_match = true});
  const std::string both = unfit(report_of(world));
  EXPECT_THAT(both, HasSubstr("unsupported: "));
  EXPECT_THAT(both, HasSubstr("put if absent"));
  EXPECT_THAT(both, HasSubstr("put if matches"));
}

// As Ceph RGW 16 does in a bucket with versions.
TEST(Probe, AStoreThatRefusesEveryIfMatchIsToldFromOneThatIgnoresIt) {
  S3World world;
  world.fake.set_plan([](const FakeRequest& request) {
    const bool has_condition = !request.header("if-match").empty();
    return has_condition ? Fault::answer(412) : Fault();
  });
  const ProbeReport report = report_of(world);
  EXPECT_TRUE(report.kept(kProbePutIfStale));
  EXPECT_EQ(report.check(kProbePutIfCurrent)->verdict, Verdict::refused);
  EXPECT_THAT(unfit(report), HasSubstr("If-Match was refused although it holds"));
  EXPECT_TRUE(world.fake.keys("records").empty()) << "it leaves nothing behind";
}

TEST(Probe, AStoreThatReadsEtagsWithoutQuotesIsFit) {
  S3World world;
  world.fake.set_profile({.only_unquoted_if_match = true});
  EXPECT_EQ(unfit(report_of(world)), "ok");
}

TEST(Probe, WithoutVersionsItIsFitForWhatNeedsNone) {
  S3World world(Versioning::never);
  const ProbeReport report = report_of(world);
  EXPECT_EQ(unfit(report, false), "ok");
  EXPECT_THAT(unfit(report), HasSubstr("versioning of the bucket was never enabled"));
  EXPECT_THAT(unfit(report), HasSubstr("a put gave no version id"));
  EXPECT_TRUE(world.fake.keys("records").empty());
  world.fake.set_versioning("records", Versioning::suspended);
  EXPECT_THAT(unfit(report_of(world)), HasSubstr("suspended"));
  world.fake.set_profile({.no_versioning = true});
  EXPECT_EQ(report_of(world).check(kProbeVersioning)->verdict, Verdict::missing);
}

// There puts give the version id "null", and each takes the place of the one before.
TEST(Probe, ABucketWhoseVersioningIsSuspendedKeepsNoVersions) {
  S3World world(Versioning::suspended);
  AlteringTransport says_null(world.fake,
                              [](const HttpRequest& request, Result<HttpResponse> answer) {
                                if (answer.ok() && request.method == "PUT") {
                                  answer->headers.push_back({"x-amz-version-id", "null"});
                                }
                                return answer;
                              });
  S3Options at{.bucket = S3World::kBucket};
  at.endpoint = "http://fake.test";
  at.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                 .secret_access_key = "secret",
                                 .session_token = {},
                                 .expires_at_ms = {}};
  const auto client = std::move(Client::create(at, {.transport = says_null,
                                                    .clock = world.clock,
                                                    .random = world.random,
                                                    .wait = [](std::chrono::milliseconds) {}}))
                          .value();
  const ProbeReport report = probe(*client, world.clock, world.random).value();
  EXPECT_EQ(report.check(kProbeVersionIds)->verdict, Verdict::missing);
  EXPECT_THAT(unfit(report), HasSubstr("version ids: a put gave the version id null"));
}

TEST(Probe, APutThatFailsLeavesNothingBehind) {
  for (const Versioning versioning : {Versioning::never, Versioning::enabled}) {
    for (std::uint64_t number = 1; number <= 12; ++number) {
      SCOPED_TRACE(number);
      S3World world(versioning);
      // It is done, and no answer comes, however often it is sent.
      std::string broken;
      world.fake.set_plan([&](const FakeRequest& request) {
        if (request.method != "PUT") return Fault();
        if (request.number == number) broken = request.key + request.body;
        return request.key + request.body == broken ? Fault::lose_answer() : Fault();
      });
      const auto client = world.client({.prefix = "p/"});
      (void)probe(*client, world.clock, world.random).ok();
      EXPECT_TRUE(world.fake.keys("records").empty());
    }
  }
}

TEST(Probe, WhatItCouldNotRemoveIsNamed) {
  S3World world;
  world.fake.set_profile({.may_delete = false});
  const ProbeReport report = report_of(world);
  const std::string seen = report.check(kProbeDelete)->seen;
  for (const std::string& key : world.fake.keys("records")) EXPECT_THAT(seen, HasSubstr(key));
  EXPECT_EQ(world.fake.keys("records").size(), 2U);
}

TEST(Probe, ARemovalThatFailsIsNotTheEndOfTheOthers) {
  S3World world(Versioning::never);
  bool has_failed = false;
  world.fake.set_plan([&](const FakeRequest& request) {
    const bool fails = request.method == "DELETE" && !std::exchange(has_failed, true);
    return fails ? Fault::answer(403) : Fault();
  });
  report_of(world);
  EXPECT_LE(world.fake.keys("records").size(), 1U);
}

TEST(ConditionTrial, CostsThreeRequestsAndThenTwo) {
  S3World world;
  const auto client = world.client({.prefix = "p/"});
  const auto first = try_conditions(*client, "trial", "check");
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ(first->ignored, "");
  ASSERT_TRUE(first->made.has_value());
  EXPECT_EQ(first->made->version_id, world.fake.current("records", "p/trial")->id);
  EXPECT_EQ(world.fake.requests(), 3U);
  const auto second = try_conditions(*client, "trial", "check");
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_EQ(second->ignored, "");
  EXPECT_FALSE(second->made.has_value());
  EXPECT_EQ(world.fake.requests(), 5U);
  EXPECT_EQ(world.fake.versions("records", "p/trial").size(), 1U);
}

TEST(ConditionTrial, NamesWhatIsIgnored) {
  for (const bool of_match : {true, false}) {
    S3World world;
    world.fake.set_profile({.ignores_if_match = of_match, .ignores_if_none_match = !of_match});
    for (int i = 0; i < 2; ++i) {  // where there is no such object, and where there is
      const auto trial = try_conditions(*world.client(), "trial", "check");
      ASSERT_TRUE(trial.ok()) << trial.status().to_string();
      EXPECT_EQ(trial->ignored, of_match ? "If-Match" : "If-None-Match");
    }
  }
}

TEST(ConditionTrial, TakesStoresThatDifferInWhatDoesNoHarm) {
  for (const FakeProfile& profile :
       {FakeProfile{.only_unquoted_if_match = true}, FakeProfile{.if_match_of_absent_is_412 = true},
        FakeProfile{.no_versioning = true}, FakeProfile{.may_list = false}}) {
    S3World world;
    world.fake.set_profile(profile);
    const auto trial = try_conditions(*world.client(), "trial", "check");
    ASSERT_TRUE(trial.ok()) << trial.status().to_string();
    EXPECT_EQ(trial->ignored, "");
  }
}

TEST(ConditionTrial, NoFaultOfTheNetworkIsTakenForOneOfTheStore) {
  int answered = 0;
  for (const Fault& fault : every_fault()) {
    for (std::uint64_t number = 1; number <= 3; ++number) {
      S3World world;
      world.fake.set_fault(number, fault);
      const auto trial = try_conditions(*world.client(), "trial", "check");
      if (trial.ok()) {
        ++answered;
        EXPECT_EQ(trial->ignored, "") << fault.name() << " at " << number;
      } else {
        EXPECT_EQ(trial.status().code(), Code::timed_out) << fault.name() << " at " << number;
      }
    }
  }
  EXPECT_GT(answered, 20);
}

TEST(Probe, AListThatLagsIsSeen) {
  S3World world;
  world.fake.set_profile({.lists_lag = true});
  const ProbeReport report = report_of(world);
  EXPECT_EQ(report.check(kProbeListVersions)->verdict, Verdict::ignored);
}

TEST(Probe, WhatTheCredentialsMayNotDoIsSaid) {
  S3World world;
  world.fake.set_profile({.may_list = false, .may_delete = false});
  const ProbeReport report = report_of(world);
  EXPECT_EQ(report.check(kProbeListAfterWrite)->verdict, Verdict::refused);
  EXPECT_THAT(report.check(kProbeListAfterWrite)->seen, HasSubstr("s3:ListBucket"));
  EXPECT_THAT(report.check(kProbeDelete)->seen, HasSubstr("s3:DeleteObject"));
  world.fake.set_profile({.unwritable_prefixes = {"p/"}});
  const auto client = world.client({.prefix = "p/"});
  EXPECT_EQ(probe(*client, world.clock, world.random).status().code(), Code::denied);
}

TEST(Probe, EveryCheckHasATime) {
  S3World world;
  world.fake.set_before_each([&](const FakeRequest&) { world.clock.advance_ms(7); });
  for (const ProbeCheck& check : report_of(world).checks) {
    EXPECT_GE(check.took, std::chrono::milliseconds(7)) << check.name;
  }
}

}  // namespace
}  // namespace talea::s3
