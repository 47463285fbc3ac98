// Uploading: the commit of pending writes.
//
//     make the database      if there is none: an index without keys
//     place the entries       new files, or the newest one grown
//     note it in the journal  so that a process after this one knows what to look for
//     put the index           if it is still the one that ours was made from
//       somebody was first    read theirs, apply our writes to it, and again
//       the answer was lost   read the index: does it refer to what we put?
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

Database::Pending Database::take_pending() const {
  // Copies keys under the mutex: nobody may add while they are read.
  MutexLock lock(mutex_);
  Pending pending{pending_.copy(), pending_.batches(), log_, 0};
  if (!pending.batches.empty()) pending.through = pending.batches.back().sequence;
  return pending;
}

Result<CommittedIndex> Database::reread_for_commit() {
  auto fresh = TALEA_TRY(bucket_->read_index());
  if (!fresh.has_value()) {
    return Status::corruption("the index is gone from the bucket: somebody removed it");
  }
  if (fresh->image->format() != base().image->format()) {
    return Status::unsupported(
        "somebody else made the database anew, in another version of the format");
  }
  return std::move(*fresh);
}

Result<std::optional<CommittedIndex>> Database::commit_index(Bytes bytes, const s3::Etag& expected,
                                                             std::span<const UploadPiece> pieces) {
  auto etag = bucket_->put_index(bytes, expected);
  if (etag.ok()) {
    auto image = IndexImage::parse(std::move(bytes));
    TALEA_ASSERT(image.ok());
    return std::optional(CommittedIndex{std::move(*image), std::move(*etag)});
  }
  if (etag.status().code() == Code::conflict) return std::optional<CommittedIndex>();
  if (etag.status().code() != Code::timed_out) return std::move(etag).status();
  // Nobody else refers to these pieces: we made the names, or grew the file.
  auto now = bucket_->read_index();
  if (!now.ok()) {
    return Status::timed_out("whether the commit was done is unknown (" +
                             etag.status().to_string() + "); the next upload finds out");
  }
  if (!now->has_value()) return std::optional<CommittedIndex>();
  const bool is_ours = (*now)->image->bytes() == bytes || refers_to(*(*now)->image, pieces);
  if (!is_ours) return std::optional<CommittedIndex>();
  return std::optional(std::move(**now));
}

// Takes a committed index over, and forgets what was pending and is in it.
Status Database::committed(CommittedIndex fresh, const Pending& pending) {
  MutexLock writing(write_mutex_);
  std::vector<LoggedBatch> kept;
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
    for (const LoggedBatch& batch : pending_.batches()) {
      if (batch.sequence > pending.through) kept.push_back(batch);
    }
  }
  // When that fails the old journal stays: it says where the entries went, and who opens it finds
  // them in the index.
  auto anew = log->begin_anew(kept);
  MutexLock lock(mutex_);
  pending_.drop(pending.through, anew.ok() ? std::span<const LoggedBatch>(anew->batches)
                                           : std::span<const LoggedBatch>());
  if (anew.ok()) log_ = std::move(anew->log);
  base_ = std::move(fresh);
  ++base_version_;
  return {};
}

Result<BucketUpload> Database::upload_pending(const Pending& pending) {
  BucketUpload done;
  if (pending.writes.empty()) return done;
  TALEA_TRY(bucket_->check_conditions());
  CommittedIndex from = base();
  std::shared_ptr<WriteLog> log;
  {
    MutexLock lock(mutex_);
    log = log_;
  }
  if (from.etag.empty()) {
    // An index without keys goes first: data files without one would look like a loss.
    auto made = TALEA_TRY(commit_index(from.image->bytes(), {}, {}));
    if (!made.has_value()) ++done.conflicts;
    from = made.has_value() ? std::move(*made) : TALEA_TRY(reread_for_commit());
    install(from);
  }
  std::optional<Placement> placement;
  for (std::uint32_t attempt = 0; attempt < kBucketCommitsMax; ++attempt) {
    if (!placement.has_value() || !is_valid(*placement, *from.image)) {
      placement = TALEA_TRY(place(pending, *from.image));
      done.files += placement->files;
      done.bytes += placement->bytes;
      MutexLock writing(write_mutex_);
      TALEA_TRY(log->note_upload({pending.through, placement->pieces}));
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
    auto commit = TALEA_TRY(commit_index(std::move(bytes), from.etag, placement->pieces));
    if (commit.has_value()) {
      done.writes = pending.writes.size();
      tail_.reset();
      if (placement->tail.has_value() &&
          placement->tail->content.size() <= options_.grown_file_bytes_max) {
        tail_ = std::move(placement->tail);
      }
      TALEA_TRY(committed(std::move(*commit), pending));
      return done;
    }
    ++done.conflicts;
    from = TALEA_TRY(reread_for_commit());
  }
  return Status::conflict("others committed " + std::to_string(kBucketCommitsMax) +
                          " times while this upload was tried; its writes are still pending");
}

Result<BucketUpload> Database::upload(bool force) {
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
  BucketUpload done = TALEA_TRY(upload_pending(take_pending()));
  done.files += forced.files;
  done.bytes += forced.bytes;
  return done;
}

}  // namespace talea::bucketdb
