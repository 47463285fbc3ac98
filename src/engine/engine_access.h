// From an Engine, which users have, to its Store, which what is built on storage takes.
#pragma once

#include "store/store.h"
#include "talea/engine.h"

namespace talea {

/// The store of `engine`. It stays where it is when the engine is moved, and ends with it.
Store& store_of(Engine& engine);

}  // namespace talea
