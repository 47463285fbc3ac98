// The handles of the disk in memory, and the calls that reach it. Read docs/crash-model.md first.
#include "io/crash_file_system.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "io/crash_disk.h"

namespace talea {

// -- Handles -------------------------------------------------------------------------------------

class CrashMapping final : public Mapping {
 public:
  using Disk = CrashFileSystem::Disk;

  CrashMapping(std::shared_ptr<Disk> disk, std::shared_ptr<CrashFileSystem::Node> file,
               std::shared_ptr<CrashContent::Window> window, std::uint64_t offset,
               std::uint64_t bytes, MapAccess access, std::string path)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        window_(std::move(window)),
        offset_(offset),
        bytes_(bytes),
        access_(access),
        path_(std::move(path)) {}

  ~CrashMapping() override {
    if (window_ == nullptr) return;  // an empty one
    MutexLock lock(disk_->mutex);
    file_->content.unmap(window_, offset_, bytes_, access_ == MapAccess::write);
  }
  CrashMapping(const CrashMapping&) = delete;
  CrashMapping& operator=(const CrashMapping&) = delete;

  BytesView bytes() const override {
    if (window_ == nullptr) return {};
    return {window_->start() + offset_, static_cast<std::size_t>(bytes_)};
  }
  char* data() override {
    if (window_ == nullptr || access_ != MapAccess::write) return nullptr;
    return window_->start() + offset_;
  }
  // The window is memory: there is nothing to do but to refuse what the kernel would.
  Status prefault(std::uint64_t offset, std::uint64_t bytes) override {
    TALEA_TRY(check_prefault(*this, path_, offset, bytes));
    if (bytes == 0) return {};
    MutexLock lock(disk_->mutex);
    if (window_->reach() >= offset_ + offset + bytes) return {};
    return Status::io_error("prefault a mapping of '" + path_ + "': the file ends before it");
  }

 private:
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  std::shared_ptr<CrashContent::Window> window_;
  std::uint64_t offset_;
  std::uint64_t bytes_;
  MapAccess access_;
  std::string path_;
};

class CrashFile final : public File {
 public:
  using Disk = CrashFileSystem::Disk;
  using Fault = CrashFileSystem::Fault;
  using Effect = Disk::Effect;

  CrashFile(std::shared_ptr<Disk> disk, std::shared_ptr<CrashFileSystem::Node> file,
            std::string path, std::uint64_t boot, bool writable)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        path_(std::move(path)),
        boot_(boot),
        writable_(writable) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    const std::string doing = "read '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.preads;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    const std::size_t got = file_->content.read(offset, out, bytes);
    disk_->calls.bytes_read += got;
    return got;
  }

  Status pwrite(std::uint64_t offset, BytesView data) override {
    const std::string doing = "write '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.pwrites;
    TALEA_TRY(check_writable(doing));
    const std::optional<Fault> fault = TALEA_TRY(disk_->enter(Effect::changes, doing));
    if (fault == Fault::read_only) return Disk::injected(*fault, doing);
    std::uint64_t written = disk_->room_for(*file_, offset, data.size());
    if (fault.has_value() && fault != Fault::crash) {
      written = std::min<std::uint64_t>(written, data.size() / 2);
    }
    const BytesView part = data.substr(0, static_cast<std::size_t>(written));
    if (disk_->audit) disk_->audit(path_, offset, part);
    file_->content.write(offset, part);
    disk_->calls.bytes_written += written;
    if (fault == Fault::crash) return disk_->power_failed(doing);
    if (fault.has_value()) return Disk::injected(*fault, doing);
    if (written < data.size()) return Disk::injected(Fault::disk_full, doing);
    return {};
  }

  Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
    const std::string doing = "allocate '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.allocates;
    TALEA_TRY(check_writable(doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::changes, doing));
    Status done;
    if (bytes > 0 && offset + bytes > file_->content.size()) done = grow(offset + bytes, doing);
    return disk_->end(power_fails, doing, std::move(done));
  }

  Status truncate(std::uint64_t bytes) override {
    const std::string doing = "truncate '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.truncates;
    TALEA_TRY(check_writable(doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::changes, doing));
    return disk_->end(power_fails, doing, grow(bytes, doing));
  }

  Status sync_data() override {
    const std::string doing = "sync '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.syncs;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const std::optional<Fault> fault = TALEA_TRY(disk_->enter(Effect::syncs_data, doing));
    if (fault == Fault::crash) return disk_->power_failed(doing);
    if (fault.has_value()) {
      file_->content.drop();
      return Disk::injected(*fault, doing);
    }
    file_->content.sync();
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::string doing = "stat '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    return file_->content.size();
  }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    const std::string doing = "map '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.maps;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    TALEA_TRY(check_map(path_, offset, bytes));
    if (offset % CrashContent::kPageBytes != 0) {
      return Status::io_error(doing + ": the offset is no multiple of the page size");
    }
    if (access == MapAccess::write && !writable_) {
      return Status::denied(doing + ": it is open for reading only");
    }
    if (bytes > 0 && offset + bytes > CrashContent::kWindowBytes) {
      return Status::io_error(doing + ": cannot allocate memory");
    }
    std::shared_ptr<CrashContent::Window> window;
    if (bytes > 0) window = file_->content.map(offset, bytes, access == MapAccess::write);
    return std::unique_ptr<Mapping>(std::make_unique<CrashMapping>(disk_, file_, std::move(window),
                                                                   offset, bytes, access, path_));
  }

 private:
  Status check_writable(const std::string& doing) TALEA_REQUIRES(disk_->mutex) {
    TALEA_TRY(disk_->check_alive(boot_, doing));
    if (!writable_) return Status::io_error(doing + ": it is open for reading only");
    return {};
  }

  Status grow(std::uint64_t size, const std::string& doing) TALEA_REQUIRES(disk_->mutex) {
    const std::uint64_t before = file_->content.size();
    if (size > before && disk_->room_for(*file_, before, size - before) < size - before) {
      return Disk::injected(Fault::disk_full, doing);
    }
    file_->content.resize(size);
    return {};
  }

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  std::string path_;
  std::uint64_t boot_;
  bool writable_;
};

