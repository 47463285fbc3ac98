#include "io/file_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/crash_file_system.h"

namespace talea {
namespace {

Bytes read_all(File& file) {
  Bytes bytes(file.size().value(), '\0');
  bytes.resize(file.pread(0, bytes.data(), bytes.size()).value());
  return bytes;
}

TEST(FileCache, ReadsMoreFilesThanItKeepsOpen) {
  CrashFileSystem disk;
  FileCache cache(disk, 3);
  std::vector<std::unique_ptr<File>> files;
  for (int i = 0; i < 10; ++i) {
    const std::string path = "/f" + std::to_string(i);
    ASSERT_TRUE(disk.write_file(path, path).ok());
    files.push_back(cache.file(path));
  }
  EXPECT_EQ(disk.calls().opens, 0U) << "nothing is opened before it is read";
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(read_all(*files[static_cast<std::size_t>(i)]), "/f" + std::to_string(i));
    }
  }
  EXPECT_EQ(disk.calls().opens, 20U) << "each was closed before its turn came again";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(read_all(*files[9]), "/f9");
  EXPECT_EQ(disk.calls().opens, 20U) << "what is in use stays open";
}

TEST(FileCache, ReportsWhatCannotBeOpenedAndRefusesWrites) {
  CrashFileSystem disk;
  FileCache cache(disk, 3);
  const std::unique_ptr<File> file = cache.file("/absent");
  EXPECT_EQ(file->size().status().code(), Code::not_found);
  EXPECT_EQ(file->pwrite(0, "x").code(), Code::unsupported);
  EXPECT_EQ(file->truncate(0).code(), Code::unsupported);
  EXPECT_EQ(file->sync_data().code(), Code::unsupported);
}

TEST(FileCache, FilesMayOutliveIt) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.write_file("/f", "content").ok());
  std::unique_ptr<File> file;
  {
    FileCache cache(disk, 1);
    file = cache.file("/f");
  }
  EXPECT_EQ(read_all(*file), "content");
}

}  // namespace
}  // namespace talea
