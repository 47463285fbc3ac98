// Restore: a store from a state.
//
//     StateReader ──> small rows ──> RowSorter ──> log segments, in the order of revisions ──┐
//     (in key order)  large values ──> extent segments ───────────────────────────────────────┤
//                                                          the end is verified, all is synced ┴─>
//                                                          MANIFEST
//
// There is no store before the manifest is written, and that is the last step: whatever stops a
// restore leaves a directory that opening refuses. The log it writes is an ordinary one, with the
// revisions and times of the state, and gaps where batches left nothing behind.
//
// Format: docs/formats/state.md, "Restoring".
#pragma once

#include <string>

#include "engine/seams.h"
#include "store/state_stream.h"
#include "talea/engine.h"

namespace talea {

/// What of the small values is sorted at once.
inline constexpr std::uint64_t kRestoreBufferBytes = 64 * kMiB;

/// Makes a store in `path`, which is absent or empty, that holds what is left in `state`, and
/// returns the state hash. It is durable, and not open.
///
/// Cost: small values are written twice and large ones once; memory of `buffer_bytes`, and a MiB
/// for each time that it was filled.
/// Errors: those of `state`; invalid_argument (`path` holds something), unavailable (in use),
///         exhausted, denied, io_error. What was written is removed, as far as the disk allows.
/// Threads: one for each path.
Result<StateHash> restore_directory(const Seams& seams, const std::string& path,
                                    const Options& options, StateReader& state,
                                    std::uint64_t buffer_bytes = kRestoreBufferBytes);

}  // namespace talea