class CrashFileLock final : public FileLock {
 public:
  CrashFileLock(std::shared_ptr<CrashFileSystem::Disk> disk,
                std::shared_ptr<CrashFileSystem::Node> file, LockKind kind, std::uint64_t boot)
      : disk_(std::move(disk)), file_(std::move(file)), kind_(kind), boot_(boot) {}
  ~CrashFileLock() override {
    MutexLock lock(disk_->mutex);
    disk_->unlock(*file_, kind_, boot_);
  }
  CrashFileLock(const CrashFileLock&) = delete;
  CrashFileLock& operator=(const CrashFileLock&) = delete;

 private:
  std::shared_ptr<CrashFileSystem::Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  LockKind kind_;
  std::uint64_t boot_;
};

// -- The file system -----------------------------------------------------------------------------

CrashFileSystem::CrashFileSystem() : CrashFileSystem(std::make_shared<Disk>()) {}
CrashFileSystem::CrashFileSystem(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
CrashFileSystem::~CrashFileSystem() = default;

Result<std::unique_ptr<File>> CrashFileSystem::open(const std::string& path, OpenMode mode) {
  const std::string doing = "open '" + path + "'";
  const bool changes = mode == OpenMode::create_new || mode == OpenMode::truncate;
  const auto effect = changes ? Disk::Effect::changes : Disk::Effect::reads;
  MutexLock lock(disk_->mutex);
  ++disk_->calls.opens;
  const bool power_fails = TALEA_TRY(disk_->begin(effect, doing));
  if (disk_->read_only && mode != OpenMode::read) return Disk::injected(Fault::read_only, doing);
  std::shared_ptr<Node> file =
      TALEA_TRY(disk_->end(power_fails, doing, disk_->open(path, mode, doing)));
  return std::unique_ptr<File>(std::make_unique<CrashFile>(disk_, std::move(file), path,
                                                           disk_->boot, mode != OpenMode::read));
}

Result<std::string> CrashFileSystem::absolute(const std::string& path) {
  if (path.empty()) return Status::invalid_argument("a path is empty: name a directory");
  // Its present directory is the root, always.
  if (!path.empty() && path.front() == '/') return without_trailing_slashes(path);
  return "/" + without_trailing_slashes(path);
}

Result<bool> CrashFileSystem::exists(const std::string& path) {
  const std::string doing = "look for '" + path + "'";
  MutexLock lock(disk_->mutex);
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::reads, doing));
  if (power_fails) return disk_->power_failed(doing);
  return disk_->find(path, doing).ok();
}

Status CrashFileSystem::create_directory(const std::string& path) {
  const std::string doing = "make directory '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.directories_made;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->create_directory(path, doing));
}

Result<std::vector<std::string>> CrashFileSystem::list(const std::string& path) {
  const std::string doing = "list '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.lists;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::reads, doing));
  if (power_fails) return disk_->power_failed(doing);
  const std::shared_ptr<Node> directory = TALEA_TRY(disk_->find(path, doing));
  if (!directory->is_directory) return Status::invalid_argument(doing + ": it is no directory");
  std::vector<std::string> names;
  for (const auto& [name, node] : directory->names) names.push_back(name);
  return names;
}

Status CrashFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string doing = "rename '" + from + "' to '" + to + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.renames;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->rename(from, to, doing));
}

