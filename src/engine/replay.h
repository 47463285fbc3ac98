// Replay: reads log segments back into a LiveState, and decides where a torn log ends.
//
// A power cut may leave any subset of the unsynced pages, so behind a bad record there may be good
// ones. Records written after a sync say how far the log was durable then (`synced_through`). A bad
// record where a batch at or below the highest such claim should be is damage, and the store is
// refused; otherwise the log ends at the first bad record, and what follows was never acknowledged
// as durable. docs/formats/log.md, "Where the log ends".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/live_state.h"
#include "log/segment.h"
#include "manifest/manifest.h"
#include "talea/engine.h"

namespace talea {

/// What a record changes. `changes` points into `lists` and into the record.
struct RecordChanges {
  std::vector<LiveState::Change> changes;
  std::vector<ExtentList> lists;

  /// Fills both from `record`. Returns the offset of the first
  /// entry whose extent list makes no sense although its check is right.
  std::optional<std::uint32_t> assign(const RecordView& record);
};

/// What replaying one segment found.
struct ReplayedSegment {
  SegmentFill fill;
  /// Only for a sealed one: what the file has beyond it.
  std::uint64_t excess_bytes = 0;

  // Only for one that is not sealed:

  /// Where the last claim that all before it is durable stood.
  std::uint64_t proven_end = kSegmentHeaderBytes;
  /// What is not zero from the end of `fill` on, and why that is no record.
  std::uint64_t torn_bytes = 0;
  std::string problem;
  /// The highest sequence that any valid record says to be durable, wherever it lies.
  Sequence claimed = 0;
};

struct ReplayState {
  Sequence last_sequence = 0;
  std::uint64_t last_now = 0;
  std::uint64_t batches = 0;
};

/// Replays `segment`, which is mapped and in `live`, as `file` of the manifest describes it, on top
/// of `state`, into `live`. Errors: corruption, io_error
Result<ReplayedSegment> replay_segment(SegmentState& segment, const ManifestFile& file,
                                       ReplayState& state, LiveState& live);

/// Whether an open segment goes on where the log before it ends, at `last`.
/// Errors: corruption   it goes on before that, so that the log would have two continuations
///         io_error
Result<bool> goes_on_after(const Segment& segment, Sequence last);

/// An open segment of which nothing counts but its claims. Errors: io_error
Result<ReplayedSegment> pass_over_segment(const Segment& segment);

}  // namespace talea
