// SegmentWriter: makes a new segment file and fills it from front to back.
//
// Space is written before it is needed (kAhead*): a sync over blocks that already exist has no
// metadata to commit (89 against 135 us, one measured disk), and a full disk shows when space
// is taken, before any byte of a record is written.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"
#include "log/segment.h"

namespace talea {

/// After a failed append or sync the writer is of no more use: what of the file is valid is for
/// the manifest to say.
/// Threads: externally synchronised; its segment() may be read meanwhile.
class SegmentWriter {
 public:
  struct Setup {
    SegmentHeader header;
    /// Most bytes the file should take; space is not written ahead beyond it.
    std::uint64_t bytes_planned = 0;
    /// How space is taken ahead of the records. `zeros`: written, so that a sync has no metadata to
    /// commit. `reserved`: asked of the file system, which costs next to nothing and is right where
    /// no sync waits.
    enum class Ahead { zeros, reserved } ahead = Ahead::zeros;
  };

  /// Makes the file with its header and makes both durable, name included.
  /// Errors: exhausted, denied, io_error; no file is left, unless removing it failed as well
  static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& file_system,
                                                       const std::string& directory,
                                                       const Setup& setup);

  /// Writes `bytes` at end() and moves it. Readable at once, durable after sync().
  /// Errors: exhausted when no space could be taken: then nothing was written, and the writer
  ///         stays usable (see is_usable)
  ///         otherwise: of no more use
  Status append(BytesView bytes);
  Status sync();
  /// Gives back what lies beyond `end`; the writer is of no more use.
  Status cut(std::uint64_t end);

  /// False after a failure that may have left bytes behind end().
  bool is_usable() const { return usable_; }
  std::uint64_t end() const { return end_; }
  const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  SegmentWriter(std::shared_ptr<Segment> segment, const Setup& setup);
  Status take_space(std::uint64_t bytes);
  Status take(std::uint64_t bytes);

  const std::shared_ptr<Segment> segment_;
  const std::uint64_t bytes_planned_;
  const Setup::Ahead ahead_;
  std::uint64_t end_ = kSegmentHeaderBytes;
  std::uint64_t taken_ = kSegmentHeaderBytes;  // space is taken up to here
  bool usable_ = true;
};

}  // namespace talea
