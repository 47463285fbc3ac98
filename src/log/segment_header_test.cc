#include "log/segment_header.h"

#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "log/log_testing.h"
#include "log/segment.h"

namespace talea {
namespace {

// `block` with `bytes` at `offset` and a check that is right again.
Bytes forged(Bytes block, std::size_t offset, BytesView bytes) {
  block.replace(offset, bytes.size(), bytes);
  const std::size_t check = kSegmentHeaderBytes - 4;
  store_fixed(block.data() + check, crc32c(0, BytesView(block).substr(0, check)));
  return block;
}

Status decoded(BytesView block) { return decode_segment_header(block).status(); }

TEST(SegmentHeader, IsReadBackAsItWasWritten) {
  for (const SegmentKind kind : {SegmentKind::log, SegmentKind::data, SegmentKind::extent}) {
    SegmentHeader header = test_header(4'000'000'000);
    header.kind = kind;
    const Bytes block = encode_segment_header(header);
    ASSERT_EQ(block.size(), kSegmentHeaderBytes);
    const Result<SegmentHeader> back = decode_segment_header(block);
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(back->kind, kind);
    EXPECT_EQ(back->features, header.features);
    EXPECT_EQ(back->id, header.id);
    EXPECT_EQ(back->first_sequence, header.first_sequence);
    EXPECT_EQ(back->base_now, header.base_now);
    EXPECT_EQ(back->store_id, header.store_id);
    EXPECT_EQ(back->salt, header.salt);
    EXPECT_EQ(back->key_id, 0U);
    EXPECT_EQ(back->check_seed(), header.check_seed());
  }
}

TEST(SegmentHeader, EveryFlippedBitIsCorruptionAlsoInTheVersion) {
  Bytes block = encode_segment_header(test_header());
  for (std::size_t bit = 0; bit < block.size() * 8; bit += bit < 200 * 8 ? 1 : 37) {
    const char flip = static_cast<char>(1U << (bit % 8));
    block[bit / 8] = static_cast<char>(block[bit / 8] ^ flip);
    ASSERT_EQ(decoded(block).code(), Code::corruption) << "bit=" << bit;
    block[bit / 8] = static_cast<char>(block[bit / 8] ^ flip);
  }
}

TEST(SegmentHeader, CutShortIsCorruption) {
  const Bytes block = encode_segment_header(test_header());
  for (const std::size_t bytes : {0U, 8U, 96U, 4095U}) {
    EXPECT_EQ(decoded(BytesView(block).substr(0, bytes)).code(), Code::corruption);
  }
}

TEST(SegmentHeader, OfANewerVersionIsRefusedByTheVersion) {
  const Bytes block = forged(encode_segment_header(test_header()), 8, BytesView("\x02\x00", 2));
  EXPECT_EQ(decoded(block).to_string(),
            "unsupported: segment version 2; this build reads version 1. Open it with a newer "
            "Talea");
}

TEST(SegmentHeader, WithUnknownFeaturesIsRefusedByTheirNames) {
  const Bytes block =
      forged(encode_segment_header(test_header()), 12, BytesView("\x1b\x00\x01\x00", 4));
  EXPECT_EQ(decoded(block).to_string(),
            "unsupported: the segment uses hash links, feature bit 16, which this build does not "
            "have. Open "
            "it with a newer Talea");
}

TEST(SegmentHeader, OfAnUnknownKindIsRefusedByTheKind) {
  for (const char kind : {'\0', '\4'}) {
    const Bytes block = forged(encode_segment_header(test_header()), 10, {&kind, 1});
    EXPECT_EQ(decoded(block).code(), Code::unsupported);
  }
}

TEST(SegmentHeader, NonsenseWithARightCheckIsCorruption) {
  const Bytes block = encode_segment_header(test_header());
  const Bytes zeros(8, '\0');
  EXPECT_EQ(decoded(forged(block, 16, zeros)).code(), Code::corruption) << "id 0";
  EXPECT_EQ(decoded(forged(block, 20, "\1")).code(), Code::corruption) << "id above 32 bits";
  EXPECT_EQ(decoded(forged(block, 92, "\1")).code(), Code::corruption) << "header length";
  EXPECT_EQ(decoded(forged(block, 88, "\1")).code(), Code::corruption) << "key id, no encryption";
  EXPECT_EQ(decoded(forged(block, 11, "\1")).code(), Code::corruption) << "reserved byte";
  EXPECT_EQ(decoded(forged(block, 96, "\1")).code(), Code::corruption) << "first reserved byte";
  EXPECT_EQ(decoded(forged(block, 4091, "\1")).code(), Code::corruption) << "last reserved byte";
}

TEST(SegmentHeader, SaltAndIdBothMakeTheChecksDifferent) {
  EXPECT_NE(test_header(17, 1).check_seed(), test_header(18, 1).check_seed());
  EXPECT_NE(test_header(17, 1).check_seed(), test_header(17, 2).check_seed());
}

TEST(SegmentFileName, IsReadBackAndNothingElseIs) {
  EXPECT_EQ(segment_file_name(SegmentKind::log, 17), "0000000017.log");
  EXPECT_EQ(segment_file_name(SegmentKind::extent, UINT32_MAX), "4294967295.extent");
  for (const SegmentKind kind : {SegmentKind::log, SegmentKind::data, SegmentKind::extent}) {
    for (const std::uint32_t id : {1U, 17U, UINT32_MAX}) {
      const auto parsed = parse_segment_file_name(segment_file_name(kind, id));
      ASSERT_TRUE(parsed.has_value());
      EXPECT_EQ(parsed->kind, kind);
      EXPECT_EQ(parsed->id, id);
    }
  }
  for (const char* name :
       {"", "17.log", "0000000017.logs", "0000000017.LOG", "0000000017", "00000000017.log",
        "000000001x.log", "4294967296.log", "9999999999.log", "0000000000.log", "-000000017.log",
        "+000000017.log", " 000000017.log", "0000000017.log~", "0000000017.unknown"}) {
    EXPECT_FALSE(parse_segment_file_name(name).has_value()) << name;
  }
}

class SegmentOpen : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directory("store").ok());
    write("0000000017.log", test_header());
  }
  void write(const std::string& name, const SegmentHeader& header) {
    ASSERT_TRUE(disk_.write_file("store/" + name, encode_segment_header(header)).ok());
  }
  Status open(SegmentKind kind, std::uint32_t id, const StoreId& store) {
    return Segment::open(disk_, "store", kind, id, store, OpenMode::read).status();
  }
  CrashFileSystem disk_;
};

TEST_F(SegmentOpen, TakesTheFileThatItsHeaderSaysItIs) {
  EXPECT_TRUE(open(SegmentKind::log, 17, test_header().store_id).ok());
  EXPECT_EQ(open(SegmentKind::log, 18, test_header().store_id).code(), Code::not_found);
}

TEST_F(SegmentOpen, RefusesARenamedOrForeignFileByName) {
  write("0000000018.log", test_header());
  write("0000000017.data", test_header());
  EXPECT_EQ(open(SegmentKind::log, 18, test_header().store_id).to_string(),
            "corruption: 0000000018.log: its header says that it is 0000000017.log; somebody "
            "renamed or copied it");
  EXPECT_EQ(open(SegmentKind::data, 17, test_header().store_id).code(), Code::corruption);
  EXPECT_EQ(open(SegmentKind::log, 17, StoreId{}).to_string(),
            "corruption: 0000000017.log: it belongs to another store; somebody copied it here");
}

}  // namespace
}  // namespace talea
