// One engine handle, many threads: every blocking call at once.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/capi/world.h"

namespace talea {
namespace {

constexpr int kRounds = 20;

void count_outcome(void* user, int code, uint64_t /*sequence*/, const char* /*message*/) {
  if (code == TALEA_OK) static_cast<std::atomic<int>*>(user)->fetch_add(1);
}

// What a thread does with an engine that others use, too.
void write_and_read(talea_engine* engine, int thread, std::atomic<int>& completed) {
  talea_batch* const batch = talea_batch_create();
  for (int round = 0; round < kRounds; ++round) {
    const std::string key = std::to_string(thread) + "/" + std::to_string(round);
    EXPECT_EQ(talea_put(engine, key.data(), key.size(), "v", 1, nullptr, nullptr), TALEA_OK);
    EXPECT_EQ(talea_batch_put(batch, key.data(), key.size(), "w", 1, nullptr), TALEA_OK);
    EXPECT_EQ(talea_commit(engine, batch, nullptr, nullptr, nullptr, nullptr), TALEA_OK);
    EXPECT_EQ(talea_commit_async(engine, batch, count_outcome, &completed, nullptr), TALEA_OK);
    int found = 0;
    void* value = nullptr;
    size_t bytes = 0;
    EXPECT_EQ(talea_get(engine, key.data(), key.size(), &found, &value, &bytes, nullptr), TALEA_OK);
    EXPECT_EQ(found, 1);
    talea_free(value);
    // Every thread fails too, with errors of its own.
    talea_error* error = nullptr;
    EXPECT_EQ(talea_put(engine, nullptr, 0, "v", 1, nullptr, &error), TALEA_INVALID_ARGUMENT);
    EXPECT_EQ(talea_error_code(error), TALEA_INVALID_ARGUMENT);
    talea_error_free(error);
  }
  talea_batch_free(batch);
}

void keep_up(talea_engine* engine, const std::atomic<bool>& is_over) {
  do {
    talea_snapshot* snapshot = nullptr;
    talea_scan* scan = nullptr;
    EXPECT_EQ(talea_snapshot_open(engine, &snapshot, nullptr), TALEA_OK);
    EXPECT_EQ(talea_snapshot_scan(snapshot, nullptr, &scan, nullptr), TALEA_OK);
    int has_row = 1;
    while (has_row != 0) ASSERT_EQ(talea_scan_next(scan, &has_row, nullptr), TALEA_OK);
    talea_scan_free(scan);
    talea_snapshot_free(snapshot);
    EXPECT_EQ(talea_sync(engine, nullptr), TALEA_OK);
    EXPECT_EQ(talea_checkpoint(engine, nullptr), TALEA_OK);
    EXPECT_EQ(talea_compact(engine, nullptr), TALEA_OK);
    talea_stats_report stats{};
    stats.size = sizeof stats;
    EXPECT_EQ(talea_stats(engine, &stats, nullptr), TALEA_OK);
  } while (!is_over.load());
}

TEST(CInterfaceConcurrency, ManyThreadsShareAnEngine) {
  const std::string path = test_directory() + "/store";
  talea_engine* engine = nullptr;
  ASSERT_EQ(talea_open(path.c_str(), nullptr, &engine, nullptr), TALEA_OK);
  std::atomic<int> completed{0};
  std::atomic<bool> is_over{false};
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] { write_and_read(engine, thread, completed); });
  }
  std::thread upkeep([&] { keep_up(engine, is_over); });
  for (std::thread& thread : threads) thread.join();
  is_over = true;
  upkeep.join();
  EXPECT_EQ(talea_close(engine, nullptr), TALEA_OK);
  EXPECT_EQ(completed.load(), kThreads * kRounds);
  talea_engine_free(engine);
}

// One name in each round, which all want, and a key and a login of whoever has it.
void create_and_log_in(talea_auth* auth, std::atomic<int>& created) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "user" + std::to_string(round);
    talea_new_user new_user{};
    new_user.size = sizeof new_user;
    new_user.name = {name.data(), name.size()};
    new_user.password = {"secret", 6};
    talea_users* user = nullptr;
    const int code = talea_auth_create_user(auth, &new_user, &user, nullptr);
    if (code == TALEA_OK) {
      created.fetch_add(1);
    } else {
      EXPECT_EQ(code, TALEA_CONFLICT);
    }
    talea_users_free(user);
    EXPECT_EQ(talea_auth_log_in(auth, name.data(), name.size(), "secret", 6, &user, nullptr),
              TALEA_OK);
    talea_users_free(user);
    talea_new_api_key new_key{};
    new_key.size = sizeof new_key;
    talea_api_keys* key = nullptr;
    talea_secret* token = nullptr;
    EXPECT_EQ(talea_auth_issue_api_key(auth, &new_key, &key, &token, nullptr), TALEA_OK);
    talea_api_keys_free(key);
    EXPECT_EQ(talea_auth_check_api_key(auth, talea_secret_data(token), talea_secret_bytes(token),
                                       &key, nullptr),
              TALEA_OK);
    talea_api_keys_free(key);
    talea_secret_free(token);
  }
}

TEST(CInterfaceConcurrency, ManyThreadsShareAnAuth) {
  const CapiWorld world;
  std::atomic<int> created{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] { create_and_log_in(world.auth, created); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created.load(), kRounds);
}

TEST(CInterfaceConcurrency, TheObjectsOfAnEngineAreFreedByAnyThreadAfterItsHandle) {
  const std::string path = test_directory() + "/store";
  talea_engine* engine = nullptr;
  ASSERT_EQ(talea_open(path.c_str(), nullptr, &engine, nullptr), TALEA_OK);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    talea_snapshot* snapshot = nullptr;
    ASSERT_EQ(talea_snapshot_open(engine, &snapshot, nullptr), TALEA_OK);
    threads.emplace_back([snapshot] { talea_snapshot_free(snapshot); });
  }
  talea_engine_free(engine);
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(talea_open(path.c_str(), nullptr, &engine, nullptr), TALEA_OK);
  talea_engine_free(engine);
}

}  // namespace
}  // namespace talea
