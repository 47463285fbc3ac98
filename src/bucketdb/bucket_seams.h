// The outside world, as a bucket database sees it.
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "io/file_system.h"
#include "s3/client.h"

namespace talea {

/// References: all outlive the BucketDb.
struct BucketSeams {
  s3::ClientSeams s3;
  FileSystem& files;
  Random& random;
  Executor& executor;
};

}  // namespace talea
