// Database: what a BucketDb does. Its parts are in a file each:
//
//     database.cc    opening, writing, status          placing.cc     entries into data files
//     reading.cc     get, get_many, scans              uploading.cc   commits
//     collecting.cc  compaction and gc                 recovering.cc  download, rebuild, force
//
// What a reader needs, index and pending writes, is guarded by `mutex_`, for moments. Who changes
// the bucket holds `upload_mutex_` for as long as that takes, requests included; who writes holds
// `write_mutex_` over the sync of the journal. In this order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "bucketdb/bucket.h"
#include "bucketdb/bucket_seams.h"
#include "bucketdb/entry_cache.h"
#include "bucketdb/journal.h"
#include "bucketdb/mirror.h"
#include "bucketdb/pending_writes.h"
#include "talea/bucketdb.h"

namespace talea::bucketdb {

/// One moment of a database: nothing in it changes. Shared by those who read it.
struct Snapshot {
  CommittedIndex base;
  std::shared_ptr<const WriteLog> log;
  std::vector<PendingWrite> writes;
  std::vector<MergedKey> keys;  // refer to base and writes
};

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const S3Options& at, const BucketDbOptions& options,
                                                const BucketSeams& seams);

  Result<std::optional<Bytes>> get(BytesView key);
  Result<std::vector<std::optional<Bytes>>> get_many(std::span<const BytesView> keys);
  bool contains(BytesView key) const TALEA_EXCLUDES(mutex_);
  std::vector<Bytes> keys() const;
  std::uint64_t size() const TALEA_EXCLUDES(mutex_);

  /// For scans: a snapshot, and values of it.
  Result<std::shared_ptr<const Snapshot>> begin_scan();
  Result<std::shared_ptr<const Snapshot>> begin_scan(const BucketKeyRange& range);
  Result<std::shared_ptr<const Snapshot>> begin_file_scan() TALEA_EXCLUDES(upload_mutex_);
  /// Values of keys [from, ...): as many as make a window.
  Result<std::vector<Bytes>> read_window(const Snapshot& snapshot, std::size_t from);

  Status commit(const BucketBatch& batch) TALEA_EXCLUDES(write_mutex_);
  Status flush() TALEA_EXCLUDES(write_mutex_);

  Result<BucketUpload> upload(bool force) TALEA_EXCLUDES(upload_mutex_);
  Status discard_pending() TALEA_EXCLUDES(upload_mutex_);
  Status refresh() TALEA_EXCLUDES(upload_mutex_);
  Result<BucketDownload> download(bool force) TALEA_EXCLUDES(upload_mutex_);
  Result<BucketCompaction> compact(std::chrono::milliseconds grace) TALEA_EXCLUDES(upload_mutex_);
  Result<BucketCollection> gc(std::chrono::milliseconds grace) TALEA_EXCLUDES(upload_mutex_);
  Result<BucketRebuild> rebuild_index(BucketSource source) TALEA_EXCLUDES(upload_mutex_);
  BucketStatus status() const TALEA_EXCLUDES(mutex_);
  Result<std::vector<BucketFile>> files() TALEA_EXCLUDES(mutex_);
  S3RequestCounts request_counts() const { return bucket_->client().counts(); }

 private:
  // What the bucket has in its newest file, to put it again with more.
  struct Tail {
    FileId file;
    s3::Etag etag;
    Bytes content;
  };
  // Where the entries of some writes are in the bucket.
  struct Placement {
    std::vector<Place> places;  // of each write
    std::vector<UploadPiece> pieces;
    std::optional<FileId> grown;
    std::uint32_t lowest = UINT32_MAX;  // numbers of new files
    std::uint32_t highest = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::optional<Tail> tail;  // the last of them
  };
  // What is to be uploaded.
  struct Pending {
    std::vector<PendingWrite> writes;
    std::vector<LoggedBatch> batches;
    std::shared_ptr<const WriteLog> log;
    std::uint64_t through = 0;

    std::uint64_t writes_through(std::uint64_t sequence) const;
  };
  struct NewFile {
    FileId file;
    s3::Etag etag;
  };
  // Which numbers new files may have: from `next` to below `end`.
  struct Numbers {
    std::uint64_t next = 1;
    std::uint64_t end = UINT64_MAX;
  };
  // The files that an index refers to, as a LIST has them, and what else it has.
  struct CheckedFiles {
    std::vector<RemoteFile> files;
    bool has_garbage_above = false;  // above the lowest of them
    std::uint32_t highest = 0;       // number of all files of writer 0
  };
  // Entries on their way into new files, which are put as they are full.
  class FileBuilder;

  Database(const BucketDbOptions& options, const BucketSeams& seams, std::unique_ptr<Bucket> bucket)
      : options_(options), seams_(seams), bucket_(std::move(bucket)), cache_(options.cache_bytes) {}

  // --- Opening
  Status make_directory();
  Status open_directory(const S3Options& at);
  Result<std::unique_ptr<FileLock>> lock_directory(const S3Options& at) const;
  Status open_index();
  Status open_copies();
  Status open_journal(const S3Options& at) TALEA_EXCLUDES(mutex_);
  Status take_batches(const JournalContent& content) TALEA_REQUIRES(upload_mutex_, mutex_);
  Status check_usable() const TALEA_EXCLUDES(mutex_);
  Status check_writable() const;
  Status check_batch(const BucketBatch& batch, BucketFormat format) const;

  // --- Reading
  struct Found {
    bool is_there = false;
    std::shared_ptr<const WriteLog> log;  // of a pending one
    Place place;                          // in the log, or in the bucket
    BucketFormat format = BucketFormat::v1;
    std::uint64_t version = 0;
  };
  struct Wanted {
    BytesView key;
    Place place;
  };
  Found look_up(BytesView key) const TALEA_EXCLUDES(mutex_);
  Result<std::shared_ptr<Snapshot>> take_snapshot() const TALEA_EXCLUDES(mutex_);
  Result<Bytes> read_pending(const WriteLog& log, const Place& place, BytesView key,
                             BucketFormat format);
  // Nothing when neither cache nor directory has it.
  std::optional<Bytes> read_near(const Wanted& wanted, BucketFormat format);
  Result<Bytes> read_place(const Wanted& wanted, BucketFormat format);
  Result<std::vector<std::optional<Bytes>>> read_many(std::span<const Wanted> wanted,
                                                      BucketFormat format);
  Result<bool> reread_index(std::uint64_t version) TALEA_EXCLUDES(mutex_);
  void count(std::uint64_t BucketReadCounts::*counter, std::uint64_t by = 1) const
      TALEA_EXCLUDES(mutex_);

  // --- Committing
  CommittedIndex base() const TALEA_EXCLUDES(mutex_);
  // Of an index that was read: whether it is of this database still.
  Status check_fresh(const CommittedIndex& fresh) TALEA_EXCLUDES(mutex_);
  void install(CommittedIndex fresh) TALEA_EXCLUDES(mutex_);
  Result<CommittedIndex> reread_for_commit() TALEA_REQUIRES(upload_mutex_);
  Pending take_pending() const TALEA_EXCLUDES(mutex_);
  Result<NewFile> put_new_file(Bytes& content, BucketFormat format, Numbers& numbers)
      TALEA_REQUIRES(upload_mutex_);
  Result<bool> grow(const Pending& pending, const Bytes& entries, const IndexImage& base,
                    Placement& placement) TALEA_REQUIRES(upload_mutex_);
  Result<Placement> place(const Pending& pending, const IndexImage& base)
      TALEA_REQUIRES(upload_mutex_);
  static bool is_valid(const Placement& placement, const IndexImage& base);
  void keep_copy(FileId file, BytesView content, const s3::Etag& etag);
  Status load_tail(const IndexImage& base) TALEA_REQUIRES(upload_mutex_);
  Result<BucketUpload> upload_pending() TALEA_REQUIRES(upload_mutex_);
  Result<BucketUpload> publish_rebuilt() TALEA_REQUIRES(upload_mutex_);
  Result<CommittedIndex> begin_database(BucketUpload& done) TALEA_REQUIRES(upload_mutex_);
  Status note_upload(const UploadNote& note) TALEA_REQUIRES(upload_mutex_);
  static bool was_committed(const CommittedIndex& index, const UploadNote& note);
  // Up to which of the pending batches an index has them, by what was noted of their uploads.
  std::uint64_t committed_through(const CommittedIndex& index, const Pending& pending) const
      TALEA_REQUIRES(upload_mutex_);
  Status committed(CommittedIndex fresh, std::uint64_t through) TALEA_REQUIRES(upload_mutex_);
  std::uint64_t new_commit_id();
  // Puts an index over `from`; nothing when somebody else was first. `note`: of what is in it, and
  // its id.
  Result<std::optional<CommittedIndex>> commit_index(Bytes bytes, const CommittedIndex& from,
                                                     const UploadNote& note)
      TALEA_REQUIRES(upload_mutex_);

  // --- Compaction and collection
  Result<std::optional<BucketCompaction>> try_compact() TALEA_REQUIRES(upload_mutex_);
  Result<Bytes> whole_file(const RemoteFile& remote);
  Result<CheckedFiles> checked_files(const IndexImage& image);
  Result<std::optional<CommittedIndex>> reserve(const CommittedIndex& from, const Numbers& numbers)
      TALEA_REQUIRES(upload_mutex_);
  Result<bool> is_replaced(const CommittedIndex& index);
  Result<BucketCollection> collect(std::chrono::milliseconds grace) TALEA_REQUIRES(upload_mutex_);
  struct Garbage;
  Result<Garbage> find_garbage() TALEA_REQUIRES(upload_mutex_);
  Result<std::vector<FileId>> old_enough(Garbage& garbage, std::chrono::milliseconds grace)
      TALEA_REQUIRES(upload_mutex_);
  Result<bool> raise_next(const Garbage& garbage, const std::vector<FileId>& files)
      TALEA_REQUIRES(upload_mutex_);

  // --- Recovery
  Status fetch(const std::vector<RemoteFile>& files, Mirror::Overwrite overwrite,
               BucketDownload& fetched);
  bool has_copy(const RemoteFile& remote) const;
  void compare_copies();
  Result<std::uint64_t> upload_copies() TALEA_REQUIRES(upload_mutex_);
  Result<bool> upload_copy(FileId file, const RemoteFile* there) TALEA_REQUIRES(upload_mutex_);
  Result<std::vector<FileId>> files_of(BucketSource source, const std::vector<RemoteFile>& remote);
  Status check_complete(const std::vector<RemoteFile>& remote) const;
  Result<std::optional<Bytes>> content_of(BucketSource source, FileId file);
  Status install_rebuilt(CommittedIndex rebuilt) TALEA_REQUIRES(upload_mutex_);

  const BucketDbOptions options_;
  const BucketSeams seams_;
  const std::unique_ptr<Bucket> bucket_;
  EntryCache cache_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Mirror> mirror_;  // none without a directory

  Mutex upload_mutex_;
  std::optional<Tail> tail_ TALEA_GUARDED_BY(upload_mutex_);
  bool tail_was_looked_for_ TALEA_GUARDED_BY(upload_mutex_) = false;
  std::uint32_t number_floor_ TALEA_GUARDED_BY(upload_mutex_) = 1;  // of new files
  // Of uploads of what is pending, which may have been committed.
  std::vector<UploadNote> notes_ TALEA_GUARDED_BY(upload_mutex_);

  Mutex write_mutex_;

  mutable Mutex mutex_;
  CommittedIndex base_ TALEA_GUARDED_BY(mutex_);
  std::uint64_t base_version_ TALEA_GUARDED_BY(mutex_) = 0;  // grows with each
  PendingWrites pending_ TALEA_GUARDED_BY(mutex_);
  std::shared_ptr<WriteLog> log_ TALEA_GUARDED_BY(mutex_);
  bool needs_recovery_ TALEA_GUARDED_BY(mutex_) = false;
  bool is_rebuilt_ TALEA_GUARDED_BY(mutex_) = false;
  mutable BucketReadCounts reads_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea::bucketdb
