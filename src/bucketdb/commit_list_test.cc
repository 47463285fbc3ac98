#include "bucketdb/commit_list.h"

#include <gtest/gtest.h>

namespace talea::bucketdb {
namespace {

TEST(CommitList, HasTheLastCommitsNewestFirst) {
  CommitList list;
  EXPECT_FALSE(list.has(1));
  for (std::uint64_t commit = 1; commit <= 5; ++commit) list = list.with(commit, {}, 3);
  EXPECT_EQ(list.text(), "0000000000000005.0000000000000004.0000000000000003");
  EXPECT_TRUE(list.has(3));
  EXPECT_FALSE(list.has(2));
  EXPECT_EQ(list.with(6, {}, 1).text(), "0000000000000006");
  EXPECT_EQ(CommitList(list.text()).text(), list.text());
}

TEST(CommitList, SaysWhatTheNewestReservedAndForgetsItWithTheNext) {
  const CommitList list = CommitList().with(0xa, {}, 9).with(0xb, 12, 9);
  EXPECT_EQ(list.text(), "000000000000000b-12.000000000000000a");
  EXPECT_EQ(CommitList(list.text()).reserved_from(), 12U);
  EXPECT_EQ(CommitList(list.text()).text(), list.text());
  EXPECT_TRUE(list.has(0xa));
  EXPECT_TRUE(list.has(0xb));
  const CommitList next = list.with(0xc, {}, 9);
  EXPECT_EQ(next.text(), "000000000000000c.000000000000000b.000000000000000a");
  EXPECT_EQ(next.reserved_from(), std::nullopt);
}

TEST(CommitList, OfAHundredFitsIntoTheMetadataOfAnObject) {
  CommitList list;
  for (std::uint64_t commit = 1; commit <= 200; ++commit) list = list.with(commit, {}, 100);
  list = list.with(201, 4294967295U, 100);
  EXPECT_TRUE(list.has(102));
  EXPECT_FALSE(list.has(101));
  EXPECT_LT(list.text().size() + std::string("x-amz-meta-talea-write").size(), 2048U);
}

TEST(CommitList, OfWhatOthersWroteIsWhatLooksLikeOne) {
  EXPECT_EQ(CommitList("").text(), "");
  EXPECT_EQ(CommitList("a nonce of another program").text(), "");
  EXPECT_EQ(CommitList("000000000000000A").text(), "");
  EXPECT_EQ(CommitList("000000000000000b-").text(), "");
  EXPECT_EQ(CommitList("000000000000000b-x.000000000000000a").text(), "");
  EXPECT_EQ(CommitList("000000000000000b-99999999999").text(), "");
  EXPECT_EQ(CommitList("000000000000000b.").text(), "000000000000000b");
  EXPECT_EQ(CommitList("000000000000000b.short").text(), "000000000000000b");
  EXPECT_EQ(CommitList("000000000000000b-7.short").text(), "000000000000000b-7");
  EXPECT_EQ(CommitList("000000000000000b.000000000000000a-3").text(),
            "000000000000000b.000000000000000a");
}

}  // namespace
}  // namespace talea::bucketdb
