// Download, the rebuilding of an index, and its publication.
#include <algorithm>

#include "bucketdb/database.h"
#include "bucketdb/parallel.h"

namespace talea::bucketdb {
namespace {

struct RebuiltKey {
  Place place;
  std::uint64_t order = 0;
};

// Every entry of the files, in the order of the writes.
class Rebuilder {
 public:
  Status take(FileId file, BytesView content, BucketRebuild& report) {
    std::vector<Damage> damage;
    const auto visit = [&](const Entry& entry, std::uint64_t offset) {
      ++report.entries;
      if (entry.is_tombstone()) {
        keys_.erase(Bytes(entry.key));
        return Status();
      }
      const auto [found, is_new] = keys_.try_emplace(Bytes(entry.key));
      if (is_new) found->second.order = ++order_;
      found->second.place = {file, offset, static_cast<std::uint32_t>(entry.bytes)};
      return Status();
    };
    Status scanned = scan_file(content, visit, damage);
    if (scanned.code() == Code::corruption) {
      damage.assign(1, {0, content.size()});  // without a header nothing in it is believed
      scanned = Status();
    }
    for (const Damage& one : damage) {
      report.damage.push_back({file_name(file), one.offset, one.bytes});
    }
    ++report.files;
    return scanned;
  }

  Bytes finish(BucketFormat format, std::uint32_t next) const {
    std::vector<const std::pair<const Bytes, RebuiltKey>*> in_order;
    in_order.reserve(keys_.size());
    for (const auto& key : keys_) in_order.push_back(&key);
    std::sort(in_order.begin(), in_order.end(),
              [](const auto* a, const auto* b) { return a->second.order < b->second.order; });
    IndexWriter index(format, in_order.size());
    for (const auto* key : in_order) index.add(key->first, key->second.place);
    return index.finish(next);
  }
  std::uint64_t size() const { return keys_.size(); }

