// Random work, random failures, random ends, over several lives of one store: alone and with
// several threads. Whatever happens, what is found afterwards must be what was promised: all that
// is durable, and after it a prefix of the rest, and only then what had an unknown outcome.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "engine/verify.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;
using Changes = std::vector<std::pair<Bytes, std::optional<Bytes>>>;

constexpr Fault kFaults[] = {Fault::io_error, Fault::disk_full, Fault::read_only, Fault::sync_fails,
                             Fault::crash};
constexpr SyncMode kModes[] = {SyncMode::always, SyncMode::interval, SyncMode::never};
constexpr int kStores = 150;
constexpr const char* kProbe = "Z";  // a key that no thread owns

void apply_to(Model& model, const Changes& changes) {
  for (const auto& [key, value] : changes) {
    if (value) {
      model[key] = *value;
    } else {
      model.erase(key);
    }
  }
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t count) { return random_.next_u64() % count; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  Fault fault() { return kFaults[below(std::size(kFaults))]; }
  std::uint64_t seed() { return random_.next_u64(); }

 private:
  SeededRandom random_;
};

// What the engine said of the writes of one life.
struct Answers {
  std::mutex mutex;
  std::map<Sequence, Changes> acknowledged;
  std::vector<Changes> unknown;
  Sequence durable = 0;  // up to where a power cut must not lose anything
  Sequence last = 0;
};

// One thread with keys of its own, which nobody else changes.
class Writer {
 public:
  Writer(EngineStore& store, SyncMode mode, Answers& answers, Bytes prefix, Model mine,
         std::uint64_t seed)
      : store_(store),
        mode_(mode),
        answers_(answers),
        prefix_(std::move(prefix)),
        mine_(std::move(mine)),
        dice_(seed) {}

  void run(std::size_t operations) {
    for (std::size_t i = 0; i < operations && !stopped_ && problem_.empty(); ++i) {
      if (dice_.one_in(24)) {
        sync();
      } else {
        commit();
      }
    }
  }
  /// What the engine did that it must not do; empty when all is well.
  const std::string& problem() const { return problem_; }

 private:
  Bytes key() { return prefix_ + std::to_string(dice_.below(8)); }

