// One client, and several, from many threads.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

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

}  // namespace
}  // namespace talea::s3
