// The FileSystem seam over POSIX calls: the only place in the product that names a file
// descriptor. What it adds to the calls is small: short counts and EINTR are handled, errno
// becomes a Code, and the message says what was being done, to which file, and what to do next.
#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

namespace talea {
namespace {

// A store holds other people's data: what we make, only its owner may read.
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr std::size_t kOwnerTextBytesMax = 512;
constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Code::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return Code::denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Code::exhausted;
    case EEXIST: return Code::invalid_argument;
    default: return Code::io_error;
  }
}

// What a person can do about `error`; empty where we know of nothing.
std::string advice_on(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "; user " + std::to_string(geteuid()) + ", group " + std::to_string(getegid()) +
             " lacks the permission: run as the owner of the file, or change its owner or mode";
    case EROFS:
      return "; the mount is read-only: open with --read-only (Options::read_only), or remount it "
             "for writing";
    case ENOSPC: return "; free space on this disk, then open again";
    case EDQUOT: return "; free space or raise the quota of this user, then open again";
    case EFBIG: return "; raise the limit on file size (ulimit -f), then open again";
    case EMFILE: return "; raise the limit on open files (ulimit -n)";
    case ENFILE: return "; raise the limit on open files of the machine (sysctl fs.file-max)";
    case EIO: return "; look into the kernel's log (dmesg) for a failing disk";
    default: return {};
  }
}

Status failed(std::string_view doing, const std::string& path, int error) {
  // std::strerror is not safe in several threads at once; this is.
  return Status(code_of(error), std::string(doing) + " '" + path + "': " +
                                    std::generic_category().message(error) + advice_on(error));
}

// Calls again as long as a signal interrupts.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto outcome = call();
    if (outcome != -1 || errno != EINTR) return outcome;
  }
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  // close(2) is not repeated after EINTR: Linux has released the number by then.
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

Result<Descriptor> open_descriptor(std::string_view doing, const std::string& path, int flags) {
  const int number =
      uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); });
  if (number < 0) return failed(doing, path, errno);
  return Descriptor(number);
}

Result<struct stat> stat_of(const Descriptor& descriptor, const std::string& path) {
  struct stat found {};
  if (::fstat(descriptor.get(), &found) != 0) return failed("stat", path, errno);
  return found;
}

// Offsets of files are signed in POSIX; a larger one is met here, before it turns negative.
Status check_range(std::string_view doing, const std::string& path, std::uint64_t offset,
                   std::uint64_t bytes) {
  constexpr std::uint64_t kOffsetMax = std::numeric_limits<off_t>::max();
  if (bytes > kOffsetMax || offset > kOffsetMax - bytes) return failed(doing, path, EFBIG);
  return {};
}

class PosixMapping final : public Mapping {
 public:
  PosixMapping(void* start, std::size_t bytes, MapAccess access, std::string path)
      : start_(start), bytes_(bytes), access_(access), path_(std::move(path)) {}
  ~PosixMapping() override {
    if (bytes_ > 0) ::munmap(start_, bytes_);
  }
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;

  BytesView bytes() const override { return {static_cast<const char*>(start_), bytes_}; }
  char* data() override {
    return access_ == MapAccess::write ? static_cast<char*>(start_) : nullptr;
  }

  Status prefault(std::uint64_t offset, std::uint64_t bytes) override {
    TALEA_TRY(check_prefault(*this, path_, offset, bytes));
    if (bytes == 0) return {};
#if defined(MADV_POPULATE_WRITE)
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t first = offset / page_bytes * page_bytes;
    char* const start = static_cast<char*>(start_) + first;
    const std::size_t length = static_cast<std::size_t>(offset + bytes - first);
    const int outcome =
        uninterrupted([&] { return ::madvise(start, length, MADV_POPULATE_WRITE); });
    if (outcome == 0 || errno == EINVAL) return {};  // EINVAL: the kernel does not know the call
    if (errno == EFAULT) {                           // a store would have been a SIGBUS
      return Status::io_error("prefault a mapping of '" + path_ +
                              "': the file ends before it, or the disk has no room for a page");
    }
    return failed("prefault a mapping of", path_, errno);
#else
    return {};
#endif
  }