  Bytes value() {
    const std::uint64_t kind = dice_.below(30);
    const std::uint64_t bytes = kind == 0  ? kMiB + 1 + dice_.below(1'500'000)
                                : kind < 5 ? 8000 + dice_.below(30'000)
                                           : dice_.below(600);
    return Bytes(bytes, static_cast<char>('a' + dice_.below(26)));
  }

  void sync() {
    Sequence last = 0;
    {
      const std::lock_guard lock(answers_.mutex);
      last = answers_.last;
    }
    if (!store_.sync().ok()) return;
    const std::lock_guard lock(answers_.mutex);
    answers_.durable = std::max(answers_.durable, last);
  }

  // Nothing when the disk did not take it.
  std::optional<StoredValue> stream(BytesView value) {
    auto writer = store_.write_value();
    if (!writer.ok()) return std::nullopt;
    while (!value.empty()) {
      const BytesView piece = value.substr(0, 1 + dice_.below(700'000));
      if (!writer->append(piece).ok()) return std::nullopt;
      value.remove_prefix(piece.size());
    }
    auto stored = writer->finish();
    if (!stored.ok()) return std::nullopt;
    return std::move(stored).value();
  }

  void add_operation(Batch& batch, Changes& changes) {
    const Bytes key = this->key();
    if (dice_.one_in(4)) {
      batch.remove(key);
      changes.emplace_back(key, std::nullopt);
    } else if (dice_.one_in(25)) {
      const Bytes value = this->value() + Bytes(kMiB, 'S');
      if (const std::optional<StoredValue> stored = stream(value)) {
        batch.put(key, *stored);
        changes.emplace_back(key, value);
      }
    } else {
      const Bytes value = this->value();
      batch.put(key, value);
      changes.emplace_back(key, value);
    }
  }

  void commit() {
    Batch batch;
    Changes changes;
    for (std::uint64_t left = dice_.one_in(2) ? 1 : 2 + dice_.below(6); left > 0; --left) {
      add_operation(batch, changes);
    }
    if (changes.empty()) return;
    bool must_conflict = false;
    if (dice_.one_in(5)) {
      const Bytes key = this->key();
      const bool is_there = mine_.contains(key);
      if (dice_.one_in(2)) {
        batch.require_present(key);
        must_conflict = !is_there;
      } else {
        batch.require_absent(key);
        must_conflict = is_there;
      }
    }
    const auto committed = store_.commit(batch, nullptr);
    remember(committed, changes, must_conflict);
    if (committed.ok() && dice_.one_in(6)) read_back(key());
  }

  void remember(const Result<Sequence>& committed, const Changes& changes, bool must_conflict) {
    const std::lock_guard lock(answers_.mutex);
    const Code code = committed.status().code();
    if (code == Code::timed_out) {
      answers_.unknown.push_back(changes);
      stopped_ = true;
      return;
    }
    if (code == Code::conflict && !must_conflict) problem_ = committed.status().to_string();
    if (!committed.ok()) return;
    if (must_conflict) problem_ = "a precondition that does not hold passed";
    if (!answers_.acknowledged.emplace(*committed, changes).second) {
      problem_ = "two batches got the sequence " + std::to_string(*committed);
    }
    answers_.last = std::max(answers_.last, *committed);
    if (mode_ == SyncMode::always) answers_.durable = std::max(answers_.durable, *committed);
    apply_to(mine_, changes);
  }

  void read_back(const Bytes& key) {
    const auto got = store_.get_value(Space::user, key);
    if (!got.ok()) return;
    const auto expected = mine_.find(key);
    const bool same =
        expected == mine_.end() ? !got->has_value() : got->has_value() && **got == expected->second;
    if (!same) problem_ = "a writer did not read what it wrote to " + key;
  }

  EngineStore& store_;
  const SyncMode mode_;
  Answers& answers_;
  const Bytes prefix_;
  Model mine_;
  Dice dice_;
  bool stopped_ = false;
  std::string problem_;
};

// Whether `found` is `base`, then all that was acknowledged up to `durable`, then a prefix of the
// rest, and after all of it any of what is unknown.
bool is_lawful(const Answers& answers, const Model& base, const Model& found, Sequence durable) {
  Model model = base;
  auto next = answers.acknowledged.begin();
  for (; next != answers.acknowledged.end() && next->first <= durable; ++next) {
    apply_to(model, next->second);
  }
  for (; next != answers.acknowledged.end(); ++next) {
    if (model == found) return true;
    apply_to(model, next->second);
  }
  for (unsigned chosen = 0; chosen < 1U << answers.unknown.size(); ++chosen) {
    Model with_unknown = model;
    for (std::size_t i = 0; i < answers.unknown.size(); ++i) {
      if ((chosen >> i & 1U) != 0) apply_to(with_unknown, answers.unknown[i]);
    }
    if (with_unknown == found) return true;
  }
  return false;
}

// A store and its lives.
class Stress {
 public:
  Stress(std::uint64_t seed, std::size_t threads) : threads_(threads), dice_(seed) {
    world_.random = std::make_unique<SeededRandom>(dice_.seed());
    options_.segment_bytes = kSegmentBytesMin * (1 + dice_.below(3));
  }

  void run() {
    for (std::uint64_t left = 1 + dice_.below(4); left > 0; --left) {
      live();
      if (testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  void live() {
    options_.sync = kModes[dice_.below(std::size(kModes))];
    SCOPED_TRACE("sync=" + std::string(sync_mode_name(options_.sync)));
    Answers answers;
    Sequence durable = 0;
    work(answers, durable);
    if (testing::Test::HasFatalFailure()) return;
    recover_under_faults(answers, durable);
    if (testing::Test::HasFatalFailure()) return;
    settle(answers, durable);
  }

  // Opens, writes, ends in some way. `durable`: up to where nothing may be lost by that end.
  void work(Answers& answers, Sequence& durable) {
    auto opened = world_.open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    std::unique_ptr<EngineStore> store = std::move(opened).value();
    ASSERT_TRUE(contents_of(*store).value() == base_) << "what was shown is not what is there";
    answers.last = answers.durable = store->recovery().last_sequence;
    const std::size_t operations = 6 + dice_.below(40);
    plan_faults(operations);
    write(*store, answers, operations);
    if (testing::Test::HasFatalFailure()) return;
    if (!world_.disk->crashed()) {
      const auto shown = contents_of(*store);
      Model expected = base_;
      for (const auto& [sequence, changes] : answers.acknowledged) apply_to(expected, changes);
      if (shown.ok()) {
        ASSERT_TRUE(*shown == expected) << "readers see other than what was acknowledged";
      }
    }
    if (dice_.one_in(3) && store->close().ok()) answers.durable = answers.last;
    durable = answers.durable;
    store.reset();
    end(answers, durable);
  }

  void plan_faults(std::size_t operations) {
    std::uint64_t call = 1 + dice_.below(operations * 6 * threads_);
    for (std::uint64_t left = dice_.below(4); left > 0; --left, call += 1 + dice_.below(7)) {
      world_.disk->fail_at(call, dice_.fault());
    }
    if (dice_.one_in(6)) {
      world_.disk->set_capacity((60 + dice_.below(400)) * kKiB * (1 + dice_.below(40)));
    }
  }

  void write(EngineStore& store, Answers& answers, std::size_t operations) {
    std::vector<std::unique_ptr<Writer>> writers;
    for (std::size_t i = 0; i < threads_; ++i) {
      const Bytes prefix(1, static_cast<char>('A' + i));
      Model mine;
      for (const auto& [key, value] : base_) {
        if (key.starts_with(prefix)) mine[key] = value;
      }
      writers.push_back(std::make_unique<Writer>(store, options_.sync, answers, prefix,
                                                 std::move(mine), dice_.seed()));
    }
    if (threads_ == 1) {
      writers[0]->run(operations);
    } else {
      std::atomic<bool> done{false};
      std::thread background([&] {
        while (!done) {
          world_.executor->step_all();
          (void)store.stats();
          std::this_thread::yield();
        }
      });
      std::vector<std::thread> running;
      running.reserve(writers.size());
      for (const auto& writer : writers) {
        running.emplace_back([&writer, operations] { writer->run(operations); });
      }
      for (std::thread& thread : running) thread.join();
      done = true;
      background.join();
    }
    for (const auto& writer : writers) ASSERT_EQ(writer->problem(), "");
  }

  void end(const Answers& answers, Sequence& durable) {
    const bool has_power = !world_.disk->crashed();
    world_.disk->clear_faults();
    world_.disk->set_capacity(CrashFileSystem::kUnlimited);
    switch (dice_.below(has_power ? 4 : 3)) {
      case 0: world_.disk->power_cut_losing_everything_unsynced(); break;
      case 1: world_.disk->power_cut_keeping_everything(); break;
      case 2: world_.disk->power_cut(dice_.seed()); break;
      default: world_.disk->kill_process(); durable = answers.last;
    }
  }

  // Opening may fail, but it must neither lose anything nor see damage.
  void recover_under_faults(Answers& answers, Sequence& durable) {
    for (std::uint64_t left = dice_.below(4); left > 0; --left) {
      world_.disk->fail_at(1 + dice_.below(12), dice_.fault());
      if (dice_.one_in(2)) world_.disk->fail_at(1 + dice_.below(14), dice_.fault());
      auto opened = world_.open(options_);
      ASSERT_NE(opened.status().code(), Code::corruption) << opened.status().to_string();
      if (opened.ok()) {
        expect_lawful(answers, durable, **opened);
        if (testing::Test::HasFatalFailure()) return;
        if (dice_.one_in(2)) (void)(*opened)->put(Space::user, kProbe, "z").ok();
        opened->reset();
      }
      const bool has_power = !world_.disk->crashed();
      world_.disk->clear_faults();
      if (has_power && dice_.one_in(3)) {
        world_.disk->kill_process();
      } else {
        world_.disk->power_cut(dice_.seed());
        durable = std::min(durable, answers.durable);  // it was more if the process was killed
      }
    }
  }

  // What a session shows stays: it is the base of all that follows.
  void expect_lawful(Answers& answers, Sequence& durable, EngineStore& store) {
    auto found = contents_of(store);
    if (!found.ok()) return;  // a planned fault met the read
    found->erase(kProbe);
    ASSERT_TRUE(is_lawful(answers, base_, *found, durable))
        << found->size() << " keys, " << answers.acknowledged.size() << " acknowledged, "
        << answers.unknown.size() << " unknown, durable up to " << durable;
    base_ = *found;
    answers.acknowledged.clear();
    answers.unknown.clear();
    durable = 0;
  }

  // Readers, verify and a writer agree, and all of it is lawful.
  void settle(Answers& answers, Sequence& durable) {
    Options reading = options_;
    reading.read_only = true;
    Model seen;
    {
      auto reader = world_.open(reading);
      ASSERT_TRUE(reader.ok()) << reader.status().to_string();
      auto contents = contents_of(**reader);
      ASSERT_TRUE(contents.ok()) << contents.status().to_string();
      seen = std::move(contents).value();
    }
    const auto verified = verify_directory(world_.seams(), CrashWorld::kPath, {});
    ASSERT_TRUE(verified.ok()) << verified.status().to_string();
    ASSERT_TRUE(verified->findings.empty())
        << verified->findings[0].file << ": " << verified->findings[0].problem;
    auto opened = world_.open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    ASSERT_TRUE(contents_of(**opened).value() == seen) << "a reader saw something else";
    expect_lawful(answers, durable, **opened);
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE((*opened)->remove(Space::user, kProbe).ok());
    ASSERT_TRUE((*opened)->sync().ok());
    opened->reset();
    if (dice_.one_in(2)) {
      world_.disk->power_cut_losing_everything_unsynced();
    } else {
      world_.disk->kill_process();
    }
  }

  const std::size_t threads_;
  Dice dice_;
  CrashWorld world_;
  Options options_;
  Model base_;  // what the store holds at the beginning of a life
};

void run_stores(int count, std::size_t threads) {
  const std::uint64_t seed = test_seed();
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE("store=" + std::to_string(i));
    Stress(seed + static_cast<std::uint64_t>(i) * 7919, threads).run();
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(Stress, OfOneWriterLeavesWhatWasPromised) { run_stores(kStores, 1); }
TEST(Stress, OfTwoWritersLeavesWhatWasPromised) { run_stores(kStores, 2); }
TEST(Stress, OfFourWritersLeavesWhatWasPromised) { run_stores(kStores, 4); }

}  // namespace
}  // namespace talea
