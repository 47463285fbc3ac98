// WriteLog: where writes are kept until they are uploaded.
//
// A batch is the entries of its operations, encoded as they will stand in a data file; so an upload
// copies bytes, and a write that is not uploaded is read like any other. With a directory that is
// the journal (journal.h), without one memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "bucketdb/index_file.h"
#include "talea/result.h"

namespace talea::bucketdb {

/// A batch in the log.
struct LoggedBatch {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;  // of its first entry
  std::uint64_t bytes = 0;
};

/// Entries of an upload in a data file: all that lies in [first, end) of it.
struct UploadPiece {
  FileId file;
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool operator==(const UploadPiece&) const = default;
};

/// The batches up to `through` are about to be committed, with their entries in `pieces`.
struct UploadNote {
  std::uint64_t through = 0;
  std::vector<UploadPiece> pieces = {};
  std::uint64_t commit = 0;  // its id; 0: of a journal that has none
};

/// Threads: append(), note_upload(), sync() and begin_anew() by one at a time; read() beside them.
class WriteLog {
 public:
  virtual ~WriteLog() = default;

  /// Errors: exhausted, io_error   it is not there and never will be
  ///         unavailable           after a failure no more is written
  ///         timed_out             it may be there at the next open
  virtual Result<LoggedBatch> append(BytesView entries) = 0;
  /// Durable when it returns ok, whatever the mode of syncs.
  virtual Status note_upload(const UploadNote& note) = 0;
  /// Errors: io_error
  virtual Result<Bytes> read(std::uint64_t offset, std::uint64_t bytes) const = 0;
  virtual Status sync() = 0;
  /// A log with only these batches in it, for entries of `format`, which takes the place of this
  /// one, and where they are in it. After an error this one goes on.
  struct Anew;
  virtual Result<Anew> begin_anew(std::span<const LoggedBatch> kept, BucketFormat format) = 0;
};

/// The log is shared with readers that began before a new one took its place; they only read.
struct WriteLog::Anew {
  std::shared_ptr<WriteLog> log;
  std::vector<LoggedBatch> batches;
};

/// Without a directory: what is not uploaded ends with the process.
class MemoryLog final : public WriteLog {
 public:
  Result<LoggedBatch> append(BytesView entries) override TALEA_EXCLUDES(mutex_);
  Status note_upload(const UploadNote&) override { return {}; }
  Result<Bytes> read(std::uint64_t offset, std::uint64_t bytes) const override
      TALEA_EXCLUDES(mutex_);
  Status sync() override { return {}; }
  Result<Anew> begin_anew(std::span<const LoggedBatch> kept, BucketFormat format) override;

 private:
  mutable Mutex mutex_;
  std::map<std::uint64_t, Bytes> batches_ TALEA_GUARDED_BY(mutex_);  // by offset
  std::uint64_t end_ TALEA_GUARDED_BY(mutex_) = 0;
  std::uint64_t sequence_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea::bucketdb
