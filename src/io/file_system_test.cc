// What every FileSystem does: one suite, run on the real one and on the fake. A test that passes
// on one and fails on the other has found where the fake lies.
#include "io/file_system.h"

#include <gtest/gtest.h>

#include <string>

#include "io/crash_file_system.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}
void must(const Status& status) { EXPECT_TRUE(status.ok()) << status.to_string(); }

enum class Kind { posix, crash };

class AnyFileSystem : public testing::TestWithParam<Kind> {
 protected:
  AnyFileSystem() {
    if (GetParam() == Kind::crash) {
      file_system_ = std::make_unique<CrashFileSystem>();
      root_ = "/store";
      must(file_system_->create_directory(root_));
    } else {
      file_system_ = std::make_unique<PosixFileSystem>();
      root_ = test_directory();
    }
  }
  std::string path(const std::string& name) const { return join_path(root_, name); }
  std::unique_ptr<File> open(const std::string& name, OpenMode mode) {
    return must(file_system_->open(path(name), mode));
  }
  Code open_code(const std::string& name, OpenMode mode) {
    return file_system_->open(path(name), mode).status().code();
  }
  void make(const std::string& name, BytesView content) {
    must(open(name, OpenMode::create_new)->pwrite(0, content));
  }
  std::string content(const std::string& name) { return content(*open(name, OpenMode::read)); }
  static std::string content(File& file) {
    std::string bytes(must(file.size()), '\0');
    EXPECT_EQ(must(file.pread(0, bytes.data(), bytes.size())), bytes.size());
    return bytes;
  }

  std::unique_ptr<FileSystem> file_system_;
  std::string root_;
};

INSTANTIATE_TEST_SUITE_P(Io, AnyFileSystem, testing::Values(Kind::posix, Kind::crash),
                         [](const auto& kind) {
                           return kind.param == Kind::posix ? "Posix" : "Crash";
                         });

TEST_P(AnyFileSystem, WhatIsWrittenIsReadBack) {
  auto file = open("a", OpenMode::create_new);
  must(file->pwrite(0, "hello"));
  must(file->pwrite(5, " world"));
  must(file->sync_data());
  EXPECT_EQ(content(*file), "hello world");
  EXPECT_EQ(content("a"), "hello world");
}

TEST_P(AnyFileSystem, ReadingStopsAtTheEnd) {
  make("a", "hello");
  auto file = open("a", OpenMode::read);
  char buffer[10];
  EXPECT_EQ(must(file->pread(3, buffer, 10)), 2U);
  EXPECT_EQ(std::string(buffer, 2), "lo");
  EXPECT_EQ(must(file->pread(5, buffer, 10)), 0U);
  EXPECT_EQ(must(file->pread(500, buffer, 10)), 0U);
}

TEST_P(AnyFileSystem, WritingBehindTheEndLeavesZerosBetween) {
  auto file = open("a", OpenMode::create_new);
  must(file->pwrite(10000, "x"));
  EXPECT_EQ(content(*file), std::string(10000, '\0') + "x");
}

TEST_P(AnyFileSystem, AWriteSpansPages) {
  auto file = open("a", OpenMode::create_new);
  std::string bytes(20000, 'a');
  bytes[4095] = 'b';
  bytes[4096] = 'c';
  must(file->pwrite(0, bytes));
  must(file->pwrite(4090, "0123456789"));
  bytes.replace(4090, 10, "0123456789");
  EXPECT_EQ(content(*file), bytes);
}

TEST_P(AnyFileSystem, AnEmptyPathIsNotThePresentDirectory) {
  EXPECT_EQ(file_system_->absolute("").status().code(), Code::invalid_argument);
  EXPECT_EQ(must(file_system_->absolute("/a/b/")), "/a/b");
}

TEST_P(AnyFileSystem, AMissingFileIsNotFound) {
  EXPECT_EQ(open_code("a", OpenMode::read), Code::not_found);
  EXPECT_EQ(open_code("a", OpenMode::write), Code::not_found);
  EXPECT_EQ(open_code("missing/a", OpenMode::create_new), Code::not_found);
  EXPECT_EQ(file_system_->remove(path("a")).code(), Code::not_found);
  EXPECT_EQ(file_system_->rename(path("a"), path("b")).code(), Code::not_found);
  EXPECT_EQ(file_system_->list(path("a")).status().code(), Code::not_found);
  EXPECT_EQ(file_system_->sync_directory(path("a")).code(), Code::not_found);
  EXPECT_EQ(file_system_->create_directory(path("a/b")).code(), Code::not_found);
}

