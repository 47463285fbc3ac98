// A world for tests of authentication: an embedded store on a disk in memory, a clock that stands
// still, a hasher that costs nothing, and counts of what the store was asked.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "auth/auth_seams.h"
#include "auth/sealer.h"
#include "crypto/sha256.h"
#include "store/store.h"
#include "talea/auth.h"
#include "tests/support/crash_world.h"

namespace talea {

/// Hands every call on, and counts them. A test may step in before each commit, or the
/// next one.
class WatchedStore final : public Store {
 public:
  explicit WatchedStore(Store& store) : store_(store) {}

  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    ++commits;
    if (before_next_commit) {
      const Status stepped_in = std::exchange(before_next_commit, nullptr)(batch);
      if (!stepped_in.ok()) return stepped_in;
    }
    if (before_commit) {
      const Status stepped_in = before_commit(batch);
      if (!stepped_in.ok()) return stepped_in;
    }
    return store_.commit(batch, failed);
  }
  Result<bool> apply(Sequence sequence, const Batch& batch) override {
    return store_.apply(sequence, batch);
  }
  Result<std::optional<Versioned>> get(Space space, BytesView key) override {
    ++gets;
    return store_.get(space, key);
  }
  Result<Scan> scan(Space space, const ScanRange& range) override {
    return store_.scan(space, range);
  }
  Result<std::unique_ptr<StateReader>> read_state() override { return store_.read_state(); }

  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> gets{0};
  std::function<Status(const Batch&)> before_commit;
  std::function<Status(const Batch&)> before_next_commit;

 private:
  Store& store_;
};

/// `plain$GENERATION$PASSWORD`: says all, costs nothing.
class PlainHasher final : public PasswordHasher {
 public:
  struct Counts {
    std::atomic<int> hashes{0};
    std::atomic<int> comparisons{0};
    std::atomic<int> running{0};
    std::atomic<int> running_max{0};
    /// Called while a hash runs, or while the next one does.
    std::function<void()> during;
    std::function<void()> during_next;
  };
  explicit PlainHasher(Counts& counts, int generation = 1)
      : counts_(counts), prefix_("plain$" + std::to_string(generation) + "$") {}

  Result<std::string> hash(std::string_view password) override {
    ++counts_.hashes;
    run();
    return prefix_ + fitting(password);
  }
  Result<Comparison> verify(std::string_view password, std::string_view hash) override {
    TALEA_TRY(check_hash(hash));
    ++counts_.comparisons;
    run();
    const bool matches = hash.substr(prefix_.size()) == fitting(password);
    return Comparison{matches, matches && !hash.starts_with(prefix_)};
  }
  Status check_hash(std::string_view hash) const override {
    if (hash.starts_with("plain$") && hash.size() > prefix_.size()) return {};
    return Status::invalid_argument("not a plain hash");
  }

 private:
  void run() {
    const int running = ++counts_.running;
    for (int seen = counts_.running_max; seen < running;) {
      if (counts_.running_max.compare_exchange_weak(seen, running)) break;
    }
    if (counts_.during_next) std::exchange(counts_.during_next, nullptr)();
    if (counts_.during) counts_.during();
    --counts_.running;
  }

  // A hash may be no longer than a password.
  static std::string fitting(std::string_view password) {
    return password.size() < 1000 ? std::string(password) : to_hex(Sha256::of(password));
  }

  Counts& counts_;
  const std::string prefix_;
};

inline MasterKey master_key(unsigned char fill) {
  MasterKey key;
  key.fill(fill);
  return key;
}

/// A store that may be opened again and again, and authentication on it.
class AuthWorld {
 public:
  AuthWorld() { open(); }
  explicit AuthWorld(AuthOptions options) { open(std::move(options)); }

  /// Closes what is open, and opens it again.
  void open(AuthOptions options = {}) {
    auth_.reset();
    watched_.reset();
    if (engine_ != nullptr) {
      ASSERT_TRUE(engine_->close().ok());
    }
    engine_.reset();
    auto opened = world_.open({});
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    engine_ = std::move(*opened);
    watched_ = std::make_unique<WatchedStore>(*engine_);
    auth_ = std::make_unique<Auth>(another(std::move(options)));
  }
  /// Another Auth on the same store.
  Auth another(AuthOptions options = {}) {
    if (options.hasher == nullptr) options.hasher = std::make_unique<PlainHasher>(counts);
    auto opened = Auth::open(*watched_, std::move(options), {*world_.clock, *world_.random});
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return std::move(opened).value();
  }

  Auth& auth() { return *auth_; }
  WatchedStore& store() { return *watched_; }
  EngineStore& engine() { return *engine_; }
  ManualClock& clock() { return *world_.clock; }
  SeededRandom& random() { return *world_.random; }

  std::unique_ptr<Sealer> sealer(unsigned char current,
                                 const std::vector<MasterKey>& previous = {}) {
    return make_sealer(master_key(current), previous, random());
  }
  AuthOptions sealing(unsigned char current, const std::vector<MasterKey>& previous = {}) {
    AuthOptions options;
    options.sealer = sealer(current, previous);
    return options;
  }

  /// A user with password `password`; its id.
  std::string add_user(std::string_view name) {
    const auto user = auth().create_user({.name = name, .password = "password"});
    EXPECT_TRUE(user.ok()) << user.status().to_string();
    return user.ok() ? user->id : "";
  }
  Code log_in(std::string_view name, std::string_view password) {
    return auth().log_in(name, password).status().code();
  }

  PlainHasher::Counts counts;

 private:
  CrashWorld world_;
  std::unique_ptr<EngineStore> engine_;
  std::unique_ptr<WatchedStore> watched_;
  std::unique_ptr<Auth> auth_;
};

}  // namespace talea
