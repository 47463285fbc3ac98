#include "cli/directory_check.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "cli/descriptor.h"

namespace talea::cli {

namespace {

constexpr int kSyncs = 20;
constexpr std::size_t kSyncedBytes = 4096;

std::string reason_of(int error) { return std::generic_category().message(error); }

// For file systems that know no files without a name, as NFS.
int open_and_unlink(const std::string& directory) {
  const std::string path = directory + "/.talea-doctor-" + std::to_string(::getpid());
  const int number = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (number >= 0) ::unlink(path.c_str());
  return number;
}

// Nothing when a write or sync failed; `why_not` says how.
std::optional<std::uint64_t> median_sync_ns(int file, std::string& why_not) {
  const std::string bytes(kSyncedBytes, 'x');
  std::vector<std::uint64_t> spans;
  for (int i = 0; i < kSyncs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto offset = static_cast<off_t>(i) * static_cast<off_t>(kSyncedBytes);
    const bool is_written =
        ::pwrite(file, bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size());
    if (!is_written || ::fdatasync(file) != 0) {
      why_not = "a write and its sync fail: " + reason_of(errno);
      return std::nullopt;
    }
    const auto span = std::chrono::steady_clock::now() - begin;
    spans.push_back(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(span).count()));
  }
  const auto middle = spans.begin() + kSyncs / 2;
  std::nth_element(spans.begin(), middle, spans.end());
  return *middle;
}

// A file without a name; below 0, with errno: none can be made.
int open_nameless(const std::string& directory) {
  const int number = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  const bool knows_no_such_files =
      number < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT);
  return knows_no_such_files ? open_and_unlink(directory) : number;
}

void time_syncs(DirectoryCheck& check) {
  const int number = open_nameless(check.path);
  if (number < 0) {
    check.why_not = "no file can be made there: " + reason_of(errno);
    return;
  }
  const Descriptor file = Descriptor::owned(number);
  check.sync_median_ns = median_sync_ns(file.number(), check.why_not);
}

}  // namespace

DirectoryCheck check_directory(const std::string& directory) {
  DirectoryCheck check{.path = directory};
  struct stat status {};
  check.exists = ::stat(directory.c_str(), &status) == 0;
  if (!check.exists) {
    if (errno != ENOENT) {
      check.why_not = "it cannot be looked at: " + reason_of(errno);
      return check;
    }
    // A store makes its directory, and not those above it.
    const std::string name = directory.substr(0, directory.find_last_not_of('/') + 1);
    const std::filesystem::path above = std::filesystem::path(name).parent_path();
    check.path = above.empty() ? "." : above.string();
    if (::stat(check.path.c_str(), &status) != 0) {
      check.why_not = "'" + check.path + "', in which it would be made, is not there";
      return check;
    }
  }
  if (!S_ISDIR(status.st_mode)) {
    check.why_not = "'" + check.path + "' is no directory";
    return check;
  }
  if (::access(check.path.c_str(), R_OK | W_OK | X_OK) != 0) {
    check.why_not = "who runs this may not read and write '" + check.path + "'";
    return check;
  }
  struct statfs file_system {};
  if (::statfs(check.path.c_str(), &file_system) == 0) {
    check.free_bytes = static_cast<std::uint64_t>(file_system.f_bavail) *
                       static_cast<std::uint64_t>(file_system.f_bsize);
    check.is_in_memory = file_system.f_type == TMPFS_MAGIC || file_system.f_type == RAMFS_MAGIC;
  }
  time_syncs(check);
  return check;
}

}  // namespace talea::cli
