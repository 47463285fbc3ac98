// The disk fails below a map: played by cutting the file, for which the kernel raises the very
// same SIGBUS. What ends a process is shown in a process of its own, started afresh by GoogleTest,
// so that whether the handler is installed is up to each test.
#include "io/map_guard.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

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

// A file of 'x' that is mapped, and can be cut below its map.
class MappedFile {
 public:
  MappedFile(const std::string& name, std::size_t pages, MapAccess access) {
    file_ = must(file_system_.open(join_path(test_directory(), name), OpenMode::truncate));
    must(file_->pwrite(0, std::string(pages * kPage, 'x')));
    mapping_ = must(file_->map(0, pages * kPage, access));
  }
  Mapping& mapping() { return *mapping_; }
  BytesView bytes() const { return mapping_->bytes(); }
  void cut(std::size_t pages) { must(file_->truncate(pages * kPage)); }
  void extend(std::size_t pages) { must(file_->truncate(pages * kPage)); }

 private:
  PosixFileSystem file_system_;
  std::unique_ptr<File> file_;
  std::unique_ptr<Mapping> mapping_;
};

class MapGuardTest : public testing::Test {
 protected:
  MapGuardTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }

  static Result<MapGuard::Region> watch(const MappedFile& file, std::atomic<bool>& damaged,
                                        MapAccess access = MapAccess::read) {
    return MapGuard::watch(file.bytes().data(), file.bytes().size(), access, damaged);
  }
};

// What a sanitizer or GoogleTest did about SIGBUS is undone.
void set_handler(void (*handler)(int)) { ::signal(SIGBUS, handler); }

TEST_F(MapGuardTest, ALoadFromALostPageReadsZerosAndSetsTheFlag) {
  must(MapGuard::install());
  EXPECT_TRUE(MapGuard::installed());
  MappedFile file("a", 4, MapAccess::read);
  std::atomic<bool> damaged = false;
  const MapGuard::Region region = must(watch(file, damaged));
  EXPECT_EQ(std::string(file.bytes()), std::string(4 * kPage, 'x'));
  EXPECT_FALSE(MapGuard::damaged(damaged));
  file.cut(2);
  const std::string copy(file.bytes());
  EXPECT_TRUE(MapGuard::damaged(damaged));
  EXPECT_EQ(copy, std::string(2 * kPage, 'x') + std::string(2 * kPage, '\0'));
}

TEST_F(MapGuardTest, WhatIsNotTouchedIsNotDamaged) {
  must(MapGuard::install());
  MappedFile file("a", 4, MapAccess::read);
  std::atomic<bool> damaged = false;
  const MapGuard::Region region = must(watch(file, damaged));
  file.cut(1);
  EXPECT_EQ(file.bytes()[kPage - 1], 'x');
  EXPECT_FALSE(MapGuard::damaged(damaged));
  // One page goes, not the region: the others still follow the file.
  EXPECT_EQ(file.bytes()[3 * kPage], '\0');
  EXPECT_TRUE(MapGuard::damaged(damaged));
  file.extend(4);
  EXPECT_EQ(file.bytes()[2 * kPage], '\0');
  EXPECT_EQ(file.bytes()[0], 'x');
}

TEST_F(MapGuardTest, OtherRegionsKnowNothingOfIt) {
  must(MapGuard::install());
  constexpr std::size_t kFiles = 5;
  std::vector<std::unique_ptr<MappedFile>> files;
  std::array<std::atomic<bool>, kFiles> damaged = {};
  std::vector<MapGuard::Region> regions;
  files.reserve(kFiles);
  regions.reserve(kFiles);
  for (std::size_t i = 0; i < kFiles; ++i) {
    files.push_back(std::make_unique<MappedFile>(std::to_string(i), 2, MapAccess::read));
    regions.push_back(must(watch(*files[i], damaged[i])));
  }
  files[3]->cut(0);
  EXPECT_EQ(files[3]->bytes()[kPage], '\0');
  for (std::size_t i = 0; i < kFiles; ++i) {
    EXPECT_EQ(MapGuard::damaged(damaged[i]), i == 3) << i;
    if (i == 3) continue;
    EXPECT_EQ(std::string(files[i]->bytes()), std::string(2 * kPage, 'x')) << i;
  }
}

TEST_F(MapGuardTest, AStoreIntoALostPageCompletesAndSetsTheFlag) {
  must(MapGuard::install());
  MappedFile file("a", 2, MapAccess::write);
  std::atomic<bool> damaged = false;
  const MapGuard::Region region = must(watch(file, damaged, MapAccess::write));
  file.cut(1);
  std::memcpy(file.mapping().data() + kPage - 2, "abcd", 4);
  EXPECT_TRUE(MapGuard::damaged(damaged));
  EXPECT_EQ(file.bytes().substr(kPage - 2, 5), BytesView("abcd\0", 5));
}

