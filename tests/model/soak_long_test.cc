// A store that is used in all ways for long, and whose background works all the time: what it holds
// is what it was given, and it takes no more memory and no more files the longer it runs.
//
// It runs for TALEA_SOAK_SECONDS (20 if that is not set), which is the one thing that decides how
// much is done.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>

#include "base/random.h"
#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::uint64_t kKeys = 100'000;
constexpr std::uint64_t kOperationsInRound = 20'000;

std::chrono::seconds duration() {
  const char* const seconds = std::getenv("TALEA_SOAK_SECONDS");
  return std::chrono::seconds(seconds == nullptr ? 20 : std::max(4, std::atoi(seconds)));
}

struct Footprint {
  std::uint64_t files = 0;
  std::uint64_t memory_bytes = 0;  // of the heap, and not of maps of files
  std::uint64_t disk_bytes = 0;
};

Footprint footprint(const std::string& path) {
  Footprint now;
  const std::filesystem::directory_iterator open_files("/proc/self/fd");
  now.files = static_cast<std::uint64_t>(std::distance(begin(open_files), end(open_files)));
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssAnon:") continue;
    status >> now.memory_bytes;
    now.memory_bytes *= kKiB;
  }
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    std::error_code gone;  // by compaction
    const std::uintmax_t bytes = file.file_size(gone);
    if (!gone) now.disk_bytes += bytes;
  }
  return now;
}

class Soak {
 public:
  Soak(std::string path, std::uint64_t seed) : path_(std::move(path)), random_(seed) {
    options_.sync = SyncMode::never;
    options_.segment_bytes = 4 * kMiB;
    options_.compaction_interval = std::chrono::milliseconds(100);
    options_.checkpoint_bytes = 16 * kMiB;
    engine_.emplace(Engine::open(path_, options_).value());
  }

  void round() {
    for (std::uint64_t i = 0; i < kOperationsInRound && !testing::Test::HasFatalFailure(); ++i) {
      step();
    }
    const std::uint64_t kind = below(8);
    ASSERT_TRUE(kind != 0 || engine_->compact().ok());
    ASSERT_TRUE(kind != 1 || engine_->checkpoint().ok());
    if (kind == 2) reopen();
    if (kind == 3) replace_snapshot();
  }

  void compare() {
    Scan scan = engine_->scan().value();
    compare_with(model_, scan);
  }
  // What is not of use any more is gone afterwards.
  void settle() {
    snapshot_.reset();
    snapshot_model_.clear();
    ASSERT_TRUE(engine_->compact().ok());
    (void)malloc_trim(0);
  }

 private:
  using Model = std::map<Bytes, Bytes>;

  std::uint64_t below(std::uint64_t bound) { return random_.next_u64() % bound; }
  Bytes key() { return "key" + std::to_string(below(kKeys)); }

  void step() {
    const std::uint64_t kind = below(100);
    const Bytes of = key();
    if (kind < 50) {
      const Bytes value(20 + below(200), static_cast<char>('a' + below(26)));
      ASSERT_TRUE(engine_->put(of, value).ok());
      model_[of] = value;
    } else if (kind < 65) {
      ASSERT_TRUE(engine_->remove(of).ok());
      model_.erase(of);
    } else if (kind < 99) {
      const auto at = model_.find(of);
      const auto got = engine_->get(of).value();
      ASSERT_EQ(got.has_value(), at != model_.end());
      ASSERT_TRUE(!got || *got == at->second);
    } else {
      Scan scan = engine_->scan({.start = of, .limit = 50}).value();
      auto expected = model_.lower_bound(of);
      for (int rows = 0; scan.next().value(); ++rows, ++expected) {
        ASSERT_NE(expected, model_.end());
        ASSERT_EQ(scan.key(), expected->first);
      }
    }
  }

  // The one that is there has to show what was there when it was made.
  void replace_snapshot() {
    if (snapshot_) {
      Scan scan = snapshot_->scan().value();
      compare_with(snapshot_model_, scan);
    }
    snapshot_.emplace(engine_->snapshot().value());
    snapshot_model_ = model_;
  }

  void reopen() {
    snapshot_.reset();
    ASSERT_TRUE(engine_->close().ok());
    engine_.emplace(Engine::open(path_, options_).value());
  }

  static void compare_with(const Model& model, Scan& scan) {
    auto expected = model.begin();
    for (; scan.next().value(); ++expected) {
      ASSERT_NE(expected, model.end());
      ASSERT_EQ(scan.key(), expected->first);
      ASSERT_EQ(scan.value().value(), expected->second);
    }
    ASSERT_EQ(expected, model.end());
  }

  const std::string path_;
  SeededRandom random_;
  Options options_;
  std::optional<Engine> engine_;
  Model model_;
  std::optional<Snapshot> snapshot_;  // ends before its engine
  Model snapshot_model_;
};

TEST(SoakLong, FilesAndMemoryStayAndTheDataIsThatOfAModel) {
  using Clock = std::chrono::steady_clock;
  const std::string path = test_directory() + "/store";
  Soak soak(path, test_seed());
  const Clock::time_point begin = Clock::now();
  std::optional<Footprint>
      early;  // when half of the time was over: all that grows at first has grown
  std::uint64_t rounds = 0;
  for (auto spent = Clock::duration(0); spent < duration(); spent = Clock::now() - begin) {
    soak.round();
    ASSERT_FALSE(testing::Test::HasFailure());
    ++rounds;
    if (early || spent * 2 < duration()) continue;
    soak.settle();
    early = footprint(path);
  }
  soak.settle();
  const Footprint late = footprint(path);
  soak.compare();
  ASSERT_TRUE(early.has_value());
  const auto mebibytes = [](std::uint64_t bytes) { return std::to_string(bytes / kMiB); };
  std::cout << rounds * kOperationsInRound << " operations; files " << early->files << " to "
            << late.files << ", memory " << mebibytes(early->memory_bytes) << " to "
            << mebibytes(late.memory_bytes) << " MiB, disk " << mebibytes(early->disk_bytes)
            << " to " << mebibytes(late.disk_bytes) << " MiB\n";
  EXPECT_LE(late.files, early->files + 16);
  EXPECT_LE(late.memory_bytes, early->memory_bytes * 5 / 4 + 16 * kMiB);
  EXPECT_LE(late.disk_bytes, early->disk_bytes * 5 / 4 + 8 * kMiB);
}

}  // namespace
}  // namespace talea
