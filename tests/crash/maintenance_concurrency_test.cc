// Readers, scans, snapshots and writers while other threads compact, write checkpoints and evict
// keys from memory. Nobody may notice but by the time it takes.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "base/random.h"
#include "talea/engine.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::uint64_t kAccounts = 64;
constexpr std::uint64_t kBalance = 1000;
// So many that the index does not fit into the smallest budget.
constexpr std::uint64_t kFillers = 40'000;

Bytes account_of(std::uint64_t number) { return "account" + std::to_string(number); }
Bytes filler_of(std::uint64_t number) { return "filler" + std::to_string(number); }
Bytes filling_of(std::uint64_t number) { return "filling" + std::to_string(number * 7); }

Options tiny_budget(SyncMode sync) {
  Options options;
  options.sync = sync;
  options.segment_bytes = 64 * kKiB;
  options.memory_budget = kMemoryBudgetMin;
  options.checkpoint_bytes = kCheckpointBytesMin;
  options.compaction_interval = std::chrono::milliseconds(10);
  return options;
}

void fill(Engine& engine) {
  Batch accounts;
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    accounts.put(account_of(i), std::to_string(kBalance));
  }
  ASSERT_TRUE(engine.commit(accounts).ok());
  for (std::uint64_t i = 0; i < kFillers;) {
    Batch batch;
    for (int j = 0; j < 1000; ++j, ++i) batch.put(filler_of(i), filling_of(i));
    ASSERT_TRUE(engine.commit(batch).ok());
  }
  ASSERT_TRUE(engine.checkpoint().ok());
}

// Moves an amount from one account to another, by compare and set.
void transfer(Engine& engine, SeededRandom& random) {
  const Bytes from = account_of(random.next_u64() % kAccounts);
  const Bytes to = account_of(random.next_u64() % kAccounts);
  if (from == to) return;
  for (;;) {
    const auto source = engine.get_versioned(from);
    const auto target = engine.get_versioned(to);
    ASSERT_TRUE(source.ok()) << source.status().to_string();
    ASSERT_TRUE(target.ok()) << target.status().to_string();
    ASSERT_TRUE(source->has_value() && target->has_value()) << from << " or " << to << " is gone";
    const std::uint64_t balance = std::stoull((*source)->value);
    const std::uint64_t amount = balance == 0 ? 0 : random.next_u64() % balance;
    Batch batch;
    batch.require_revision(from, (*source)->revision).require_revision(to, (*target)->revision);
    batch.put(from, std::to_string(balance - amount));
    batch.put(to, std::to_string(std::stoull((*target)->value) + amount));
    const auto committed = engine.commit(batch);
    if (committed.ok()) return;
    ASSERT_EQ(committed.status().code(), Code::conflict) << committed.status().to_string();
  }
}

std::uint64_t sum_by_scan(Scan scan) {
  std::uint64_t sum = 0;
  std::uint64_t rows = 0;
  for (;; ++rows) {
    const auto next = scan.next();
    EXPECT_TRUE(next.ok()) << next.status().to_string();
    if (!next.ok() || !*next) break;
    const auto value = scan.value();
    EXPECT_TRUE(value.ok()) << value.status().to_string();
    if (!value.ok()) break;
    sum += std::stoull(Bytes(*value));
  }
  EXPECT_EQ(rows, kAccounts);
  return sum;
}

std::uint64_t sum_by_get(const Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    const auto value = snapshot.get(account_of(i));
    EXPECT_TRUE(value.ok()) << value.status().to_string();
    if (!value.ok()) continue;
    EXPECT_TRUE(value->has_value()) << account_of(i) << " is gone";
    if (value->has_value()) sum += std::stoull(**value);
  }
  return sum;
}

