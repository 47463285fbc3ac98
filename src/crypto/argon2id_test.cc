// Vectors of the reference implementation (src/test.c of phc-winner-argon2, version 19).
#include "crypto/argon2id.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace talea {
namespace {

std::string hash(BytesView password, BytesView salt, const Argon2idCost& cost) {
  std::array<unsigned char, 32> out{};
  const Status status = argon2id(password, salt, cost, out);
  if (!status.ok()) return status.to_string();
  std::string digits;
  for (const unsigned char byte : out) {
    digits += "0123456789abcdef"[byte / 16];
    digits += "0123456789abcdef"[byte % 16];
  }
  return digits;
}

TEST(Argon2id, HashesAsPublished) {
  EXPECT_EQ(hash("password", "somesalt", {.memory_kib = 256, .passes = 2, .lanes = 1}),
            "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
  EXPECT_EQ(hash("password", "somesalt", {.memory_kib = 256, .passes = 2, .lanes = 2}),
            "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037");
  EXPECT_EQ(hash("differentpassword", "somesalt", {.memory_kib = 65536, .passes = 2, .lanes = 1}),
            "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde");
  EXPECT_EQ(hash("password", "diffsalt", {.memory_kib = 65536, .passes = 2, .lanes = 1}),
            "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c");
}

TEST(Argon2id, RefusesWhatArgon2DoesNotHave) {
  std::array<unsigned char, 32> out{};
  EXPECT_EQ(argon2id("p", "short", {.memory_kib = 256, .passes = 2, .lanes = 1}, out).code(),
            Code::invalid_argument);
  EXPECT_EQ(argon2id("p", "somesalt", {.memory_kib = 7, .passes = 2, .lanes = 1}, out).code(),
            Code::invalid_argument);
  EXPECT_EQ(argon2id("p", "somesalt", {.memory_kib = 256, .passes = 0, .lanes = 1}, out).code(),
            Code::invalid_argument);
}

}  // namespace
}  // namespace talea
