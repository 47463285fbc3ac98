// The outside world, as the engine sees it. Production passes the machine's; tests pass fakes.
#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "io/file_system.h"

namespace talea {

/// References: all of them outlive the engine.
struct Seams {
  FileSystem& file_system;
  Clock& clock;
  Random& random;
  Executor& executor;
};

}  // namespace talea
