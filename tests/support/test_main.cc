// main() of every test program: GoogleTest's arguments, and --seed=N.
#include <gmock/gmock.h>

#include "tests/support/test_directory.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  talea::internal::prepare_test_environment(argc, argv);
  return RUN_ALL_TESTS();
}