Status CrashFileSystem::remove(const std::string& path) {
  const std::string doing = "remove '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.removes;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->remove(path, doing));
}

Status CrashFileSystem::sync_directory(const std::string& path) {
  const std::string doing = "sync directory '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.directory_syncs;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::syncs_directory, doing));
  if (power_fails) return disk_->power_failed(doing);
  const std::shared_ptr<Node> directory = TALEA_TRY(disk_->find(path, doing));
  if (!directory->is_directory) return Status::not_found(doing + ": it is no directory");
  disk_->make_names_durable(directory);
  return {};
}

Result<std::unique_ptr<FileLock>> CrashFileSystem::lock(const std::string& path, LockKind kind,
                                                        const std::string& owner) {
  const std::string doing = "lock '" + path + "'";
  const auto effect = kind == LockKind::exclusive ? Disk::Effect::changes : Disk::Effect::reads;
  MutexLock lock(disk_->mutex);
  ++disk_->calls.locks;
  const bool power_fails = TALEA_TRY(disk_->begin(effect, doing));
  std::shared_ptr<Node> file =
      TALEA_TRY(disk_->end(power_fails, doing, disk_->lock(path, kind, owner, doing)));
  return std::unique_ptr<FileLock>(
      std::make_unique<CrashFileLock>(disk_, std::move(file), kind, disk_->boot));
}

void CrashFileSystem::cut(PowerCut::Kind kind, std::uint64_t seed) {
  PowerCut cut(kind, seed);
  MutexLock lock(disk_->mutex);
  disk_->cut(cut);
}

void CrashFileSystem::power_cut(std::uint64_t seed) { cut(PowerCut::Kind::random, seed); }
void CrashFileSystem::power_cut_losing_everything_unsynced() {
  cut(PowerCut::Kind::lose_everything, 0);
}
void CrashFileSystem::power_cut_keeping_everything() { cut(PowerCut::Kind::keep_everything, 0); }

void CrashFileSystem::kill_process() {
  MutexLock lock(disk_->mutex);
  disk_->end_process();
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::clone() const {
  MutexLock lock(disk_->mutex);
  return std::unique_ptr<CrashFileSystem>(new CrashFileSystem(disk_->clone()));
}

void CrashFileSystem::audit_writes(WriteAudit audit) {
  MutexLock lock(disk_->mutex);
  disk_->audit = std::move(audit);
}

void CrashFileSystem::fail_at(std::uint64_t call, Fault fault) {
  MutexLock lock(disk_->mutex);
  disk_->planned.push_back({disk_->counted + call, fault});
}

void CrashFileSystem::clear_faults() {
  MutexLock lock(disk_->mutex);
  disk_->planned.clear();
}

std::uint64_t CrashFileSystem::faults_fired() const {
  MutexLock lock(disk_->mutex);
  return disk_->fired;
}

void CrashFileSystem::count_reads(bool count) {
  MutexLock lock(disk_->mutex);
  disk_->reads_count = count;
}

std::uint64_t CrashFileSystem::counted_calls() const {
  MutexLock lock(disk_->mutex);
  return disk_->counted;
}

bool CrashFileSystem::crashed() const {
  MutexLock lock(disk_->mutex);
  return disk_->crashed;
}

void CrashFileSystem::set_capacity(std::uint64_t bytes) {
  MutexLock lock(disk_->mutex);
  disk_->capacity = bytes;
}

void CrashFileSystem::set_read_only(bool read_only) {
  MutexLock lock(disk_->mutex);
  disk_->read_only = read_only;
}

CrashFileSystem::Calls CrashFileSystem::calls() const {
  MutexLock lock(disk_->mutex);
  return disk_->calls;
}

void CrashFileSystem::reset_calls() {
  MutexLock lock(disk_->mutex);
  disk_->calls = {};
}

Result<Bytes> CrashFileSystem::read_file(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file = TALEA_TRY(disk_->find_file(path, "read '" + path + "'"));
  Bytes content(static_cast<std::size_t>(file->content.size()), '\0');
  file->content.read(0, content.data(), content.size());
  return content;
}

Status CrashFileSystem::write_file(const std::string& path, BytesView content) {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file =
      TALEA_TRY(disk_->make_durable_file(path, "write '" + path + "'"));
  file->content.resize(content.size());
  file->content.write(0, content);
  file->content.make_durable();
  return {};
}

Status CrashFileSystem::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file =
      TALEA_TRY(disk_->find_file(path, "flip a bit of '" + path + "'"));
  if (offset >= file->content.size() || bit > 7) {
    return Status::invalid_argument("flip a bit of '" + path + "': there is no such bit");
  }
  file->content.flip_bit(offset, bit);
  return {};
}

}  // namespace talea
