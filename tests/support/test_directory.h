// What every test may need: a directory of its own and a seed.
//
//     TEST(Segment, SurvivesAPowerCutAtEveryCall) {
//       const std::string directory = talea::test_directory();
//       SeededRandom random(talea::test_seed());
//
// A failed test is repeated with the seed it printed: `engine_test --seed=123
// --gtest_filter=Segment.SurvivesAPowerCutAtEveryCall`, or TALEA_SEED=123 under ctest.
#pragma once

#include <cstdint>
#include <string>

namespace talea {

/// The path of a fresh, empty directory that belongs to the running GoogleTest test; the same one
/// at every call within it. It is removed after the test, unless the test failed: then it stays
/// and its path is printed. It lies below $TEST_TMPDIR, else below /tmp.
///
/// Threads: safe.
std::string test_directory();

/// The seed of this run: `--seed=N`, else the environment's TALEA_SEED, else a fresh one; the same
/// at every call. The first call of each test prints `seed=N`.
///
/// Threads: safe.
std::uint64_t test_seed();

namespace internal {
/// Called by main() before the tests: takes `--seed=N` from the arguments that GoogleTest left.
void prepare_test_environment(int argc, char** argv);
}  // namespace internal

}  // namespace talea
