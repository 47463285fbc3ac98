#include "engine/new_store.h"

#include "engine/opening.h"
#include "keys/master_key.h"

namespace talea {

namespace {

constexpr const char* kLostAndFound = "lost+found";

}  // namespace

NewStore::NewStore(const Seams& seams, std::string path, std::unique_ptr<KeyKeeper> keys)
    : seams_(with_keys(seams, keys.get())), path_(std::move(path)), keys_(std::move(keys)) {}

Result<std::unique_ptr<NewStore>> NewStore::begin(const Seams& seams, const std::string& path,
                                                  const std::string& what,
                                                  const Encryption& encryption) {
  std::unique_ptr<KeyKeeper> keys;
  if (encryption.is_given()) {
    keys = std::make_unique<KeyKeeper>(seams.file_system, seams.random, path,
                                       TALEA_TRY(load_master_key(seams.file_system, encryption)));
  }
  std::unique_ptr<NewStore> store(new NewStore(seams, path, std::move(keys)));
  FileSystem& files = seams.file_system;
  const bool existed = TALEA_TRY(files.exists(path));
  if (existed) TALEA_TRY(check_empty(files, path));
  TALEA_TRY(files.create_directory(path).with_context(
      "create the directory to restore into (its parent must exist)"));
  if (!existed) TALEA_TRY(files.sync_directory(parent_path(path)));
  store->lock_ = TALEA_TRY(
      files.lock(join_path(path, kLockName), LockKind::exclusive, "talea lock 1: " + what));
  TALEA_TRY(check_empty(files, path));  // somebody may have made a store meanwhile
  seams.random.fill(store->manifest_.store_id);
  if (store->keys_ != nullptr) {
    store->made_.emplace_back(kKeyFileName);
    store->made_.emplace_back(kKeyFileTemporaryName);
    store->manifest_.encrypted = true;
    TALEA_TRY(store->keys_->create(store->store_id(), seams.clock.wall_ms()));
  }
  return store;
}

NewStore::~NewStore() {
  if (committed_) return;
  for (const std::string& name : made_) {
    (void)seams_.file_system.remove(join_path(path_, name)).ok();
  }
}

Result<std::uint32_t> NewStore::take_id() {
  if (manifest_.next_file_id == UINT32_MAX) {
    return Status::exhausted("all ids of files are used: the state is too large for a store");
  }
  return manifest_.next_file_id++;
}

Result<std::unique_ptr<File>> NewStore::make_file(const std::string& name) {
  // Keys without a manifest were nobody's; see check_empty().
  const OpenMode mode = name == kKeyFileName ? OpenMode::truncate : OpenMode::create_new;
  made_.push_back(name);
  return seams_.file_system.open(join_path(path_, name), mode);
}

Result<std::unique_ptr<Segment>> NewStore::make_segment(SegmentHeader header) {
  header.id = TALEA_TRY(take_id());
  header.store_id = store_id();
  seams_.random.fill(header.salt);
  header.encrypt(seams_.key_ring());
  auto cipher = TALEA_TRY(header.cipher_to_write(seams_.key_ring()));
  const std::string name = segment_file_name(header.kind, header.id);
  std::unique_ptr<File> file = TALEA_TRY(make_file(name));
  TALEA_TRY(file->pwrite(0, encode_segment_header(header)).with_context(name));
  return std::make_unique<Segment>(header, std::move(file), std::move(cipher));
}

Status NewStore::add_segment(const Segment& segment, const ManifestFile& file) {
  TALEA_TRY(segment.file().sync_data().with_context("sync " + segment.name()));
  manifest_.add(file);
  return {};
}

Status NewStore::commit(Sequence last_sequence, std::uint64_t last_now) {
  manifest_.generation = 1;
  manifest_.last_sequence = last_sequence;
  manifest_.last_now = last_now;
  return commit(manifest_);
}

Status NewStore::commit(const Manifest& manifest) {
  TALEA_TRY(seams_.file_system.sync_directory(path_));
  Status written = write_manifest(seams_.file_system, path_, manifest);
  committed_ = true;  // as far as is known: files that a manifest names must stay
  if (!written.ok()) {
    const Result<bool> named = seams_.file_system.exists(join_path(path_, kManifestName));
    committed_ = !named.ok() || *named;
  }
  return written;
}

Status NewStore::check_empty(FileSystem& files, const std::string& path) {
  for (const std::string& name : TALEA_TRY(files.list(path))) {
    // Keys without a manifest are of a store that was never made.
    const bool is_of_keys = name == kKeyFileName || name == kKeyFileTemporaryName;
    if (name == kLockName || name == kManifestTemporaryName || name == kLostAndFound) continue;
    if (is_of_keys && !TALEA_TRY(files.exists(join_path(path, kManifestName)))) continue;
    return Status::invalid_argument(path + " is not empty: it has " + name +
                                    ". Give a new or an empty directory; nothing was changed");
  }
  return {};
}

}  // namespace talea
