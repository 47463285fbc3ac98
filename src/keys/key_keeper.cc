#include "keys/key_keeper.h"

#include <algorithm>
#include <utility>

namespace talea {
namespace {

constexpr std::uint64_t kFileBytesMax = 64 * kKiB;

Status replace_file(FileSystem& file_system, const std::string& directory, BytesView bytes) {
  const std::string temporary = join_path(directory, kKeyFileTemporaryName);
  {
    const std::unique_ptr<File> file = TALEA_TRY(file_system.open(temporary, OpenMode::truncate));
    TALEA_TRY(file->pwrite(0, bytes));
    TALEA_TRY(file->sync_data());
  }
  TALEA_TRY(file_system.rename(temporary, join_path(directory, kKeyFileName)));
  return file_system.sync_directory(directory);
}

Result<Bytes> read_file(FileSystem& file_system, const std::string& directory) {
  const auto opened = file_system.open(join_path(directory, kKeyFileName), OpenMode::read);
  if (opened.status().code() == Code::not_found) {
    return Status::corruption(std::string(kKeyFileName) +
                              " is missing: it holds the keys of this store, which is encrypted. "
                              "Restore it from a backup");
  }
  if (!opened.ok()) return opened.status();
  const std::uint64_t size = TALEA_TRY((*opened)->size());
  if (size > kFileBytesMax)
    return Status::corruption(std::string(kKeyFileName) + " is too long for a key file");
  Bytes bytes;
  TALEA_TRY(read_exactly(**opened, 0, size, bytes));
  return bytes;
}

}  // namespace

KeyKeeper::KeyKeeper(FileSystem& file_system, Random& random, std::string directory,
                     const SecretKey& master)
    : file_system_(file_system),
      random_(random),
      directory_(std::move(directory)),
      master_(master) {}

Status KeyKeeper::write(const std::vector<DataKey>& keys, const SecretKey& master) {
  ++generation_;  // kept on failure: the file that was refused may be the one on disk
  const KeyFile file{.store_id = store_id_, .generation = generation_, .keys = keys};
  return replace_file(file_system_, directory_, encode_key_file(file, master, random_))
      .with_context("write the key file");
}

Status KeyKeeper::create(const StoreId& store_id, std::uint64_t now_ms) {
  MutexLock lock(mutex_);
  store_id_ = store_id;
  const DataKey first{.id = 1, .made_ms = now_ms, .key = SecretKey::make(random_)};
  TALEA_TRY(write({first}, master_));
  ring_.add(first);
  return {};
}

Status KeyKeeper::take_over(const StoreId& store_id, BytesView bytes) {
  auto decoded = decode_key_file(bytes, store_id, master_);
  if (!decoded.ok()) return std::move(decoded).status().with_context(kKeyFileName);
  store_id_ = store_id;
  generation_ = decoded->generation;
  for (const DataKey& key : decoded->keys) ring_.add(key);
  return {};
}

Status KeyKeeper::read(const StoreId& store_id) {
  MutexLock lock(mutex_);
  return take_over(store_id, TALEA_TRY(read_file(file_system_, directory_)));
}

Status KeyKeeper::rotate_master(const SecretKey& master) {
  MutexLock lock(mutex_);
  TALEA_TRY(write(ring_.all(), master));
  master_ = master;
  return {};
}

Result<std::uint32_t> KeyKeeper::add(std::uint64_t now_ms) {
  MutexLock lock(mutex_);
  std::vector<DataKey> keys = ring_.all();
  if (keys.size() >= kDataKeysMax || keys.back().id == UINT32_MAX) {
    return Status::exhausted("the store has " + std::to_string(keys.size()) +
                             " data keys: compact it, so that old ones can go");
  }
  const DataKey key{.id = keys.back().id + 1, .made_ms = now_ms, .key = SecretKey::make(random_)};
  keys.push_back(key);
  TALEA_TRY(write(keys, master_));
  ring_.add(key);
  return key.id;
}

Status KeyKeeper::drop_unused() {
  MutexLock lock(mutex_);
  // First out of the ring, so that no new file can name one that the file no longer has.
  const std::vector<DataKey> unused = ring_.take_unused();
  if (unused.empty()) return {};
  Status written = write(ring_.all(), master_);
  if (!written.ok()) {
    for (const DataKey& key : unused) ring_.add(key);
  }
  return written;
}

bool KeyKeeper::is_in(const Result<Bytes>& file) const {
  if (!file.ok()) return false;
  const auto decoded = decode_key_file(*file, store_id_, master_);
  const std::vector<DataKey> keys = ring_.all();
  const auto is_same = [](const DataKey& left, const DataKey& right) {
    return left.id == right.id && left.key.view() == right.key.view();
  };
  return decoded.ok() &&
         std::equal(decoded->keys.begin(), decoded->keys.end(), keys.begin(), keys.end(), is_same);
}

Result<Bytes> KeyKeeper::intact_file() {
  MutexLock lock(mutex_);
  Result<Bytes> file = read_file(file_system_, directory_);
  if (is_in(file)) return file;
  TALEA_TRY(write(ring_.all(), master_));
  return read_file(file_system_, directory_);
}

}  // namespace talea
