// The engine against std::map, with few keys: engine_model.h.
#include <gtest/gtest.h>

#include "tests/model/engine_model.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

TEST(EngineModel, AgreesWithAMapOverAMillionOperationsAndTenReopens) {
  EngineModel model(test_directory() + "/store", test_seed(), {});
  model.run({.operations = 1'000'000, .reopens = 10});
}

}  // namespace
}  // namespace talea
