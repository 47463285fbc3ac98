#include "bucketdb/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bucketdb/bucketdb_testing.h"

namespace talea::bucketdb {
namespace {

constexpr BucketFormat kV1 = BucketFormat::v1;
constexpr BucketFormat kV2 = BucketFormat::v2;

constexpr const char* kTwoRows =
    "0100000005000000020001610000000200000000000000090000001e0001620000000300000000000000280000001"
    "9";

std::vector<std::string> keys_of(const IndexImage& image) {
  std::vector<std::string> keys;
  IndexRow row;
  for (auto at = image.begin(); image.read(at, row);) keys.emplace_back(row.key);
  return keys;
}

Bytes two_rows(BucketFormat format) {
  IndexWriter writer(format, 2);
  writer.add("a", {{2}, 9, 30});
  writer.add("b", {{3}, 40, 25});
  return writer.finish(5);
}

TEST(IndexFile, OfVersion1IsThatOfTheOriginal) {
  EXPECT_EQ(to_hex_text(IndexWriter(kV1, 0).finish(1)), "010000000100000000");
  EXPECT_EQ(to_hex_text(two_rows(kV1)), kTwoRows);
}

TEST(IndexFile, OfVersion2IsThatOfTheSuccessor) {
  IndexWriter writer(kV2, 1);
  writer.add("k", {{0xdeadbeef00000003}, 9, 24});
  EXPECT_EQ(to_hex_text(writer.finish(1)),
            "02000000010000000100016bdeadbeef00000003000000000000000900000018cfc55007");
}

TEST(IndexFile, IsReadBack) {
  for (const BucketFormat format : {kV1, kV2}) {
    const auto image = IndexImage::parse(two_rows(format)).value();
    EXPECT_EQ(image->format(), format);
    EXPECT_EQ(image->next(), 5U);
    EXPECT_EQ(image->size(), 2U);
    EXPECT_EQ(image->find("a"), (Place{{2}, 9, 30}));
    EXPECT_EQ(image->find("b"), (Place{{3}, 40, 25}));
    EXPECT_EQ(image->find("c"), std::nullopt);
    EXPECT_EQ(keys_of(*image), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(image->files(), (std::map<FileId, std::uint64_t>{{{2}, 39}, {{3}, 65}}));
  }
}

TEST(IndexFile, OfManyKeysFindsEach) {
  constexpr std::uint32_t kKeys = 10'000;
  IndexWriter writer(kV1, kKeys);
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    writer.add("key" + std::to_string(i), {{1}, 9 + std::uint64_t{i} * 50, 50});
  }
  const auto image = IndexImage::parse(writer.finish(2)).value();
  ASSERT_EQ(image->size(), kKeys);
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    EXPECT_EQ(image->find("key" + std::to_string(i))->offset, 9 + std::uint64_t{i} * 50);
    EXPECT_EQ(image->find("no" + std::to_string(i)), std::nullopt);
  }
}

TEST(IndexFile, OfTwoRowsOfAKeyTheLastOneCounts) {
  IndexWriter writer(kV1, 3);
  writer.add("a", {{1}, 9, 20});
  writer.add("b", {{1}, 29, 20});
  writer.add("a", {{2}, 9, 20});
  const auto image = IndexImage::parse(writer.finish(3)).value();
  EXPECT_EQ(image->size(), 2U);
  EXPECT_EQ(image->find("a"), (Place{{2}, 9, 20}));
  EXPECT_EQ(keys_of(*image), (std::vector<std::string>{"b", "a"}));
}

TEST(IndexFile, TheNextNumberIsAboveAllThatAreReferredTo) {
  IndexWriter writer(kV1, 1);
  writer.add("a", {{7}, 9, 20});
  EXPECT_EQ(IndexImage::parse(writer.finish(1)).value()->next(), 8U);
}

TEST(IndexFile, EveryCutIsRefused) {
  for (const BucketFormat format : {kV1, kV2}) {
    const Bytes whole = two_rows(format);
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      EXPECT_EQ(IndexImage::parse(whole.substr(0, bytes)).status().code(), Code::corruption);
    }
  }
}

TEST(IndexFile, TrailingBytesAreRefused) {
  EXPECT_EQ(IndexImage::parse(two_rows(kV1) + "junk").status().code(), Code::corruption);
  EXPECT_EQ(IndexImage::parse(two_rows(kV2) + "junk").status().code(), Code::corruption);
}

TEST(IndexFile, EveryFlippedBitOfVersion2IsRefused) {
  const Bytes whole = two_rows(kV2);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(IndexImage::parse(flipped).ok()) << bit;
  }
}

// There is no check in it: what is not refused here has another key, place, number or count, and
// the entry that is read there says so (see data_file_test.cc).
TEST(IndexFile, AFlippedBitOfVersion1IsRefusedOrChangesOneRow) {
  const Bytes whole = from_hex(kTwoRows);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const auto image = IndexImage::parse(flipped);
    if (!image.ok()) {
      ++refused;
      continue;
    }
    const bool a_is_right = (*image)->find("a") == Place{{2}, 9, 30};
    const bool b_is_right = (*image)->find("b") == Place{{3}, 40, 25};
    EXPECT_TRUE(a_is_right || b_is_right) << bit;
  }
  EXPECT_GT(refused, 0U);
}

TEST(IndexFile, ARowThatCannotBeIsRefused) {
  for (const Place& place :
       {Place{{1}, 8, 30}, Place{{1}, 9, 13}, Place{{1}, UINT64_MAX - 5, 30}, Place{{0}, 9, 30}}) {
    IndexWriter writer(kV1, 1);
    writer.add("a", place);
    EXPECT_EQ(IndexImage::parse(writer.finish(2)).status().code(), Code::corruption);
  }
  IndexWriter writer(kV1, 1);
  writer.add("\xff", {{1}, 9, 30});
  EXPECT_EQ(IndexImage::parse(writer.finish(2)).status().code(), Code::corruption);
}

TEST(IndexFile, AnotherVersionIsUnsupported) {
  EXPECT_EQ(IndexImage::parse(from_hex("030000000100000000")).status().code(), Code::unsupported);
  EXPECT_EQ(IndexImage::parse("{\"version\":1}").status().code(), Code::unsupported);
}

// Of the limit itself: nobody makes 4 GiB for a test.
TEST(IndexFile, OfMoreThan4GiBIsExhausted) {
  EXPECT_TRUE(check_index_bytes(kBucketIndexBytesMax).ok());
  EXPECT_EQ(kBucketIndexBytesMax, std::uint64_t{UINT32_MAX}) << "a row is referred to by 32 bits";
  const Status over = check_index_bytes(kBucketIndexBytesMax + 1);
  EXPECT_EQ(over.code(), Code::exhausted);
  EXPECT_THAT(std::string(over.message()), testing::HasSubstr("4294967296"));
}

TEST(IndexFile, ACountThatCannotBeTakesNoMemory) {
  EXPECT_EQ(IndexImage::parse(from_hex("0100000001ffffffff")).status().code(), Code::corruption);
}

}  // namespace
}  // namespace talea::bucketdb
