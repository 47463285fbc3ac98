// Compaction, and the collection of files that nothing refers to.
//
// A higher number has to mean newer entries, for whoever rebuilds an index. So a compaction first
// commits the index as it is with a higher `next`: the numbers between are reserved for its copies,
// and what anybody commits after that has higher ones.
//
// A file below `next` that the index does not refer to will never be referred to again, by nobody
// (docs/formats/s4db.md, step 5), but for what is reserved; and that lies above all that is
// referred to, where nothing is removed. So removing is safe for writers at any time; the grace
// time is for readers with an older index. By whose clock? The store's: the list of garbage is put,
// and when that was is now.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "bucketdb/database.h"
#include "bucketdb/file_builder.h"
#include "codec/crc32c.h"

namespace talea::bucketdb {
namespace {

constexpr BytesView kGarbageStart = "talea garbage 1\n";
constexpr BytesView kCheckStart = "crc32c ";
// Of files of other writers, whatever is asked for: theirs is to put a file first, and to commit
// it later, however low its number is.
constexpr std::chrono::milliseconds kGraceOfOthers = std::chrono::hours(24);

using GarbageList = std::map<FileId, std::uint64_t>;  // since when; 0: since the list was put

std::string check_line(BytesView before) {
  char line[24];
  std::snprintf(line, sizeof line, "crc32c %08x\n", crc32c(0, before));
  return line;
}

Bytes encode_garbage(const GarbageList& list) {
  Bytes text(kGarbageStart);
  for (const auto& [file, since_ms] : list) {
    text += file_name(file) + " " + std::to_string(since_ms) + "\n";
  }
  return text + check_line(text);
}

// What cannot be read is no list: the grace time of all that is in it begins anew.
GarbageList decode_garbage(BytesView text) {
  GarbageList list;
  const std::size_t check = text.rfind(kCheckStart);
  if (!text.starts_with(kGarbageStart) || check == BytesView::npos ||
      text.substr(check) != check_line(text.substr(0, check))) {
    return list;
  }
  BytesView lines = text.substr(kGarbageStart.size(), check - kGarbageStart.size());
  while (!lines.empty()) {
    const BytesView line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    const std::size_t space = line.find(' ');
    const auto file = parse_file_name(line.substr(0, space));
    if (!file.has_value() || space == BytesView::npos) continue;
    std::uint64_t since_ms = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), since_ms);
    list[*file] = since_ms;
  }
  return list;
}

struct PlacedKey {
  BytesView key;
  Place place;
};

// The rows of an index as their entries lie in the files.
std::vector<PlacedKey> by_place(const IndexImage& image) {
  std::vector<PlacedKey> placed;
  placed.reserve(image.size());
  IndexRow row;
  for (auto at = image.begin(); image.read(at, row);) placed.push_back({row.key, row.place});
  std::sort(placed.begin(), placed.end(), [](const PlacedKey& a, const PlacedKey& b) {
    return a.place.file == b.place.file ? a.place.offset < b.place.offset
                                        : a.place.file < b.place.file;
  });
  return placed;
}

// Whether copying would change nothing: one file at most, all of it current, and no garbage that
// has to wait for it.
bool is_compact(const std::vector<PlacedKey>& placed, const std::vector<RemoteFile>& files,
                bool has_garbage_above) {
  if (files.size() > 1 || has_garbage_above) return false;
  std::uint64_t bytes = files.size() * kFileHeaderBytes;
  for (const PlacedKey& key : placed) bytes += key.place.length;
  return files.empty() || files.front().bytes == bytes;
}

// How many files the copies will be.
std::uint64_t count_copies(const std::vector<PlacedKey>& placed, std::uint64_t file_bytes_max) {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  for (const PlacedKey& key : placed) {
    if (files == 0 || begins_new_file(bytes, key.place.length, file_bytes_max)) {
      ++files;
      bytes = kFileHeaderBytes;
    }
    bytes += key.place.length;
  }
  return files;
}

// The same rows, with another number for the next file.
Bytes with_next(const IndexImage& image, std::uint32_t next) {
  IndexWriter index(image.format(), image.size());
  IndexRow row;
  for (auto at = image.begin(); image.read(at, row);) index.add(row.key, row.place);
  return index.finish(next);
}

}  // namespace

