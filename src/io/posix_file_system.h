// PosixFileSystem: the FileSystem seam over POSIX calls.
#pragma once

#include "io/file_system.h"

namespace talea {

/// The real one, over POSIX calls.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::string> absolute(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status create_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, LockKind kind,
                                         const std::string& owner) override;
};

}  // namespace talea