  void use_huge_pages(bool use) override {
    (void)::madvise(start_, bytes_, use ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }

 private:
  void* start_;
  std::size_t bytes_;
  MapAccess access_;
  std::string path_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    TALEA_TRY(check_range("read", path_, offset, bytes));
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t got = uninterrupted([&] {
        return ::pread(descriptor_.get(), out + done, bytes - done,
                       static_cast<off_t>(offset + done));
      });
      if (got < 0) return failed("read", path_, errno);
      if (got == 0) break;  // the end of the file
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status pwrite(std::uint64_t offset, BytesView data) override {
    TALEA_TRY(check_range("write", path_, offset, data.size()));
    while (!data.empty()) {
      const ssize_t put = uninterrupted([&] {
        return ::pwrite(descriptor_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      });
      if (put < 0) return failed("write", path_, errno);
      // No file system returns 0 here; one that did would make this loop endless.
      if (put == 0) return failed("write", path_, EIO);
      data.remove_prefix(static_cast<std::size_t>(put));
      offset += static_cast<std::uint64_t>(put);
    }
    return {};
  }

  Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
    TALEA_TRY(check_range("allocate", path_, offset, bytes));
    if (bytes == 0) return {};  // fallocate calls that an error
    const int outcome = uninterrupted([&] {
      return ::fallocate(descriptor_.get(), 0, static_cast<off_t>(offset),
                         static_cast<off_t>(bytes));
    });
    if (outcome == 0) return {};
    if (errno == EOPNOTSUPP || errno == ENOSYS) return write_zeros_up_to(offset + bytes);
    return failed("allocate", path_, errno);
  }

  Status truncate(std::uint64_t bytes) override {
    TALEA_TRY(check_range("truncate", path_, bytes, 0));
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(bytes)); }) !=
        0) {
      return failed("truncate", path_, errno);
    }
    return {};
  }

  Status sync_data() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0) {
      return failed("sync", path_, errno);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    const struct stat found = TALEA_TRY(stat_of(descriptor_, path_));
    return static_cast<std::uint64_t>(found.st_size);
  }

  Result<bool> is_private() override {
    const struct stat found = TALEA_TRY(stat_of(descriptor_, path_));
    const bool is_ours = found.st_uid == ::geteuid() || found.st_uid == 0 || ::geteuid() == 0;
    return is_ours && (found.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    TALEA_TRY(check_map(path_, offset, bytes));
    if (bytes == 0) {  // mmap would refuse
      return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(nullptr, 0, access, path_));
    }
    const int protection = access == MapAccess::write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* const start = map_like_file(offset, bytes, protection);
    if (start == MAP_FAILED) return failed("map", path_, errno);
    // The kernel is not asked for huge pages, but by use_huge_pages(): what is only read would come
    // from a cold disk in pieces of 2 MiB. They come too where a file was written in such pieces,
    // as data segments are.
    return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(start, bytes, access, path_));
  }

 private:
  // Maps so that a huge page of the file lies on one of memory: one entry of the page table then
  // stands for 512, and a read at random spares the walk through it (a fifth of the time of a get
  // among a million keys).
  void* map_like_file(std::uint64_t offset, std::uint64_t bytes, int protection) {
    const auto map = [&](void* at) {
      return ::mmap(at, bytes, protection, MAP_SHARED, descriptor_.get(),
                    static_cast<off_t>(offset));
    };
    if (bytes < kHugePageBytes) return map(nullptr);
    const std::uint64_t room = bytes + kHugePageBytes;
    void* const free = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (free == MAP_FAILED) return map(nullptr);
    ::munmap(free, room);
    // A wish, which the kernel passes over should another thread have taken the place meanwhile:
    // to insist would be to take it from that one.
    char* const begin = static_cast<char*>(free);
    return map(begin + (offset - reinterpret_cast<std::uintptr_t>(begin)) % kHugePageBytes);
  }

  // Stands in for fallocate where the file system has none (NFS 3, some FUSE). What lies below the
  // present end stays as it is: to fill holes there would race with writers, and we make none.
  Status write_zeros_up_to(std::uint64_t end) {
    static constexpr std::array<char, 65536> kZeros{};
    std::uint64_t position = TALEA_TRY(size());
    while (position < end) {
      const std::size_t count = std::min<std::uint64_t>(kZeros.size(), end - position);
      TALEA_TRY(pwrite(position, {kZeros.data(), count}));
      position += count;
    }
    return {};
  }

  Descriptor descriptor_;
  std::string path_;
};

