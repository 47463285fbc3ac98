// Where credentials come from, and when they are asked for again; each endpoint is a fake behind
// the transport seam.
#include "s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <map>

#include "io/posix_file_system.h"
#include "s3/json.h"
#include "s3/location.h"
#include "s3/profile_file.h"
#include "s3/provider_chain.h"
#include "s3/time_text.h"
#include "s3/uri.h"
#include "tests/support/test_directory.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;
using Found = std::optional<S3Credentials>;

S3Credentials credentials_until(std::uint64_t expires_at_ms) {
  return {.access_key_id = "id",
          .secret_access_key = "secret",
          .session_token = "token",
          .expires_at_ms = expires_at_ms};
}

// --- When they are asked for again

class CredentialSourceTest : public testing::Test {
 public:
  CredentialProvider provider() {
    return [this]() -> Result<Found> {
      ++calls;
      if (is_slow) clock.advance_ms(31'000);
      return next;
    };
  }
  std::string id() {
    const auto credentials = source.get();
    return credentials.ok() ? credentials->access_key_id : credentials.status().to_string();
  }
  void give(const std::string& id, std::optional<std::uint64_t> life_ms) {
    S3Credentials credentials{.access_key_id = id, .secret_access_key = "secret"};
    if (life_ms) credentials.expires_at_ms = clock.wall_ms() + *life_ms;
    next = Found(credentials);
  }

  ManualClock clock;
  int calls = 0;
  bool is_slow = false;
  Result<Found> next = Found();
  CredentialSource source{provider(), clock};
};

TEST_F(CredentialSourceTest, ThoseThatStayAreAskedForOnce) {
  give("a", {});
  EXPECT_EQ(id(), "a");
  clock.advance_ms(1'000'000'000);
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(calls, 1);
}

TEST_F(CredentialSourceTest, ThoseThatExpireAreAskedForFiveMinutesBefore) {
  give("a", 3'600'000);
  EXPECT_EQ(id(), "a");
  give("b", 7'200'000);
  clock.advance_ms(3'600'000 - 300'001);
  EXPECT_EQ(id(), "a");
  clock.advance_ms(1);
  EXPECT_EQ(id(), "b");
  EXPECT_EQ(calls, 2);
}

TEST_F(CredentialSourceTest, ARefreshThatFailsKeepsTheOldOnesUntilTheyReallyExpire) {
  give("a", 600'000);
  EXPECT_EQ(id(), "a");
  next = Status::unavailable("planted");
  clock.advance_ms(300'000);
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(calls, 2) << "not for each request";
  clock.advance_ms(10'000);
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(calls, 3);
  clock.advance_ms(289'999);
  EXPECT_EQ(id(), "a");
  clock.advance_ms(1);
  EXPECT_EQ(source.get().status().code(), Code::unauthenticated);
  EXPECT_THAT(std::string(source.get().status().message()), HasSubstr("planted"));
  give("b", 600'000);
  EXPECT_EQ(id(), "b");
}

TEST_F(CredentialSourceTest, ARefreshThatHangsAndFailsIsNotTriedAgainAtOnce) {
  give("a", 3'600'000);
  EXPECT_EQ(id(), "a");
  clock.advance_ms(3'400'000);
  is_slow = true;
  next = Status::unavailable("planted");
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(calls, 2) << "31 seconds each";
}

TEST_F(CredentialSourceTest, WhatExpiresWhileNewOnesAreAskedForIsNotUsed) {
  give("a", 600'000);
  EXPECT_EQ(id(), "a");
  clock.advance_ms(580'000);
  is_slow = true;
  next = Status::unavailable("planted");
  EXPECT_THAT(id(), HasSubstr("planted"));
}

TEST_F(CredentialSourceTest, ThoseThatMayHaveExpiredAreKeptWhereThereAreNoOthers) {
  give("a", {});
  const S3Credentials first = *source.get();
  EXPECT_FALSE(source.has_others(first)) << "asked for a moment ago";
  clock.advance_ms(60'000);
  next = Status::unavailable("planted");
  EXPECT_FALSE(source.has_others(first));
  EXPECT_EQ(id(), "a");
  EXPECT_EQ(calls, 2);
  clock.advance_ms(60'000);
  give("b", {});
  EXPECT_TRUE(source.has_others(first));
  EXPECT_TRUE(source.has_others(first)) << "without asking";
  EXPECT_EQ(id(), "b");
  EXPECT_EQ(calls, 3);
}

TEST_F(CredentialSourceTest, WhatTheStoreSaysHasExpiredIsNotUsedAgain) {
  give("a", 3'600'000);
  const S3Credentials first = *source.get();
  give("b", 3'600'000);
  source.expired(first);
  EXPECT_EQ(id(), "b");
  source.expired(first);
  EXPECT_EQ(id(), "b") << "others are in use by now";
  EXPECT_EQ(calls, 2);
}

TEST_F(CredentialSourceTest, NoneAndExpiredOnesAreErrorsThatSayWhatToDo) {
  EXPECT_EQ(source.get().status().code(), Code::unauthenticated);
  EXPECT_THAT(std::string(source.get().status().message()), HasSubstr("AWS_ACCESS_KEY_ID"));
  give("a", 0);
  EXPECT_THAT(std::string(source.get().status().message()), HasSubstr("expired"));
  EXPECT_EQ(source.get().status().code(), Code::unauthenticated);
}

// --- Where they come from

// Endpoints that answer as they are told.
class Endpoints final : public HttpTransport {
 public:
  Result<HttpResponse> send(const HttpRequest& request) override {
    std::string line = request.method + " " + request.url;
    for (const HttpHeader& header : request.headers) line += " " + header.name + "=" + header.value;
    asked.push_back(line);
    bodies.emplace_back(request.body);
    if (request.method + " " + request.url == slow) return Status::timed_out("no answer");
    const auto found = answers.find(request.method + " " + request.url);
    if (found == answers.end()) return Status::unavailable("nobody is there");
    HttpResponse response;
    response.status = found->second.first;
    response.body = found->second.second;
    return response;
  }
  void answer(const std::string& what, int status, Bytes body) {
    answers[what] = {status, std::move(body)};
  }

  std::map<std::string, std::pair<int, Bytes>> answers;
  std::string slow;  // what has no answer
  std::vector<std::string> asked;
  std::vector<Bytes> bodies;
};

class ProviderChain : public testing::Test {
 public:
  ProviderChain() {
    variables["HOME"] = test_directory();
    seams.environment = {.variable = [this](const std::string& name) -> std::optional<std::string> {
                           const auto found = variables.find(name);
                           if (found == variables.end()) return std::nullopt;
                           return found->second;
                         },
                         .files = &files};
  }
  std::string write_file(const std::string& name, const std::string& text) const {
    const std::string path = test_directory() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  Result<Found> find(S3Options options = {}) {
    options.bucket = "bucket";
    return make_provider(options, seams, "eu-west-1")();
  }
  // The access key id, or what went wrong.
  std::string found(const S3Options& options = {}) {
    const auto credentials = find(options);
    if (!credentials.ok()) return credentials.status().to_string();
    return *credentials ? (*credentials)->access_key_id : "none";
  }
  void use_profile_files() {
    variables["AWS_CONFIG_FILE"] =
        write_file("config",
                   "[default]\nregion = ap-south-1\n[profile work]\nregion=eu-central-1\n"
                   "aws_access_key_id = config-id\naws_secret_access_key = config-secret\n"
                   "[profile chained]\nrole_arn = arn\nsource_profile = default\n"
                   "[profile web]\nrole_arn = arn:web\nweb_identity_token_file = " +
                       write_file("web-token", "jwt\n") + "\n");
    variables["AWS_SHARED_CREDENTIALS_FILE"] =
        write_file("credentials",
                   "# of mine\r\n[default]\r\naws_access_key_id = default-id\r\n"
                   "aws_secret_access_key=default=secret\r\n[work]\naws_access_key_id = work-id\n");
  }

  ManualClock clock;
  SeededRandom random{1};
  Endpoints endpoints;
  PosixFileSystem files;
  std::map<std::string, std::string> variables;
  std::uint64_t waited_ms = 0;
  ClientSeams seams{.transport = endpoints,
                    .clock = clock,
                    .random = random,
                    .wait = [this](std::chrono::milliseconds span) {
                      waited_ms += static_cast<std::uint64_t>(span.count());
                    }};
};

constexpr const char* kAnswer =
    R"({"Code":"Success","AccessKeyId":"remote-id","SecretAccessKey":"s","Token":"t",)"
    R"("Expiration":"2030-01-01T00:00:00Z","Extra":{"n":[1,2]}})";

TEST_F(ProviderChain, OptionsComeFirst) {
  variables["AWS_ACCESS_KEY_ID"] = "env-id";
  variables["AWS_SECRET_ACCESS_KEY"] = "env-secret";
  EXPECT_EQ(found({.credentials = credentials_until(1)}), "id");
  EXPECT_EQ(found({.credential_provider = [] { return credentials_until(1); }}), "id");
  EXPECT_EQ(found(), "env-id");
}

TEST_F(ProviderChain, ACallbackWithoutATimeIsAskedAgainAfterAnHour) {
  int calls = 0;
  S3Options options;
  options.credential_provider = [&]() -> Result<S3Credentials> {
    ++calls;
    return S3Credentials{.access_key_id = std::to_string(calls), .secret_access_key = "s"};
  };
  CredentialSource source(make_provider(options, seams, "r"), clock);
  EXPECT_EQ(source.get()->access_key_id, "1");
  clock.advance_ms(3'600'000 - 1);
  EXPECT_EQ(source.get()->access_key_id, "1");
  clock.advance_ms(1);
  EXPECT_EQ(source.get()->access_key_id, "2");
}

TEST_F(ProviderChain, ACallbackThatFailsIsAnError) {
  S3Options options;
  options.credential_provider = [] { return Result<S3Credentials>(Status::io_error("planted")); };
  EXPECT_EQ(found(options), "io_error: planted");
}

TEST_F(ProviderChain, TheEnvironmentMayHaveASessionToken) {
  variables["AWS_ACCESS_KEY_ID"] = "env-id";
  EXPECT_THAT(found(), HasSubstr("only one is set"));
  variables["AWS_SECRET_ACCESS_KEY"] = "env-secret";
  variables["AWS_SESSION_TOKEN"] = "env-token";
  const auto credentials = find();
  EXPECT_EQ((*credentials)->secret_access_key, "env-secret");
  EXPECT_EQ((*credentials)->session_token, "env-token");
  EXPECT_EQ((*credentials)->expires_at_ms, std::nullopt);
}

TEST_F(ProviderChain, ProfilesAreInTwoFiles) {
  use_profile_files();
  EXPECT_EQ(found(), "default-id");
  EXPECT_EQ((*find())->secret_access_key, "default=secret");
  EXPECT_EQ(found({.profile = "work"}), "work-id") << "the credentials file wins";
  EXPECT_EQ((*find({.profile = "work"}))->secret_access_key, "config-secret");
  variables["AWS_PROFILE"] = "work";
  EXPECT_EQ(found(), "work-id");
  variables["AWS_PROFILE"] = "nobody";
  EXPECT_THAT(found(), HasSubstr("the profile \"nobody\" is not there"));
  EXPECT_THAT(found({.profile = "chained"}), HasSubstr("unsupported: the profile \"chained\" has "
                                                       "source_profile"));
}

TEST_F(ProviderChain, AProfileThatTheOptionsNameGoesBeforeTheEnvironment) {
  use_profile_files();
  variables["AWS_ACCESS_KEY_ID"] = "env-id";
  variables["AWS_SECRET_ACCESS_KEY"] = "env-secret";
  EXPECT_EQ(found(), "env-id");
  EXPECT_EQ(found({.profile = "work"}), "work-id");
}

TEST_F(ProviderChain, TheRegionMayBeThatOfTheProfile) {
  use_profile_files();
  const auto region = [&](const S3Options& options) {
    return locate(options, seams.environment)->region;
  };
  EXPECT_EQ(region({.bucket = "abc"}), "ap-south-1");
  EXPECT_EQ(region({.bucket = "abc", .profile = "work"}), "eu-central-1");
  EXPECT_EQ(region({.bucket = "abc", .profile = "nobody"}), "us-east-1");
  EXPECT_EQ(region({.bucket = "abc", .region = "mine", .profile = "work"}), "mine");
  variables["AWS_DEFAULT_REGION"] = "second";
  EXPECT_EQ(region({.bucket = "abc"}), "second");
  variables["AWS_REGION"] = "first";
  EXPECT_EQ(region({.bucket = "abc", .profile = "work"}), "first");
}

TEST_F(ProviderChain, AFileThatCannotBeReadEndsTheSearch) {
  variables["AWS_SHARED_CREDENTIALS_FILE"] = test_directory();  // a directory
  EXPECT_THAT(found(), Not(HasSubstr("none")));
  EXPECT_FALSE(find().ok());
}

TEST_F(ProviderChain, AWebIdentityIsExchangedAtSts) {
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = write_file("token", "a.b+c\n");
  variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  endpoints.answer("POST https://sts.eu-west-1.amazonaws.com/", 200,
                   "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                   "<Credentials><AccessKeyId>sts-id</AccessKeyId><SecretAccessKey>s"
                   "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>"
                   "2030-01-01T00:00:00Z</Expiration></Credentials>"
                   "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  const auto credentials = find();
  ASSERT_TRUE(credentials.ok()) << credentials.status().to_string();
  EXPECT_EQ((*credentials)->access_key_id, "sts-id");
  EXPECT_EQ((*credentials)->session_token, "t");
  EXPECT_EQ((*credentials)->expires_at_ms, parse_xml_time("2030-01-01T00:00:00Z"));
  EXPECT_EQ(endpoints.bodies.at(0),
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
            "&RoleSessionName=talea-1700000000000&Version=2011-06-15&WebIdentityToken=a.b%2Bc");
  use_profile_files();
  variables["AWS_ENDPOINT_URL_STS"] = "http://sts.test";
  EXPECT_THAT(found({.profile = "web"}), HasSubstr("nobody is there"));
  EXPECT_THAT(endpoints.bodies.back(), HasSubstr("WebIdentityToken=jwt"));
  EXPECT_THAT(endpoints.bodies.back(), HasSubstr("RoleArn=arn%3Aweb"));
}

TEST_F(ProviderChain, StsThatRefusesIsAnErrorWithoutTheToken) {
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = write_file("token", "hidden-token");
  variables["AWS_ROLE_ARN"] = "arn";
  endpoints.answer("POST https://sts.eu-west-1.amazonaws.com/", 400,
                   "<ErrorResponse><Error><Code>ExpiredTokenException</Code>"
                   "<Message>hidden-token</Message></Error></ErrorResponse>");
  EXPECT_THAT(found(), HasSubstr("STS answered 400 when asked for credentials: "
                                 "ExpiredTokenException"));
  EXPECT_THAT(found(), Not(HasSubstr("hidden-token")));
  endpoints.answer("POST https://sts.eu-west-1.amazonaws.com/", 200, "nonsense");
  EXPECT_EQ(find().status().code(), Code::corruption);
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = test_directory() + "/none";
  EXPECT_THAT(found(), HasSubstr("is not there"));
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = write_file("empty", "\n");
  EXPECT_THAT(found(), HasSubstr("one line"));
}

TEST_F(ProviderChain, AContainerHasAnEndpoint) {
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  endpoints.answer("GET http://169.254.170.2/v2/credentials/x", 200, kAnswer);
  EXPECT_EQ(found(), "remote-id");
  EXPECT_EQ((*find())->session_token, "t");
  variables.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write_file("token", "file-token\n");
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "plain-token";
  endpoints.answer("GET http://169.254.170.23/v1/credentials", 200, kAnswer);
  EXPECT_EQ(found(), "remote-id");
  EXPECT_EQ(endpoints.asked.back(),
            "GET http://169.254.170.23/v1/credentials authorization=file-token");
  variables.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  EXPECT_EQ(found(), "remote-id");
  EXPECT_THAT(endpoints.asked.back(), HasSubstr("authorization=plain-token"));
}

TEST_F(ProviderChain, ATokenGoesToNoForeignHostInTheClear) {
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "hidden-token";
  for (const char* url : {"http://example.com/", "http://127.0.0.1.example.com/",
                          "http://localhost@example.com/", "ftp://localhost/", "localhost"}) {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_THAT(found(), HasSubstr("neither https nor an address of this machine")) << url;
  }
  EXPECT_TRUE(endpoints.asked.empty());
  for (const char* url : {"https://example.com/c", "http://localhost:81/c", "http://[::1]:81/c"}) {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    endpoints.answer("GET " + std::string(url), 200, kAnswer);
    EXPECT_EQ(found(), "remote-id") << url;
  }
}

TEST_F(ProviderChain, AContainerThatRefusesEndsTheSearch) {
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/c";
  EXPECT_THAT(found(), HasSubstr("nobody is there"));
  EXPECT_EQ(endpoints.asked.size(), 3U) << "some attempts";
  EXPECT_GT(waited_ms, 0U);
  endpoints.answer("GET http://169.254.170.2/c", 403, "");
  EXPECT_THAT(found(), HasSubstr("answered 403"));
  endpoints.answer("GET http://169.254.170.2/c", 200, "{}");
  EXPECT_EQ(find().status().code(), Code::corruption);
  endpoints.answer("GET http://169.254.170.2/c", 200, "nonsense");
  EXPECT_EQ(find().status().code(), Code::corruption);
}

TEST_F(ProviderChain, AnInstanceHasMetadata) {
  const std::string host = "http://169.254.169.254/latest/";
  EXPECT_EQ(found(), "none");
  EXPECT_EQ(endpoints.asked.size(), 1U) << "once, where nobody answers";
  endpoints.answer("PUT " + host + "api/token", 200, "imds-token");
  endpoints.answer("GET " + host + "meta-data/iam/security-credentials/", 404, "");
  EXPECT_EQ(found(), "none") << "an instance without a role";
  endpoints.answer("GET " + host + "meta-data/iam/security-credentials/", 200, "my role\n");
  endpoints.answer("GET " + host + "meta-data/iam/security-credentials/my%20role", 200, kAnswer);
  EXPECT_EQ(found(), "remote-id");
  EXPECT_THAT(endpoints.asked.back(), HasSubstr("x-aws-ec2-metadata-token=imds-token"));
  // Somebody is there who does not answer: a reason to say so, and not that there is nobody.
  endpoints.slow = "PUT " + host + "api/token";
  EXPECT_THAT(found(), HasSubstr("timed_out"));
  endpoints.slow.clear();
  variables["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(found(), "none");
  variables.erase("AWS_EC2_METADATA_DISABLED");
  variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://imds.test";
  EXPECT_EQ(found(), "none");
  EXPECT_THAT(endpoints.asked.back(), HasSubstr("PUT http://imds.test/latest/api/token"));
}

TEST(ThisMachine, IsWhereSecretsMayGoInTheClear) {
  for (const char* url :
       {"http://localhost", "http://localhost:81/c", "http://127.0.0.1/", "http://[::1]:81/c?x",
        "http://169.254.169.254/latest", "http://[fd00:ec2::254]/latest", "http://169.254.170.2/c",
        "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1"}) {
    EXPECT_TRUE(is_http_to_this_machine(url)) << url;
  }
  for (const char* url : {"https://localhost/", "http://example.com/", "http://localhost.com/",
                          "http://127.0.0.1.example.com/", "http://localhost@example.com/",
                          "http://169.254.1.example.com/", "ftp://localhost/", "localhost", ""}) {
    EXPECT_FALSE(is_http_to_this_machine(url)) << url;
  }
}

// --- Their parsers

TEST(ProfileFileText, TakesWhatIsUnderstoodAndPassesOverTheRest) {
  const Profiles profiles = parse_profiles(
      "region = nobody's\n[default]\n region = nested\nregion=a # no comment\n[profile  b c ]\n"
      "k = v = w\n=x\nnonsense\n[sso-session s]\nregion = s\n[profilex]\nregion = x\n[unclosed\n"
      "region = y\n",
      ProfileFile::config);
  ASSERT_EQ(profiles.size(), 2U);
  EXPECT_EQ(profiles.at("default").at("region"), "a # no comment");
  EXPECT_EQ(profiles.at("b c").at("k"), "v = w");
  EXPECT_EQ(parse_profiles("[profile x]\nk=v", ProfileFile::credentials).count("profile x"), 1U);
  EXPECT_TRUE(parse_profiles("", ProfileFile::config).empty());
}

TEST(JsonStrings, AreThoseOfTheOutermostObject) {
  const auto strings = parse_json_strings(R"({"a":"1","b":2,"c":{"a":"3"},"d":"\u00e9"})");
  ASSERT_TRUE(strings);
  EXPECT_EQ(*strings, (std::map<std::string, std::string>{{"a", "1"}, {"d", "é"}}));
  for (const char* bad : {"", "[]", "\"a\"", "{", "{\"a\":}", "{} x"}) {
    EXPECT_EQ(parse_json_strings(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace talea::s3
