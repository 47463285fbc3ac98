// What Engine::state_hash, write_state and restore exchange with their caller.
// Format: docs/formats/state.md.
#pragma once

#include <array>
#include <cstddef>
#include <functional>

#include "talea/bytes.h"
#include "talea/result.h"
#include "talea/status.h"

namespace talea {

/// SHA-256 over all that a store holds: every space, key, revision, expiry and value. Two stores
/// have one hash exactly when they hold the same, however each came to it and keeps it.
using StateHash = std::array<unsigned char, 32>;

/// Takes the next bytes of a state stream. The first failure ends the writing, which returns it.
using StateSink = std::function<Status(BytesView bytes)>;

/// Puts up to `bytes` bytes of a state stream into `out` and says how many; 0 at the end.
using StateSource = std::function<Result<std::size_t>(char* out, std::size_t bytes)>;

}  // namespace talea
