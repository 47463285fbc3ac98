#include "keys/key_file.h"

#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea {
namespace {

SecretKey master(unsigned char byte) {
  SecretKey key;
  for (unsigned char& at : key.bytes()) at = byte;
  return key;
}

KeyFile two_keys() {
  SeededRandom random(3);
  KeyFile file;
  random.fill(file.store_id);
  file.generation = 4;
  file.keys.push_back({.id = 1, .made_ms = 1'700'000'000'000, .key = SecretKey::make(random)});
  file.keys.push_back({.id = 7, .made_ms = 1'700'000'009'000, .key = SecretKey::make(random)});
  return file;
}

Bytes encoded(const KeyFile& file, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  return encode_key_file(file, master(1), random);
}

Code code_of(BytesView bytes, unsigned char key = 1) {
  return decode_key_file(bytes, two_keys().store_id, master(key)).status().code();
}

Bytes with_check(Bytes bytes) {
  bytes.resize(bytes.size() - 4);
  append_fixed(bytes, crc32c(0, bytes));
  return bytes;
}

TEST(KeyFile, HoldsWhatWasPutIn) {
  const KeyFile file = two_keys();
  const KeyFile back = decode_key_file(encoded(file), file.store_id, master(1)).value();
  EXPECT_EQ(back.store_id, file.store_id);
  EXPECT_EQ(back.generation, 4U);
  ASSERT_EQ(back.keys.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back.keys[i].id, file.keys[i].id);
    EXPECT_EQ(back.keys[i].made_ms, file.keys[i].made_ms);
    EXPECT_EQ(back.keys[i].key.view(), file.keys[i].key.view());
  }
}

TEST(KeyFile, ShowsNoKeyAndIsSealedAnewEachTime) {
  const KeyFile file = two_keys();
  const Bytes bytes = encoded(file, 1);
  for (const DataKey& key : file.keys) EXPECT_EQ(bytes.find(key.key.view()), Bytes::npos);
  EXPECT_EQ(bytes.find(master(1).view()), Bytes::npos);
  EXPECT_NE(bytes.substr(80, 96), encoded(file, 2).substr(80, 96));
}

TEST(KeyFile, TellsAWrongMasterKeyFromDamage) {
  Bytes bytes = encoded(two_keys());
  EXPECT_EQ(code_of(bytes, 2), Code::denied);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const char flip = static_cast<char>(1U << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    ASSERT_EQ(code_of(bytes), Code::corruption) << bit;
    ASSERT_EQ(code_of(bytes, 2), Code::corruption) << "is known without the key";
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(code_of(BytesView(bytes).substr(0, cut)), Code::corruption) << cut;
  }
}

TEST(KeyFile, WithARightCheckOverNonsenseIsRefused) {
  const Bytes bytes = encoded(two_keys());
  const auto forged = [&](std::size_t at, char value) {
    Bytes changed = bytes;
    changed[at] = value;
    return code_of(with_check(changed));
  };
  EXPECT_EQ(forged(8, 2), Code::unsupported) << "version";
  EXPECT_EQ(forged(12, 1), Code::unsupported) << "features";
  EXPECT_EQ(forged(10, 1), Code::corruption) << "reserved";
  EXPECT_EQ(forged(44, 1), Code::corruption) << "reserved";
  EXPECT_EQ(forged(40, 3), Code::corruption) << "the number of keys";
  EXPECT_EQ(forged(40, 0), Code::corruption) << "none";
  EXPECT_EQ(forged(16, static_cast<char>(bytes[16] ^ 1)), Code::corruption) << "another store";
  EXPECT_EQ(forged(32, static_cast<char>(bytes[32] ^ 1)), Code::denied) << "the header is sealed";
}

}  // namespace
}  // namespace talea