void expect_fillers(Engine& engine, SeededRandom& random) {
  std::vector<Bytes> names;
  std::vector<BytesView> keys;
  names.reserve(16);
  keys.reserve(16);
  std::vector<Bytes> expected;
  expected.reserve(16);
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t number = random.next_u64() % kFillers;
    keys.push_back(names.emplace_back(filler_of(number)));
    expected.push_back(filling_of(number));
  }
  std::vector<std::optional<Bytes>> values(keys.size());
  const Status got = engine.multi_get(keys, values);
  ASSERT_TRUE(got.ok()) << got.to_string();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(values[i].has_value()) << keys[i] << " is gone";
    ASSERT_EQ(*values[i], expected[i]);
    const auto alone = engine.get(keys[i]);
    ASSERT_TRUE(alone.ok()) << alone.status().to_string();
    ASSERT_EQ(*alone, expected[i]) << keys[i];
  }
}

// Keys of one thread, put, overwritten and removed: it always reads what it wrote last.
class Owner {
 public:
  Owner(Engine& engine, Bytes prefix, std::uint64_t seed)
      : engine_(engine), prefix_(std::move(prefix)), random_(seed) {}

  void step() {
    const Bytes key = prefix_ + std::to_string(random_.next_u64() % 200);
    if (random_.next_u64() % 3 == 0) {
      ASSERT_TRUE(engine_.remove(key).ok());
      model_.erase(key);
    } else {
      const Bytes value(random_.next_u64() % 300, static_cast<char>('a' + random_.next_u64() % 26));
      ASSERT_TRUE(engine_.put(key, value).ok());
      model_[key] = value;
    }
    expect(prefix_ + std::to_string(random_.next_u64() % 200));
    expect(key);
  }

  void expect_all() {
    Scan scan = engine_.scan({.prefix = prefix_}).value();
    for (const auto& [key, value] : model_) {
      ASSERT_TRUE(scan.next().value());
      ASSERT_EQ(scan.key(), key);
      ASSERT_EQ(scan.value().value(), value);
    }
    ASSERT_FALSE(scan.next().value()) << scan.key() << " is back";
  }

  const std::map<Bytes, Bytes>& model() const { return model_; }

 private:
  void expect(const Bytes& key) {
    const auto got = engine_.get(key);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    const auto expected = model_.find(key);
    ASSERT_EQ(got->has_value(), expected != model_.end()) << key;
    if (got->has_value()) {
      ASSERT_EQ(**got, expected->second) << key;
    }
  }

  Engine& engine_;
  const Bytes prefix_;
  SeededRandom random_;
  std::map<Bytes, Bytes> model_;
};

class Crowd {
 public:
  /// Calls `body` until stop(), from a thread of its own.
  void add(std::function<void(SeededRandom&)> body) {
    threads_.emplace_back([this, body = std::move(body), seed = next_seed_++] {
      SeededRandom random(seed);
      while (!stop_ && !testing::Test::HasFailure()) body(random);
    });
  }
  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  ~Crowd() { stop(); }
  explicit Crowd(std::uint64_t seed) : next_seed_(seed) {}

