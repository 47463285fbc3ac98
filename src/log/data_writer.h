// DataWriter: copies entries into a new data segment, each as a single of its own.
//
// Compaction takes what is still current out of poor segments. What it writes is never replayed and
// has no torn tail: the file counts once it is whole, durable and listed in the manifest, and until
// then it can be thrown away.
//
//     auto writer = TALEA_TRY(DataWriter::create(file_system, directory, header));
//     for (...) EntryExtent place = TALEA_TRY(writer->add(entry, sequence, now));
//     DataSummary summary = TALEA_TRY(writer->finish());   // now the manifest may name it
//
// Format: docs/formats/log.md, "Data segments".
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"
#include "log/record.h"
#include "log/segment_header.h"

namespace talea {

/// What a finished data segment holds, as the manifest states it.
struct DataSummary {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  Sequence lowest_sequence = 0;  // 0 without entries
  Sequence highest_sequence = 0;
};

/// Its file is removed when finish() was not called or failed; should that fail too, the next open
/// removes it.
///
/// Threads: externally synchronised.
class DataWriter {
 public:
  /// `header`: of a data segment. No entry may be older than its first_sequence and base_now; the
  /// nearer they are, the shorter the entries. `keys`: if it names one of them.
  /// Errors: exhausted, denied, io_error; no file is left
  static Result<std::unique_ptr<DataWriter>> create(FileSystem& file_system,
                                                    const std::string& directory,
                                                    const SegmentHeader& header,
                                                    const KeyRing* keys = nullptr);
  ~DataWriter();
  DataWriter(const DataWriter&) = delete;
  DataWriter& operator=(const DataWriter&) = delete;

  /// Adds a copy of `entry`, with a check of its own, and returns its place in the new segment. It
  /// can be read after finish().
  ///
  /// Cost: one copy and one CRC of the entry; a write for each 256 KiB.
  /// `sequence`, `now`: of its batch.
  /// Errors: exhausted, io_error   the writer is of no more use, and says so again
  Result<EntryExtent> add(const EntrySource& entry, Sequence sequence, std::uint64_t now);

  /// Bytes so far, the header included.
  std::uint64_t bytes() const { return written_ + buffer_.size(); }

  /// Writes the rest and makes the file durable, name included. Call it once.
  Result<DataSummary> finish();

 private:
  DataWriter(FileSystem& file_system, std::string directory, const SegmentHeader& header,
             std::unique_ptr<File> file, std::shared_ptr<const PlaceCipher> cipher);

  std::string path() const;
  Status flush(std::size_t count);

  FileSystem& file_system_;
  const std::string directory_;
  const SegmentHeader header_;
  const SegmentContext context_;
  const std::unique_ptr<File> file_;
  Bytes buffer_;               // of the file, not yet written
  std::uint64_t written_ = 0;  // bytes of the file in front of buffer_
  DataSummary summary_;
  Status failure_;
  bool keep_ = false;
};

}  // namespace talea
