// ForwardingFileSystem and ForwardingFile: hand every call on; for tests that change a few of them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"

namespace talea {

class ForwardingFile : public File {
 public:
  explicit ForwardingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    return file_->pread(offset, out, bytes);
  }
  Status pwrite(std::uint64_t offset, BytesView data) override {
    return file_->pwrite(offset, data);
  }
  Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
    return file_->allocate(offset, bytes);
  }
  Status truncate(std::uint64_t bytes) override { return file_->truncate(bytes); }
  Status sync_data() override { return file_->sync_data(); }
  Result<std::uint64_t> size() override { return file_->size(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    return file_->map(offset, bytes, access);
  }

 private:
  const std::unique_ptr<File> file_;
};

class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem& disk) : disk_(disk) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    return disk_.open(path, mode);
  }
  Result<std::string> absolute(const std::string& path) override { return disk_.absolute(path); }
  Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
  Status create_directory(const std::string& path) override { return disk_.create_directory(path); }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return disk_.list(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return disk_.rename(from, to);
  }
  Status remove(const std::string& path) override { return disk_.remove(path); }
  Status sync_directory(const std::string& path) override { return disk_.sync_directory(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, LockKind kind,
                                         const std::string& owner) override {
    return disk_.lock(path, kind, owner);
  }

 private:
  FileSystem& disk_;
};

}  // namespace talea
