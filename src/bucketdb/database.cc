#include "bucketdb/database.h"

#include <algorithm>

#include "codec/utf8.h"
#include "s3/object_key.h"

namespace talea::bucketdb {
namespace {

Status check_options(const BucketDbOptions& options) {
  if (options.file_bytes_max < kBucketFileBytesMin ||
      options.file_bytes_max > kBucketFileBytesMax) {
    return Status::invalid_argument("BucketDbOptions::file_bytes_max is " +
                                    std::to_string(kBucketFileBytesMin) + " to " +
                                    std::to_string(kBucketFileBytesMax) + "; this is " +
                                    std::to_string(options.file_bytes_max));
  }
  if (options.threads < 1 || options.threads > kBucketThreadsMax) {
    return Status::invalid_argument("BucketDbOptions::threads is 1 to " +
                                    std::to_string(kBucketThreadsMax) + "; this is " +
                                    std::to_string(options.threads));
  }
  return {};
}

// What is accepted has to have a place to go: the names of objects fit behind the prefix.
Status check_prefix(const std::string& prefix) {
  auto name = s3::whole_key(prefix, file_name({file_number_max(BucketFormat::v1)}));
  if (name.ok()) return {};
  return std::move(name).status().with_context("the prefix of a database");
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const S3Options& at,
                                                 const BucketDbOptions& options,
                                                 const BucketSeams& seams) {
  TALEA_TRY(check_options(options));
  TALEA_TRY(check_prefix(at.prefix));
  auto bucket =
      std::make_unique<Bucket>(TALEA_TRY(s3::Client::create(at, seams.s3)), options.writers);
  std::unique_ptr<Database> database(new Database(options, seams, std::move(bucket)));
  // One that is there is locked before anything is read. It is made when there is a use for it.
  const bool is_there =
      !options.directory.empty() && TALEA_TRY(seams.files.exists(options.directory));
  if (is_there) TALEA_TRY(database->open_directory(at));
  TALEA_TRY(database->open_index());
  if (!is_there && !options.directory.empty() && !options.read_only) {
    TALEA_TRY(database->make_directory());
    TALEA_TRY(database->open_directory(at));
  }
  TALEA_TRY(database->open_copies());
  TALEA_TRY(database->open_journal(at));
  return database;
}

Status Database::make_directory() {
  const std::string& directory = options_.directory;
  if (TALEA_TRY(seams_.files.exists(directory))) {
    // What it committed meanwhile is not in the index that was read.
    return Status::unavailable("another process has just made the directory " + directory);
  }
  TALEA_TRY(seams_.files.create_directory(directory).with_context(
      "make the directory " + directory + " (its parent must exist)"));
  return seams_.files.sync_directory(parent_path(directory));
}

// Who only reads shares the directory. One that nobody ever locked has nothing to be changed.
Result<std::unique_ptr<FileLock>> Database::lock_directory(const S3Options& at) const {
  const LockKind kind = options_.read_only ? LockKind::shared : LockKind::exclusive;
  auto lock = seams_.files.lock(join_path(options_.directory, kLockName), kind,
                                "talea lock 1: bucket database " + at.bucket + "/" + at.prefix);
  if (options_.read_only && lock.status().code() == Code::not_found) {
    return std::unique_ptr<FileLock>();
  }
  return lock;
}

Status Database::open_directory(const S3Options& at) {
  const std::string& directory = options_.directory;
  lock_ = TALEA_TRY(lock_directory(at));
  mirror_ = TALEA_TRY(Mirror::open(seams_.files, directory, database_id(at.bucket, at.prefix)));
  return {};
}

Status Database::open_index() {
  auto read = bucket_->read_index();
  MutexLock lock(mutex_);
  if (read.ok() && read->has_value()) {
    base_ = std::move(**read);
    return {};
  }
  base_.image = IndexImage::empty(options_.format);
  if (!read.ok()) {
    const Code code = read.status().code();
    if (!options_.recover || code != Code::corruption) {
      return std::move(read).status().with_context("open");
    }
    needs_recovery_ = true;
    return {};
  }
  lock.unlock();
  const auto files = TALEA_TRY(bucket_->list_files());
  lock.lock();
  needs_recovery_ = !files.empty();
  if (needs_recovery_ || options_.create_if_missing) return {};
  return Status::not_found("there is no database in bucket " + bucket_->client().options().bucket +
                           " under the prefix '" + bucket_->client().options().prefix + "'");
}

// Are the copies of this database still? A commit that its index had then is in it now.
Status Database::open_copies() {
  if (mirror_ == nullptr || mirror_->list().empty()) return {};
  const CommittedIndex index = base();
  if (index.commits.has(mirror_->commit())) {
    mirror_->note_commit(index.commits.newest());
    return {};
  }
  mirror_->doubt();
  if (!index.etag.empty()) compare_copies();
  // Else the next open compares again.
  return mirror_->has_doubts() || options_.read_only ? Status() : mirror_->save();
}

Status Database::open_journal(const S3Options& at) {
  MutexLock uploading(upload_mutex_);
  MutexLock lock(mutex_);
  if (mirror_ == nullptr) {
    log_ = std::make_shared<MemoryLog>();
    return {};
  }
  const BucketFormat format = base_.image->format();
  const auto opened = Journal::open({.files = seams_.files,
                                     .random = seams_.random,
                                     .directory = options_.directory,
                                     .database = database_id(at.bucket, at.prefix),
                                     .sync = options_.sync == BucketSync::always,
                                     .read_only = options_.read_only},
                                    format);
  if (opened.status().code() == Code::corruption) {
    return Status::corruption(
        join_path(options_.directory, kJournalName) + ": " +
        std::string(opened.status().message()) +
        ". Move this file away to go on: what was written here and is not uploaded is in it alone");
  }
  if (!opened.ok()) return Status(opened.status()).with_context("open the journal");
  log_ = opened->journal;
  if (opened->content.batches.empty()) return {};
  if (opened->content.format != format) {
    if (!base_.etag.empty() && format == BucketFormat::v1) {
      return Status::unsupported(
          "the journal has writes of another version of the format than the bucket: somebody else "
          "made the database anew");
    }
    if (base_.etag.empty()) base_.image = IndexImage::empty(opened->content.format);
  }
  return take_batches(opened->content);
}

Status Database::take_batches(const JournalContent& content) {
  std::uint64_t through = 0;
  for (const UploadNote& note : content.notes) {
    if (was_committed(base_, note)) through = std::max(through, note.through);
  }
  std::vector<LoggedBatch> kept = content.batches;
  std::erase_if(kept, [&](const LoggedBatch& batch) { return batch.sequence <= through; });
  const BucketFormat format = base_.image->format();
  if (!options_.read_only && (through > 0 || content.format != format)) {
    // Now: when others have overwritten it, and committed on top, nobody can tell any more. And
    // entries of version 1 are some of version 2, but not the other way round.
    auto anew = log_->begin_anew(kept, format);
    if (!anew.ok()) return std::move(anew).status().with_context("begin the journal anew");
    log_ = std::move(anew->log);
    kept = std::move(anew->batches);
  } else {
    notes_ = content.notes;
  }
  for (const LoggedBatch& batch : kept) {
    const Bytes entries = TALEA_TRY(log_->read(batch.offset, batch.bytes));
    auto writes = writes_in(format, batch, entries);
    if (!writes.ok()) return std::move(writes).status().with_context(kJournalName);
    pending_.add(batch, std::move(*writes));
  }
  return {};
}

Status Database::check_usable() const {
  MutexLock lock(mutex_);
  if (!needs_recovery_) return {};
  return Status::unavailable(
      "there are data files and no index that can be read. Only download(), rebuild_index() and "
      "upload({.force = true}) work");
}

Status Database::check_writable() const {
  if (!options_.read_only) return {};
  return Status::invalid_argument("the database was opened read_only");
}

Status Database::check_batch(const BucketBatch& batch, BucketFormat format) const {
  std::uint64_t bytes = 0;
  for (const BucketBatch::Operation& operation : batch.operations()) {
    using Kind = BucketBatch::Operation::Kind;
    if (operation.key.size() > kBucketKeyBytesMax) {
      return Status::invalid_argument("a key has at most " + std::to_string(kBucketKeyBytesMax) +
                                      " bytes; this one has " +
                                      std::to_string(operation.key.size()));
    }
    if (!is_utf8(operation.key)) {
      return Status::invalid_argument("a key is UTF-8; this one is not");
    }
    if (operation.value.size() > kBucketValueBytesMax) {
      return Status::invalid_argument(
          "a value has at most " + std::to_string(kBucketValueBytesMax) + " bytes; this one has " +
          std::to_string(operation.value.size()));
    }
    if (operation.kind == Kind::put_bytes && format == BucketFormat::v1) {
      return Status::unsupported(
          "a database of version 1 has text only. Make one of version 2 for bytes");
    }
    if (operation.kind == Kind::put_text && !is_utf8(operation.value)) {
      return Status::invalid_argument(
          "the value is no UTF-8; in a database of version 2 put_bytes() takes it");
    }
    // As it may be stored: a block that does not get shorter grows by a sixth at most.
    bytes += kEntryOverheadBytes + operation.key.size() + 32 + operation.value.size() +
             operation.value.size() / 6;
  }
  if (bytes <= kBucketBatchBytesMax) return {};
  return Status::exhausted("a batch has at most " + std::to_string(kBucketBatchBytesMax) +
                           " bytes; this one might have " + std::to_string(bytes));
}

Status Database::commit(const BucketBatch& batch) {
  TALEA_TRY(check_writable());
  TALEA_TRY(check_usable());
  MutexLock writing(write_mutex_);
  const BucketFormat format = base().image->format();
  TALEA_TRY(check_batch(batch, format));
  Bytes entries;
  std::vector<PendingWrite> writes;
  writes.reserve(batch.size());
  std::unordered_map<BytesView, bool> in_batch;  // what it makes of a key so far
  for (const BucketBatch::Operation& operation : batch.operations()) {
    const bool is_remove = operation.kind == BucketBatch::Operation::Kind::remove;
    const auto before = in_batch.find(operation.key);
    const bool is_there = before != in_batch.end() ? before->second : contains(operation.key);
    if (is_remove && !is_there) continue;
    const std::uint64_t offset = entries.size();
    if (is_remove) {
      append_tombstone(entries, operation.key);
    } else {
      append_value(entries, format, operation.key, operation.value,
                   operation.kind == BucketBatch::Operation::Kind::put_text);
    }
    in_batch[operation.key] = !is_remove;
    writes.push_back(
        {operation.key, is_remove, offset, static_cast<std::uint32_t>(entries.size() - offset), 0});
  }
  if (writes.empty()) return {};
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
  }
  const LoggedBatch logged = TALEA_TRY(log->append(entries));
  for (PendingWrite& write : writes) {
    write.offset += logged.offset;
    write.batch = logged.sequence;
  }
  MutexLock lock(mutex_);
  pending_.add(logged, std::move(writes));
  return {};
}

Status Database::flush() {
  if (mirror_ == nullptr || options_.read_only) return {};
  TALEA_TRY(check_usable());
  // Over the index, too: two that replace a file at once would mix it up.
  MutexLock writing(write_mutex_);
  CommittedIndex index;
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
    index = base_;
  }
  TALEA_TRY(log->sync());
  return replace_file(seams_.files, options_.directory, std::string(kIndexName),
                      index.image->bytes());
}

