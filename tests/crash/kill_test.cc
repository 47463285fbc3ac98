// A real process, a real file system, SIGKILL. The oracle lives in another process: this one.
//
// A child opens the store and writes from 8 threads; for each acknowledged write it sends a line
// through a pipe. It is killed in the middle, and what is then on disk is compared with the lines.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr int kThreads = 8;
constexpr std::uint64_t kKeys = 40;

struct Acknowledged {
  Sequence sequence = 0;
  Bytes value;
};

Bytes value_of(std::uint64_t key, int thread, std::uint64_t count) {
  return std::to_string(key) + ":" + std::to_string(thread) + ":" + std::to_string(count) +
         Bytes(key * 37, '.');
}

// The child: writes until it is killed. Never returns.
[[noreturn]] void write_for_ever(const std::string& path, SyncMode sync, std::uint64_t seed,
                                 int pipe) {
  Options options;
  options.sync = sync;
  options.segment_bytes = 256 * kKiB;
  auto opened = Engine::open(path, options);
  if (!opened.ok()) _exit(3);
  Engine& engine = *opened;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      SeededRandom random(seed + static_cast<std::uint64_t>(thread));
      for (std::uint64_t count = 0;; ++count) {
        const std::uint64_t key = random.next_u64() % kKeys;
        const auto put = engine.put("key" + std::to_string(key), value_of(key, thread, count));
        if (!put.ok()) _exit(4);
        // One write below PIPE_BUF is atomic: lines of different threads never mix.
        const std::string line = std::to_string(key) + " " + std::to_string(*put) + " " +
                                 std::to_string(thread) + " " + std::to_string(count) + "\n";
        if (write(pipe, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(6);
}

// Reads lines until `lines` of them came, kills the child, and reads what is left in the pipe.
std::vector<std::string> kill_after(pid_t child, int pipe, std::size_t lines) {
  std::string text;
  std::size_t seen = 0;
  bool killed = false;
  char block[4096];
  for (;;) {
    const ssize_t got = read(pipe, block, sizeof block);
    if (got <= 0) break;
    text.append(block, static_cast<std::size_t>(got));
    seen += static_cast<std::size_t>(std::count(block, block + got, '\n'));
    if (seen >= lines && !killed) {
      EXPECT_EQ(kill(child, SIGKILL), 0);
      killed = true;
    }
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  std::vector<std::string> all;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    all.push_back(text.substr(begin, end - begin));
  }
  return all;
}

void remember(const std::vector<std::string>& lines, std::map<Bytes, Acknowledged>& newest) {
  for (const std::string& line : lines) {
    unsigned long long key = 0;
    unsigned long long sequence = 0;
    int thread = 0;
    unsigned long long count = 0;
    ASSERT_EQ(std::sscanf(line.c_str(), "%llu %llu %d %llu", &key, &sequence, &thread, &count), 4)
        << line;
    Acknowledged& known = newest["key" + std::to_string(key)];
    if (sequence > known.sequence) known = {sequence, value_of(key, thread, count)};
  }
}

class Kill : public testing::TestWithParam<SyncMode> {};

// E2, E4: after each of several kills, no key is older than what was acknowledged last.
TEST_P(Kill, InTheMiddleOfEightWritersLosesNothingAcknowledged) {
  const std::string path = test_directory() + "/store";
  const std::uint64_t seed = test_seed();
  std::map<Bytes, Acknowledged> newest;
  Sequence highest = 0;
  for (std::uint64_t round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      write_for_ever(path, GetParam(), seed + round * 100, ends[1]);
    }
    close(ends[1]);
    const std::vector<std::string> lines = kill_after(child, ends[0], 200 + 150 * round);
    close(ends[0]);
    remember(lines, newest);

    auto opened = Engine::open(path);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    EXPECT_GT(opened->recovery().last_sequence, highest);
    highest = opened->recovery().last_sequence;
    for (const auto& [key, acknowledged] : newest) {
      const auto got = opened->get_versioned(key);
      ASSERT_TRUE(got.ok()) << got.status().to_string();
      ASSERT_TRUE(got->has_value()) << key << " is gone";
      ASSERT_GE((*got)->revision, acknowledged.sequence) << key << " went back";
      if ((*got)->revision == acknowledged.sequence) {
        ASSERT_EQ((*got)->value, acknowledged.value);
      }
      ASSERT_EQ("key" + (*got)->value.substr(0, (*got)->value.find(':')), key);
    }
    if (round % 2 == 0) {
      ASSERT_TRUE(opened->close().ok());
    }
  }
  const VerifyReport report = verify_store(path).value();
  EXPECT_TRUE(report.findings.empty());
}

INSTANTIATE_TEST_SUITE_P(SyncModes, Kill,
                         testing::Values(SyncMode::always, SyncMode::interval, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

// E13: the lock of a killed process is free at once.
TEST(KillLock, OfAKilledOwnerIsFree) {
  const std::string path = test_directory() + "/store";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto opened = Engine::open(path);
    if (!opened.ok() || write(ends[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  const Status refused = Engine::open(path).status();
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_NE(refused.message().find("process " + std::to_string(child)), std::string::npos)
      << refused.to_string();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(Engine::open(path).ok());
}

}  // namespace
}  // namespace talea