TEST_P(AnyFileSystem, AFileOnTheWayIsNotFound) {
  make("a", "");
  EXPECT_EQ(open_code("a/b", OpenMode::read), Code::not_found);
  EXPECT_EQ(open_code("a/b", OpenMode::create_new), Code::not_found);
  EXPECT_EQ(file_system_->sync_directory(path("a")).code(), Code::not_found);
  EXPECT_EQ(file_system_->create_directory(path("a/b")).code(), Code::not_found);
  EXPECT_FALSE(must(file_system_->exists(path("a/b"))));
}

TEST_P(AnyFileSystem, ANewFileDoesNotReplaceAnOldOne) {
  make("a", "old");
  EXPECT_EQ(open_code("a", OpenMode::create_new), Code::invalid_argument);
  EXPECT_EQ(content("a"), "old");
}

TEST_P(AnyFileSystem, OpeningWithTruncateEmptiesOrMakes) {
  make("a", "old");
  EXPECT_EQ(must(open("a", OpenMode::truncate)->size()), 0U);
  EXPECT_EQ(must(open("b", OpenMode::truncate)->size()), 0U);
}

TEST_P(AnyFileSystem, ADirectoryIsNoFile) {
  must(file_system_->create_directory(path("d")));
  EXPECT_EQ(open_code("d", OpenMode::read), Code::io_error);
  EXPECT_EQ(open_code("d", OpenMode::write), Code::io_error);
  EXPECT_EQ(open_code("d", OpenMode::truncate), Code::io_error);
  EXPECT_EQ(open_code("d", OpenMode::create_new), Code::invalid_argument);
  EXPECT_EQ(file_system_->remove(path("d")).code(), Code::io_error);
}

TEST_P(AnyFileSystem, AHandleForReadingCannotWrite) {
  make("a", "old");
  auto file = open("a", OpenMode::read);
  EXPECT_EQ(file->pwrite(0, "new").code(), Code::io_error);
  EXPECT_EQ(file->truncate(0).code(), Code::io_error);
  EXPECT_EQ(file->allocate(0, 10).code(), Code::io_error);
  EXPECT_EQ(file->map(0, 3, MapAccess::write).status().code(), Code::denied);
  EXPECT_EQ(content("a"), "old");
  must(file->sync_data());
}

TEST_P(AnyFileSystem, MakingADirectoryTwiceIsNoError) {
  must(file_system_->create_directory(path("d")));
  must(file_system_->create_directory(path("d")));
  make("a", "");
  EXPECT_EQ(file_system_->create_directory(path("a")).code(), Code::invalid_argument);
}

TEST_P(AnyFileSystem, ListIsSortedAndHasNoDots) {
  for (const char* name : {"c", "a", "b", ".hidden"}) make(name, "");
  must(file_system_->create_directory(path("d")));
  EXPECT_EQ(must(file_system_->list(root_)),
            (std::vector<std::string>{".hidden", "a", "b", "c", "d"}));
  EXPECT_EQ(file_system_->list(path("a")).status().code(), Code::invalid_argument);
}

TEST_P(AnyFileSystem, ExistsSeesFilesAndDirectories) {
  EXPECT_TRUE(must(file_system_->exists(root_)));
  EXPECT_FALSE(must(file_system_->exists(path("a"))));
  make("a", "");
  EXPECT_TRUE(must(file_system_->exists(path("a"))));
}

TEST_P(AnyFileSystem, RenameReplaces) {
  make("a", "new");
  make("b", "old");
  must(file_system_->rename(path("a"), path("b")));
  EXPECT_EQ(content("b"), "new");
  EXPECT_FALSE(must(file_system_->exists(path("a"))));
  must(file_system_->sync_directory(root_));
}

TEST_P(AnyFileSystem, RenameOfAnOpenFileKeepsTheHandle) {
  auto file = open("a", OpenMode::create_new);
  must(file_system_->rename(path("a"), path("b")));
  must(file->pwrite(0, "x"));
  EXPECT_EQ(content("b"), "x");
}

TEST_P(AnyFileSystem, RenameMovesDirectoriesButReplacesNone) {
  must(file_system_->create_directory(path("d")));
  must(file_system_->create_directory(path("e")));
  make("d/a", "x");
  make("f", "");
  EXPECT_EQ(file_system_->rename(path("f"), path("d")).code(), Code::io_error);
  EXPECT_EQ(file_system_->rename(path("d"), path("f")).code(), Code::not_found);
  EXPECT_EQ(file_system_->rename(path("d"), path("d/g")).code(), Code::io_error);
  EXPECT_EQ(file_system_->rename(path("e"), path("d")).code(), Code::io_error);
  must(file_system_->rename(path("d"), path("e")));
  EXPECT_EQ(content("e/a"), "x");
}

TEST_P(AnyFileSystem, ARemovedFileIsReadableWhileOpen) {
  make("a", "hello");
  auto file = open("a", OpenMode::read);
  must(file_system_->remove(path("a")));
  EXPECT_FALSE(must(file_system_->exists(path("a"))));
  EXPECT_EQ(content(*file), "hello");
  make("a", "other");
  EXPECT_EQ(content(*file), "hello");
}

