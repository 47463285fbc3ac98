// Segment: an open segment file, for reading entries at known places.
#pragma once

#include <memory>
#include <string>

#include "io/file_cache.h"
#include "io/file_system.h"
#include "log/record.h"
#include "log/segment_header.h"

namespace talea {

/// Threads: immutable, and so is what it reads; safe.
class Segment {
 public:
  /// Opens `directory`/NAME and checks that its header is what the manifest says.
  /// Errors: not_found, corruption, unsupported, io_error; with the name of the file
  static Result<std::shared_ptr<Segment>> open(FileSystem& file_system,
                                               const std::string& directory, SegmentKind kind,
                                               std::uint32_t id, const StoreId& store_id,
                                               OpenMode mode);
  /// The same, for reading, of a file that `cache` opens when it is needed.
  static Result<std::shared_ptr<Segment>> open(FileCache& cache, const std::string& directory,
                                               SegmentKind kind, std::uint32_t id,
                                               const StoreId& store_id);
  /// For a file that was just written; see SegmentWriter.
  Segment(const SegmentHeader& header, std::unique_ptr<File> file);

  const SegmentHeader& header() const { return header_; }
  const SegmentContext& context() const { return context_; }
  std::uint32_t id() const { return header_.id; }
  /// The file's name inside the directory.
  const std::string& name() const { return name_; }
  File& file() const { return *file_; }

  /// Reads and checks one entry. `scratch` holds the bytes that the view points into.
  /// Errors: corruption   with file and offset; never a wrong entry
  ///         io_error
  Result<EntryView> read_entry(EntryExtent place, Bytes& scratch) const;

  /// The sequence of an entry that read_entry returned. Cost: nothing for a single, one read for
  /// an entry of a batch.
  Result<Sequence> sequence_of(const EntryView& entry) const;

  /// `file` at `offset`: `problem`.
  Status corruption_at(std::uint64_t offset, std::string_view problem) const;

 private:
  static Result<std::shared_ptr<Segment>> check(std::unique_ptr<File> file, SegmentKind kind,
                                                std::uint32_t id, const StoreId& store_id);

  const SegmentHeader header_;
  const SegmentContext context_;
  const std::string name_;
  const std::unique_ptr<File> file_;
};

}  // namespace talea