// The files that an index refers to, all of them there and long enough.
Result<Database::CheckedFiles> Database::checked_files(const IndexImage& image) {
  CheckedFiles checked;
  std::map<FileId, RemoteFile> remote;
  for (RemoteFile& file : TALEA_TRY(bucket_->list_files())) {
    if (file.file.writer() == 0) checked.highest = std::max(checked.highest, file.file.number());
    remote[file.file] = std::move(file);
  }
  checked.files.reserve(image.files().size());
  for (const auto& [file, end] : image.files()) {
    const auto found = remote.find(file);
    if (found == remote.end() || found->second.bytes < end) {
      return Status::corruption(
          "the index refers to " + std::to_string(end) + " bytes of " + file_name(file) +
          ", and the bucket has " +
          (found == remote.end() ? "no such file" : std::to_string(found->second.bytes)));
    }
    checked.files.push_back(std::move(found->second));
    remote.erase(found);
  }
  checked.has_garbage_above =
      !checked.files.empty() && remote.upper_bound(checked.files.front().file) != remote.end();
  return checked;
}

Result<Bytes> Database::whole_file(const RemoteFile& remote) {
  if (mirror_ != nullptr && has_copy(remote)) {
    auto copy = mirror_->read_all(remote.file);
    if (copy.ok() && copy->has_value()) return std::move(**copy);
  }
  auto read = TALEA_TRY(bucket_->read_file(remote.file));
  if (!read.has_value()) return Status::corruption(file_name(remote.file) + " is gone");
  return std::move(read->bytes);
}

// Commits an index that takes the numbers out of everybody's use. Nothing when somebody else
// committed meanwhile.
Result<std::optional<CommittedIndex>> Database::reserve(const CommittedIndex& from,
                                                        const Numbers& numbers) {
  if (numbers.next == numbers.end) return std::optional(from);  // there is nothing to copy
  const std::uint64_t last = file_number_max(from.image->format());
  if (numbers.end > last + 1) {
    return Status::exhausted(
        "there are not enough numbers left for the files of a compaction: "
        "the last is " +
        std::to_string(last));
  }
  auto reserved =
      TALEA_TRY(commit_index(with_next(*from.image, static_cast<std::uint32_t>(numbers.end)), from,
                             {.commit = new_commit_id()}));
  if (reserved.has_value()) install(*reserved);
  return reserved;
}

// Nothing when somebody else committed meanwhile, or took a number that was reserved.
Result<std::optional<BucketCompaction>> Database::try_compact() {
  const CommittedIndex before = base();
  const CheckedFiles found = TALEA_TRY(checked_files(*before.image));
  const std::vector<RemoteFile>& files = found.files;
  const std::vector<PlacedKey> placed = by_place(*before.image);
  BucketCompaction done;
  done.keys = placed.size();
  done.files_before = done.files_after = files.size();
  for (const RemoteFile& file : files) done.bytes_after += file.bytes;
  if (is_compact(placed, files, found.has_garbage_above)) return std::optional(done);
  TALEA_TRY(bucket_->check_conditions());

  Numbers numbers{.next = std::max({before.image->next(), number_floor_, found.highest + 1})};
  numbers.end = numbers.next + count_copies(placed, options_.file_bytes_max);
  const auto reserved = TALEA_TRY(reserve(before, numbers));
  if (!reserved.has_value()) return std::optional<BucketCompaction>();
  const CommittedIndex& from = *reserved;
  Placement placement;
  placement.places.resize(placed.size());
  FileBuilder builder(*this, from.image->format(), numbers, placement);
  std::size_t position = 0;
  for (const RemoteFile& file : files) {
    const Bytes content = TALEA_TRY(whole_file(file));
    for (; position < placed.size() && placed[position].place.file == file.file; ++position) {
      const Place& place = placed[position].place;
      if (content.size() < place.end()) {
        return Status::corruption(file_name(file.file) + " is shorter than the bucket said");
      }
      const BytesView entry = BytesView(content).substr(place.offset, place.length);
      auto checked = checked_entry(from.image->format(), entry, placed[position].key);
      if (!checked.ok()) {
        return std::move(checked).status().with_context(file_name(file.file) + " at offset " +
                                                        std::to_string(place.offset) +
                                                        ": nothing was compacted");
      }
      Status added = builder.add(entry, position);
      if (added.code() == Code::conflict) return std::optional<BucketCompaction>();
      TALEA_TRY(added);
    }
  }
  Status finished = builder.finish();
  if (finished.code() == Code::conflict) return std::optional<BucketCompaction>();
  TALEA_TRY(finished);
  IndexWriter index(from.image->format(), placed.size());
  for (std::size_t i = 0; i < placed.size(); ++i) index.add(placed[i].key, placement.places[i]);
  Bytes bytes = index.finish(std::max(from.image->next(), placement.highest + 1));
  auto commit = TALEA_TRY(commit_index(std::move(bytes), from,
                                       {.pieces = placement.pieces, .commit = new_commit_id()}));
  if (!commit.has_value()) return std::optional<BucketCompaction>();
  done.files_after = placement.files;
  done.bytes_after = placement.bytes;
  tail_.reset();
  install(std::move(*commit));
  return std::optional(done);
}

