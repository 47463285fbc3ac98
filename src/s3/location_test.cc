#include "s3/location.h"

#include <gtest/gtest.h>

#include <map>

namespace talea::s3 {
namespace {

Location located(const S3Options& options,
                 const std::map<std::string, std::string>& variables = {}) {
  const Environment environment{
      .variable = [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      }};
  const auto location = locate(options, environment);
  EXPECT_TRUE(location.ok()) << location.status().to_string();
  return location.ok() ? *location : Location();
}

std::string url(const Location& location, std::string_view key) {
  return location.origin + location.path_of(key);
}

TEST(Location, OfAwsHasTheBucketInTheHost) {
  const Location location = located({.bucket = "records", .region = "eu-west-1"});
  EXPECT_EQ(url(location, "a/b c"), "https://records.s3.eu-west-1.amazonaws.com/a/b%20c");
  EXPECT_EQ(url(location, ""), "https://records.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(location.host, "records.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(located({.bucket = "records", .region = "cn-north-1"}).host,
            "records.s3.cn-north-1.amazonaws.com.cn");
}

TEST(Location, ABucketWithADotIsInThePathAsNoCertificateFitsIt) {
  EXPECT_EQ(url(located({.bucket = "a.records"}), "k"),
            "https://s3.us-east-1.amazonaws.com/a.records/k");
}

TEST(Location, OfAnotherStoreHasTheBucketInThePathUnlessToldOtherwise) {
  S3Options options{.bucket = "records", .endpoint = "http://localhost:9000/"};
  EXPECT_EQ(url(located(options), "k"), "http://localhost:9000/records/k");
  EXPECT_EQ(url(located(options), ""), "http://localhost:9000/records");
  EXPECT_EQ(located(options).host, "localhost:9000");
  options.addressing = S3Addressing::virtual_host;
  EXPECT_EQ(url(located(options), "k"), "http://records.localhost:9000/k");
  EXPECT_EQ(located({.bucket = "records", .addressing = S3Addressing::path}).origin,
            "https://s3.us-east-1.amazonaws.com");
}

TEST(Location, ThePathOfAnEndpointIsAPartOfEveryPath) {
  EXPECT_EQ(url(located({.bucket = "records", .endpoint = "https://host/s3"}), "k"),
            "https://host/s3/records/k");
}

TEST(Location, TheUsualPortIsNotSignedAsItIsNotSent) {
  EXPECT_EQ(located({.bucket = "abc", .endpoint = "https://host:443"}).host, "host");
  EXPECT_EQ(located({.bucket = "abc", .endpoint = "http://host:80"}).host, "host");
  EXPECT_EQ(located({.bucket = "abc", .endpoint = "http://host:443"}).host, "host:443");
  EXPECT_EQ(located({.bucket = "abc", .endpoint = "http://[::1]:9000"}).host, "[::1]:9000");
}

TEST(Location, NoPasswordOfAnEndpointIsInTheMessageThatRefusesIt) {
  for (const char* endpoint : {"https://user:hidden@host", "http://user:hid/den@host/x",
                               "https://user:hid@den@host", "user:hidden@host"}) {
    const auto refused = locate({.bucket = "abc", .endpoint = endpoint}, empty_environment());
    ASSERT_EQ(refused.status().code(), Code::invalid_argument) << endpoint;
    const std::string message(refused.status().message());
    EXPECT_EQ(message.find("hid"), std::string::npos) << message;
    EXPECT_EQ(message.find("den@"), std::string::npos) << message;
    EXPECT_NE(message.find("@host"), std::string::npos) << message;
  }
}

TEST(Location, TheEndpointMayBeInTheEnvironment) {
  EXPECT_EQ(located({.bucket = "abc"}, {{"AWS_ENDPOINT_URL", "http://general"}}).origin,
            "http://general");
  EXPECT_EQ(located({.bucket = "abc"}, {{"AWS_ENDPOINT_URL", "http://general"},
                                        {"AWS_ENDPOINT_URL_S3", "http://special"}})
                .origin,
            "http://special");
  EXPECT_EQ(located({.bucket = "abc", .endpoint = "http://given"},
                    {{"AWS_ENDPOINT_URL_S3", "http://special"}})
                .origin,
            "http://given");
}

}  // namespace
}  // namespace talea::s3
