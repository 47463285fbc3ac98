#include "crypto/place_cipher.h"

#include <gtest/gtest.h>

#include "crypto/aes_gcm.h"
#include "crypto/key_ring.h"

namespace talea {
namespace {

SecretKey some_key() {
  SeededRandom random(7);
  return SecretKey::make(random);
}

Bytes sealed(const PlaceCipher& cipher, std::uint64_t offset, BytesView associated,
             BytesView content) {
  Bytes out(content.size() + PlaceCipher::kTagBytes, '\0');
  cipher.seal(offset, associated, content.substr(0, content.size() / 2),
              content.substr(content.size() / 2), out.data());
  return out;
}

std::optional<Bytes> opened(const PlaceCipher& cipher, std::uint64_t offset, BytesView associated,
                            BytesView from) {
  Bytes out(from.size(), '\0');
  if (!cipher.open(offset, associated, from, out.data())) return std::nullopt;
  out.resize(from.size() - PlaceCipher::kTagBytes);
  return out;
}

// The nonce is the offset, as docs/formats/segment.md says: little-endian, then zeros.
TEST(PlaceCipher, IsAesGcmWithTheOffsetAsNonce) {
  const PlaceCipher cipher(some_key());
  Aes256Gcm plain(some_key());
  for (const std::size_t bytes : {0U, 1U, 15U, 16U, 17U, 1000U}) {
    const Bytes content(bytes, 'c');
    const Aes256Gcm::Nonce nonce = {0x07, 0x03, 0, 0, 0x01};
    Bytes expected;
    plain.seal(nonce, "with", content, expected);
    EXPECT_EQ(sealed(cipher, 0x1'0000'0307, "with", content), expected);
  }
}

TEST(PlaceCipher, OpensWhatItSealedAndNothingElse) {
  const PlaceCipher cipher(some_key());
  const Bytes content = "a key and its value";
  Bytes hidden = sealed(cipher, 4096, "header", content);
  EXPECT_EQ(hidden.find("key"), Bytes::npos);
  EXPECT_EQ(opened(cipher, 4096, "header", hidden), content);
  EXPECT_EQ(opened(cipher, 4097, "header", hidden), std::nullopt) << "another place";
  EXPECT_EQ(opened(cipher, 4096, "headex", hidden), std::nullopt) << "another header";
  EXPECT_EQ(opened(PlaceCipher(SecretKey()), 4096, "header", hidden), std::nullopt);
  EXPECT_EQ(opened(cipher, 4096, "header", BytesView(hidden).substr(0, 10)), std::nullopt);
  for (std::size_t bit = 0; bit < hidden.size() * 8; ++bit) {
    const char flip = static_cast<char>(1U << (bit % 8));
    hidden[bit / 8] = static_cast<char>(hidden[bit / 8] ^ flip);
    EXPECT_EQ(opened(cipher, 4096, "header", hidden), std::nullopt) << bit;
    hidden[bit / 8] = static_cast<char>(hidden[bit / 8] ^ flip);
  }
}

TEST(PlaceCipher, HandsOutNothingThatIsNotGenuine) {
  const PlaceCipher cipher(some_key());
  Bytes hidden = sealed(cipher, 1, "", "secret");
  hidden.back() = static_cast<char>(hidden.back() ^ 1);
  Bytes out(6, 'x');
  EXPECT_FALSE(cipher.open(1, "", hidden, out.data()));
  EXPECT_EQ(out, Bytes(6, '\0'));
}

TEST(PlaceCipher, OpensInPlace) {
  const PlaceCipher cipher(some_key());
  Bytes bytes = sealed(cipher, 9, "", Bytes(100'000, 'v'));
  ASSERT_TRUE(cipher.open(9, "", bytes, bytes.data()));
  EXPECT_EQ(bytes.substr(0, 100'000), Bytes(100'000, 'v'));
}

TEST(PlaceCipher, PeeksAtTheFrontOfWhatIsSealed) {
  const PlaceCipher cipher(some_key());
  const Bytes content = "alpha and then a value that nobody asked for";
  const Bytes hidden = sealed(cipher, 12'345, "header", content);
  for (std::size_t bytes = 0; bytes <= content.size(); ++bytes) {
    Bytes out(bytes, '\0');
    cipher.peek(12'345, BytesView(hidden).substr(0, bytes), out.data());
    EXPECT_EQ(out, content.substr(0, bytes));
  }
}

TEST(KeyRing, GivesEachFileAKeyOfItsOwn) {
  KeyRing keys;
  EXPECT_EQ(keys.newest(), 0U);
  EXPECT_EQ(keys.cipher(1, {}, "use"), nullptr);
  keys.add({.id = 1, .made_ms = 5, .key = some_key()});
  const Bytes hidden = sealed(*keys.cipher(1, {}, "use"), 0, "", "content");
  EXPECT_EQ(opened(*keys.cipher(1, {}, "use"), 0, "", hidden), "content");
  EXPECT_EQ(opened(*keys.cipher(1, {1}, "use"), 0, "", hidden), std::nullopt) << "another salt";
  EXPECT_EQ(opened(*keys.cipher(1, {}, "other"), 0, "", hidden), std::nullopt) << "another use";
}

TEST(KeyRing, LetsGoOfAKeyThatNoFileUsesAndNeverOfTheNewest) {
  KeyRing keys;
  for (std::uint32_t id = 1; id <= 3; ++id) keys.add({.id = id, .made_ms = id, .key = some_key()});
  auto of_first = keys.cipher(1, {}, "");
  std::vector<DataKey> unused = keys.take_unused();
  ASSERT_EQ(unused.size(), 1U);
  EXPECT_EQ(unused[0].id, 2U);
  EXPECT_EQ(keys.cipher(2, {}, ""), nullptr);
  EXPECT_NE(keys.cipher(1, {}, ""), nullptr);
  of_first.reset();
  EXPECT_EQ(keys.take_unused().size(), 1U);
  EXPECT_TRUE(keys.take_unused().empty());
  EXPECT_EQ(keys.newest(), 3U);
  EXPECT_EQ(keys.all().size(), 1U);
}

}  // namespace
}  // namespace talea
