#include "bucketdb/mirror.h"

#include <algorithm>

#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea::bucketdb {
namespace {

constexpr BytesView kMagic = "TALEAS4M";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kCommitAt = 16;
constexpr std::size_t kDatabaseAt = 32;
constexpr std::size_t kCountAt = 48;
constexpr std::size_t kHeaderBytes = 52;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kRowBytes = 18;

Status damaged() { return Status::corruption("the list of copies is damaged"); }

}  // namespace

Bytes encode_mirror(const MirrorList& list, const DatabaseId& database, std::uint64_t commit) {
  Bytes out(kMagic);
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, std::uint32_t{0});  // features
  append_fixed(out, commit);
  append_fixed(out, std::uint64_t{0});
  out.append(reinterpret_cast<const char*>(database.data()), database.size());
  append_fixed(out, static_cast<std::uint32_t>(list.size()));
  for (const auto& [file, known] : list) {
    append_fixed(out, file.value);
    append_fixed(out, known.bytes);
    append_fixed(out, static_cast<std::uint16_t>(known.etag.size()));
    out += known.etag;
  }
  append_fixed(out, crc32c(0, out));
  return out;
}

std::uint64_t commit_of_mirror(BytesView bytes) {
  return load_fixed<std::uint64_t>(bytes.data() + kCommitAt);
}

Result<MirrorList> decode_mirror(BytesView bytes, const DatabaseId& database) {
  if (bytes.size() < kHeaderBytes + kCheckBytes || !bytes.starts_with(kMagic)) return damaged();
  const std::size_t end = bytes.size() - kCheckBytes;
  if (crc32c(0, bytes.substr(0, end)) != load_fixed<std::uint32_t>(bytes.data() + end)) {
    return damaged();
  }
  if (load_fixed<std::uint16_t>(bytes.data() + 8) != kVersion ||
      load_fixed<std::uint32_t>(bytes.data() + 12) != 0) {
    return Status::unsupported("the list of copies is of a newer Talea");
  }
  if (!std::equal(database.begin(), database.end(), bytes.begin() + kDatabaseAt,
                  [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); })) {
    return Status::invalid_argument("the directory belongs to another database");
  }
  MirrorList list;
  BytesView rows = bytes.substr(kHeaderBytes, end - kHeaderBytes);
  for (auto left = load_fixed<std::uint32_t>(bytes.data() + kCountAt); left > 0; --left) {
    if (rows.size() < kRowBytes) return damaged();
    const std::size_t etag_bytes = load_fixed<std::uint16_t>(rows.data() + 16);
    if (rows.size() - kRowBytes < etag_bytes) return damaged();
    list[{load_fixed<std::uint64_t>(rows.data())}] = {
        load_fixed<std::uint64_t>(rows.data() + 8),
        std::string(rows.substr(kRowBytes, etag_bytes))};
    rows.remove_prefix(kRowBytes + etag_bytes);
  }
  if (!rows.empty()) return damaged();
  return list;
}

Result<std::unique_ptr<Mirror>> Mirror::open(FileSystem& files, const std::string& directory,
                                             const DatabaseId& database) {
  MirrorList list;
  std::uint64_t commit = 0;
  const auto opened = files.open(join_path(directory, kMirrorName), OpenMode::read);
  if (opened.ok()) {
    const auto size = (*opened)->size();
    Bytes bytes;
    if (size.ok() && read_exactly(**opened, 0, *size, bytes).ok()) {
      auto decoded = decode_mirror(bytes, database);
      if (decoded.ok()) {
        list = std::move(*decoded);
        commit = commit_of_mirror(bytes);
      } else if (decoded.status().code() != Code::corruption) {
        return std::move(decoded).status().with_context(join_path(directory, kMirrorName));
      }
    }
  }
  return std::unique_ptr<Mirror>(new Mirror(files, directory, database, std::move(list), commit));
}

bool Mirror::is_trusted(FileId file) const {
  MutexLock lock(mutex_);
  return list_.count(file) != 0 && doubtful_.count(file) == 0;
}

void Mirror::doubt() {
  MutexLock lock(mutex_);
  for (const auto& [file, known] : list_) doubtful_.insert(file);
}

bool Mirror::has_doubts() const {
  MutexLock lock(mutex_);
  return !doubtful_.empty();
}

void Mirror::trust(FileId file) {
  MutexLock lock(mutex_);
  doubtful_.erase(file);
}

std::uint64_t Mirror::commit() const {
  MutexLock lock(mutex_);
  return commit_;
}

void Mirror::note_commit(std::uint64_t commit) {
  MutexLock lock(mutex_);
  if (doubtful_.empty()) commit_ = commit;
}

std::optional<MirroredFile> Mirror::find(FileId file) const {
  MutexLock lock(mutex_);
  const auto found = list_.find(file);
  if (found == list_.end()) return std::nullopt;
  return found->second;
}

