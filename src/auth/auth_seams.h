// The outside world, as authentication sees it beside its store.
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace talea {

/// References: both outlive the Auth.
struct AuthSeams {
  Clock& clock;
  Random& random;
};

}  // namespace talea
