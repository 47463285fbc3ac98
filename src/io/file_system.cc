// What every FileSystem shares: joining and splitting paths, and reads that may not be short.
#include "io/file_system.h"

namespace talea {

std::string join_path(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory.back() == '/') return directory + name;
  return directory + '/' + name;
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status read_exactly(File& file, std::uint64_t offset, std::uint64_t bytes, Bytes& out) {
  out.resize(bytes);
  const std::size_t got = TALEA_TRY(file.pread(offset, out.data(), bytes));
  if (got == bytes) return {};
  return Status::corruption("the file ends at " + std::to_string(offset + got) + ", inside " +
                            std::to_string(bytes) + " bytes at offset " + std::to_string(offset));
}

}  // namespace talea