 private:
  std::uint64_t next_seed_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

class MaintenanceConcurrency : public testing::TestWithParam<SyncMode> {};

// E10: the sum of balances is the same in every snapshot.
TEST_P(MaintenanceConcurrency, ChangesNothingThatAnybodySees) {
  const std::string path = test_directory() + "/store";
  const std::uint64_t seed = test_seed();
  const Options options = tiny_budget(GetParam());
  std::map<Bytes, Bytes> owned;
  {
    Engine engine = Engine::open(path, options).value();
    fill(engine);
    if (HasFatalFailure()) return;
    Crowd crowd(seed);
    crowd.add([&](SeededRandom&) {
      const Status compacted = engine.compact();
      ASSERT_TRUE(compacted.ok()) << compacted.to_string();
    });
    crowd.add([&](SeededRandom&) {
      const Status written = engine.checkpoint();
      ASSERT_TRUE(written.ok()) << written.to_string();
    });
    crowd.add([&](SeededRandom& random) {
      const Snapshot snapshot = engine.snapshot().value();
      ASSERT_EQ(sum_by_get(snapshot), kAccounts * kBalance);
      const ScanRange range{.prefix = "account", .reverse = random.next_u64() % 2 == 0};
      ASSERT_EQ(sum_by_scan(snapshot.scan(range).value()), kAccounts * kBalance);
      ASSERT_EQ(sum_by_get(snapshot), kAccounts * kBalance);
    });
    crowd.add([&](SeededRandom& random) {
      ASSERT_EQ(sum_by_scan(engine.scan({.prefix = "account"}).value()), kAccounts * kBalance);
      expect_fillers(engine, random);
    });
    Owner owner(engine, "own", seed);
    std::thread owning([&] {
      for (int i = 0; i < 1500 && !HasFailure(); ++i) {
        owner.step();
        if (i % 100 == 0) owner.expect_all();
      }
    });
    SeededRandom random(seed);
    for (int i = 0; i < 1500 && !HasFailure(); ++i) transfer(engine, random);
    owning.join();
    crowd.stop();
    owner.expect_all();
    owned = owner.model();
    if (HasFailure()) return;
    const Stats stats = engine.stats();
    EXPECT_EQ(stats.keys, kAccounts + kFillers + owned.size());
    EXPECT_GT(stats.checkpoints, 3U);
    if (GetParam() == SyncMode::always) {
      ASSERT_TRUE(engine.close().ok());
    }
  }
  Options unlimited = options;
  unlimited.memory_budget = 0;
  for (const Options& reopened : {options, unlimited}) {
    Engine engine = Engine::open(path, reopened).value();
    EXPECT_EQ(engine.stats().keys, kAccounts + kFillers + owned.size());
    ASSERT_EQ(sum_by_scan(engine.scan({.prefix = "account"}).value()), kAccounts * kBalance);
    Scan scan = engine.scan({.prefix = "own"}).value();
    for (const auto& [key, value] : owned) {
      ASSERT_TRUE(scan.next().value());
      ASSERT_EQ(scan.key(), key);
      ASSERT_EQ(scan.value().value(), value);
    }
    ASSERT_FALSE(scan.next().value());
    SeededRandom random(seed);
    for (int i = 0; i < 20; ++i) expect_fillers(engine, random);
  }
  const VerifyReport report = verify_store(path).value();
  EXPECT_TRUE(report.findings.empty()) << report.findings[0].problem;
}

INSTANTIATE_TEST_SUITE_P(SyncModes, MaintenanceConcurrency,
                         testing::Values(SyncMode::always, SyncMode::never),
                         [](const auto& mode) { return std::string(sync_mode_name(mode.param)); });

// A reader that looked into the trees before a key was taken from the runs must not take it for
// absent because the trees have all keys by now.
TEST(WarmingUp, HidesNoKeyFromAReader) {
  constexpr std::uint64_t kKeys = 32;
  CrashWorld world;
  {
    auto store = world.open({}).value();
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(store->put(Space::user, filler_of(i), filling_of(i)).ok());
    }
    ASSERT_TRUE(store->checkpoint().ok());
    ASSERT_TRUE(store->close().ok());
  }
  const std::uint64_t seed = test_seed();
  for (std::uint64_t round = 0; round < 150 && !HasFailure(); ++round) {
    auto store = world.open({}).value();
    Crowd crowd(seed + round);
    std::atomic<int> reading{0};
    for (int reader = 0; reader < 6; ++reader) {
      crowd.add([&](SeededRandom& random) {
        const std::uint64_t number = random.next_u64() % kKeys;
        ++reading;
        if (random.next_u64() % 4 == 0) {
          const Bytes key = filler_of(number);
          const BytesView keys[] = {key};
          std::optional<Bytes> values[1];
          ASSERT_TRUE(store->multi_get(Space::user, keys, values).ok());
          ASSERT_EQ(values[0], filling_of(number));
        } else {
          ASSERT_EQ(store->get_value(Space::user, filler_of(number)).value(), filling_of(number));
        }
      });
    }
    while (reading < 60) std::this_thread::yield();
    world.executor->step_all();
    crowd.stop();
    ASSERT_TRUE(store->close().ok());
  }
}

}  // namespace
}  // namespace talea
