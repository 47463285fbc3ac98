// Reading. An entry is believed when its check is right and its key is the one that was asked for,
// wherever it came from; else the next source is asked, and at last a fresh index.
#include <algorithm>
#include <map>

#include "bucketdb/database.h"
#include "bucketdb/parallel.h"

namespace talea::bucketdb {
namespace {

constexpr std::size_t kWindowKeys = 256;
constexpr std::uint64_t kWindowBytes = 8 * kMiB;

// Neighbours in one file that come with one request.
struct Range {
  FileId file;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
  std::vector<std::size_t> wanted;
};

}  // namespace

void Database::count(std::uint64_t BucketReadCounts::*counter, std::uint64_t by) const {
  MutexLock lock(mutex_);
  reads_.*counter += by;
}

Database::Found Database::look_up(BytesView key) const {
  MutexLock lock(mutex_);
  Found found;
  found.format = base_.image->format();
  found.version = base_version_;
  if (const PendingWrite* write = pending_.find(key); write != nullptr) {
    found.is_there = !write->is_remove;
    found.log = log_;
    found.place = {{}, write->offset, write->length};
    return found;
  }
  const auto place = base_.image->find(key);
  found.is_there = place.has_value();
  if (place.has_value()) found.place = *place;
  return found;
}

bool Database::contains(BytesView key) const { return look_up(key).is_there; }

std::uint64_t Database::size() const {
  MutexLock lock(mutex_);
  std::uint64_t keys = base_.image->size();
  for (const auto& [key, write] : pending_.newest()) {
    if (base_.image->find(key).has_value()) --keys;
    if (!write->is_remove) ++keys;
  }
  return keys;
}

std::vector<Bytes> Database::keys() const {
  // Both at once: what is committed in between goes from the one into the other.
  CommittedIndex index;
  std::vector<PendingWrite> writes;
  {
    MutexLock lock(mutex_);
    index = base_;
    writes = pending_.copy();
  }
  std::vector<Bytes> keys;
  for (const MergedKey& key : merge(*index.image, writes)) keys.emplace_back(key.key);
  return keys;
}

Result<Bytes> Database::read_pending(const WriteLog& log, const Place& place, BytesView key,
                                     BucketFormat format) {
  auto value = value_of_entry(format, TALEA_TRY(log.read(place.offset, place.length)), key);
  if (!value.ok()) return std::move(value).status().with_context("read a write in the journal");
  count(&BucketReadCounts::from_writes);
  return value;
}

std::optional<Bytes> Database::read_near(const Wanted& wanted, BucketFormat format) {
  if (const auto entry = cache_.find(wanted.place); entry.has_value()) {
    auto value = value_of_entry(format, *entry, wanted.key);
    if (value.ok()) {
      count(&BucketReadCounts::from_cache);
      return std::move(*value);
    }
    cache_.clear();
  }
  if (mirror_ == nullptr || !mirror_->is_trusted(wanted.place.file)) return std::nullopt;
  const auto entry = mirror_->read(wanted.place.file, wanted.place.offset, wanted.place.length);
  if (entry.ok() && entry->has_value()) {
    auto value = value_of_entry(format, **entry, wanted.key);
    if (value.ok()) {
      count(&BucketReadCounts::from_files);
      return std::move(*value);
    }
  }
  count(&BucketReadCounts::files_passed);
  return std::nullopt;
}

Result<Bytes> Database::read_place(const Wanted& wanted, BucketFormat format) {
  if (auto value = read_near(wanted, format); value.has_value()) return std::move(*value);
  const Place& place = wanted.place;
  const auto entry = TALEA_TRY(bucket_->read(place.file, place.offset, place.length));
  count(&BucketReadCounts::from_bucket);
  if (!entry.has_value()) {
    return Status::corruption("there is no " + file_name(place.file) + " that long");
  }
  auto value = value_of_entry(format, *entry, wanted.key);
  if (!value.ok()) {
    return std::move(value).status().with_context(file_name(place.file) + " at offset " +
                                                  std::to_string(place.offset));
  }
  cache_.add(place, *entry);
  return value;
}

Result<std::vector<std::optional<Bytes>>> Database::read_many(std::span<const Wanted> wanted,
                                                              BucketFormat format) {
  std::vector<std::optional<Bytes>> values(wanted.size());
  std::vector<std::size_t> far;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    values[i] = read_near(wanted[i], format);
    if (!values[i].has_value()) far.push_back(i);
  }
  std::sort(far.begin(), far.end(), [&](std::size_t a, std::size_t b) {
    const Place& left = wanted[a].place;
    const Place& right = wanted[b].place;
    return left.file == right.file ? left.offset < right.offset : left.file < right.file;
  });
  std::vector<Range> ranges;
  for (const std::size_t i : far) {
    const Place& place = wanted[i].place;
    if (ranges.empty() || ranges.back().file != place.file ||
        place.offset > ranges.back().end + kBucketMergeGapBytes ||
        place.end() > ranges.back().offset + kBucketMergedBytesMax) {
      ranges.push_back({place.file, place.offset, place.end(), {}});
    }
    ranges.back().end = std::max(ranges.back().end, place.end());
    ranges.back().wanted.push_back(i);
  }
  const auto read_range = [&](std::size_t which) -> Status {
    const Range& range = ranges[which];
    const auto bytes = TALEA_TRY(bucket_->read(range.file, range.offset, range.end - range.offset));
    if (!bytes.has_value()) return {};
    for (const std::size_t i : range.wanted) {
      const Place& place = wanted[i].place;
      if (bytes->size() < place.end() - range.offset) continue;
      const BytesView entry = BytesView(*bytes).substr(place.offset - range.offset, place.length);
      auto value = value_of_entry(format, entry, wanted[i].key);
      if (!value.ok()) continue;
      cache_.add(place, entry);
      values[i] = std::move(*value);
    }
    return {};
  };
  TALEA_TRY(run_parallel(seams_.executor, options_.threads, ranges.size(), read_range));
  count(&BucketReadCounts::from_bucket, far.size());
  return values;
}

