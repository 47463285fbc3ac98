// A file in memory, for targets that read through a File.
#pragma once

#include <algorithm>

#include "io/file_system.h"

namespace talea {

class MemoryFile final : public File {
 public:
  explicit MemoryFile(Bytes content) : content_(std::move(content)) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    if (offset >= content_.size()) return std::size_t{0};
    return content_.copy(out, bytes, offset);
  }
  Result<std::uint64_t> size() override { return std::uint64_t{content_.size()}; }

  Status pwrite(std::uint64_t, BytesView) override { return refused(); }
  Status allocate(std::uint64_t, std::uint64_t) override { return refused(); }
  Status truncate(std::uint64_t) override { return refused(); }
  Status sync_data() override { return refused(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t, std::uint64_t, MapAccess) override {
    return refused();
  }

 private:
  static Status refused() { return Status::io_error("this file is for reading"); }

  const Bytes content_;
};

}  // namespace talea
