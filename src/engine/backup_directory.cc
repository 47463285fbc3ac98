// BackupTarget as a directory: an object is a file that is written under another name, synced, and
// renamed.
#include "engine/backup.h"
#include "io/posix_file_system.h"
#include "manifest/manifest.h"

namespace talea {

namespace {

constexpr const char* kUnfinished = ".unfinished";
constexpr std::size_t kPieceBytes = kMiB;

bool is_name(const std::string& name) {
  return !name.empty() && name.find_first_of('/') == std::string::npos && name != "." &&
         name != ".." && !name.ends_with(kUnfinished);
}

class BackupDirectory final : public BackupTarget {
 public:
  BackupDirectory(FileSystem& file_system, std::string path)
      : file_system_(file_system), path_(std::move(path)) {}

  Result<std::vector<std::string>> list() override {
    if (!TALEA_TRY(file_system_.exists(path_))) {
      return Status::not_found("there is no directory '" + path_ + "' with backups");
    }
    std::vector<std::string> names = TALEA_TRY(file_system_.list(path_));
    std::erase_if(names, [](const std::string& name) { return !is_name(name); });
    return names;
  }

  Status write(const std::string& name, const StateSource& source) override {
    TALEA_TRY(check(name));
    TALEA_TRY(prepare());
    const std::string unfinished = join_path(path_, name + kUnfinished);
    Status written = write_file(unfinished, source);
    if (written.ok()) written = file_system_.rename(unfinished, join_path(path_, name));
    if (!written.ok()) {
      (void)file_system_.remove(unfinished).ok();
      return std::move(written).with_context("write " + join_path(path_, name));
    }
    return file_system_.sync_directory(path_);
  }

  Status read(const std::string& name, const StateSink& sink) override {
    TALEA_TRY(check(name));
    const std::unique_ptr<File> file =
        TALEA_TRY(file_system_.open(join_path(path_, name), OpenMode::read));
    Bytes piece(kPieceBytes, '\0');
    for (std::uint64_t offset = 0;;) {
      const std::size_t count = TALEA_TRY(file->pread(offset, piece.data(), piece.size()));
      if (count == 0) return {};
      TALEA_TRY(sink(BytesView(piece).substr(0, count)));
      offset += count;
    }
  }

  Status remove(const std::string& name) override {
    TALEA_TRY(check(name));
    TALEA_TRY(file_system_.remove(join_path(path_, name)));
    return file_system_.sync_directory(path_);
  }

 private:
  // Only who writes makes the directory: who reads has mistyped one that is not there.
  Status prepare() {
    if (is_prepared_) return {};
    if (TALEA_TRY(file_system_.exists(join_path(path_, kManifestName)))) {
      return Status::invalid_argument("'" + path_ +
                                      "' is the directory of a store: give its backups another "
                                      "one, and best another disk");
    }
    if (!TALEA_TRY(file_system_.exists(path_))) {
      TALEA_TRY(file_system_.create_directory(path_).with_context(
          "make the directory of backups (its parent must exist)"));
      TALEA_TRY(file_system_.sync_directory(parent_path(path_)));
    }
    is_prepared_ = true;
    return {};
  }

  static Status check(const std::string& name) {
    if (is_name(name)) return {};
    return Status::invalid_argument("'" + name + "' is no name of an object in a backup");
  }

  Status write_file(const std::string& path, const StateSource& source) {
    const std::unique_ptr<File> file = TALEA_TRY(file_system_.open(path, OpenMode::truncate));
    Bytes piece(kPieceBytes, '\0');
    for (std::uint64_t offset = 0;;) {
      const std::size_t count = TALEA_TRY(source(piece.data(), piece.size()));
      if (count == 0) return file->sync_data();
      TALEA_TRY(file->pwrite(offset, BytesView(piece).substr(0, count)));
      offset += count;
    }
  }

  FileSystem& file_system_;
  const std::string path_;
  bool is_prepared_ = false;
};

// With the file system that it works on.
class OwnBackupDirectory final : public BackupTarget {
 public:
  explicit OwnBackupDirectory(std::unique_ptr<PosixFileSystem> file_system,
                              std::unique_ptr<BackupTarget> target)
      : file_system_(std::move(file_system)), target_(std::move(target)) {}
  Result<std::vector<std::string>> list() override { return target_->list(); }
  Status write(const std::string& name, const StateSource& source) override {
    return target_->write(name, source);
  }
  Status read(const std::string& name, const StateSink& sink) override {
    return target_->read(name, sink);
  }
  Status remove(const std::string& name) override { return target_->remove(name); }

 private:
  const std::unique_ptr<PosixFileSystem> file_system_;
  const std::unique_ptr<BackupTarget> target_;
};

}  // namespace

Result<std::unique_ptr<BackupTarget>> open_backup_directory(FileSystem& file_system,
                                                            const std::string& path) {
  std::string directory = TALEA_TRY(file_system.absolute(path));
  return std::unique_ptr<BackupTarget>(
      std::make_unique<BackupDirectory>(file_system, std::move(directory)));
}

Result<std::unique_ptr<BackupTarget>> open_backup_directory(const std::string& path) {
  auto file_system = std::make_unique<PosixFileSystem>();
  auto target = TALEA_TRY(open_backup_directory(*file_system, path));
  return std::unique_ptr<BackupTarget>(
      std::make_unique<OwnBackupDirectory>(std::move(file_system), std::move(target)));
}

}  // namespace talea