// True when there is another index than that of `version` now.
Result<bool> Database::reread_index(std::uint64_t version) {
  {
    MutexLock lock(mutex_);
    if (base_version_ != version) return true;
    if (is_rebuilt_) return false;
  }
  auto fresh = TALEA_TRY(bucket_->read_index());
  if (fresh.has_value()) TALEA_TRY(check_fresh(*fresh));
  MutexLock lock(mutex_);
  if (base_version_ != version) return true;
  if (!fresh.has_value() || fresh->etag == base_.etag) return false;
  base_ = std::move(*fresh);
  ++base_version_;
  return true;
}

Result<std::optional<Bytes>> Database::get(BytesView key) {
  TALEA_TRY(check_usable());
  for (std::uint32_t reread = 0; reread <= kBucketRereadsMax; ++reread) {
    const Found found = look_up(key);
    if (!found.is_there) return std::optional<Bytes>();
    if (found.log != nullptr) {
      return std::optional(TALEA_TRY(read_pending(*found.log, found.place, key, found.format)));
    }
    auto value = read_place({key, found.place}, found.format);
    if (value.ok()) return std::optional(std::move(*value));
    if (value.status().code() != Code::corruption) return std::move(value).status();
    cache_.clear();
    if (!TALEA_TRY(reread_index(found.version))) {
      return std::move(value).status().with_context("the bucket does not have what its index says");
    }
  }
  return Status::unavailable("the index changed again and again, and never named what is there");
}

Result<std::vector<std::optional<Bytes>>> Database::get_many(std::span<const BytesView> keys) {
  TALEA_TRY(check_usable());
  std::vector<std::optional<Bytes>> values(keys.size());
  std::vector<Wanted> wanted;
  std::vector<std::size_t> positions;
  BucketFormat format = BucketFormat::v1;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Found found = look_up(keys[i]);
    if (!found.is_there) continue;
    format = found.format;
    if (found.log != nullptr) {
      values[i] = TALEA_TRY(read_pending(*found.log, found.place, keys[i], found.format));
    } else {
      wanted.push_back({keys[i], found.place});
      positions.push_back(i);
    }
  }
  auto read = TALEA_TRY(read_many(wanted, format));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::optional<Bytes>& value = values[positions[i]];
    value = std::move(read[i]);
    // By itself, and with a fresh index if that is what it takes.
    if (!value.has_value()) value = TALEA_TRY(get(wanted[i].key));
  }
  return values;
}

