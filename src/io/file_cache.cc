#include "io/file_cache.h"

#include <list>

#include "base/mutex.h"

namespace talea {

class FileCache::State {
 public:
  State(FileSystem& file_system, std::size_t open_files_max)
      : file_system_(file_system), open_files_max_(open_files_max) {}

  // One file, and where it stands in the order of use; guarded by the mutex.
  struct Slot {
    std::shared_ptr<File> file;
    std::list<Slot*>::iterator position;
  };

  /// The open file of `slot`. Whoever holds it may go on reading when it leaves the cache.
  Result<std::shared_ptr<File>> use(Slot& slot, const std::string& path) {
    MutexLock lock(mutex_);
    if (slot.file != nullptr) {
      by_use_.splice(by_use_.begin(), by_use_, slot.position);
      return slot.file;
    }
    // Opened under the lock: rare, and two threads must not open the same file twice.
    slot.file = TALEA_TRY(file_system_.open(path, OpenMode::read));
    by_use_.push_front(&slot);
    slot.position = by_use_.begin();
    if (by_use_.size() > open_files_max_) {
      by_use_.back()->file.reset();
      by_use_.pop_back();
    }
    return slot.file;
  }

  void forget(Slot& slot) {
    MutexLock lock(mutex_);
    if (slot.file == nullptr) return;
    by_use_.erase(slot.position);
    slot.file.reset();
  }

 private:
  FileSystem& file_system_;
  const std::size_t open_files_max_;
  Mutex mutex_;
  std::list<Slot*> by_use_ TALEA_GUARDED_BY(mutex_);  // the open ones, last used first
};

class FileCache::CachedFile final : public File {
 public:
  CachedFile(std::shared_ptr<State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)) {}
  ~CachedFile() override { state_->forget(slot_); }
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    const std::shared_ptr<File> file = TALEA_TRY(state_->use(slot_, path_));
    return file->pread(offset, out, bytes);
  }
  Result<std::uint64_t> size() override {
    const std::shared_ptr<File> file = TALEA_TRY(state_->use(slot_, path_));
    return file->size();
  }
  Status pwrite(std::uint64_t, BytesView) override { return reads_only(); }
  Status allocate(std::uint64_t, std::uint64_t) override { return reads_only(); }
  Status truncate(std::uint64_t) override { return reads_only(); }
  Status sync_data() override { return reads_only(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    if (access != MapAccess::read) return reads_only();
    const std::shared_ptr<File> file = TALEA_TRY(state_->use(slot_, path_));
    return file->map(offset, bytes, access);
  }

 private:
  Status reads_only() const {
    return Status::unsupported("'" + path_ + "' is open for reading only");
  }

  const std::shared_ptr<State> state_;
  const std::string path_;
  State::Slot slot_;
};

FileCache::FileCache(FileSystem& file_system, std::size_t open_files_max)
    : state_(std::make_shared<State>(file_system, open_files_max)) {}
FileCache::~FileCache() = default;

std::unique_ptr<File> FileCache::file(const std::string& path) {
  return std::make_unique<CachedFile>(state_, path);
}

}  // namespace talea
