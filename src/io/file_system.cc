// What every FileSystem shares: joining and splitting paths, reads that may not be short, and what
// a mapping refuses.
#include "io/file_system.h"

#include <limits>

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

Status check_prefault(Mapping& mapping, const std::string& path, std::uint64_t offset,
                      std::uint64_t bytes) {
  const std::uint64_t mapped = mapping.bytes().size();
  if (offset > mapped || bytes > mapped - offset) {
    return Status::invalid_argument("prefault a mapping of '" + path + "': the range ends beyond " +
                                    std::to_string(mapped) + " mapped bytes");
  }
  if (bytes > 0 && mapping.data() == nullptr) {
    return Status::invalid_argument("prefault a mapping of '" + path + "': it is for reading");
  }
  return {};
}

Status check_map(const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
  constexpr std::uint64_t kOffsetMax = std::numeric_limits<std::int64_t>::max();
  if (offset <= kOffsetMax && bytes <= kOffsetMax - offset) return {};
  return Status::invalid_argument("map '" + path + "': no file reaches so far");
}

}  // namespace talea
