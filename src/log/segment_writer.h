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
    /// Write zeros ahead of the records.
    bool write_ahead = true;
  };

  /// Makes the file with its header and makes both durable, name included.
  /// Errors: exhausted, denied, io_error; no file of that name is left in the manifest's way: an
  ///         unlisted file without records is removed at the next open
  static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& file_system,
                                                       const std::string& directory,
                                                       const Setup& setup);

  /// Writes `bytes` at end() and moves it. Readable at once, durable after sync().
  /// Errors: exhausted with nothing written while `write_ahead` is on and space had to be taken:
  ///         then the writer stays usable (see is_usable)
  ///         io_error, exhausted otherwise: of no more use
  Status append(BytesView bytes);
  Status sync();
  /// Gives back space beyond end(). Call it after the manifest has sealed the segment.
  Status trim();

  /// False after a failure that may have left bytes behind end().
  bool is_usable() const { return usable_; }
  std::uint64_t end() const { return end_; }
  const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  SegmentWriter(std::shared_ptr<Segment> segment, const Setup& setup);
  Status take_space(std::uint64_t bytes);

  const std::shared_ptr<Segment> segment_;
  const std::uint64_t bytes_planned_;
  const bool write_ahead_;
  std::uint64_t end_ = kSegmentHeaderBytes;
  std::uint64_t written_ahead_ = kSegmentHeaderBytes;  // zeros reach up to here
  bool usable_ = true;
};

}  // namespace talea
