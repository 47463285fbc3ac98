// Many threads on one store, through one Auth and through several.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "auth/hash_turns.h"
#include "talea/engine.h"
#include "tests/support/auth_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

void run_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

Engine open_or_die(SyncMode sync) {
  Options options;
  options.sync = sync;
  auto opened = Engine::open(test_directory() + "/store", options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

Auth plain(Engine& engine, PlainHasher::Counts& counts, AuthOptions options = {}) {
  options.hasher = std::make_unique<PlainHasher>(counts);
  options.hashes_max = 64;
  auto opened = Auth::open(engine, std::move(options));
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

// H10: looking and creating were two steps, and of several who created one name many succeeded.
TEST(AuthConcurrency, OfManyWhoCreateOneNameExactlyOneWins) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::never}) {
    PlainHasher::Counts counts;
    Engine engine =
        *Engine::open(test_directory() + "/" + std::string(sync_mode_name(sync)), {.sync = sync});
    Auth one = plain(engine, counts);
    Auth other = plain(engine, counts);
    for (int round = 0; round < 50; ++round) {
      const std::string name = "user" + std::to_string(round);
      std::atomic<int> winners{0};
      std::vector<std::string> ids(8);
      run_threads(8, [&](int thread) {
        Auth& auth = thread % 2 == 0 ? one : other;
        const auto created = auth.create_user(
            {.name = thread < 4 ? name : "USER" + std::to_string(round), .password = "p"});
        if (created.ok()) {
          ++winners;
          ids[static_cast<std::size_t>(thread)] = created->id;
        } else {
          EXPECT_EQ(created.status().code(), Code::conflict) << created.status().to_string();
        }
      });
      ASSERT_EQ(winners, 1) << "round " << round;
      const std::string winner = (*one.find_user(name))->id;
      EXPECT_EQ(std::count(ids.begin(), ids.end(), winner), 1);
    }
    EXPECT_EQ(one.list_users()->size(), 50U);
  }
}

TEST(AuthConcurrency, EveryFailureIsCounted) {
  for (const SyncMode sync : {SyncMode::always, SyncMode::never}) {
    PlainHasher::Counts counts;
    Engine engine =
        *Engine::open(test_directory() + "/" + std::string(sync_mode_name(sync)), {.sync = sync});
    AuthOptions options;
    options.failures_max = 0;
    Auth auth = plain(engine, counts, std::move(options));
    const std::string id = auth.create_user({.name = "alice", .password = "p"})->id;
    run_threads(8, [&](int) {
      for (int i = 0; i < 25; ++i) {
        EXPECT_EQ(auth.log_in("alice", "wrong").status().code(), Code::unauthenticated);
        EXPECT_EQ(auth.log_in("nobody", "wrong").status().code(), Code::unauthenticated);
      }
    });
    EXPECT_EQ((*auth.user(id))->failed_attempts, 200U);
  }
}

TEST(AuthConcurrency, ManyGuessesAtOnceGetNoMoreAnswersThanTheLockAllows) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  AuthOptions options;
  options.failures_max = 5;
  Auth auth = plain(engine, counts, std::move(options));
  const std::string id = auth.create_user({.name = "alice", .password = "p"})->id;
  std::atomic<int> answered{0};
  std::atomic<int> denied{0};
  run_threads(32, [&](int) {
    const Code code = auth.log_in("alice", "wrong").status().code();
    if (code == Code::unauthenticated) ++answered;
    if (code == Code::denied) ++denied;
  });
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(denied, 27);
  EXPECT_EQ((*auth.user(id))->failed_attempts, 5U);
}

