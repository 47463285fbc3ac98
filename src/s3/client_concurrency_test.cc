// One client, and several, from many threads.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "s3/credentials.h"
#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

constexpr int kThreads = 8;

void in_threads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

// Every tenth answer is lost, and every one of those has to be found again.
void lose_some(S3World& world) {
  world.fake.set_plan([](const FakeRequest& request) {
    return request.method == "PUT" && request.number % 10 == 3 ? Fault::lose_answer() : Fault{};
  });
}

TEST(ClientConcurrency, OfWritersWhoPutIfAbsentOneWins) {
  S3World world;
  lose_some(world);
  const auto client = world.client();
  for (int round = 0; round < 20; ++round) {
    const std::string key = "k" + std::to_string(round);
    std::atomic<int> won = 0;
    std::atomic<int> others = 0;
    in_threads([&](int thread) {
      const auto put = client->put(key, std::to_string(thread), {.condition = Condition::absent()});
      if (put.ok()) {
        ++won;
      } else if (put.status().code() == Code::conflict || put.status().code() == Code::timed_out) {
        ++others;  // whose refusal was lost does not know: it may have been first, and overwritten
      }
    });
    EXPECT_EQ(won, 1);
    EXPECT_EQ(others, kThreads - 1);
    EXPECT_EQ(world.fake.versions("records", key).size(), 1U);
  }
}

TEST(ClientConcurrency, NoIncrementByCompareAndSwapIsLost) {
  S3World world;
  world.fake.put("records", "count", "0");
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) clients.push_back(world.client());
  std::atomic<int> failures = 0;
  in_threads([&](int thread) {
    Client& client = *clients[static_cast<std::size_t>(thread)];
    for (int done = 0; done < 20;) {
      const auto object = client.get("count");
      if (!object.ok() || !*object) {
        ++failures;
        return;
      }
      const std::string next = std::to_string(std::stoi((*object)->bytes) + 1);
      const auto put =
          client.put("count", next, {.condition = Condition::matches((*object)->info.etag)});
      if (put.ok()) {
        ++done;
      } else if (put.status().code() != Code::conflict) {
        ++failures;
        return;
      }
    }
  });
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(world.bytes("count"), std::to_string(kThreads * 20));
}

TEST(ClientConcurrency, CredentialsAreAskedForByOneAtATime) {
  S3World world;
  std::atomic<int> inside = 0;
  std::atomic<int> calls = 0;
  std::atomic<bool> overlapped = false;
  const auto client = world.client({.credential_provider = [&]() -> Result<S3Credentials> {
    if (++inside > 1) overlapped = true;
    ++calls;
    --inside;
    return S3Credentials{.access_key_id = "id", .secret_access_key = "secret"};
  }});
  in_threads([&](int) {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(client->get("k").ok());
  });
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(client->counts().at({"other", "GetObject"}).sent, 400U);
}

// One asks and hangs. Without others who go on the test would hang, too.
TEST(ClientConcurrency, WhileCredentialsAreRefreshedOthersUseTheOldOnes) {
  S3World world;
  Mutex mutex;
  CondVar changed;
  bool is_asking = false;
  bool may_answer = false;
  std::atomic<int> calls = 0;
  const auto client = world.client({.credential_provider = [&]() -> Result<S3Credentials> {
    if (++calls > 1) {
      MutexLock lock(mutex);
      is_asking = true;
      changed.notify_all();
      while (!may_answer) changed.wait(mutex);
    }
    return S3Credentials{.access_key_id = "id",
                         .secret_access_key = "secret",
                         .session_token = {},
                         .expires_at_ms = world.clock.wall_ms() + 3'600'000};
  }});
  ASSERT_TRUE(client->get("k").ok());
  world.clock.advance_ms(3'400'000);
  std::thread asking([&] { EXPECT_TRUE(client->get("k").ok()); });
  {
    MutexLock lock(mutex);
    while (!is_asking) changed.wait(mutex);
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client->get("k").ok());
  {
    MutexLock lock(mutex);
    may_answer = true;
  }
  changed.notify_all();
  asking.join();
  EXPECT_EQ(calls, 2);
}

// Its look at the clock is the last thing that a get() does before it waits.
class WatchedClock final : public Clock {
 public:
  std::uint64_t wall_ms() override {
    MutexLock lock(mutex_);
    ++looks_;
    looked_.notify_all();
    return 1;
  }
  std::uint64_t monotonic_ns() override { return 1; }
  void wait_for_looks(int looks) {
    MutexLock lock(mutex_);
    while (looks_ < looks) looked_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar looked_;
  int looks_ TALEA_GUARDED_BY(mutex_) = 0;
};

TEST(ClientConcurrency, WhoWaitsForCredentialsThatCannotBeHadDoesNotAskAgain) {
  WatchedClock clock;
  std::atomic<int> calls = 0;
  CredentialSource source(
      [&]() -> Result<std::optional<S3Credentials>> {
        ++calls;
        clock.wait_for_looks(kThreads);
        return Status::unavailable("planted");
      },
      clock);
  in_threads([&](int) { EXPECT_EQ(source.get().status().code(), Code::unauthenticated); });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace talea::s3
