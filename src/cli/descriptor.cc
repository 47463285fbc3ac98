#include "cli/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/interruption.h"

namespace talea::cli {

namespace {

constexpr std::size_t kOutputBufferBytes = 256 * 1024;

std::string quoted(const std::string& path) { return "'" + path + "'"; }

// The file that a name stands for: links are followed, so that replacing the file keeps the link.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : path;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& path) {
  const int number = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0) return failed_call("open directory " + quoted(path), errno);
  const Descriptor directory = Descriptor::owned(number);
  if (::fsync(number) != 0) return failed_call("sync directory " + quoted(path), errno);
  return {};
}

}  // namespace

Status failed_call(const std::string& doing, int error) {
  std::string message = doing + ": " + std::strerror(error);
  switch (error) {
    case ENOENT: return Status::not_found(std::move(message));
    case EACCES:
    case EPERM:
    case EROFS: return Status::denied(std::move(message));
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Status::exhausted(std::move(message));
    default: return Status::io_error(std::move(message));
  }
}

Result<Descriptor> Descriptor::open_for_reading(const std::string& path) {
  if (path == "-") return borrowed(STDIN_FILENO);
  const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) return failed_call("open " + quoted(path), errno);
  return owned(number);
}

Descriptor::~Descriptor() {
  if (owned_) ::close(number_);
}

std::optional<std::uint64_t> Descriptor::file_bytes() const {
  struct stat found {};
  if (::fstat(number_, &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(found.st_size);
}

Result<std::size_t> Descriptor::read(char* buffer, std::size_t bytes_max) const {
  while (wait_for_input(number_)) {
    const ssize_t got = ::read(number_, buffer, bytes_max);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return failed_call("read the input", errno);
  }
  return Status::cancelled("interrupted");
}

Status Output::write(BytesView bytes) {
  TALEA_TRY(Status(failed_));
  bytes_ += bytes.size();
  if (buffer_.size() + bytes.size() > kOutputBufferBytes) TALEA_TRY(flush());
  if (bytes.size() > kOutputBufferBytes) return write_through(bytes);
  buffer_ += bytes;
  return {};
}

Status Output::flush() {
  TALEA_TRY(Status(failed_));
  const Status written = write_through(buffer_);
  buffer_.clear();
  return written;
}

Status Output::write_through(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(number_, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EINTR && !interrupted()) continue;
    reader_gone_ = errno == EPIPE;
    failed_ = errno == EPIPE || errno == EINTR ? Status::cancelled("write " + name_ + " was ended")
                                               : failed_call("write " + name_, errno);
    return failed_;
  }
  return {};
}

bool Output::is_terminal() const { return ::isatty(number_) == 1; }

OutputFile::OutputFile(std::string path, std::string temporary, Descriptor descriptor)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      descriptor_(std::move(descriptor)),
      output_(descriptor_.number(), quoted(path_)) {}

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::string& path) {
  const std::string target = resolved(path);
  struct stat found {};
  const bool in_place = ::stat(target.c_str(), &found) == 0 && !S_ISREG(found.st_mode);
  std::string temporary = in_place ? "" : target + ".talea-" + std::to_string(::getpid());
  const int number = in_place ? ::open(target.c_str(), O_WRONLY | O_CLOEXEC)
                              : ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                       0666);  // the umask takes its part
  if (number < 0) {
    return failed_call((in_place ? "open " : "create ") + quoted(in_place ? target : temporary),
                       errno);
  }
  return std::unique_ptr<OutputFile>(
      new OutputFile(target, std::move(temporary), Descriptor::owned(number)));
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status OutputFile::commit() {
  TALEA_TRY(output_.flush());
  if (temporary_.empty()) return {};
  if (::fsync(descriptor_.number()) != 0) return failed_call("sync " + quoted(path_), errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return failed_call("rename to " + quoted(path_), errno);
  }
  temporary_.clear();
  return sync_directory(directory_of(path_));
}

}  // namespace talea::cli