TEST(AuthConcurrency, KeysAreIssuedAndRevokedWhileTheirOwnerIsDeleted) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  Auth one = plain(engine, counts);
  Auth other = plain(engine, counts);
  for (int round = 0; round < 10; ++round) {
    const std::string id = one.create_user({.name = "alice", .password = "p"})->id;
    run_threads(4, [&](int thread) {
      Auth& auth = thread % 2 == 0 ? one : other;
      for (int i = 0; i < 20; ++i) {
        if (thread == 3 && i == 10) {
          EXPECT_TRUE(auth.delete_user(id).ok());
          continue;
        }
        const auto issued = auth.issue_api_key({.owner = id});
        if (!issued.ok()) {
          EXPECT_EQ(issued.status().code(), Code::not_found) << issued.status().to_string();
          continue;
        }
        if (i % 2 == 0) {
          const Status revoked = auth.revoke_api_key(issued->key.id);
          EXPECT_TRUE(revoked.ok() || revoked.code() == Code::not_found) << revoked.to_string();
        }
      }
    });
    EXPECT_TRUE(one.list_api_keys()->empty()) << "none outlives its owner";
  }
}

TEST(AuthConcurrency, ARotationUnderLoadLeavesNothingUnderTheOldKey) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  AuthOptions options;
  options.sealer = make_sealer(master_key(1));
  Auth auth = plain(engine, counts, std::move(options));
  std::vector<std::string> ids;
  ids.reserve(4);
  for (int i = 0; i < 4; ++i) {
    ids.push_back(
        auth.create_user({.name = "u" + std::to_string(i), .password = "p", .metadata = "0"})->id);
  }
  run_threads(5, [&](int thread) {
    if (thread == 4) {
      for (unsigned char key = 2; key < 12; ++key) {
        const MasterKey previous = master_key(static_cast<unsigned char>(key - 1));
        const auto rotated = auth.rotate_master_key(make_sealer(master_key(key), {&previous, 1}));
        EXPECT_TRUE(rotated.ok()) << rotated.status().to_string();
      }
      return;
    }
    const std::string& id = ids[static_cast<std::size_t>(thread)];
    for (int i = 0; i < 100; ++i) {
      const Status set = auth.set_user_metadata(id, std::to_string(i));
      EXPECT_TRUE(set.ok()) << set.to_string();
      const auto issued = auth.issue_api_key({.owner = id, .metadata = id});
      EXPECT_TRUE(issued.ok()) << issued.status().to_string();
    }
  });
  // All of it opens with the last key alone.
  AuthOptions last;
  last.sealer = make_sealer(master_key(11));
  Auth after = plain(engine, counts, std::move(last));
  for (const std::string& id : ids) {
    EXPECT_EQ(*after.user_metadata(id), "99");
    for (const ApiKey& key : *after.list_api_keys_of(id)) {
      EXPECT_EQ(*after.api_key_metadata(key.id), id);
    }
  }
}

// Step by step: who has sealed under the old key and has not committed yet is waited for.
TEST(AuthConcurrency, ARotationWaitsForWhatIsSealedAndNotCommitted) {
  AuthWorld world;
  world.open(world.sealing(1));
  const std::string id = world.add_user("alice");
  const MasterKey previous = master_key(1);
  std::atomic<bool> is_rotated{false};
  std::thread rotation;
  world.store().before_next_commit = [&](const Batch&) {
    rotation = std::thread([&] {
      EXPECT_TRUE(world.auth().rotate_master_key(make_sealer(master_key(2), {&previous, 1})).ok());
      is_rotated = true;
    });
    // Time enough for one that does not wait.
    for (int i = 0; i < 20'000 && !is_rotated; ++i) std::this_thread::yield();
    return Status();
  };
  EXPECT_TRUE(world.auth().set_user_metadata(id, "sealed before").ok());
  rotation.join();
  world.open(world.sealing(2));
  EXPECT_EQ(world.auth().user_metadata(id).status().to_string(), "ok");
}

TEST(AuthConcurrency, ChecksAndFlushesGoTogether) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  Auth auth = plain(engine, counts);
  std::vector<IssuedApiKey> keys;
  keys.reserve(8);
  for (int i = 0; i < 8; ++i) keys.push_back(*auth.issue_api_key({}));
  run_threads(8, [&](int thread) {
    const IssuedApiKey& key = keys[static_cast<std::size_t>(thread)];
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(auth.check_api_key(key.token).ok());
      if (i % 50 == thread) {
        EXPECT_TRUE(auth.flush().ok());
      }
    }
    if (thread == 0) {
      EXPECT_TRUE(auth.revoke_api_key(key.key.id).ok());
    }
  });
  ASSERT_TRUE(auth.flush().ok());
  Auth after = plain(engine, counts);
  const auto listed = *after.list_api_keys();
  EXPECT_EQ(listed.size(), 7U);
  for (const ApiKey& key : listed) EXPECT_GT(key.last_used_ms, 0U);
}