// Replaces the text in a lock file by the name of the owner. The text is for a message and the lock
// is what counts, so a failure is of no interest: a full disk must not keep a store from opening.
void write_owner(const Descriptor& descriptor, std::string_view owner) {
  if (::ftruncate(descriptor.get(), 0) != 0 || owner.empty()) return;
  [[maybe_unused]] const ssize_t put =
      uninterrupted([&] { return ::pwrite(descriptor.get(), owner.data(), owner.size(), 0); });
}

// What cannot be read is left out, for the same reason.
std::string read_owner(const Descriptor& descriptor) {
  std::string text(kOwnerTextBytesMax, '\0');
  const ssize_t got =
      uninterrupted([&] { return ::pread(descriptor.get(), text.data(), text.size(), 0); });
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text.empty() ? "a process that left no name" : text;
}

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(Descriptor descriptor, LockKind kind)
      : descriptor_(std::move(descriptor)), kind_(kind) {}
  // Closing releases. The text goes first, so that one which is found names an owner that lives or
  // was killed, never one that left in good order.
  ~PosixFileLock() override {
    if (kind_ == LockKind::exclusive) write_owner(descriptor_, {});
  }
  PosixFileLock(const PosixFileLock&) = delete;
  PosixFileLock& operator=(const PosixFileLock&) = delete;

 private:
  Descriptor descriptor_;
  LockKind kind_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  int flags = O_RDWR;
  switch (mode) {
    case OpenMode::read: flags = O_RDONLY; break;
    case OpenMode::write: break;
    case OpenMode::create_new: flags |= O_CREAT | O_EXCL; break;
    case OpenMode::truncate: flags |= O_CREAT | O_TRUNC; break;
  }
  Descriptor descriptor = TALEA_TRY(open_descriptor("open", path, flags));
  const struct stat found = TALEA_TRY(stat_of(descriptor, path));
  // open(2) opens a directory for reading, and only the first read fails.
  if (S_ISDIR(found.st_mode)) return failed("open", path, EISDIR);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(descriptor), path));
}

Result<std::string> PosixFileSystem::absolute(const std::string& path) {
  if (path.empty()) return Status::invalid_argument("a path is empty: name a directory");
  if (!path.empty() && path.front() == '/') return without_trailing_slashes(path);
  char* present = ::getcwd(nullptr, 0);  // as long as it has to be
  if (present == nullptr) return failed("find the present directory for", path, errno);
  std::string whole = join_path(present, without_trailing_slashes(path));
  ::free(present);  // NOLINT(cppcoreguidelines-no-malloc): getcwd allocated it
  return whole;
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
  struct stat found {};
  // lstat: a link to nothing occupies the name as well.
  if (::lstat(path.c_str(), &found) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return failed("look for", path, errno);
}

Status PosixFileSystem::create_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return {};
  const int error = errno;
  if (error != EEXIST) return failed("make directory", path, error);
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
  return Status::invalid_argument("make directory '" + path +
                                  "': something that is no directory has this name");
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (directory == nullptr) {
    const int error = errno;
    struct stat found {};
    if (error == ENOTDIR && ::stat(path.c_str(), &found) == 0) {
      return Status::invalid_argument("list '" + path + "': it is no directory");
    }
    return failed("list", path, error);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const struct dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return failed("list", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return failed("rename to '" + to + "' the file", from, errno);
}

Status PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  return failed("remove", path, errno);
}

Status PosixFileSystem::sync_directory(const std::string& path) {
  const Descriptor directory =
      TALEA_TRY(open_descriptor("open directory", path, O_RDONLY | O_DIRECTORY));
  if (uninterrupted([&] { return ::fsync(directory.get()); }) == 0) return {};
  return failed("sync directory", path, errno);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path, LockKind kind,
                                                        const std::string& owner) {
  const bool exclusive = kind == LockKind::exclusive;
  Descriptor descriptor =
      TALEA_TRY(open_descriptor("lock", path, exclusive ? O_RDWR | O_CREAT : O_RDONLY));
  // flock, not fcntl: it belongs to the open descriptor, so two in one process conflict, and
  // closing an unrelated descriptor of the file does not release it.
  if (uninterrupted([&] {
        return ::flock(descriptor.get(), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
      }) != 0) {
    if (errno == EWOULDBLOCK) {
      return Status::unavailable("lock '" + path + "': held by: " + read_owner(descriptor));
    }
    return failed("lock", path, errno);
  }
  if (exclusive) write_owner(descriptor, owner);
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(descriptor), kind));
}

}  // namespace talea
