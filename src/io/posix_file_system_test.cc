// What only the real file system can show: which errno becomes which Code. Tests run as root too,
// so refusals are provoked by things that even root cannot do.
#include "io/posix_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/test_directory.h"

namespace talea {
namespace {

using testing::HasSubstr;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}
void must(const Status& status) { EXPECT_TRUE(status.ok()) << status.to_string(); }

class PosixFileSystemTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return join_path(root_, name); }

  PosixFileSystem file_system_;
  std::string root_ = test_directory();
};

// Limits the size of files, and makes the limit an error instead of a signal.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    struct rlimit limit = before_;
    limit.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit before_ {};
  void (*handler_)(int) = nullptr;
};

TEST_F(PosixFileSystemTest, AFullDiskIsExhaustedAndSaysToFreeSpace) {
  auto full = must(file_system_.open("/dev/full", OpenMode::write));
  const Status status = full->pwrite(0, "x");
  EXPECT_EQ(status.code(), Code::exhausted);
  EXPECT_THAT(status.to_string(), HasSubstr("write '/dev/full'"));
  EXPECT_THAT(status.to_string(), HasSubstr("No space left on device"));
  EXPECT_THAT(status.to_string(), HasSubstr("free space"));
}

TEST_F(PosixFileSystemTest, TheFileSizeLimitIsExhausted) {
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  const FileSizeLimit limit(4096);
  EXPECT_EQ(file->pwrite(4096, "x").code(), Code::exhausted);
  EXPECT_EQ(file->allocate(0, 8192).code(), Code::exhausted);
  EXPECT_EQ(file->truncate(8192).code(), Code::exhausted);
}

TEST_F(PosixFileSystemTest, AShortWriteGoesOnUntilTheErrorIsKnown) {
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  const FileSizeLimit limit(4096);
  // The kernel writes 4096 bytes and says so; only the second call fails.
  EXPECT_EQ(file->pwrite(0, std::string(8192, 'x')).code(), Code::exhausted);
  EXPECT_EQ(must(file->size()), 4096U);
}

TEST_F(PosixFileSystemTest, OffsetsBeyondTheSignedRangeAreExhausted) {
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  const std::uint64_t huge = std::uint64_t{1} << 63;
  char byte = 0;
  EXPECT_EQ(file->pwrite(huge, "x").code(), Code::exhausted);
  EXPECT_EQ(file->pread(huge, &byte, 1).status().code(), Code::exhausted);
  EXPECT_EQ(file->truncate(huge).code(), Code::exhausted);
  EXPECT_EQ(file->allocate(huge - 1, huge).code(), Code::exhausted);
  EXPECT_EQ(must(file->size()), 0U);
}

TEST_F(PosixFileSystemTest, ATooLongNameIsAnIoError) {
  const std::string name(300, 'n');
  const auto opened = file_system_.open(path(name), OpenMode::create_new);
  EXPECT_EQ(opened.status().code(), Code::io_error);
  EXPECT_THAT(opened.status().to_string(), HasSubstr("File name too long"));
  EXPECT_EQ(file_system_.exists(path(name)).status().code(), Code::io_error);
  EXPECT_EQ(file_system_.create_directory(path(name)).code(), Code::io_error);
  EXPECT_EQ(file_system_.remove(path(name)).code(), Code::io_error);
}

TEST_F(PosixFileSystemTest, WhatCannotBeSyncedIsAnIoError) {
  auto null = must(file_system_.open("/dev/null", OpenMode::write));
  EXPECT_EQ(null->sync_data().code(), Code::io_error);
  EXPECT_EQ(null->allocate(0, 4096).code(), Code::io_error);
}

TEST_F(PosixFileSystemTest, AllocateTakesRealBlocks) {
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  must(file->allocate(0, 1 << 20));
  struct stat found {};
  ASSERT_EQ(::stat(path("a").c_str(), &found), 0);
  EXPECT_GE(found.st_blocks * 512, 1 << 20);
}