// --- How many hashes run at once

// Hashes that end when the test says so.
class Gate {
 public:
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_; });
  }
  void wait_for_inside(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool is_open_ = false;
};

TEST(AuthConcurrency, SixtyFourLoginsAtOnceRunNoMoreHashesThanAllowed) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(counts);
  options.hashes_max = 3;
  options.hashes_waiting_max = 64;
  Auth auth = *Auth::open(engine, std::move(options));
  ASSERT_TRUE(auth.create_user({.name = "alice", .password = "p"}).ok());
  Gate gate;
  counts.running_max = 0;
  counts.during = [&] { gate.wait(); };
  std::atomic<int> right{0};
  std::thread opener([&] {
    gate.wait_for_inside(3);  // as many as may
    gate.open();
  });
  run_threads(64, [&](int) {
    const auto user = auth.log_in("alice", "p");
    EXPECT_TRUE(user.ok()) << user.status().to_string();
    if (user.ok()) ++right;
  });
  opener.join();
  EXPECT_EQ(right, 64);
  EXPECT_EQ(counts.running_max, 3);
}

TEST(AuthConcurrency, AHashForWhichThereIsNoMemoryGivesItsTurnBack) {
  HashTurns turns(1, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW((void)turns.run([]() -> Result<int> { throw std::bad_alloc(); }).ok(),
                 std::bad_alloc);
  }
  EXPECT_TRUE(turns.run([]() -> Result<int> { return 1; }).ok());
}

TEST(AuthConcurrency, WhoFindsTheQueueFullIsRefusedAtOnce) {
  HashTurns turns(2, 3);
  Gate gate;
  const auto work = [&]() -> Result<int> {
    gate.wait();
    return 1;
  };
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  threads.reserve(5);
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      if (turns.run(work).ok()) ++done;
    });
  }
  gate.wait_for_inside(2);
  while (turns.waiting() < 3) std::this_thread::yield();
  const auto refused = turns.run(work);
  EXPECT_EQ(refused.status().code(), Code::exhausted) << refused.status().to_string();
  gate.open();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 5);
  EXPECT_EQ(turns.waiting(), 0U);
  EXPECT_TRUE(turns.run(work).ok());
}

TEST(AuthConcurrency, ALoginThatFindsTheQueueFullIsExhaustedAndCountsNoFailure) {
  PlainHasher::Counts counts;
  Engine engine = open_or_die(SyncMode::never);
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(counts);
  options.hashes_max = 1;
  options.hashes_waiting_max = 0;
  Auth auth = *Auth::open(engine, std::move(options));
  const std::string id = auth.create_user({.name = "alice", .password = "p"})->id;
  Gate gate;
  counts.during = [&] { gate.wait(); };
  std::thread busy([&] { EXPECT_TRUE(auth.log_in("alice", "p").ok()); });
  gate.wait_for_inside(1);
  EXPECT_EQ(auth.log_in("alice", "wrong").status().code(), Code::exhausted);
  EXPECT_EQ(auth.create_user({.name = "bob", .password = "p"}).status().code(), Code::exhausted);
  EXPECT_EQ(auth.set_password(id, "q").code(), Code::exhausted);
  gate.open();
  busy.join();
  EXPECT_EQ((*auth.user(id))->failed_attempts, 0U);
  EXPECT_EQ(auth.list_users()->size(), 1U);
}

}  // namespace
}  // namespace talea
