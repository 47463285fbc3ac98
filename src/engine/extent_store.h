// ExtentStore: puts the chunks of large values into extent segments.
//
// Several values may be written at once; each chunk reserves its place and is written outside the
// lock. A value becomes durable as a whole, before the batch that refers to it is committed, so a
// crash leaves chunks that nobody refers to and never a reference to chunks that are not there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "engine/live_state.h"
#include "engine/metrics.h"
#include "engine/seams.h"
#include "log/extent.h"
#include "log/segment_writer.h"
#include "manifest/manifest.h"

namespace talea {

/// Threads: safe.
class ExtentStore {
 public:
  struct Setup {
    Seams seams;
    std::string directory;
    StoreId store_id{};
  };
  ExtentStore(const Setup& setup, ManifestKeeper& manifest, LiveState& live, Metrics& metrics);

  /// A random id for a new value.
  std::uint64_t new_value_id();

  /// Writes chunk `number` of a value and adds it to `list`, whose last piece grows when the chunk
  /// follows it on disk.
  /// Errors: exhausted, io_error; the value cannot be finished then
  Status append_chunk(ExtentList& list, std::uint64_t number, BytesView content);

  /// Makes all chunks of `list` durable.
  Status sync(const ExtentList& list);

  /// Seals the open segment, and waits until every chunk that has a place by now was written, or
  /// failed to be: from then on the files that are sealed never change.
  Status finish_files() TALEA_EXCLUDES(mutex_);

  /// Seals the open segment.
  Status close();

 private:
  // An extent segment that may still be written to.
  struct OpenSegment {
    std::shared_ptr<Segment> segment;
    SegmentState* state = nullptr;
    // Guarded by the store's mutex_.
    std::uint64_t end = kSegmentHeaderBytes;
    std::uint64_t chunks = 0;
    std::uint64_t being_written = 0;  // of them
    // Taken before mutex_, never after it.
    Mutex sync_mutex;
    // A failed sync dropped pages of anybody's chunks; no later sync may be believed.
    bool failed TALEA_GUARDED_BY(sync_mutex) = false;
  };

  Result<std::shared_ptr<Segment>> create_segment();
  Result<std::shared_ptr<OpenSegment>> with_room(std::uint64_t bytes) TALEA_REQUIRES(mutex_);
  Status seal(OpenSegment& segment) TALEA_REQUIRES(mutex_);
  Status sync_segment(OpenSegment& segment);
  void end_write(OpenSegment& segment) TALEA_EXCLUDES(mutex_);

  const Setup setup_;
  ManifestKeeper& manifest_;
  LiveState& live_;
  Metrics& metrics_;
  Mutex mutex_;
  CondVar written_;
  std::shared_ptr<OpenSegment> active_ TALEA_GUARDED_BY(mutex_);
  // Made, but the manifest could not be written; the next try lists it.
  std::shared_ptr<Segment> unlisted_ TALEA_GUARDED_BY(mutex_);
  // All that were opened in this session, by id: a value may span several.
  absl::flat_hash_map<std::uint32_t, std::shared_ptr<OpenSegment>> opened_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
