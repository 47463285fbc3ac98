// Journal: the WriteLog of a directory, and what is found in it when it is opened.
//
// One file, appended to: a write and a sync for each batch. What a failed write left is cut off
// again, so that a batch that was refused never comes back. A new journal is made under
// another name and renamed, when batches were committed.
//
// Format: docs/formats/s4db-journal.md.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "bucketdb/write_log.h"
#include "io/file_system.h"

namespace talea::bucketdb {

inline constexpr const char* kJournalName = "talea.journal";
inline constexpr const char* kLockName = "talea.lock";
inline constexpr const char* kMirrorName = "talea.mirror";
inline constexpr const char* kUnfinished = ".unfinished";

/// Which database a directory belongs to.
using DatabaseId = std::array<unsigned char, 16>;
DatabaseId database_id(std::string_view bucket, std::string_view prefix);

/// Makes or replaces a file, through a name of its own: whole and durable when it returns ok, else
/// as it was before.
Status replace_file(FileSystem& files, const std::string& directory, const std::string& name,
                    BytesView content);

/// The two halves of it: until the second nothing has changed.
Status write_unfinished(FileSystem& files, const std::string& directory, const std::string& name,
                        BytesView content);
Status finish_file(FileSystem& files, const std::string& directory, const std::string& name);

struct JournalSetup {
  FileSystem& files;
  Random& random;
  std::string directory;
  DatabaseId database{};
  bool sync = true;
  /// Only read() is called then; no byte of the file is changed.
  bool read_only = false;
};

/// What a journal on disk holds.
struct JournalContent {
  BucketFormat format = BucketFormat::v1;
  std::vector<LoggedBatch> batches;
  std::vector<UploadNote> notes;
  std::uint64_t end = 0;         // of the last record
  std::uint64_t torn_bytes = 0;  // behind it, that are not zero
  std::uint64_t next_sequence = 1;
  std::uint32_t seed = 0;  // of the checks
};

/// Pure: the content of a journal file. An empty one is an empty journal.
/// Errors: corruption, unsupported; invalid_argument   of another database
Result<JournalContent> decode_journal(BytesView file, const DatabaseId& database);

class Journal final : public WriteLog {
 public:
  struct Opened {
    std::shared_ptr<Journal> journal;
    JournalContent content;
  };
  /// Reads the journal of a directory and cuts a torn end off. Without one, none is made before the
  /// first batch. `format`: of a new one; one that has batches keeps its own.
  /// Errors: those of decode_journal(), io_error
  static Result<Opened> open(const JournalSetup& setup, BucketFormat format);

  Result<LoggedBatch> append(BytesView entries) override;
  Status note_upload(const UploadNote& note) override;
  Result<Bytes> read(std::uint64_t offset, std::uint64_t bytes) const override;
  Status sync() override;
  Result<Anew> begin_anew(std::span<const LoggedBatch> kept, BucketFormat format) override;

 private:
  Journal(const JournalSetup& setup, BucketFormat format) : setup_(setup), format_(format) {}

  Status make_file();
  Result<std::uint64_t> append_record(std::uint8_t kind, BytesView body, bool sync);
  Status write_record(BytesView record, bool sync);
  Status make_room(std::uint64_t from);

  const JournalSetup setup_;
  const BucketFormat format_;
  std::unique_ptr<File> file_;  // none before the first batch
  std::uint32_t seed_ = 0;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t end_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t allocated_ = 0;
  bool is_broken_ = false;
};

}  // namespace talea::bucketdb