Result<std::shared_ptr<Snapshot>> Database::take_snapshot() const {
  TALEA_TRY(check_usable());
  auto snapshot = std::make_shared<Snapshot>();
  {
    // A copy of the keys that are pending: what was not uploaded is in memory anyway.
    MutexLock lock(mutex_);
    snapshot->base = base_;
    snapshot->log = log_;
    snapshot->writes = pending_.copy();
  }
  snapshot->keys = merge(*snapshot->base.image, snapshot->writes);
  return snapshot;
}

Result<std::shared_ptr<const Snapshot>> Database::begin_scan() {
  return std::shared_ptr<const Snapshot>(TALEA_TRY(take_snapshot()));
}

Result<std::shared_ptr<const Snapshot>> Database::begin_scan(const BucketKeyRange& range) {
  auto snapshot = TALEA_TRY(take_snapshot());
  std::vector<MergedKey>& keys = snapshot->keys;
  std::erase_if(keys, [&](const MergedKey& key) {
    return !key.key.starts_with(range.prefix) || key.key < range.start ||
           (!range.end.empty() && key.key >= range.end);
  });
  std::sort(keys.begin(), keys.end(), [&](const MergedKey& a, const MergedKey& b) {
    return range.reverse ? b.key < a.key : a.key < b.key;
  });
  if (range.limit != 0 && keys.size() > range.limit) {
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(range.limit), keys.end());
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Result<std::vector<BucketFile>> Database::files() {
  const std::vector<RemoteFile> remote = TALEA_TRY(bucket_->list_files());
  std::map<FileId, BucketFile> live;
  const CommittedIndex index = base();
  IndexRow row;
  for (auto at = index.image->begin(); index.image->read(at, row);) {
    BucketFile& file = live[row.place.file];
    ++file.keys;
    file.live_bytes += row.place.length;
  }
  std::vector<BucketFile> files;
  files.reserve(remote.size());
  for (const RemoteFile& one : remote) {
    BucketFile& file = files.emplace_back(live[one.file]);
    file.name = file_name(one.file);
    file.bytes = one.bytes;
    file.modified_ms = one.modified_ms;
  }
  return files;
}

Result<std::shared_ptr<const Snapshot>> Database::begin_file_scan() {
  if (mirror_ == nullptr) {
    return Status::invalid_argument("scan_files() needs BucketDbOptions::directory");
  }
  TALEA_TRY(check_writable());  // it fetches
  MutexLock uploading(upload_mutex_);
  auto snapshot = TALEA_TRY(begin_scan());
  BucketDownload fetched;
  TALEA_TRY(fetch(TALEA_TRY(checked_files(*snapshot->base.image)).files, Mirror::Overwrite::copies,
                  fetched));
  return snapshot;
}

Result<std::vector<Bytes>> Database::read_window(const Snapshot& snapshot, std::size_t from) {
  const BucketFormat format = snapshot.base.image->format();
  std::vector<Wanted> wanted;
  std::size_t end = from;
  for (std::uint64_t bytes = 0;
       end < snapshot.keys.size() && end - from < kWindowKeys && bytes < kWindowBytes; ++end) {
    const MergedKey& key = snapshot.keys[end];
    bytes += key.write != nullptr ? key.write->length : key.place.length;
    if (key.write == nullptr) wanted.push_back({key.key, key.place});
  }
  auto read = TALEA_TRY(read_many(wanted, format));
  std::vector<Bytes> values;
  values.reserve(end - from);
  std::size_t next = 0;
  for (std::size_t i = from; i < end; ++i) {
    const MergedKey& key = snapshot.keys[i];
    if (key.write != nullptr) {
      const Place place{{}, key.write->offset, key.write->length};
      values.push_back(TALEA_TRY(read_pending(*snapshot.log, place, key.key, format)));
      continue;
    }
    std::optional<Bytes>& value = read[next++];
    if (!value.has_value()) {
      const auto now = TALEA_TRY(bucket_->read_index());
      if (now.has_value() && now->etag != snapshot.base.etag) {
        return Status::conflict(
            "files of the moment that is scanned were collected: begin the scan again");
      }
      value = TALEA_TRY(read_place({key.key, key.place}, format));
    }
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace talea::bucketdb
