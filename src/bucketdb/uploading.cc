// Uploading: the commit of pending writes.
//
//     make the database      if there is none: an index without keys
//     place the entries       new files, or the newest one grown
//     note it in the journal  so that a process after this one knows what to look for
//     put the index           if it is still the one that ours was made from
//       somebody was first    read theirs, apply our writes to it, and again
//       the answer was lost   read the index: has it our commit, or refers to what we put?
//     begin the journal anew  without what was committed
#include <algorithm>

#include "base/assert.h"
#include "bucketdb/database.h"

namespace talea::bucketdb {
namespace {

bool refers_to(const IndexImage& image, std::span<const UploadPiece> pieces) {
  IndexRow row;
  for (auto at = image.begin(); image.read(at, row);) {
    for (const UploadPiece& piece : pieces) {
      if (row.place.file == piece.file && row.place.offset >= piece.first &&
          row.place.end() <= piece.end) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

bool Database::was_committed(const CommittedIndex& index, const UploadNote& note) {
  return (note.commit != 0 && index.commits.has(note.commit)) ||
         refers_to(*index.image, note.pieces);
}

std::uint64_t Database::committed_through(const CommittedIndex& index,
                                          const Pending& pending) const {
  std::uint64_t through = 0;
  for (const UploadNote& note : notes_) {
    const bool is_pending = note.through >= pending.batches.front().sequence;
    if (is_pending && was_committed(index, note)) through = std::max(through, note.through);
  }
  return through;
}

std::uint64_t Database::new_commit_id() {
  return std::max<std::uint64_t>(seams_.random.next_u64(), 1);
}

Database::Pending Database::take_pending() const {
  // Copies keys under the mutex: nobody may add while they are read.
  MutexLock lock(mutex_);
  Pending pending{pending_.copy(), pending_.batches(), log_, 0};
  if (!pending.batches.empty()) pending.through = pending.batches.back().sequence;
  return pending;
}

std::uint64_t Database::Pending::writes_through(std::uint64_t sequence) const {
  return static_cast<std::uint64_t>(
      std::count_if(writes.begin(), writes.end(),
                    [&](const PendingWrite& write) { return write.batch <= sequence; }));
}

Result<CommittedIndex> Database::reread_for_commit() {
  auto fresh = TALEA_TRY(bucket_->read_index());
  if (!fresh.has_value()) {
    return Status::corruption("the index is gone from the bucket: somebody removed it");
  }
  TALEA_TRY(check_fresh(*fresh));
  return std::move(*fresh);
}

Result<std::optional<CommittedIndex>> Database::commit_index(Bytes bytes,
                                                             const CommittedIndex& from,
                                                             const UploadNote& note) {
  TALEA_TRY(check_index_bytes(bytes.size()));
  // One writer needs its last commit only; and there are stores without room for more.
  const CommitList commits = from.commits.with(
      note.commit, options_.writers == BucketWriters::one ? 1 : kBucketCommitsKept);
  auto etag = bucket_->put_index(bytes, from.etag, commits);
  if (etag.ok()) {
    auto image = IndexImage::parse(std::move(bytes));
    TALEA_ASSERT(image.ok());
    return std::optional(CommittedIndex{std::move(*image), std::move(*etag), commits});
  }
  if (etag.status().code() == Code::conflict) return std::optional<CommittedIndex>();
  if (etag.status().code() != Code::timed_out) return std::move(etag).status();
  auto now = bucket_->read_index();
  if (!now.ok()) {
    return Status::timed_out("whether the commit was done is unknown (" +
                             etag.status().to_string() + "); the next upload finds out");
  }
  const bool is_ours =
      now->has_value() && ((*now)->image->bytes() == bytes || was_committed(**now, note));
  if (is_ours) return std::optional(std::move(**now));
  // Nobody was first: there is nothing to apply ours to, and the next try would take as long.
  const bool is_unchanged = now->has_value() ? (*now)->etag == from.etag : from.etag.empty();
  if (is_unchanged) return std::move(etag).status();
  return std::optional<CommittedIndex>();
}

Status Database::note_upload(const UploadNote& note) {
  MutexLock writing(write_mutex_);
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
  }
  TALEA_TRY(log->note_upload(note));
  notes_.push_back(note);
  return {};
}

// Takes a committed index over, and forgets what was pending up to `through` and is in it.
//
// When no new journal can be made the old one stays, and the failure is returned. It says which
// commit its batches went with: who opens it finds that in the index, unless a hundred others came
// on top.
Status Database::committed(CommittedIndex fresh, std::uint64_t through) {
  MutexLock writing(write_mutex_);
  std::vector<LoggedBatch> kept;
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
    for (const LoggedBatch& batch : pending_.batches()) {
      if (batch.sequence > through) kept.push_back(batch);
    }
  }
  auto anew = log->begin_anew(kept, fresh.image->format());
  MutexLock lock(mutex_);
  pending_.drop(through, anew.ok() ? std::span<const LoggedBatch>(anew->batches)
                                   : std::span<const LoggedBatch>());
  base_ = std::move(fresh);
  ++base_version_;
  if (!anew.ok()) return std::move(anew).status();
  log_ = std::move(anew->log);
  notes_.clear();
  return {};
}

// An index without keys goes first: data files without one would look like a loss.
Result<CommittedIndex> Database::begin_database(BucketUpload& done) {
  CommittedIndex from = base();
  if (!from.etag.empty()) return from;
  auto made = TALEA_TRY(commit_index(from.image->bytes(), from, {.commit = new_commit_id()}));
  if (!made.has_value()) ++done.conflicts;
  from = made.has_value() ? std::move(*made) : TALEA_TRY(reread_for_commit());
  install(from);
  return from;
}

Result<BucketUpload> Database::upload_pending() {
  BucketUpload done;
  Pending pending = take_pending();
  if (pending.writes.empty()) return done;
  TALEA_TRY(bucket_->check_conditions());
  CommittedIndex from = TALEA_TRY(begin_database(done));
  UploadNote note{.through = pending.through, .commit = new_commit_id()};
  std::optional<Placement> placement;
  for (std::uint32_t attempt = 0; attempt < kBucketCommitsMax; ++attempt) {
    if (!placement.has_value() || !is_valid(*placement, *from.image)) {
      placement = TALEA_TRY(place(pending, *from.image));
      done.files += placement->files;
      done.bytes += placement->bytes;
      note.pieces = placement->pieces;
      TALEA_TRY(note_upload(note));
    }
    const std::vector<MergedKey> keys = merge(*from.image, pending.writes);
    IndexWriter index(from.image->format(), keys.size());
    for (const MergedKey& key : keys) {
      index.add(
          key.key,
          key.write == nullptr
              ? key.place
              : placement->places[static_cast<std::size_t>(key.write - pending.writes.data())]);
    }
    Bytes bytes = index.finish(std::max(from.image->next(), placement->highest + 1));
    done.bytes += bytes.size();
    auto commit = TALEA_TRY(commit_index(std::move(bytes), from, note));
    if (commit.has_value()) {
      done.writes += pending.writes.size();
      tail_.reset();
      if (placement->tail.has_value() &&
          placement->tail->content.size() <= options_.grown_file_bytes_max) {
        tail_ = std::move(placement->tail);
      }
      (void)committed(std::move(*commit), pending.through).ok();
      return done;
    }
    ++done.conflicts;
    from = TALEA_TRY(reread_for_commit());
    const std::uint64_t through = committed_through(from, pending);
    if (through == 0) continue;
    // This upload was done after all, or one before it, and others committed on top of it: what
    // they wrote stays.
    done.writes += pending.writes_through(through);
    tail_.reset();
    (void)committed(from, through).ok();
    pending = take_pending();
    if (pending.writes.empty()) return done;
    placement.reset();
    note = {.through = pending.through, .commit = new_commit_id()};
  }
  return Status::conflict("others committed " + std::to_string(kBucketCommitsMax) +
                          " times while this upload was tried; its writes are still pending");
}

Result<BucketUpload> Database::upload(bool force) {
  TALEA_TRY(check_writable());
  MutexLock uploading(upload_mutex_);
  bool is_special = false;
  {
    MutexLock lock(mutex_);
    is_special = is_rebuilt_ || needs_recovery_;
  }
  if (is_special && !force) {
    TALEA_TRY(check_usable());
    return Status::conflict("the index was rebuilt: publish it with upload({.force = true})");
  }
  BucketUpload forced;
  if (force) forced = TALEA_TRY(publish_rebuilt());
  BucketUpload done = TALEA_TRY(upload_pending());
  done.files += forced.files;
  done.bytes += forced.bytes;
  return done;
}

}  // namespace talea::bucketdb
