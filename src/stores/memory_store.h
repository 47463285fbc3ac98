// The store in memory: for tests, caches, and whoever wants the interface without a disk.
#pragma once

#include <memory>

#include "base/random.h"
#include "stores/row_store.h"

namespace talea {

/// Makes an empty store that is gone when it is destroyed. Nothing is durable, ever: SyncMode is of
/// no account, and no write waits.
///
/// Cost: a commit takes some microseconds for each operation and one copy of each value; readers
/// and writers do not wait for each other. A scan, and whoever reads the state, keeps the store as
/// it was in memory for as long as it lives. Memory: the keys and values, and about 200 bytes for
/// each key. Limits: those of limits.h; no values beyond kValueBytesMax.
///
/// The references outlive the store. `random`: for balance, not for secrecy.
/// Errors: exhausted   the machine has no thread left
Result<std::unique_ptr<RowStore>> open_memory_store(Clock& clock, Executor& executor,
                                                    Random& random);

}  // namespace talea
