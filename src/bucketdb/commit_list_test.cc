#include "bucketdb/commit_list.h"

#include <gtest/gtest.h>

#include "talea/limits.h"

namespace talea::bucketdb {
namespace {

TEST(CommitList, HasTheLastCommitsNewestFirst) {
  CommitList list;
  EXPECT_FALSE(list.has(1));
  for (std::uint64_t commit = 1; commit <= 5; ++commit) list = list.with(commit, 3);
  EXPECT_EQ(list.text(), "0000000000000005.0000000000000004.0000000000000003");
  EXPECT_TRUE(list.has(3));
  EXPECT_FALSE(list.has(2));
  EXPECT_EQ(list.newest(), 5U);
  EXPECT_EQ(CommitList().newest(), 0U);
  EXPECT_EQ(list.with(6, 1).text(), "0000000000000006");
  EXPECT_EQ(CommitList(list.text()).text(), list.text());
}

TEST(CommitList, FitsIntoTheMetadataOfAnObject) {
  CommitList list;
  for (std::uint64_t commit = 1; commit <= 200; ++commit) {
    list = list.with(commit, kBucketCommitsKept);
  }
  EXPECT_TRUE(list.has(200 - kBucketCommitsKept + 1));
  EXPECT_FALSE(list.has(200 - kBucketCommitsKept));
  EXPECT_LT(list.text().size() + std::string("x-amz-meta-talea-write").size(), 2048U);
}

TEST(CommitList, OfWhatOthersWroteIsWhatLooksLikeOne) {
  const std::string id = "000000000000000b";
  EXPECT_EQ(CommitList("").text(), "");
  EXPECT_EQ(CommitList("a nonce of another program").text(), "");
  EXPECT_EQ(CommitList("000000000000000B").text(), "");
  EXPECT_EQ(CommitList(id + id).text(), "") << "a nonce of the client";
  EXPECT_EQ(CommitList(id + ".").text(), id);
  EXPECT_EQ(CommitList(id + ".short").text(), id);
  EXPECT_EQ(CommitList(id + "." + id + "x").text(), id);
}

}  // namespace
}  // namespace talea::bucketdb
