// Callbacks written in C++ that throw: nothing of it comes through, and the store goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/capi/world.h"

namespace talea {
namespace {

void throw_outcome(void* user, int code, uint64_t /*sequence*/, const char* /*message*/) {
  static_cast<std::atomic<int>*>(user)->fetch_add(code == TALEA_OK ? 1 : 100);
  throw std::runtime_error("planted");
}

TEST(CInterface, ACompletionThatThrowsIsCalledOnceAndTheEngineGoesOn) {
  const CapiWorld world;
  std::atomic<int> calls{0};
  for (int number = 0; number < 3; ++number) {
    ASSERT_EQ(talea_batch_put(world.batch, "async", 5, "v", 1, nullptr), TALEA_OK);
    ASSERT_EQ(talea_commit_async(world.engine, world.batch, throw_outcome, &calls, nullptr),
              TALEA_OK);
  }
  EXPECT_EQ(talea_put(world.engine, "later", 5, "v", 1, nullptr, nullptr), TALEA_OK);
  EXPECT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  EXPECT_EQ(calls.load(), 3);
}

struct Failing {
  enum class How { returns, throws, throws_int } how;
  int calls = 0;
  int fail() {
    ++calls;
    if (how == How::throws) throw std::runtime_error("planted");
    if (how == How::throws_int) throw 7;
    return 42;
  }
};

int failing_sink(void* user, const void* /*bytes*/, size_t /*count*/) {
  return static_cast<Failing*>(user)->fail();
}
int failing_source(void* user, void* /*out*/, size_t /*room*/, size_t* /*count*/) {
  return static_cast<Failing*>(user)->fail();
}

TEST(CInterface, AStreamCallbackThatFailsOrThrowsCancelsTheCall) {
  const CapiWorld world;
  for (const auto& [how, text] :
       {std::pair{Failing::How::returns, "42"}, std::pair{Failing::How::throws, "planted"},
        std::pair{Failing::How::throws_int, "unknown type"}}) {
    talea_error* error = nullptr;
    Failing failing{how};
    EXPECT_EQ(talea_write_state(world.engine, failing_sink, &failing, nullptr, &error),
              TALEA_CANCELLED);
    EXPECT_NE(std::string(talea_error_message(error)).find(text), std::string::npos)
        << talea_error_message(error);
    EXPECT_EQ(failing.calls, 1);
    talea_error_free(error);

    const std::string restored = world.path + ".restored";
    EXPECT_EQ(
        talea_restore_state(restored.c_str(), failing_source, &failing, nullptr, nullptr, &error),
        TALEA_CANCELLED);
    EXPECT_NE(std::string(talea_error_message(error)).find(text), std::string::npos)
        << talea_error_message(error);
    talea_error_free(error);
  }
}

int source_of_too_much(void* /*user*/, void* /*out*/, size_t room, size_t* count) {
  *count = room + 1;
  return 0;
}

TEST(CInterface, ASourceThatGivesMoreThanThereIsRoomForIsRefused) {
  const std::string path = test_directory() + "/store";
  EXPECT_EQ(
      talea_restore_state(path.c_str(), source_of_too_much, nullptr, nullptr, nullptr, nullptr),
      TALEA_INVALID_ARGUMENT);
}

struct Findings {
  int calls = 0;
  std::string file;
};
void throw_finding(void* user, const char* file, uint64_t /*offset*/, const char* problem) {
  auto* findings = static_cast<Findings*>(user);
  ++findings->calls;
  findings->file = file;
  if (*problem == '\0') findings->calls += 1000;
  throw std::runtime_error("planted");
}

// The largest log segment of a store.
std::filesystem::path log_segment(const std::string& store) {
  std::filesystem::path largest;
  std::uintmax_t largest_bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(store)) {
    if (entry.path().extension() != ".log" || entry.file_size() <= largest_bytes) continue;
    largest = entry.path();
    largest_bytes = entry.file_size();
  }
  return largest;
}

struct LostKeys {
  int calls = 0;
};
void throw_key(void* user, const void* /*key*/, size_t /*key_bytes*/) {
  ++static_cast<LostKeys*>(user)->calls;
  throw std::runtime_error("of the callback");
}

TEST(CInterface, VerificationAndRepairTellEachFindingAlsoToACallbackThatThrows) {
  const std::string directory = test_directory();
  std::string path;
  {
    const CapiWorld world(directory);
    path = world.path;
    const std::string value(100'000, 'v');
    ASSERT_EQ(talea_put(world.engine, "large", 5, value.data(), value.size(), nullptr, nullptr),
              TALEA_OK);
    ASSERT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  }
  talea_verify_report report{};
  report.size = sizeof report;
  Findings findings;
  ASSERT_EQ(talea_verify(path.c_str(), nullptr, &report, throw_finding, &findings, nullptr),
            TALEA_OK);
  EXPECT_EQ(report.findings, 0U);
  EXPECT_EQ(findings.calls, 0);

  const std::filesystem::path damaged = log_segment(path);
  {
    std::fstream segment(damaged, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(segment.is_open());
    segment.seekp(50'000);  // inside the value
    segment.put('w');
  }
  ASSERT_EQ(talea_verify(path.c_str(), nullptr, &report, throw_finding, &findings, nullptr),
            TALEA_OK);
  EXPECT_GE(report.findings, 1U);
  EXPECT_EQ(findings.calls, static_cast<int>(report.findings));
  EXPECT_EQ(findings.file, damaged.filename());

  talea_repair_report repaired{};
  repaired.size = sizeof repaired;
  LostKeys lost;
  const std::string new_path = directory + "/repaired";
  ASSERT_EQ(
      talea_repair(path.c_str(), new_path.c_str(), nullptr, &repaired, throw_key, &lost, nullptr),
      TALEA_OK);
  EXPECT_EQ(lost.calls, static_cast<int>(repaired.keys_lost));
  EXPECT_GE(repaired.findings, 1U);
  EXPECT_EQ(repaired.batches_lost + repaired.keys_lost, 1U);
}

}  // namespace
}  // namespace talea
