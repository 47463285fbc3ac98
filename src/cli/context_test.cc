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
       {"s3://bucket/x", "http://host:80", "c:data", "file://host/x", "", "file:"}) {
    EXPECT_EQ(store_directory(store).status().code(), Code::invalid_argument) << store;
  }
  EXPECT_NE(store_directory("s3://bucket").status().message().find("'s3:'"), std::string::npos);
}

}  // namespace
}  // namespace talea::cli
