// The home of a Store that is no engine of ours: RocksDB.
#pragma once

#include <memory>

#include "home/home.h"
#include "home/open_store.h"

namespace talea {

std::unique_ptr<Home> home_of_store(std::unique_ptr<OpenedStore> store);

/// As abilities_of().
HomeAbilities abilities_of_store();

}  // namespace talea
