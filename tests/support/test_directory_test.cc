#include "tests/support/test_directory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace talea {
namespace {

// The directory of the test that ran before, in whichever order.
std::string path_of_the_other_test;

void expect_a_directory_of_my_own() {
  const std::string path = test_directory();
  EXPECT_EQ(path, test_directory()) << "the same all through one test";
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_TRUE(std::filesystem::is_empty(path));
  std::ofstream(path + "/left behind") << "x";
  EXPECT_NE(path, path_of_the_other_test);
  EXPECT_FALSE(std::filesystem::exists(path_of_the_other_test)) << "removed after its test";
  path_of_the_other_test = path;
}

TEST(TestDirectory, IsFreshForThisTest) { expect_a_directory_of_my_own(); }
TEST(TestDirectory, IsFreshForTheNextTest) { expect_a_directory_of_my_own(); }

TEST(TestSeed, IsTheSameAllThroughARunAndIsPrinted) {
  testing::internal::CaptureStdout();
  const std::uint64_t seed = test_seed();
  EXPECT_EQ(test_seed(), seed);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "seed=" + std::to_string(seed) + "\n");
}

}  // namespace
}  // namespace talea
