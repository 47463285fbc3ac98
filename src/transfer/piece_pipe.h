// PiecePipe: from a home that gives a value in pieces to one that takes it in pieces. Each wants to
// do the calling, so the one that reads has a thread of its own, some pieces ahead of the other.
//
//     source.read(key, sink)  ->  [ piece, piece, piece ]  ->  destination.put_pieces(key, pull)
//     thread of the executor                                   the caller
#pragma once

#include <cstdint>
#include <functional>

#include "base/executor.h"
#include "talea/result.h"
#include "talea/state.h"

namespace talea {

/// How much may be ahead.
inline constexpr std::uint64_t kPipeBytesMax = 8 * 1024 * 1024;

/// Calls `read` with a sink on a thread of `executor`, and `write` on this one with a source that
/// gives what comes into the sink. A failure of the reading is that of the source. When `write`
/// ends early, the sink refuses with `cancelled`. Both have returned when this returns.
///
/// Errors: those of `write`; those of `read`, where `write` took its end for the end of the value
Status pipe_pieces(Executor& executor, const std::function<Status(const StateSink&)>& read,
                   const std::function<Status(const StateSource&)>& write);

}  // namespace talea
