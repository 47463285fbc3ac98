// Several pieces of work at once, on threads of the executor and the caller's.
#pragma once

#include <cstddef>
#include <functional>

#include "base/executor.h"
#include "talea/result.h"

namespace talea::bucketdb {

/// Does work(0) to work(count - 1), up to `threads` at once, and returns when all ended. After a
/// failure nothing more is begun.
/// Errors: the first that a piece had
Status run_parallel(Executor& executor, std::size_t threads, std::size_t count,
                    const std::function<Status(std::size_t)>& work);

}  // namespace talea::bucketdb