BucketStatus Database::status() const {
  const std::uint64_t keys = size();
  MutexLock lock(mutex_);
  BucketStatus status;
  status.format = base_.image->format();
  status.needs_recovery = needs_recovery_;
  status.rebuilt = is_rebuilt_;
  status.keys = keys;
  status.pending_writes = pending_.size();
  status.pending_bytes = pending_.bytes();
  status.pending_is_durable = mirror_ != nullptr;
  status.files = base_.image->files().size();
  status.reads = reads_;
  return status;
}

CommittedIndex Database::base() const {
  MutexLock lock(mutex_);
  return base_;
}

Status Database::check_fresh(const CommittedIndex& fresh) {
  const CommittedIndex known = base();
  // What is written is encoded for the version of the index.
  if (fresh.image->format() != known.image->format()) {
    return Status::unsupported(
        "somebody else made the database anew, in another version of the format: open it again");
  }
  const std::uint64_t newest = known.commits.newest();
  if (newest != 0 ? fresh.commits.has(newest) : fresh.etag == known.etag) return {};
  // Perhaps the prefix was emptied and filled anew: then names and places mean something else.
  cache_.clear();
  if (mirror_ != nullptr) mirror_->doubt();
  return {};
}

void Database::install(CommittedIndex fresh) {
  MutexLock lock(mutex_);
  base_ = std::move(fresh);
  ++base_version_;
}

Status Database::discard_pending() {
  MutexLock uploading(upload_mutex_);
  const Pending pending = take_pending();
  return pending.batches.empty() ? Status() : committed(base(), pending.through);
}

Status Database::refresh() {
  TALEA_TRY(check_usable());
  MutexLock uploading(upload_mutex_);
  {
    MutexLock lock(mutex_);
    if (is_rebuilt_) {
      return Status::conflict("the index was rebuilt: publish it with upload({.force = true})");
    }
  }
  auto fresh = TALEA_TRY(bucket_->read_index());
  if (fresh.has_value()) {
    TALEA_TRY(check_fresh(*fresh));
    install(std::move(*fresh));
    if (mirror_ != nullptr && mirror_->has_doubts()) compare_copies();
    return {};
  }
  if (base().etag.empty()) return {};
  return Status::corruption("the index is gone from the bucket");
}

}  // namespace talea::bucketdb
