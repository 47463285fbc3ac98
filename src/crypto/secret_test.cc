#include "crypto/secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>

namespace talea {
namespace {

TEST(Secret, ComparesAllBytesAndTheLength) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("alpha", "alpha"));
  EXPECT_FALSE(equal_in_constant_time("alpha", "alphb"));
  EXPECT_FALSE(equal_in_constant_time("blpha", "alpha"));
  EXPECT_FALSE(equal_in_constant_time("alpha", "alph"));
  EXPECT_FALSE(equal_in_constant_time(BytesView("a\0b", 3), BytesView("a\0c", 3)));
}

TEST(Secret, AWipedStringIsAllZero) {
  Bytes secret(100, 's');
  wipe(secret);
  EXPECT_EQ(secret, Bytes(100, '\0'));
}

TEST(Secret, AKeyIsWipedWhenItGoes) {
  alignas(SecretKey) unsigned char memory[sizeof(SecretKey)];
  SeededRandom random(1);
  auto* const key = new (memory) SecretKey(SecretKey::make(random));
  EXPECT_TRUE(std::any_of(memory, memory + sizeof memory, [](unsigned char b) { return b != 0; }));
  key->~SecretKey();
  EXPECT_TRUE(std::all_of(memory, memory + sizeof memory, [](unsigned char b) { return b == 0; }));
}

}  // namespace
}  // namespace talea