TEST_P(AnyFileSystem, TruncateCutsAndExtendsWithZeros) {
  make("a", std::string(9000, 'x'));
  auto file = open("a", OpenMode::write);
  must(file->truncate(4100));
  EXPECT_EQ(content(*file), std::string(4100, 'x'));
  must(file->truncate(9000));
  EXPECT_EQ(content(*file), std::string(4100, 'x') + std::string(4900, '\0'));
}

TEST_P(AnyFileSystem, AllocateExtendsWithZerosAndKeepsWhatIsThere) {
  make("a", "hello");
  auto file = open("a", OpenMode::write);
  must(file->allocate(0, 8192));
  EXPECT_EQ(content(*file), "hello" + std::string(8187, '\0'));
  must(file->allocate(0, 100));
  EXPECT_EQ(must(file->size()), 8192U);
  must(file->allocate(0, 0));
}

TEST_P(AnyFileSystem, AMappingShowsTheFileAndTheFileShowsTheMapping) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 3 * 4096));
  auto writer = must(file->map(4096, 4096, MapAccess::write));
  auto reader = must(file->map(0, 3 * 4096, MapAccess::read));
  ASSERT_EQ(writer->bytes().size(), 4096U);
  EXPECT_EQ(reader->data(), nullptr);
  writer->data()[7] = 'w';
  EXPECT_EQ(reader->bytes()[4096 + 7], 'w');
  must(file->pwrite(4096 + 8, "p"));
  EXPECT_EQ(writer->bytes()[8], 'p');
  EXPECT_EQ(content("a").substr(4096 + 7, 2), "wp");
  must(file->sync_data());
}

TEST_P(AnyFileSystem, AMappingOutlivesItsFileHandleAndName) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 4096));
  auto mapping = must(file->map(0, 4096, MapAccess::write));
  file = nullptr;
  must(file_system_->remove(path("a")));
  mapping->data()[0] = 'x';
  EXPECT_EQ(mapping->bytes()[0], 'x');
}

TEST_P(AnyFileSystem, StoresStayAfterTheMappingEnds) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 8192));
  must(file->map(4096, 4096, MapAccess::write))->data()[0] = 'x';
  EXPECT_EQ(content(*file)[4096], 'x');
  must(file->allocate(0, 16384));
  auto mapping = must(file->map(0, 16384, MapAccess::read));
  EXPECT_EQ(mapping->bytes()[4096], 'x');
}

TEST_P(AnyFileSystem, AMappedFileMayGrow) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 4096));
  auto first = must(file->map(0, 4096, MapAccess::write));
  must(file->pwrite(4096, std::string(4096, 'y')));
  auto second = must(file->map(4096, 4096, MapAccess::write));
  EXPECT_EQ(second->bytes()[4095], 'y');
  first->data()[0] = 'x';
  first = nullptr;
  EXPECT_EQ(content(*file)[0], 'x');
}

TEST_P(AnyFileSystem, AMappingThatNoFileCouldFillIsRefused) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 8192));
  EXPECT_EQ(file->map(4096, ~std::uint64_t{0}, MapAccess::read).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(file->map(~std::uint64_t{4095}, 4096, MapAccess::read).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(file->map(100, 100, MapAccess::read).status().code(), Code::io_error);
  EXPECT_EQ(must(file->map(4096, 0, MapAccess::write))->bytes(), "");
  EXPECT_EQ(must(file->map(12288, 0, MapAccess::write))->bytes(), "");
}

TEST_P(AnyFileSystem, AFileGrowsIntoItsMapping) {
  auto file = open("a", OpenMode::create_new);
  auto window = must(file->map(0, 16 * 4096, MapAccess::write));
  auto reader = must(file->map(8192, 4096, MapAccess::read));
  ASSERT_EQ(window->bytes().size(), 16U * 4096);
  EXPECT_EQ(must(file->size()), 0U);
  must(file->allocate(0, 8192));
  window->data()[8191] = '1';
  must(file->allocate(8192, 8192));
  window->data()[8192] = '2';
  EXPECT_EQ(reader->bytes()[0], '2');
  must(file->truncate(5 * 4096));
  window->data()[5 * 4096 - 1] = '3';
  must(file->pwrite(5 * 4096, "4"));
  EXPECT_EQ(window->bytes().substr(5 * 4096 - 1, 2), "34");
  must(file->sync_data());
  const std::string all = content(*file);
  EXPECT_EQ(all.size(), 5U * 4096 + 1);
  EXPECT_EQ(all.substr(8191, 2), "12");
  EXPECT_EQ(all.substr(5 * 4096 - 1), "34");
}

TEST_P(AnyFileSystem, TheEndOfTheFileTakesPartInNoneOfTheWindowBehindIt) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 100));
  auto window = must(file->map(0, 4 * 4096, MapAccess::write));
  window->data()[99] = 'i';
  window->data()[100] = 'o';  // in the page of the end, so no fault; but not of the file
  EXPECT_EQ(content(*file), std::string(99, '\0') + "i");
  window = nullptr;
  EXPECT_EQ(must(file->size()), 100U);
}