 private:
  std::unordered_map<Bytes, RebuiltKey> keys_;
  std::uint64_t order_ = 0;
};

}  // namespace

// Whether the directory has just what the bucket has.
bool Database::has_copy(const RemoteFile& remote) const {
  const auto known = mirror_->find(remote.file);
  return known.has_value() && known->bytes == remote.bytes && known->etag == remote.etag;
}

// Copies that were in doubt and are what the bucket has are read again. Without a list of the
// bucket the others stay in doubt: what is in them is read from the bucket.
void Database::compare_copies() {
  const auto files = bucket_->list_files();
  if (!files.ok()) return;
  for (const RemoteFile& file : *files) {
    if (has_copy(file)) mirror_->trust(file.file);
  }
  mirror_->note_commit(base().commits.newest());
}

// Brings copies of these files into the directory, several at once.
Status Database::fetch(const std::vector<RemoteFile>& files, Mirror::Overwrite overwrite,
                       BucketDownload& fetched) {
  mirror_->note_commit(base().commits.newest());
  std::vector<RemoteFile> missing;
  for (const RemoteFile& file : files) {
    if (has_copy(file)) {
      mirror_->trust(file.file);
      const auto copy = mirror_->read(file.file, file.bytes - 1, 1);
      if (copy.ok() && copy->has_value()) continue;  // it was not cut or removed
    }
    missing.push_back(file);
  }
  Mutex mutex;  // of the copies: one at a time is written
  const auto fetch_one = [&](std::size_t which) -> Status {
    const FileId file = missing[which].file;
    const auto content = TALEA_TRY(bucket_->read_file(file));
    if (!content.has_value()) return {};  // collected meanwhile
    MutexLock lock(mutex);
    ++fetched.files;
    fetched.bytes += content->bytes.size();
    return mirror_->put(file, content->bytes, content->etag, overwrite);
  };
  return run_parallel(seams_.executor, options_.threads, missing.size(), fetch_one);
}

Result<BucketDownload> Database::download(bool force) {
  TALEA_TRY(check_writable());
  if (mirror_ == nullptr) {
    return Status::invalid_argument("download() needs BucketDbOptions::directory");
  }
  MutexLock uploading(upload_mutex_);
  const Pending pending = take_pending();
  if (!pending.writes.empty() && !force) {
    return Status::conflict(std::to_string(pending.writes.size()) +
                            " writes are not uploaded: upload them, or discard them with force");
  }
  const auto remote = TALEA_TRY(bucket_->list_files());
  if (!force) {
    for (const RemoteFile& file : remote) {
      if (mirror_->find(file.file).has_value()) continue;
      const auto mine = TALEA_TRY(mirror_->read_any(file.file));
      if (!mine.has_value()) continue;
      const auto theirs = TALEA_TRY(bucket_->read_file(file.file));
      if (theirs.has_value() && !BytesView(theirs->bytes).starts_with(*mine)) {
        return Status::conflict(file_name(file.file) +
                                " in the directory holds something else than the bucket's: keep "
                                "it elsewhere, or overwrite it with force");
      }
    }
  }
  bool needs_recovery = false;
  {
    MutexLock lock(mutex_);
    needs_recovery = needs_recovery_;
  }
  auto read = bucket_->read_index();
  if (!read.ok() && (!needs_recovery || read.status().code() != Code::corruption)) {
    return std::move(read).status();
  }
  auto fresh = read.ok() ? std::move(*read) : std::nullopt;
  if (fresh.has_value()) TALEA_TRY(check_fresh(*fresh));
  BucketDownload fetched;
  TALEA_TRY(
      fetch(remote, force ? Mirror::Overwrite::anything : Mirror::Overwrite::copies, fetched));
  if (!fresh.has_value()) {
    if (needs_recovery || base().etag.empty()) {
      if (force) TALEA_TRY(committed(base(), pending.through));
      return fetched;
    }
    return Status::corruption("the index is gone from the bucket");
  }
  if (force) {
    TALEA_TRY(
        committed(std::move(*fresh), pending.through)
            .with_context("discard pending writes (they may be there again at the next open)"));
  } else {
    install(std::move(*fresh));
  }
  mirror_->note_commit(base().commits.newest());
  TALEA_TRY(mirror_->save());
  MutexLock lock(mutex_);
  needs_recovery_ = false;
  is_rebuilt_ = false;
  return fetched;
}

// The data files that there are, in the order in which they were written.
Result<std::vector<FileId>> Database::files_of(BucketSource source,
                                               const std::vector<RemoteFile>& remote) {
  std::vector<FileId> files;
  std::map<FileId, std::uint64_t> put_ms;
  for (const RemoteFile& file : remote) {
    put_ms[file.file] = file.modified_ms;
    if (source == BucketSource::bucket) files.push_back(file.file);
  }
  if (source == BucketSource::directory) files = TALEA_TRY(mirror_->all_files());
  // Writers with files of their own number them by themselves: what orders them is time. What the
  // bucket does not have comes last.
  const bool has_others =
      std::any_of(files.begin(), files.end(), [](const FileId file) { return file.writer() != 0; });
  const auto time_of = [&](FileId file) {
    const auto known = put_ms.find(file);
    return known == put_ms.end() ? UINT64_MAX : known->second;
  };
  if (has_others) {
    std::stable_sort(files.begin(), files.end(),
                     [&](const FileId a, const FileId b) { return time_of(a) < time_of(b); });
  }
  return files;
}

// An index of a part of the files would be of a smaller database.
Status Database::check_complete(const std::vector<RemoteFile>& remote) const {
  for (const RemoteFile& file : remote) {
    if (TALEA_TRY(mirror_->bytes_there(file.file)) >= file.bytes) continue;
    return Status::conflict("the bucket has more of " + file_name(file.file) +
                            " than the directory: download it first");
  }
  return {};
}

Result<std::optional<Bytes>> Database::content_of(BucketSource source, FileId file) {
  if (source == BucketSource::directory) return mirror_->read_any(file);
  auto read = TALEA_TRY(bucket_->read_file(file));
  if (!read.has_value()) return std::optional<Bytes>();
  keep_copy(file, read->bytes, read->etag);
  return std::optional(std::move(read->bytes));
}

// What the index in the bucket is now is kept: it is that one, and no later one, that is replaced.
Status Database::install_rebuilt(CommittedIndex rebuilt) {
  const BucketFormat format = rebuilt.image->format();
  MutexLock writing(write_mutex_);
  std::shared_ptr<WriteLog> log;
  std::vector<LoggedBatch> batches;
  {
    MutexLock lock(mutex_);
    if (format != base_.image->format()) log = log_;
    batches = pending_.batches();
  }
  WriteLog::Anew anew;
  if (log != nullptr) {
    if (!batches.empty() && format == BucketFormat::v1) {
      return Status::unsupported("the pending writes are of another version of the format");
    }
    anew = TALEA_TRY(log->begin_anew(batches, format));
  }
  MutexLock lock(mutex_);
  if (log != nullptr) {
    pending_.drop(0, anew.batches);
    log_ = std::move(anew.log);
  }
  base_ = std::move(rebuilt);
  ++base_version_;
  needs_recovery_ = false;
  is_rebuilt_ = true;
  return {};
}

Result<BucketRebuild> Database::rebuild_index(BucketSource source) {
  TALEA_TRY(check_writable());
  MutexLock uploading(upload_mutex_);
  const bool from_directory = source == BucketSource::directory;
  if (from_directory && mirror_ == nullptr) {
    return Status::invalid_argument("a rebuild from a directory needs one");
  }
  CommittedIndex rebuilt = TALEA_TRY(bucket_->head_index());  // before the files
  const std::vector<RemoteFile> remote = TALEA_TRY(bucket_->list_files());
  const std::vector<FileId> files = TALEA_TRY(files_of(source, remote));
  if (files.empty()) return Status::not_found("there are no data files to rebuild an index from");
  if (from_directory) TALEA_TRY(check_complete(remote));
  // Numbers that were ever seen anywhere are not used again.
  std::uint32_t next = std::max(base().image->next(), number_floor_);
  for (const RemoteFile& file : remote) {
    if (file.file.writer() == 0) next = std::max(next, file.file.number() + 1);
  }
  BucketRebuild report;
  Rebuilder rebuilder;
  BucketFormat format = BucketFormat::v1;
  for (const FileId file : files) {
    if (file.writer() == 0) next = std::max(next, file.number() + 1);
    const auto content = TALEA_TRY(content_of(source, file));
    if (!content.has_value()) continue;
    const auto header = decode_file_header(*content);
    if (header.ok() && header->format == BucketFormat::v2) format = BucketFormat::v2;
    TALEA_TRY(rebuilder.take(file, *content, report).with_context(file_name(file)));
    const auto known = from_directory ? mirror_->find(file) : std::nullopt;
    if (from_directory && (!known.has_value() || known->bytes != content->size())) {
      TALEA_TRY(mirror_->adopt(file, {content->size(), ""}));
    }
    if (from_directory) mirror_->trust(file);
  }
  report.keys = rebuilder.size();
  rebuilt.image = TALEA_TRY(IndexImage::parse(rebuilder.finish(format, next)));
  cache_.clear();
  tail_.reset();
  TALEA_TRY(install_rebuilt(std::move(rebuilt)));
  return report;
}

// Sends a file of the directory, if it has all that the bucket has of it and more.
Result<bool> Database::upload_copy(FileId file, const RemoteFile* there) {
  const std::string name = file_name(file);
  const auto content = TALEA_TRY(mirror_->read_all(file));
  if (!content.has_value()) {
    return Status::corruption(name + " in the directory is not as long as it was");
  }
  if (there == nullptr) {
    auto etag = bucket_->put_new_file(file, *content);
    if (!etag.ok()) return std::move(etag).status().with_context("send " + name);
    TALEA_TRY(mirror_->adopt(file, {content->size(), *etag}));
    return true;
  }
  if (there->bytes > content->size()) {
    return Status::conflict("the bucket has more of " + name +
                            " than the directory: download it first");
  }
  const auto theirs = TALEA_TRY(bucket_->read_file(file));
  if (!theirs.has_value() || !BytesView(*content).starts_with(theirs->bytes)) {
    return Status::conflict("the bucket has something else in " + name +
                            " than the directory: keep the directory's elsewhere, and download");
  }
  const bool is_longer = content->size() > theirs->bytes.size();
  s3::Etag etag = theirs->etag;
  if (is_longer) {
    auto again = bucket_->put_file_again(file, *content, etag);
    if (!again.ok()) return std::move(again).status().with_context("send " + name);
    etag = std::move(*again);
  }
  TALEA_TRY(mirror_->adopt(file, {content->size(), etag}));
  return is_longer;
}

// Sends what the directory has of data files and the bucket has not. What the bucket has just so
// stays as it is: the directory's may have rotted.
Result<std::uint64_t> Database::upload_copies() {
  std::map<FileId, RemoteFile> remote;
  for (RemoteFile& file : TALEA_TRY(bucket_->list_files())) remote[file.file] = std::move(file);
  const CommittedIndex index = base();
  const auto& referred = index.image->files();
  std::uint64_t sent = 0;
  for (const auto& [file, known] : mirror_->list()) {
    const auto there = remote.find(file);
    if (there == remote.end()) {
      // Below all that is referred to, others collected it; without it nothing that they removed
      // comes back. Above, it may have tombstones of what is there.
      const bool is_wanted = file.writer() == 0
                                 ? !referred.empty() && !(file < referred.begin()->first)
                                 : referred.count(file) != 0;
      if (is_wanted && TALEA_TRY(upload_copy(file, nullptr))) ++sent;
    } else if (!has_copy(there->second)) {
      if (TALEA_TRY(upload_copy(file, &there->second))) ++sent;
    }
  }
  return sent;
}

// The first half of an upload by force: all files, and the index if it was rebuilt.
Result<BucketUpload> Database::publish_rebuilt() {
  BucketUpload done;
  bool is_rebuilt = false;
  {
    MutexLock lock(mutex_);
    is_rebuilt = is_rebuilt_;
    if (needs_recovery_) {
      return Status::unavailable("there is no index that can be read: rebuild_index() first");
    }
  }
  TALEA_TRY(bucket_->check_conditions());
  if (mirror_ != nullptr) done.files = TALEA_TRY(upload_copies());
  if (!is_rebuilt) return done;
  const CommittedIndex from = base();
  TALEA_TRY(checked_files(*from.image).status());
  auto commit = TALEA_TRY(commit_index(from.image->bytes(), from, {.commit = new_commit_id()}));
  if (!commit.has_value()) {
    return Status::conflict("somebody else put an index meanwhile: nothing was published");
  }
  done.bytes = from.image->bytes().size();
  install(std::move(*commit));
  MutexLock lock(mutex_);
  is_rebuilt_ = false;
  return done;
}

}  // namespace talea::bucketdb
