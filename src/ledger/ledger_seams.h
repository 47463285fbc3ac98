// What a ledger needs of the outside. All of it outlives the ledger.
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "s3/environment.h"
#include "s3/http.h"

namespace talea {

struct LedgerSeams {
  s3::HttpTransport& transport;
  Clock& clock;
  Random& random;
  /// Threads for requests beside each other.
  Executor& executor;
  /// Waits between tries; tests move their clock instead.
  std::function<void(std::chrono::milliseconds)> wait;
  /// Where region and credentials are looked for that the options do not give.
  s3::Environment environment = s3::empty_environment();
};

}  // namespace talea