MirrorList Mirror::list() const {
  MutexLock lock(mutex_);
  return list_;
}

Status Mirror::save(const MirrorList& list) {
  TALEA_TRY(
      replace_file(files_, directory_, kMirrorName, encode_mirror(list, database_, commit())));
  MutexLock lock(mutex_);
  list_ = list;
  std::erase_if(doubtful_, [&](FileId file) { return list.count(file) == 0; });
  return {};
}

// Whether something would be gone that may be in no bucket.
Result<bool> Mirror::would_lose(FileId file, BytesView content) const {
  const auto opened = files_.open(join_path(directory_, file_name(file)), OpenMode::read);
  if (opened.status().code() == Code::not_found) return false;
  if (!opened.ok()) return opened.status();
  const std::uint64_t bytes = TALEA_TRY((*opened)->size());
  const auto known = find(file);
  if (known.has_value() && !known->etag.empty() && bytes <= known->bytes) return false;
  if (bytes > content.size()) return true;
  Bytes mine;
  TALEA_TRY(read_exactly(**opened, 0, bytes, mine));
  return !content.starts_with(mine);
}

Status Mirror::put(FileId file, BytesView content, const std::string& etag, Overwrite overwrite) {
  if (overwrite == Overwrite::copies && TALEA_TRY(would_lose(file, content))) {
    return Status::conflict(file_name(file) +
                            " in the directory holds something else than the bucket's: keep it "
                            "elsewhere, or overwrite it by a download with force");
  }
  TALEA_TRY(replace_file(files_, directory_, file_name(file), content));
  TALEA_TRY(adopt(file, {content.size(), etag}));
  trust(file);
  return {};
}

Status Mirror::adopt(FileId file, const MirroredFile& known) {
  MirrorList list = this->list();
  list[file] = known;
  return save(list);
}

Status Mirror::remove(const std::vector<FileId>& files) {
  MirrorList list = this->list();
  std::vector<FileId> mine;
  mine.reserve(files.size());
  for (const FileId file : files) {
    const auto known = list.find(file);
    if (known == list.end() || known->second.etag.empty()) continue;
    // Somebody put more behind it, which may be nowhere else.
    if (TALEA_TRY(bytes_there(file)) > known->second.bytes) continue;
    list.erase(known);
    mine.push_back(file);
  }
  if (mine.empty()) return {};
  // First out of the list: a name in it without a file would be a copy that is gone.
  TALEA_TRY(save(list));
  for (const FileId file : mine) {
    Status removed = files_.remove(join_path(directory_, file_name(file)));
    if (!removed.ok() && removed.code() != Code::not_found) return removed;
  }
  return files_.sync_directory(directory_);
}

Result<std::optional<Bytes>> Mirror::read(FileId file, std::uint64_t offset,
                                          std::uint64_t bytes) const {
  const auto known = find(file);
  if (!known.has_value() || known->bytes < bytes || known->bytes - bytes < offset) {
    return std::optional<Bytes>();
  }
  const auto opened = files_.open(join_path(directory_, file_name(file)), OpenMode::read);
  if (opened.status().code() == Code::not_found) return std::optional<Bytes>();
  if (!opened.ok()) return opened.status();
  Bytes out;
  const Status read = read_exactly(**opened, offset, bytes, out);
  if (read.code() == Code::corruption) return std::optional<Bytes>();  // it was cut
  if (!read.ok()) return read;
  return std::optional<Bytes>(std::move(out));
}

Result<std::optional<Bytes>> Mirror::read_all(FileId file) const {
  const auto known = find(file);
  if (!known.has_value()) return std::optional<Bytes>();
  return read(file, 0, known->bytes);
}

Result<std::optional<Bytes>> Mirror::read_any(FileId file) const {
  const auto opened = files_.open(join_path(directory_, file_name(file)), OpenMode::read);
  if (opened.status().code() == Code::not_found) return std::optional<Bytes>();
  if (!opened.ok()) return opened.status();
  Bytes out;
  TALEA_TRY(read_exactly(**opened, 0, TALEA_TRY((*opened)->size()), out));
  return std::optional<Bytes>(std::move(out));
}

Result<std::uint64_t> Mirror::bytes_there(FileId file) const {
  const auto opened = files_.open(join_path(directory_, file_name(file)), OpenMode::read);
  if (opened.status().code() == Code::not_found) return std::uint64_t{0};
  if (!opened.ok()) return opened.status();
  return (*opened)->size();
}

Result<std::vector<FileId>> Mirror::all_files() const {
  std::vector<FileId> found;
  for (const std::string& name : TALEA_TRY(files_.list(directory_))) {
    const auto file = parse_file_name(name);
    if (file.has_value()) found.push_back(*file);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace talea::bucketdb