TEST_P(AnyFileSystem, TouchingWhatLiesBeyondTheEndIsFatal) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 8192));
  auto window = must(file->map(0, 4 * 4096, MapAccess::write));
  EXPECT_DEATH(window->data()[8192] = 'x', "");
  must(file->allocate(8192, 4096));
  window->data()[8192] = 'x';
  EXPECT_EQ(content(*file)[8192], 'x');
  must(file->truncate(4096));
  EXPECT_DEATH(window->data()[4096] = 'x', "");
  EXPECT_DEATH(EXPECT_EQ(window->bytes()[8192], 'x'), "");
}

TEST_P(AnyFileSystem, PrefaultChangesNoByte) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 4 * 4096));
  must(file->pwrite(5000, "kept"));
  auto window = must(file->map(4096, 8 * 4096, MapAccess::write));
  must(window->prefault(0, 3 * 4096));
  must(window->prefault(100, 5000));  // of whole pages only the writer need know
  must(window->prefault(8 * 4096, 0));
  EXPECT_EQ(window->bytes().substr(5000 - 4096, 4), "kept");
  window->data()[0] = 'n';
  EXPECT_EQ(content(*file)[4096], 'n');
  EXPECT_EQ(must(file->size()), 4U * 4096);
}

TEST_P(AnyFileSystem, PrefaultRefusesWhatCannotBeStoredTo) {
  auto file = open("a", OpenMode::create_new);
  must(file->allocate(0, 2 * 4096));
  auto window = must(file->map(0, 8 * 4096, MapAccess::write));
  EXPECT_EQ(window->prefault(4096, 8 * 4096).code(), Code::invalid_argument);
  EXPECT_EQ(window->prefault(~std::uint64_t{0}, 2).code(), Code::invalid_argument);
  EXPECT_EQ(window->prefault(4096, 2 * 4096).code(), Code::io_error);
  auto reader = must(file->map(0, 4096, MapAccess::read));
  EXPECT_EQ(reader->prefault(0, 4096).code(), Code::invalid_argument);
}

TEST_P(AnyFileSystem, AnExclusiveLockExcludesAndNamesItsOwner) {
  auto lock = must(file_system_->lock(path("LOCK"), LockKind::exclusive, "pid 42"));
  EXPECT_EQ(content("LOCK"), "pid 42");
  const auto other = file_system_->lock(path("LOCK"), LockKind::exclusive, "pid 43");
  EXPECT_EQ(other.status().code(), Code::unavailable);
  EXPECT_NE(other.status().message().find("held by: pid 42"), std::string::npos)
      << other.status().to_string();
  EXPECT_EQ(file_system_->lock(path("LOCK"), LockKind::shared, "").status().code(),
            Code::unavailable);
  lock = nullptr;
  lock = must(file_system_->lock(path("LOCK"), LockKind::exclusive, "p"));
  EXPECT_EQ(content("LOCK"), "p");
}

TEST_P(AnyFileSystem, SharedLocksShareAndExcludeTheExclusive) {
  EXPECT_EQ(file_system_->lock(path("LOCK"), LockKind::shared, "").status().code(),
            Code::not_found);
  must(file_system_->lock(path("LOCK"), LockKind::exclusive, "pid 42")).reset();
  auto one = must(file_system_->lock(path("LOCK"), LockKind::shared, ""));
  auto two = must(file_system_->lock(path("LOCK"), LockKind::shared, ""));
  const auto other = file_system_->lock(path("LOCK"), LockKind::exclusive, "pid 43");
  EXPECT_EQ(other.status().code(), Code::unavailable);
  // The owner that left in good order is not blamed.
  EXPECT_EQ(other.status().message().find("pid 42"), std::string::npos);
  one = nullptr;
  EXPECT_FALSE(file_system_->lock(path("LOCK"), LockKind::exclusive, "").ok());
  two = nullptr;
  must(file_system_->lock(path("LOCK"), LockKind::exclusive, ""));
}

TEST(Path, JoinAndParentAreOpposites) {
  EXPECT_EQ(join_path("a/b", "c"), "a/b/c");
  EXPECT_EQ(join_path("a/b/", "c"), "a/b/c");
  EXPECT_EQ(join_path("/", "c"), "/c");
  EXPECT_EQ(parent_path("a/b/c"), "a/b");
  EXPECT_EQ(parent_path("/c"), "/");
  EXPECT_EQ(parent_path("c"), ".");
}

}  // namespace
}  // namespace talea