TEST_F(PosixFileSystemTest, FilesAndDirectoriesAreTheOwnersAlone) {
  must(file_system_.open(path("a"), OpenMode::create_new));
  must(file_system_.create_directory(path("d")));
  struct stat found {};
  ASSERT_EQ(::stat(path("a").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 077U, 0U);
  ASSERT_EQ(::stat(path("d").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 077U, 0U);
}

TEST_F(PosixFileSystemTest, DescriptorsAreNotInheritedByPrograms) {
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  auto lock = must(file_system_.lock(path("LOCK"), LockKind::exclusive, "us"));
  const std::string command = "ls -l /proc/self/fd | grep -q '" + root_ + "'";
  EXPECT_NE(::system(command.c_str()), 0);
}

TEST_F(PosixFileSystemTest, ALinkToNothingOccupiesItsName) {
  std::filesystem::create_symlink(path("nowhere"), path("a"));
  EXPECT_TRUE(must(file_system_.exists(path("a"))));
  EXPECT_EQ(file_system_.open(path("a"), OpenMode::create_new).status().code(),
            Code::invalid_argument);
}

TEST_F(PosixFileSystemTest, AKilledOwnersLockIsFreeAndItsTextReplaced) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = file_system_.lock(path("LOCK"), LockKind::exclusive, "the child");
    const char answer = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto refused = file_system_.lock(path("LOCK"), LockKind::exclusive, "us");
  EXPECT_EQ(refused.status().code(), Code::unavailable);
  EXPECT_THAT(refused.status().to_string(), HasSubstr("held by: the child"));
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  must(file_system_.lock(path("LOCK"), LockKind::exclusive, "us"));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(PosixFileSystemTest, ALockIsTakenWhenItsOwnerCannotBeWritten) {
  // As on a full disk: the store must open, or nothing could be deleted from it.
  const FileSizeLimit limit(0);
  auto lock = must(file_system_.lock(path("LOCK"), LockKind::exclusive, "us"));
  const auto refused = file_system_.lock(path("LOCK"), LockKind::exclusive, "them");
  EXPECT_EQ(refused.status().code(), Code::unavailable);
}

TEST_F(PosixFileSystemTest, PrefaultedPagesAreResident) {
  constexpr std::size_t kPageBytes = 4096;
  constexpr std::size_t kPages = 256;
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  must(file->allocate(0, kPages * kPageBytes));
  auto mapping = must(file->map(0, kPages * kPageBytes, MapAccess::write));
#if defined(MADV_POPULATE_WRITE)
  if (::madvise(mapping->data(), kPageBytes, MADV_POPULATE_WRITE) != 0) {
    GTEST_SKIP() << "the kernel has no MADV_POPULATE_WRITE";
  }
#endif
  must(mapping->prefault(kPageBytes, (kPages - 1) * kPageBytes));
  std::vector<unsigned char> resident(kPages);
  ASSERT_EQ(::mincore(mapping->data(), kPages * kPageBytes, resident.data()), 0);
  EXPECT_EQ(std::count(resident.begin(), resident.end(), 1), static_cast<long>(kPages));
}

// A huge page of the file lies on one of memory, wherever in the file the mapping begins.
TEST_F(PosixFileSystemTest, ALargeMappingLiesInMemoryAsInItsFile) {
  constexpr std::uint64_t kHugePageBytes = 2 << 20;
  auto file = must(file_system_.open(path("a"), OpenMode::create_new));
  must(file->truncate(3 * kHugePageBytes));
  must(file->pwrite(kHugePageBytes, "here"));
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{64} << 10, kHugePageBytes}) {
    for (const std::uint64_t bytes : {kHugePageBytes + 5, 2 * kHugePageBytes}) {
      auto mapping = must(file->map(offset, bytes, MapAccess::read));
      const auto start = reinterpret_cast<std::uintptr_t>(mapping->bytes().data());
      EXPECT_EQ(start % kHugePageBytes, offset % kHugePageBytes);
      EXPECT_EQ(mapping->bytes().size(), bytes);
      EXPECT_EQ(mapping->bytes().substr(kHugePageBytes - offset, 4), "here");
    }
  }
}

// What could not be mapped leaves no hole and takes no room.
TEST_F(PosixFileSystemTest, ALargeMappingThatIsRefusedIsAnError) {
  auto null = must(file_system_.open("/dev/null", OpenMode::write));
  EXPECT_FALSE(null->map(0, std::uint64_t{8} << 20, MapAccess::write).ok());
  EXPECT_FALSE(null->map(0, 4096, MapAccess::write).ok());
}

}  // namespace
}  // namespace talea
