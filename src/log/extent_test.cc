#include "log/extent.h"

#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/varint.h"
#include "log/log_testing.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::uint64_t kMax = kChunkBytesMax;

ExtentList list_of(std::vector<ExtentPiece> pieces) {
  ExtentList list;
  list.value_id = 0x1122334455667788;
  for (const ExtentPiece& piece : pieces) list.bytes += piece.bytes;
  list.pieces = std::move(pieces);
  return list;
}

TEST(ExtentList, IsReadBackAsItWasWritten) {
  for (const ExtentList& list :
       {list_of({{1, 4096, 1}}), list_of({{1, 4096, kMax}, {1, 4096 + 2 * kMax, 2 * kMax}}),
        list_of({{9, 4096, 200 * kMax}, {UINT32_MAX, 1 << 20, kMax + 7}})}) {
    const std::optional<ExtentList> back = decode_extent_list(encode_extent_list(list));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, list);
  }
}

TEST(ExtentList, CutShortOrExtendedIsNone) {
  const Bytes bytes = encode_extent_list(list_of({{1, 4096, kMax}, {2, 8192, 77}}));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_extent_list(BytesView(bytes).substr(0, cut)).has_value()) << cut;
  }
  EXPECT_FALSE(decode_extent_list(bytes + '\0').has_value());
}

TEST(ExtentList, NonsenseIsNone) {
  const auto encoded = [](std::uint64_t total, const std::vector<std::uint64_t>& numbers) {
    Bytes bytes(8, 'v');
    append_varint(bytes, total);
    append_varint(bytes, numbers.size() / 3);
    for (const std::uint64_t number : numbers) append_varint(bytes, number);
    return bytes;
  };
  EXPECT_TRUE(decode_extent_list(encoded(5, {1, 4096, 5})).has_value());
  EXPECT_FALSE(decode_extent_list(encoded(0, {})).has_value()) << "no pieces";
  EXPECT_FALSE(decode_extent_list(encoded(6, {1, 4096, 5})).has_value()) << "another total";
  EXPECT_FALSE(decode_extent_list(encoded(0, {1, 4096, 0})).has_value()) << "an empty piece";
  EXPECT_FALSE(decode_extent_list(encoded(5, {0, 4096, 5})).has_value()) << "segment 0";
  EXPECT_FALSE(decode_extent_list(encoded(5, {1ULL << 32, 4096, 5})).has_value());
  EXPECT_FALSE(decode_extent_list(encoded(5, {1, 4095, 5})).has_value()) << "inside the header";
  EXPECT_FALSE(decode_extent_list(encoded(5, {1, UINT32_MAX - 4, 5})).has_value());
  EXPECT_FALSE(decode_extent_list(encoded(5, {1, UINT64_MAX, 5})).has_value());
  EXPECT_FALSE(decode_extent_list(encoded(UINT64_MAX, {1, 4096, UINT64_MAX})).has_value());
  EXPECT_FALSE(decode_extent_list(encoded(10, {1, 4096, 5, 2, 4096, 5})).has_value())
      << "a piece that is not the last and no whole chunks";
  Bytes many(8, 'v');
  append_varint(many, 5);
  append_varint(many, UINT64_MAX);
  EXPECT_FALSE(decode_extent_list(many).has_value()) << "a count beyond the bytes";
}

TEST(ExtentPiece, KnowsItsChunksAndTheirSpace) {
  EXPECT_EQ((ExtentPiece{1, 4096, 1}).chunks(), 1U);
  EXPECT_EQ((ExtentPiece{1, 4096, kMax}).chunks(), 1U);
  EXPECT_EQ((ExtentPiece{1, 4096, kMax + 1}).chunks(), 2U);
  EXPECT_EQ((ExtentPiece{1, 4096, kMax + 1}).disk_bytes(), kMax + 1 + 64);
}

class Chunk : public testing::Test {
 protected:
  Chunk() {
    place_.offset = static_cast<std::uint32_t>(segment_.bytes().size());
    Bytes chunk;
    append_chunk(place_, content_, segment_.context(), chunk);
    segment_.append_bytes(chunk);
  }
  Result<Bytes> read(const ChunkPlace& place, std::uint64_t bytes) {
    Bytes scratch;
    auto content = read_chunk(segment_.open(), place, bytes, scratch);
    if (!content.ok()) return std::move(content).status();
    return Bytes(*content);
  }
  Code code_of_read() { return read(place_, content_.size()).status().code(); }
  // Makes the check right again after a change.
  void forge() {
    char* header = segment_.bytes().data() + place_.offset;
    const BytesView view(header, kChunkHeaderBytes);
    char content_check[4];
    store_fixed(content_check, crc32c(0, BytesView(header + kChunkHeaderBytes, content_.size())));
    store_fixed(header,
                crc32c(crc32c(segment_.context().check_seed ^ place_.offset, view.substr(4)),
                       {content_check, 4}));
  }

  const Bytes content_ = "the content of a chunk";
  TestSegment segment_;
  ChunkPlace place_{.value_id = 7, .number = 3, .offset = 0};
};

TEST_F(Chunk, IsReadBack) {
  const Result<Bytes> back = read(place_, content_.size());
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(*back, content_);
  const auto header =
      decode_chunk_header(BytesView(segment_.bytes()).substr(place_.offset, kChunkHeaderBytes));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->value_id, 7U);
  EXPECT_EQ(header->number, 3U);
  EXPECT_EQ(header->content_bytes, content_.size());
}

TEST_F(Chunk, EveryFlippedBitIsCorruption) {
  for (std::size_t at = place_.offset; at < segment_.bytes().size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      char& byte = segment_.bytes()[at];
      const char before = byte;
      byte = static_cast<char>(byte ^ (1 << bit));
      ASSERT_EQ(code_of_read(), Code::corruption) << "at=" << at << " bit=" << bit;
      byte = before;
    }
  }
}

TEST_F(Chunk, OfAnotherPlaceValueOrLengthIsCorruption) {
  EXPECT_EQ(read({8, 3, place_.offset}, content_.size()).status().code(), Code::corruption);
  EXPECT_EQ(read({7, 4, place_.offset}, content_.size()).status().code(), Code::corruption);
  EXPECT_EQ(read(place_, content_.size() - 1).status().code(), Code::corruption);
  EXPECT_EQ(read(place_, content_.size() + 1).status().code(), Code::corruption) << "end of file";
  const Bytes moved = segment_.bytes().substr(place_.offset);
  const auto offset = static_cast<std::uint32_t>(segment_.append_bytes(moved));
  EXPECT_EQ(read({7, 3, offset}, content_.size()).status().code(), Code::corruption);
}

TEST_F(Chunk, NonsenseWithARightCheckIsCorruption) {
  for (const std::size_t field : {4U, 7U, 24U, 27U, 28U}) {  // flags, both lengths
    char& byte = segment_.bytes()[place_.offset + field];
    const char before = byte;
    byte = static_cast<char>(byte ^ 1);
    forge();
    EXPECT_EQ(code_of_read(), Code::corruption) << "field at " << field;
    byte = before;
  }
  forge();
  EXPECT_EQ(code_of_read(), Code::ok);
}

TEST(ExtentListFromRandomBytes, IsRefusedOrReadBack) {
  SeededRandom random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = encode_extent_list(list_of({{1, 4096, kMax}, {2, 8192, 77}}));
    bytes[below(random, bytes.size())] = static_cast<char>(random.next_u64());
    const auto list = decode_extent_list(bytes);
    if (list) {
      ASSERT_EQ(encode_extent_list(*list), bytes);
    }
  }
}

}  // namespace
}  // namespace talea
