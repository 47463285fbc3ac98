#include "bucketdb/data_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "bucketdb/bucketdb_testing.h"
#include "codec/big_endian.h"
#include "codec/crc32.h"
#include "tests/support/test_directory.h"

namespace talea::bucketdb {
namespace {

constexpr BucketFormat kV1 = BucketFormat::v1;
constexpr BucketFormat kV2 = BucketFormat::v2;

Bytes value_entry(BucketFormat format, BytesView key, BytesView value, bool is_text = true) {
  Bytes out;
  append_value(out, format, key, value, is_text);
  return out;
}

Bytes tombstone(BytesView key) {
  Bytes out;
  append_tombstone(out, key);
  return out;
}

Bytes with_crc(Bytes entry) {
  append_big_endian(entry, crc32(0, entry));
  return entry;
}

TEST(FileName, IsReadBackAsItWasMade) {
  EXPECT_EQ(file_name({7}), "data_000007.s4db");
  EXPECT_EQ(file_name({1'234'567}), "data_1234567.s4db");
  EXPECT_EQ(file_name({0xdeadbeef00000003}), "data_deadbeef_000003.s4db");
  for (const std::uint64_t id : {1ULL, 999'999ULL, 1'000'000ULL, 0xdeadbeef00000003ULL,
                                 0x0000000100000001ULL, 0xffffffffffffffffULL}) {
    EXPECT_EQ(parse_file_name(file_name({id})), FileId{id});
  }
}

TEST(FileName, OfAnythingElseIsNone) {
  for (const char* name :
       {"", "index.idx", "data_00007.s4db", "data_0000007.s4db", "data_000007.s4dbx",
        "data_00000x.s4db", "data_-00007.s4db", "Data_000007.s4db", "data_000007.S4DB",
        "data_00000000_000003.s4db", "data_DEADBEEF_000003.s4db", "data_deadbeef_3.s4db",
        "data_99999999999.s4db", "data_.s4db", "talea.garbage"}) {
    EXPECT_EQ(parse_file_name(name), std::nullopt) << name;
  }
}

TEST(DataFile, HeadersAreThoseOfTheOriginal) {
  EXPECT_EQ(to_hex_text(encode_file_header(kV1, {1})), "533444420100000001");
  EXPECT_EQ(to_hex_text(encode_file_header(kV1, {4294967295})), "5334444201ffffffff");
  EXPECT_EQ(to_hex_text(encode_file_header(kV2, {0xdeadbeef00000003})), "533444420200000003");
}

TEST(DataFile, EntriesOfVersion1AreThoseOfTheOriginal) {
  EXPECT_EQ(value_entry(kV1, "hello", "world"),
            from_hex("00 00000005 00000007 68656c6c6f 0510776f726c64 12f8e0e8"));
  EXPECT_EQ(value_entry(kV1, "k", ""), from_hex("00 00000001 00000001 6b 00 4a3b6203"));
  EXPECT_EQ(tombstone("gone"), from_hex("01 00000004 00000000 676f6e65 acd25e52"));
  EXPECT_EQ(value_entry(kV1,
                        "cl\xc3\xa9"
                        "f",
                        "valeur \xc3\xa9"),
            from_hex("00 00000005 0000000b 636cc3a966 092076616c65757220c3a9 13329936"));
  EXPECT_EQ(value_entry(kV1, "rep", Bytes(100, 'a')),
            from_hex("00 00000003 00000009 726570 640061fe01008a0100 41bf5d59"));
  EXPECT_EQ(value_entry(kV1, "", "x"), from_hex("00 00000000 00000003 010078 367cfab8"));
}

TEST(DataFile, EntriesOfVersion2AreThoseOfTheSuccessor) {
  EXPECT_EQ(value_entry(kV2, "hello", "world"),
            from_hex("02000000050000000568656c6c6f776f726c64f60d958c"));
  EXPECT_EQ(value_entry(kV2, "rep", Bytes(100, 'a')),
            from_hex("000000000300000009726570640061fe01008a010041bf5d59"));
  EXPECT_EQ(value_entry(kV2, "bin", BytesView("\0\1\2", 3), false),
            from_hex("06000000030000000362696e000102a0d1c0b9"));
  EXPECT_EQ(tombstone("gone"), from_hex("010000000400000000676f6e65acd25e52"));
}

TEST(DataFile, ValuesComeBack) {
  SeededRandom random(test_seed());
  Bytes noise(3000, '\0');
  random.fill({reinterpret_cast<unsigned char*>(noise.data()), noise.size()});
  for (const Bytes& value : {Bytes(), Bytes("x"), Bytes(100'000, 'a'), noise}) {
    const Bytes entry = value_entry(kV2, "key", value, false);
    EXPECT_EQ(value_of_entry(kV2, entry, "key").value(), value);
  }
  EXPECT_EQ(value_of_entry(kV1, value_entry(kV1, "key", ""), "key").value(), "");
}

TEST(DataFile, EveryCutOfAnEntryIsRefused) {
  const Bytes entry = value_entry(kV1, "hello", "world");
  for (std::size_t bytes = 0; bytes < entry.size(); ++bytes) {
    EXPECT_EQ(value_of_entry(kV1, entry.substr(0, bytes), "hello").status().code(),
              Code::corruption);
  }
  EXPECT_EQ(value_of_entry(kV1, entry + "x", "hello").status().code(), Code::corruption);
}

TEST(DataFile, EveryFlippedBitOfAnEntryIsRefused) {
  for (const BucketFormat format : {kV1, kV2}) {
    const Bytes entry = value_entry(format, "hello", Bytes(50, 'x'));
    for (std::size_t bit = 0; bit < entry.size() * 8; ++bit) {
      Bytes flipped = entry;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      EXPECT_EQ(value_of_entry(format, flipped, "hello").status().code(), Code::corruption);
    }
  }
}

TEST(DataFile, TheEntryOfAnotherKeyOrATombstoneIsRefused) {
  EXPECT_EQ(value_of_entry(kV1, value_entry(kV1, "b", "2"), "a").status().code(), Code::corruption);
  EXPECT_EQ(value_of_entry(kV1, tombstone("a"), "a").status().code(), Code::corruption);
}

TEST(DataFile, AFlagOfALaterVersionIsUnsupportedAndNotDamage) {
  const Bytes raw = value_entry(kV2, "hello", "world");
  EXPECT_EQ(value_of_entry(kV1, raw, "hello").status().code(), Code::unsupported);
  const Bytes later = with_crc(from_hex("08 00000001 00000001 6b 00"));
  EXPECT_EQ(value_of_entry(kV2, later, "k").status().code(), Code::unsupported);
}

TEST(DataFile, ABlockThatSaysItIsLongTakesNoMemory) {
  // A varint of 4 GiB - 1 in front of one literal.
  const Bytes huge = with_crc(from_hex("00 00000001 00000007 6b ffffffff0f 0078"));
  EXPECT_EQ(value_of_entry(kV1, huge, "k").status().code(), Code::corruption);
  const Bytes none = with_crc(from_hex("00 00000001 00000002 6b 0578"));
  EXPECT_EQ(value_of_entry(kV1, none, "k").status().code(), Code::corruption);
  const Bytes no_block_at_all = with_crc(from_hex("00 00000001 00000000 6b"));
  EXPECT_EQ(value_of_entry(kV1, no_block_at_all, "k").status().code(), Code::corruption);
}

TEST(DataFile, TextThatIsNoUtf8IsRefused) {
  const Bytes entry = with_crc(from_hex("00 00000001 00000003 6b 0100ff"));
  EXPECT_EQ(value_of_entry(kV1, entry, "k").status().code(), Code::corruption);
}

TEST(DataFile, AnotherHeaderIsRefusedByItsName) {
  EXPECT_EQ(decode_file_header("").status().code(), Code::corruption);
  EXPECT_EQ(decode_file_header("S4DX\1\0\0\0\1").status().code(), Code::corruption);
  EXPECT_EQ(decode_file_header(from_hex("533444420300000001")).status().code(), Code::unsupported);
  EXPECT_EQ(decode_file_header(from_hex("533444420200000005"))->number, 5U);
}

struct Scanned {
  std::vector<std::string> keys;
  std::vector<Damage> damage;
};

Scanned scanned(BytesView file) {
  Scanned found;
  const Status status = scan_file(
      file,
      [&](const Entry& entry, std::uint64_t) {
        found.keys.emplace_back(entry.key);
        return Status();
      },
      found.damage);
  EXPECT_TRUE(status.ok()) << status.to_string();
  return found;
}

TEST(DataFile, AScanCutAtEveryByteHasTheWholeEntriesAndSaysWhatItPassedOver) {
  const Bytes first = value_entry(kV1, "a", "1");
  const Bytes second = value_entry(kV1, "b", Bytes(40, 'b'));
  const Bytes file = encode_file_header(kV1, {1}) + first + second;
  for (std::size_t bytes = kFileHeaderBytes; bytes <= file.size(); ++bytes) {
    const Scanned found = scanned(BytesView(file).substr(0, bytes));
    std::vector<std::string> expected;
    std::size_t intact = kFileHeaderBytes;
    if (bytes >= kFileHeaderBytes + first.size()) {
      expected.emplace_back("a");
      intact += first.size();
    }
    if (bytes == file.size()) {
      expected.emplace_back("b");
      intact = bytes;
    }
    EXPECT_EQ(found.keys, expected);
    ASSERT_EQ(found.damage.size(), intact < bytes ? 1U : 0U);
    if (intact < bytes) {
      EXPECT_EQ(found.damage[0].offset, intact);
      EXPECT_EQ(found.damage[0].bytes, bytes - intact);
    }
  }
}

// The original goes on behind a torn tail, and then cannot rebuild its index any more.
TEST(DataFile, AScanFindsWhatWasAppendedBehindATornTail) {
  const Bytes torn = value_entry(kV1, "torn", "never whole").substr(0, 17);
  const Bytes file = encode_file_header(kV1, {1}) + value_entry(kV1, "a", "1") + torn +
                     value_entry(kV1, "b", "2") + tombstone("a");
  const Scanned found = scanned(file);
  EXPECT_EQ(found.keys, (std::vector<std::string>{"a", "b", "a"}));
  ASSERT_EQ(found.damage.size(), 1U);
  EXPECT_EQ(found.damage[0].bytes, torn.size());
}

TEST(DataFile, AScanOfAnyFlippedBitLosesOneEntryAtMost) {
  const Bytes file = encode_file_header(kV1, {1}) + value_entry(kV1, "a", "1") +
                     value_entry(kV1, "b", "2") + value_entry(kV1, "c", "3");
  for (std::size_t bit = kFileHeaderBytes * 8; bit < file.size() * 8; ++bit) {
    Bytes flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const Scanned found = scanned(flipped);
    EXPECT_EQ(found.keys.size(), 2U) << bit;
    EXPECT_EQ(found.damage.size(), 1U) << bit;
  }
}

}  // namespace
}  // namespace talea::bucketdb
