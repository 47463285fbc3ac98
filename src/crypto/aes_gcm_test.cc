// The vectors of McGrew and Viega, "The Galois/Counter Mode of Operation", and what must not open.
#include "crypto/aes_gcm.h"

#include <gtest/gtest.h>

#include <string>

namespace talea {
namespace {

Bytes from_hex(const std::string& digits) {
  Bytes bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

SecretKey key_of(const std::string& digits) {
  const Bytes bytes = from_hex(digits);
  SecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes().begin());
  return key;
}

Aes256Gcm::Nonce nonce_of(const std::string& digits) {
  const Bytes bytes = from_hex(digits);
  Aes256Gcm::Nonce nonce{};
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

struct Vector {
  std::string key, nonce, associated, plaintext, sealed;
};

const std::vector<Vector>& published() {
  static const std::vector<Vector> vectors = {
      // Test cases 13, 14 and 16.
      {std::string(64, '0'), std::string(24, '0'), "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {std::string(64, '0'), std::string(24, '0'), "", std::string(32, '0'),
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
       "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
       "a6b525b16aedf5aa0de657ba637b39",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
       "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"}};
  return vectors;
}

TEST(Aes256Gcm, SealsAsPublished) {
  for (const Vector& vector : published()) {
    Aes256Gcm cipher(key_of(vector.key));
    Bytes sealed = "in front";
    cipher.seal(nonce_of(vector.nonce), from_hex(vector.associated), from_hex(vector.plaintext),
                sealed);
    EXPECT_EQ(sealed, "in front" + from_hex(vector.sealed));
  }
}

TEST(Aes256Gcm, OpensWhatItSealedAgainAndAgain) {
  for (const Vector& vector : published()) {
    Aes256Gcm cipher(key_of(vector.key));
    for (int i = 0; i < 3; ++i) {
      Bytes opened = "in front";
      ASSERT_TRUE(cipher.open(nonce_of(vector.nonce), from_hex(vector.associated),
                              from_hex(vector.sealed), opened));
      EXPECT_EQ(opened, "in front" + from_hex(vector.plaintext));
      Bytes sealed;
      cipher.seal(nonce_of(vector.nonce), "", "other", sealed);
    }
  }
}

TEST(Aes256Gcm, OpensNothingThatWasChangedOrCut) {
  const Vector& vector = published().back();
  Aes256Gcm cipher(key_of(vector.key));
  const Bytes sealed = from_hex(vector.sealed);
  const Bytes associated = from_hex(vector.associated);
  const auto opens = [&](BytesView changed, BytesView with) {
    Bytes out = "kept";
    const bool is_open = cipher.open(nonce_of(vector.nonce), with, changed, out);
    EXPECT_TRUE(is_open || out == "kept");
    return is_open;
  };
  ASSERT_TRUE(opens(sealed, associated));
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(opens(changed, associated)) << "bit " << bit;
  }
  for (std::size_t cut = 0; cut < sealed.size(); ++cut) {
    ASSERT_FALSE(opens(BytesView(sealed).substr(0, cut), associated)) << "cut at " << cut;
  }
  EXPECT_FALSE(opens(sealed, BytesView(associated).substr(1)));
  EXPECT_FALSE(opens(sealed + "x", associated));
}

TEST(Aes256Gcm, AnotherKeyOrNonceOpensNothing) {
  SeededRandom random(7);
  const SecretKey key = SecretKey::make(random);
  const Aes256Gcm::Nonce nonce = Aes256Gcm::make_nonce(random);
  Aes256Gcm cipher(key);
  Bytes sealed;
  cipher.seal(nonce, "", "secret", sealed);
  Bytes out;
  EXPECT_FALSE(cipher.open(Aes256Gcm::make_nonce(random), "", sealed, out));
  EXPECT_FALSE(Aes256Gcm(SecretKey::make(random)).open(nonce, "", sealed, out));
  Aes256Gcm moved = std::move(cipher);
  EXPECT_TRUE(moved.open(nonce, "", sealed, out));
  EXPECT_EQ(out, "secret");
}

}  // namespace
}  // namespace talea
