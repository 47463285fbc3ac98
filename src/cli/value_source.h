// Values in rows, on their way into a store and out of it.
#pragma once

#include "talea/engine.h"

namespace talea::cli {

/// Adds a put to `batch`. A value that is too large to live inside a batch is written at once, so
/// that the batch does not hold it.
Status add_put(Engine& engine, Batch& batch, BytesView key, BytesView value, Expiry expiry);

/// Why a row, in text or JSON, cannot carry the value of `key`.
Status too_large_for_row(BytesView key);

}  // namespace talea::cli
