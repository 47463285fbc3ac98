// The outside world, as the engine sees it. Production passes the machine's; tests pass fakes.
#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "io/file_system.h"
#include "keys/key_keeper.h"

namespace talea {

/// References: all of them outlive the engine.
struct Seams {
  FileSystem& file_system;
  Clock& clock;
  Random& random;
  Executor& executor;
  /// Of the store that is open, if that is encrypted; set by whoever opens or makes it.
  KeyKeeper* keys = nullptr;

  const KeyRing* key_ring() const { return keys == nullptr ? nullptr : &keys->ring(); }
};

}  // namespace talea