TEST_F(MapGuardTest, ARegionCanMove) {
  must(MapGuard::install());
  MappedFile file("a", 2, MapAccess::read);
  std::atomic<bool> damaged = false;
  MapGuard::Region kept;
  {
    MapGuard::Region first = must(watch(file, damaged));
    kept = std::move(first);
  }
  file.cut(0);
  EXPECT_EQ(file.bytes()[0], '\0');
  EXPECT_TRUE(MapGuard::damaged(damaged));
}

TEST_F(MapGuardTest, PlacesAreLimitedAndUsedAgain) {
  std::atomic<bool> damaged = false;
  const char byte = 0;
  std::vector<MapGuard::Region> regions;
  regions.reserve(kMapRegionsMax);
  for (std::size_t i = 0; i < kMapRegionsMax; ++i) {
    regions.push_back(must(MapGuard::watch(&byte, 1, MapAccess::read, damaged)));
  }
  EXPECT_EQ(MapGuard::watch(&byte, 1, MapAccess::read, damaged).status().code(), Code::exhausted);
  regions.erase(regions.begin() + 17);
  must(MapGuard::watch(&byte, 1, MapAccess::read, damaged));
  regions.clear();
  must(MapGuard::watch(&byte, 1, MapAccess::read, damaged));
}

TEST_F(MapGuardTest, AnEmptyRegionTakesNoPlace) {
  std::atomic<bool> damaged = false;
  std::vector<MapGuard::Region> regions(kMapRegionsMax + 1);
  for (MapGuard::Region& region : regions) {
    region = must(MapGuard::watch(nullptr, 0, MapAccess::read, damaged));
  }
}

// -- What ends a process -------------------------------------------------------------------------

using MapGuardDeathTest = MapGuardTest;

void touch_unwatched() {
  MappedFile file("unwatched", 2, MapAccess::read);
  MappedFile watched("watched", 2, MapAccess::read);
  std::atomic<bool> damaged = false;
  const MapGuard::Region region =
      must(MapGuard::watch(watched.bytes().data(), 2 * kPage, MapAccess::read, damaged));
  file.cut(0);
  _exit(file.bytes()[kPage] == '\0' ? 1 : 2);  // not reached
}

TEST_F(MapGuardDeathTest, WithoutTheHandlerALostPageKills) {
  EXPECT_EXIT(
      {
        set_handler(SIG_DFL);
        MappedFile file("a", 2, MapAccess::read);
        std::atomic<bool> damaged = false;
        const MapGuard::Region region = must(watch(file, damaged));
        file.cut(0);
        _exit(file.bytes()[0]);
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST_F(MapGuardDeathTest, OutsideOfRegionsItKillsAsEver) {
  EXPECT_EXIT(
      {
        set_handler(SIG_DFL);
        must(MapGuard::install());
        touch_unwatched();
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST_F(MapGuardDeathTest, AFaultCannotBeIgnored) {
  EXPECT_EXIT(
      {
        set_handler(SIG_IGN);
        must(MapGuard::install());
        touch_unwatched();
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST_F(MapGuardDeathTest, ARegionThatEndedIsWatchedNoMore) {
  EXPECT_EXIT(
      {
        set_handler(SIG_DFL);
        must(MapGuard::install());
        MappedFile file("a", 2, MapAccess::read);
        std::atomic<bool> damaged = false;
        must(watch(file, damaged));
        file.cut(0);
        _exit(file.bytes()[0]);
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST_F(MapGuardDeathTest, AnEarlierHandlerGetsWhatIsNotOurs) {
  EXPECT_EXIT(
      {
        set_handler([](int signal) { _exit(signal == SIGBUS ? 42 : 1); });
        must(MapGuard::install());
        touch_unwatched();
      },
      testing::ExitedWithCode(42), "");
}

TEST_F(MapGuardDeathTest, AnEarlierHandlerLearnsTheAddress) {
  EXPECT_EXIT(
      {
        static const char* expected = nullptr;
        struct sigaction earlier = {};
        earlier.sa_flags = SA_SIGINFO;
        earlier.sa_sigaction = [](int, siginfo_t* info, void* context) {
          _exit(info->si_addr == expected && context != nullptr ? 42 : 1);
        };
        ::sigaction(SIGBUS, &earlier, nullptr);
        must(MapGuard::install());
        must(MapGuard::install());  // the second must not chain to the first
        MappedFile file("a", 2, MapAccess::read);
        expected = file.bytes().data() + kPage;
        file.cut(0);
        _exit(*expected);
      },
      testing::ExitedWithCode(42), "");
}

TEST_F(MapGuardDeathTest, ASignalThatWasSentIsNoFault) {
  EXPECT_EXIT(
      {
        set_handler(SIG_DFL);
        must(MapGuard::install());
        std::atomic<bool> damaged = false;
        // Whatever si_addr holds, it lies in here.
        const MapGuard::Region all =
            must(MapGuard::watch(nullptr, ~std::size_t{0}, MapAccess::read, damaged));
        ::raise(SIGBUS);
        _exit(1);
      },
      testing::KilledBySignal(SIGBUS), "");
  EXPECT_EXIT(
      {
        set_handler(SIG_IGN);
        must(MapGuard::install());
        ::raise(SIGBUS);
        _exit(42);
      },
      testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace talea