Result<BucketCompaction> Database::compact(std::chrono::milliseconds grace) {
  TALEA_TRY(check_writable());
  TALEA_TRY(check_usable());
  if (grace.count() < 0) return Status::invalid_argument("a grace time is not negative");
  MutexLock uploading(upload_mutex_);
  {
    MutexLock lock(mutex_);
    if (is_rebuilt_) {
      return Status::conflict("the index was rebuilt: publish it with upload({.force = true})");
    }
  }
  TALEA_TRY(upload_pending().status());
  for (std::uint32_t attempt = 0; attempt < kBucketCompactionsMax; ++attempt) {
    auto fresh = TALEA_TRY(bucket_->read_index());
    if (!fresh.has_value()) {
      if (base().etag.empty()) return BucketCompaction();  // nothing was ever uploaded
      return Status::corruption("the index is gone from the bucket");
    }
    TALEA_TRY(check_fresh(*fresh));
    install(std::move(*fresh));
    auto done = try_compact();
    if (done.status().code() == Code::corruption && TALEA_TRY(is_replaced(base()))) {
      continue;  // somebody else compacted, and collected what this one was to read
    }
    if (!done.ok()) return std::move(done).status();
    if (!done->has_value()) continue;
    BucketCompaction& compacted = **done;
    auto collected = collect(grace);
    if (collected.ok()) {
      compacted.files_collected = collected->files_collected;
    } else {
      compacted.collection = std::move(collected).status();
    }
    return compacted;
  }
  return Status::conflict("others committed while the database was compacted, " +
                          std::to_string(kBucketCompactionsMax) + " times; no key was changed");
}

// Whether the bucket has another index now.
Result<bool> Database::is_replaced(const CommittedIndex& index) {
  const auto now = TALEA_TRY(bucket_->read_index());
  return now.has_value() && now->etag != index.etag;
}

// What is in the bucket beside what the index refers to.
struct Database::Garbage {
  CommittedIndex index;
  std::vector<RemoteFile> files;  // by their ids
  GarbageList list;
  s3::Etag list_etag;

  // Of an upload that may be under way.
  bool is_open(FileId file) const {
    return file.writer() == 0 && file.number() >= index.image->next();
  }
};

Result<Database::Garbage> Database::find_garbage() {
  Garbage garbage;
  // First the files: one that is put after the list and referred to before the index is read would
  // be garbage otherwise.
  const auto remote = TALEA_TRY(bucket_->list_files());
  auto index = TALEA_TRY(bucket_->read_index());
  if (!index.has_value()) {
    return Status::corruption("there is no index: nothing is collected without one");
  }
  TALEA_TRY(check_fresh(*index));
  garbage.index = std::move(*index);
  for (const RemoteFile& file : remote) {
    if (garbage.index.image->files().count(file.file) == 0) garbage.files.push_back(file);
  }
  install(garbage.index);
  return garbage;
}

