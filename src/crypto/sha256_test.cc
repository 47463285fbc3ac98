// Published digests: FIPS 180-4's examples, and SHA256ShortMsg of NIST's CAVP.
#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace talea {
namespace {

TEST(Sha256, GivesThePublishedDigests) {
  const auto hash = [](BytesView message) { return to_hex(Sha256::of(message)); };
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("\xd3"), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, TheHashOfPartsIsTheHashOfTheWhole) {
  std::string message;
  for (int i = 0; i < 200; ++i) message += static_cast<char>(i);
  const Sha256Digest whole = Sha256::of(message);
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    Sha256 hash;
    hash.update(BytesView(message).substr(0, cut));
    hash.update(BytesView(message).substr(cut));
    EXPECT_EQ(hash.finish(), whole) << cut;
  }
}

TEST(Sha256, TheStateMoves) {
  Sha256 first;
  first.update("a");
  Sha256 second = std::move(first);
  second.update("bc");
  EXPECT_EQ(second.finish(), Sha256::of("abc"));
}

TEST(Sha256DeathTest, AFinishedHashTakesNoMore) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Sha256 hash;
  hash.finish();
  EXPECT_DEATH(hash.update("a"), "EVP_DigestUpdate");
}

}  // namespace
}  // namespace talea
