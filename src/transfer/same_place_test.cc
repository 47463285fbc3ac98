#include "transfer/same_place.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/support/test_directory.h"

namespace talea {
namespace {

bool same(const std::string& left, const std::string& right,
          const std::map<std::string, std::string>& variables = {}) {
  s3::Environment environment = s3::empty_environment();
  environment.variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return is_same_place(parse_store_url(left).value(), parse_store_url(right).value(), environment);
}

TEST(SamePlace, ADirectoryIsOneHoweverItIsNamed) {
  const std::string directory = test_directory();
  std::filesystem::create_directory(directory + "/a");
  std::filesystem::create_directory_symlink(directory + "/a", directory + "/link");
  for (const char* name : {"/a", "/a/", "/./a", "/b/../a", "/link", "/link/"}) {
    EXPECT_TRUE(same(directory + "/a", directory + name)) << name;
    EXPECT_TRUE(same("file:" + directory + "/a", directory + name)) << name;
  }
  EXPECT_FALSE(same(directory + "/a", directory + "/b"));
  EXPECT_TRUE(same(directory + "/new", directory + "/new/")) << "it need not be there";
  EXPECT_TRUE(same("rocksdb:" + directory + "/r", "rocksdb:" + directory + "/./r"));
  EXPECT_FALSE(same("rocksdb:" + directory + "/r", directory + "/r"));
}

TEST(SamePlace, OnS3TheEndpointTheBucketAndThePrefixCount) {
  EXPECT_TRUE(same("s4db+s3://records/p", "s4db+s3://records/p?directory=x&format=v2"));
  EXPECT_FALSE(same("s4db+s3://records/p", "s4db+s3://records/p/"));
  EXPECT_FALSE(same("s4db+s3://records/p", "s4db+s3://others/p"));
  EXPECT_FALSE(same("s4db+s3://records/p", "immukv+s3://records/p"));
  EXPECT_FALSE(same("s4db+s3://records/p", "s4db+s3://records/p?endpoint=http://localhost:9000"));
  EXPECT_TRUE(same("s4db+s3://records/p", "s4db+s3://records/p?endpoint=http://localhost:9000",
                   {{"AWS_ENDPOINT_URL", "http://localhost:9000"}}));
}

TEST(SamePlace, AServerIsOneHoweverItIsSpelled) {
  const std::string place = "s4db+s3://records/p?endpoint=";
  const std::string local = place + "http://localhost:9000";
  for (const char* other :
       {"http://localhost:9000&addressing=path", "http://localhost:9000&addressing=virtual-host",
        "http://LocalHost:9000", "http://localhost.:9000", "http://127.0.0.1:9000",
        "http://127.0.0.1:9000&addressing=path", "https://localhost:9000"}) {
    EXPECT_TRUE(same(local, place + other)) << other;
    EXPECT_TRUE(same(place + other, local)) << other;
  }
  EXPECT_FALSE(same(local, place + "http://localhost:9001"));
  EXPECT_FALSE(same(local, place + "http://store.example:9000"));
  EXPECT_FALSE(same(local, place + "http://localhost:9000/tenant"));
  EXPECT_TRUE(same(place + "http://store.example", place + "https://Store.Example."));
  EXPECT_TRUE(same("s4db+s3://records/p?region=eu-west-1", "s4db+s3://records/p?region=us-east-1"))
      << "a bucket's name is one in all of AWS";
  EXPECT_TRUE(same("s4db+s3://records/p", "s4db+s3://records/p?addressing=path"));
}

}  // namespace
}  // namespace talea