// Those of the garbage that nobody may still read. Puts the list of garbage, without those that
// may be referred to yet: their grace time does not begin before they are out of use.
Result<std::vector<FileId>> Database::old_enough(Garbage& garbage,
                                                 std::chrono::milliseconds grace) {
  std::vector<FileId> old;
  if (grace.count() == 0) {
    // Also what is open: who removes it raises `next` first.
    for (const RemoteFile& file : garbage.files) {
      if (file.file.writer() == 0) old.push_back(file.file);
    }
    return old;
  }
  GarbageList before;
  std::uint64_t put_ms = 0;
  if (const auto object = TALEA_TRY(bucket_->read_garbage()); object.has_value()) {
    before = decode_garbage(object->bytes);
    garbage.list_etag = object->info.etag;
    put_ms = object->info.last_modified_ms;
  }
  for (const RemoteFile& file : garbage.files) {
    if (garbage.is_open(file.file)) continue;
    const auto known = before.find(file.file);
    if (known == before.end()) {
      garbage.list[file.file] = 0;
    } else {
      garbage.list[file.file] = known->second == 0 ? put_ms : known->second;
    }
  }
  TALEA_TRY(bucket_->put_garbage(encode_garbage(garbage.list), garbage.list_etag).status());
  const std::uint64_t now_ms = TALEA_TRY(bucket_->garbage_modified_ms());
  for (const RemoteFile& file : garbage.files) {
    if (garbage.is_open(file.file)) continue;
    const auto wait = file.file.writer() == 0 ? grace : std::max(grace, kGraceOfOthers);
    const std::uint64_t listed_ms = garbage.list[file.file];
    const std::uint64_t since_ms = std::max(listed_ms == 0 ? now_ms : listed_ms, file.modified_ms);
    const bool is_old =
        now_ms >= since_ms && now_ms - since_ms >= static_cast<std::uint64_t>(wait.count());
    if (is_old) old.push_back(file.file);
  }
  return old;
}

// Makes all these files ones that nobody will refer to. False when somebody else committed.
Result<bool> Database::raise_next(const Garbage& garbage, const std::vector<FileId>& files) {
  const IndexImage& image = *garbage.index.image;
  std::uint32_t next = image.next();
  for (const FileId file : files) {
    if (file.writer() == 0) next = std::max(next, file.number() + 1);
  }
  if (next == image.next()) return true;
  TALEA_TRY(bucket_->check_conditions());
  auto commit =
      TALEA_TRY(commit_index(with_next(image, next), garbage.index, {.commit = new_commit_id()}));
  if (!commit.has_value()) return false;
  install(std::move(*commit));
  return true;
}

Result<BucketCollection> Database::collect(std::chrono::milliseconds grace) {
  Garbage garbage = TALEA_TRY(find_garbage());
  BucketCollection done;
  done.files_left = garbage.files.size();
  if (garbage.files.empty()) return done;
  std::vector<FileId> old = TALEA_TRY(old_enough(garbage, grace));
  // A tombstone may lie in any file above the entry that it removes, so that no file goes before
  // those below it. Writers with numbers of their own are in no order with us: their files go when
  // none of them is referred to.
  const auto& referred = garbage.index.image->files();
  std::vector<FileId> removed;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (old[i] != garbage.files[i].file) break;
    const bool others_are_read = !referred.empty() && referred.rbegin()->first.writer() != 0;
    const bool is_above = !referred.empty() && referred.begin()->first < old[i];
    if (others_are_read || (old[i].writer() == 0 && is_above)) break;
    removed.push_back(old[i]);
  }
  if (removed.empty() || !TALEA_TRY(raise_next(garbage, removed))) return done;
  if (mirror_ != nullptr) TALEA_TRY(mirror_->remove(removed));
  TALEA_TRY(bucket_->remove_files(removed));
  done.files_collected = removed.size();
  done.files_left -= removed.size();
  return done;
}

Result<BucketCollection> Database::gc(std::chrono::milliseconds grace) {
  TALEA_TRY(check_writable());
  TALEA_TRY(check_usable());
  if (grace.count() < 0) return Status::invalid_argument("a grace time is not negative");
  MutexLock uploading(upload_mutex_);
  {
    MutexLock lock(mutex_);
    if (is_rebuilt_) {
      return Status::conflict("the index was rebuilt: publish it with upload({.force = true})");
    }
    if (base_.etag.empty()) return BucketCollection();
  }
  return collect(grace);
}

}  // namespace talea::bucketdb
