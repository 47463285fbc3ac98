#include "cli/context.h"

#include <gtest/gtest.h>

namespace talea::cli {
namespace {

TEST(StoreDirectory, APathStandsForItself) {
  for (const char* path : {"data", "./data", "/var/data", "./a:b", "dir/c:d"}) {
    EXPECT_EQ(*store_directory(path), path);
  }
}

TEST(StoreDirectory, FileSchemeNamesAPath) {
  EXPECT_EQ(*store_directory("file:data"), "data");
  EXPECT_EQ(*store_directory("file:/var/data"), "/var/data");
  EXPECT_EQ(*store_directory("file:///var/data"), "/var/data");
}

TEST(StoreDirectory, OtherKindsAreRefusedByName) {
  for (const char* store :
       {"s3://bucket/x", "http://host:80", "c:data", "file://host/x", "", "file:", "rocksdb:data",
        "memory:", "immukv+s3://bucket/x", "s4db+s3://bucket/x"}) {
    EXPECT_EQ(store_directory(store).status().code(), Code::invalid_argument) << store;
  }
  EXPECT_NE(store_directory("s3://bucket").status().message().find("'s3:'"), std::string::npos);
  EXPECT_NE(store_directory("immukv+s3://b").status().message().find("a ledger"),
            std::string::npos);
}

TEST(NextStep, IsACommandThatAShellTakes) {
  EXPECT_EQ(shell_word("./data"), "./data");
  EXPECT_EQ(shell_word("s4db+s3://records/app/"), "s4db+s3://records/app/");
  EXPECT_EQ(shell_word("s4db+s3://r/a?writers=one&format=v2"),
            "'s4db+s3://r/a?writers=one&format=v2'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(next_step(Status::corruption("x"), "./my data"), "talea -s './my data' verify");
}

TEST(NextStep, OnS3IsAboutCredentialsAndTheStore) {
  const std::string ledger = "immukv+s3://records/app/?region=x";
  EXPECT_NE(next_step(Status::unauthenticated("x"), ledger).find("AWS_ACCESS_KEY_ID"),
            std::string::npos);
  EXPECT_NE(next_step(Status::denied("x"), ledger).find("docs/guide/s3.md"), std::string::npos);
  EXPECT_EQ(next_step(Status::unsupported("x"), ledger), "talea doctor '" + ledger + "'");
  EXPECT_EQ(next_step(Status::corruption("x"), ledger), "talea -s '" + ledger + "' verify");
  EXPECT_EQ(next_step(Status::invalid_argument("x"), ledger), "");
  EXPECT_NE(next_step(Status::unauthenticated("x"), "./data").find("--key-file"),
            std::string::npos);
}

TEST(NextStep, OfBucketFilesFitsWhatIsDamaged) {
  const std::string url = "s4db+s3://r/a";
  const auto step = [&](const char* message) {
    return next_step(Status::corruption(message), url);
  };
  EXPECT_EQ(step("the bucket does not have what its index says: data_000001.s4db at offset 9: x"),
            "talea -s s4db+s3://r/a verify");
  EXPECT_EQ(step("open: index.idx: its check is wrong"), "talea -s s4db+s3://r/a repair");
  EXPECT_EQ(step("there are data files at s3://r/a and no index that names what is in them"),
            "talea -s s4db+s3://r/a repair");
  EXPECT_EQ(step("/db/talea.journal: damaged. Move this file away"), "");
}

TEST(NextStep, OfALockIsAboutTheProcessThatHasIt) {
  const Status held = Status::unavailable("lock '/db/talea.lock': held by: pid 7");
  EXPECT_EQ(next_step(held, "s4db+s3://r/a"),
            "wait until that process is done, or end it; then try again");
  EXPECT_NE(next_step(Status::unavailable("503"), "s4db+s3://r/a").find("doctor"),
            std::string::npos);
}

}  // namespace
}  // namespace talea::cli
