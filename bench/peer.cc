#include "bench/peer.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace talea::bench {
namespace {

Status unsupported(const Peer& peer, const char* what) {
  return Status::unsupported(peer.name() + " has no " + what);
}

}  // namespace

Status Peer::multi_get(std::span<const BytesView>, std::span<std::optional<Bytes>>) {
  return unsupported(*this, "get of several keys");
}

Status Peer::scan(BytesView, std::uint64_t, RowSum&) { return unsupported(*this, "order of keys"); }

Status Peer::scan_prefix(BytesView, RowSum&) { return unsupported(*this, "scan of a prefix"); }

Status Peer::put_in_flight(std::span<const Entry>, std::size_t) {
  return unsupported(*this, "asynchronous commit");
}

Status Peer::compact() { return unsupported(*this, "compaction on demand"); }

Result<DiskUse> Peer::disk_use(const std::string& directory) {
  return DiskUse{.bytes = TALEA_TRY(disk_blocks_bytes(directory))};
}

Result<std::uint64_t> disk_blocks_bytes(const std::string& directory) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(directory, error);
  if (error) return Status::io_error("list " + directory + ": " + error.message());
  std::uint64_t blocks = 0;
  for (const auto end = std::filesystem::end(files); files != end; files.increment(error)) {
    if (error) return Status::io_error("list " + directory + ": " + error.message());
    // A store may remove a file in the background; then it occupies nothing.
    struct stat status {};
    if (::lstat(files->path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      blocks += static_cast<std::uint64_t>(status.st_blocks);
    }
  }
  return blocks * 512;  // the unit of st_blocks, whatever the block size; stat(2)
}

}  // namespace talea::bench
