// The home of our engine: a store in a directory of this machine.
#pragma once

#include <memory>
#include <string>

#include "home/home.h"

namespace talea {

/// `path` and `encryption`: of the store, for verify().
std::unique_ptr<Home> home_of_engine(Engine engine, std::string path, Encryption encryption);

/// As abilities_of().
HomeAbilities abilities_of_engine();

}  // namespace talea
