// Faults that were once found in the engine and show on a real file system alone, or with real
// threads. What changes limits, identity or the present directory runs in a child process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr uid_t kNobody = 65534;
constexpr const char* kSkip = "skip: ";

// Runs `body` in a process of its own and returns what it returned: what went wrong, or nothing.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    close(ends[0]);
    const std::string text = body();
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char block[512];
  for (ssize_t got = 0; (got = read(ends[0], block, sizeof block)) > 0;) {
    text.append(block, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child ended with " << status;
  return text;
}

// In a child: becomes a user without rights. False when that is impossible.
bool become(uid_t user) { return setgid(user) == 0 && setuid(user) == 0; }

TEST(RelativePath, MeansTheSameStoreAfterTheProcessChangedItsDirectory) {
  const std::string directory = test_directory();
  std::filesystem::create_directory(directory + "/a");
  std::filesystem::create_directory(directory + "/b");
  const std::string problem = in_child([&]() -> std::string {
    Options options;
    options.segment_bytes = kSegmentBytesMin;
    {
      Engine other = Engine::open(directory + "/b/store", options).value();
      if (!other.put("other", "1").ok()) return "the other store cannot be written";
      if (!other.close().ok()) return "the other store cannot be closed";
    }
    if (chdir((directory + "/a").c_str()) != 0) return "chdir to a";
    Engine engine = Engine::open("store", options).value();
    if (chdir((directory + "/b").c_str()) != 0) return "chdir to b";
    for (int i = 0; i < 10; ++i) {  // several segments
      const auto put = engine.put("k" + std::to_string(i), Bytes(20'000, 'x'));
      if (!put.ok()) return put.status().to_string();
    }
    return engine.close().ok() ? "" : "the store cannot be closed";
  });
  ASSERT_EQ(problem, "");
  Engine engine = Engine::open(directory + "/a/store").value();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(engine.get("k" + std::to_string(i)).value().has_value()) << i;
  }
  Engine other = Engine::open(directory + "/b/store").value();
  EXPECT_TRUE(other.get("other").value().has_value());
  EXPECT_EQ(other.stats().keys, 1U);
}

class Readers : public testing::TestWithParam<int> {};

// The readers stop when the writer is done: a starved writer runs into the limit of ctest.
TEST_P(Readers, ThatScanAllTheTimeDoNotStarveAWriter) {
  Options options;
  options.sync = SyncMode::never;
  Engine engine = Engine::open(test_directory() + "/store", options).value();
  Batch rows;
  for (int i = 0; i < 5000; ++i) rows.put("k" + std::to_string(i), "v");
  ASSERT_TRUE(engine.commit(rows).ok());
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  readers.reserve(static_cast<std::size_t>(GetParam()));
  for (int i = 0; i < GetParam(); ++i) {
    readers.emplace_back([&] {
      while (!done) {
        Scan scan = engine.scan().value();
        while (!done && scan.next().value()) {
        }
      }
    });
  }
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(engine.put("w" + std::to_string(i), "v").ok());
  done = true;
  for (std::thread& reader : readers) reader.join();
}

INSTANTIATE_TEST_SUITE_P(Counts, Readers, testing::Values(1, 4, 16));

TEST(SmallSessions, AreNotLimitedByTheNumberOfOpenFiles) {
  const std::string path = test_directory() + "/store";
  const std::string problem = in_child([&]() -> std::string {
    rlimit few{};
    if (getrlimit(RLIMIT_NOFILE, &few) != 0) return "getrlimit";
    few.rlim_cur = 320;
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) return "setrlimit";
    Options options;
    options.sync = SyncMode::never;
    constexpr int kSessions = 400;
    for (int i = 0; i < kSessions; ++i) {
      auto engine = Engine::open(path, options);
      if (!engine.ok()) return std::to_string(i) + ": " + engine.status().to_string();
      const auto put = engine->put("k" + std::to_string(i), "v");
      if (!put.ok()) return std::to_string(i) + ": " + put.status().to_string();
      if (!engine->close().ok()) return std::to_string(i) + ": close";
    }
    options.read_only = true;
    auto reader = Engine::open(path, options);
    if (!reader.ok()) return "reader: " + reader.status().to_string();
    for (int i = 0; i < kSessions; ++i) {
      const auto got = reader->get("k" + std::to_string(i));
      if (!got.ok()) return "get: " + got.status().to_string();
      if (!got->has_value()) return "lost: " + std::to_string(i);
    }
    return "";
  });
  EXPECT_EQ(problem, "");
}

TEST(Manifest, OfTerabytesWithoutContentIsCorruption) {
  const std::string path = test_directory() + "/store";
  ASSERT_TRUE(Engine::open(path).value().close().ok());
  if (truncate((path + "/MANIFEST").c_str(), off_t{1} << 43) != 0) {
    GTEST_SKIP() << "this file system has no files of 8 TiB";
  }
  EXPECT_EQ(Engine::open(path).status().code(), Code::corruption);
}

// Cutting the file is what makes the kernel raise the SIGBUS of a disk that fails below a map.
TEST(MappedRun, ThatTheDiskFailsBelowIsAnIoErrorOfItsReaders) {
  const std::string path = test_directory() + "/store";
  constexpr int kKeys = 20'000;
  const auto key_of = [](int i) { return "key" + std::to_string(100'000 + i); };
  Options options;
  options.sync = SyncMode::never;
  options.guard_maps = true;
  options.memory_budget = kMemoryBudgetMin;  // else all keys leave the runs by themselves
  {
    Engine engine = Engine::open(path, options).value();
    for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(engine.put(key_of(i), std::to_string(i)).ok());
    ASSERT_TRUE(engine.checkpoint().ok());
    ASSERT_TRUE(engine.close().ok());
  }
  const std::string problem = in_child([&]() -> std::string {
    Engine engine = Engine::open(path, options).value();
    if (engine.get(key_of(7)).value() != "7") return "before the cut";  // its block is checked now
    int runs = 0;
    for (const auto& file : std::filesystem::directory_iterator(path)) {
      if (file.path().extension() != ".run") continue;
      ++runs;
      if (truncate(file.path().c_str(), 4096) != 0) return "truncate";
    }
    if (runs == 0) return "there is no run";
    int failed = 0;
    for (int i = 0; i < kKeys; ++i) {
      const auto got = engine.get(key_of(i));
      if (got.ok() && *got != std::to_string(i)) return "a wrong answer for key " + key_of(i);
      if (got.ok()) continue;
      if (got.status().code() != Code::io_error) return "get: " + got.status().to_string();
      ++failed;
    }
    if (failed == 0) return "all keys were found";
    const auto put = engine.put(key_of(kKeys / 2), "new");
    if (put.status().code() != Code::io_error) return "put: " + put.status().to_string();
    Scan scan = engine.scan().value();
    Result<bool> row = scan.next();
    for (int rows = 0; row.ok() && *row; ++rows) {
      if (rows >= kKeys) return "the scan has too many rows";
      row = scan.next();
    }
    if (row.status().code() != Code::io_error) return "scan: " + row.status().to_string();
    return "";
  });
  EXPECT_EQ(problem, "");
}

TEST(UnreadableParent, CanHoldAStore) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const std::string parent = test_directory();
  const std::string path = parent + "/store";
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(chown(path.c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(chmod(parent.c_str(), 0711), 0);
  const std::string problem = in_child([&]() -> std::string {
    if (!become(kNobody)) return std::string(kSkip) + "cannot become another user";
    if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
      return std::string(kSkip) + "another user cannot reach the directory of this test";
    }
    for (int i = 0; i < 2; ++i) {
      auto engine = Engine::open(path);
      if (!engine.ok()) return engine.status().to_string();
      const auto put = engine->put("k", "v");
      if (!put.ok()) return put.status().to_string();
    }
    return "";
  });
  if (problem.starts_with(kSkip)) GTEST_SKIP() << problem;
  EXPECT_EQ(problem, "");
}

TEST(IntervalSync, WithoutAThreadToRunItIsExhausted) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become a user with one process";
  const std::string parent = test_directory();
  const std::string path = parent + "/store";
  constexpr uid_t kAlone = 64'777;  // nobody else on the machine is this user
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(chown(path.c_str(), kAlone, kAlone), 0);
  ASSERT_EQ(chmod(parent.c_str(), 0755), 0);
  const std::string problem = in_child([&]() -> std::string {
    if (!become(kAlone)) return std::string(kSkip) + "cannot become another user";
    if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
      return std::string(kSkip) + "another user cannot reach the directory of this test";
    }
    const rlimit one{1, 1};
    if (setrlimit(RLIMIT_NPROC, &one) != 0) return std::string(kSkip) + "setrlimit";
    try {
      std::thread([] {}).join();
      return std::string(kSkip) + "the limit is not enforced here";
    } catch (const std::system_error&) {
    }
    Options options;
    options.sync = SyncMode::interval;
    const Status status = Engine::open(path, options).status();
    return status.code() == Code::exhausted ? "" : "opened: " + status.to_string();
  });
  if (problem.starts_with(kSkip)) GTEST_SKIP() << problem;
  EXPECT_EQ(problem, "");
}

}  // namespace
}  // namespace talea
