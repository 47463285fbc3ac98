// Threads fault in their regions while others come and go.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "io/map_guard.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::size_t kPage = 4096;

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}
void must(const Status& status) { EXPECT_TRUE(status.ok()) << status.to_string(); }

// Maps a file, cuts it, and reads all of it: the part that is left is right and the rest is known
// to be damaged.
void lose_a_page(FileSystem& file_system, const std::string& path) {
  auto file = must(file_system.open(path, OpenMode::truncate));
  must(file->pwrite(0, std::string(4 * kPage, 'x')));
  auto mapping = must(file->map(0, 4 * kPage, MapAccess::read));
  std::atomic<bool> damaged = false;
  const MapGuard::Region region =
      must(MapGuard::watch(mapping->bytes().data(), 4 * kPage, MapAccess::read, damaged));
  must(file->truncate(kPage));
  EXPECT_EQ(Bytes(mapping->bytes().substr(0, kPage)), Bytes(kPage, 'x'));
  EXPECT_FALSE(MapGuard::damaged(damaged));
  EXPECT_EQ(Bytes(mapping->bytes().substr(kPage)), Bytes(3 * kPage, '\0'));
  EXPECT_TRUE(MapGuard::damaged(damaged));
}

TEST(MapGuardConcurrency, RegionsComeAndGoWhileOthersFault) {
  must(MapGuard::install());
  const std::string directory = test_directory();
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      PosixFileSystem file_system;
      for (int round = 0; round < kRounds; ++round) {
        lose_a_page(file_system, join_path(directory, std::to_string(i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MapGuardConcurrency, WhoeverReadsAZeroFindsTheFlag) {
  must(MapGuard::install());
  constexpr std::size_t kPages = 64;
  constexpr int kThreads = 4;
  PosixFileSystem file_system;
  auto file = must(file_system.open(join_path(test_directory(), "a"), OpenMode::truncate));
  for (int round = 0; round < 20; ++round) {
    must(file->pwrite(0, std::string(kPages * kPage, 'x')));
    auto mapping = must(file->map(0, kPages * kPage, MapAccess::read));
    std::atomic<bool> damaged = false;
    const MapGuard::Region region =
        must(MapGuard::watch(mapping->bytes().data(), kPages * kPage, MapAccess::read, damaged));
    must(file->truncate(0));
    std::atomic<int> silent = 0;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::size_t page = 0; page < kPages; ++page) {
          const char byte = mapping->bytes()[page * kPage];
          if (byte != '\0' || !MapGuard::damaged(damaged)) ++silent;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(silent, 0);
  }
}

}  // namespace
}  // namespace talea
