// The engine against std::map (E1): random operations on few enough keys that they meet, with
// reopens, on the real file system.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "talea/engine.h"

namespace talea {

struct ModelRun {
  std::uint64_t operations = 0;
  std::uint64_t reopens = 0;
};

struct ModelShape {
  std::uint64_t keys = 30'000;  // different ones, at most
  std::uint64_t segment_bytes = 4 * kMiB;
  std::uint64_t memory_budget = 0;
  bool fill = false;  // begin with all keys
};

class EngineModel {
 public:
  EngineModel(std::string path, std::uint64_t seed, const ModelShape& shape)
      : path_(std::move(path)), shape_(shape), random_(seed) {
    options_.sync = SyncMode::never;
    options_.segment_bytes = shape.segment_bytes;
    options_.memory_budget = shape.memory_budget;
    open();
    for (std::uint64_t i = 0; shape.fill && i < shape.keys; ++i) put(key_of(i), value());
  }

  // A multi-threaded store would order operations by itself; here the test does, one by one.
  void run(const ModelRun& run) {
    const std::uint64_t between = run.operations / (run.reopens + 1);
    for (std::uint64_t i = 1; i <= run.operations && !testing::Test::HasFatalFailure(); ++i) {
      step();
      if (i % between == 0 && i < run.operations) reopen();
    }
    compare_all();
  }

  Engine& engine() { return *engine_; }
  std::uint64_t keys() const { return model_.size(); }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.next_u64() % bound; }

  Bytes key() { return key_of(below(shape_.keys)); }

  // Binary keys of many lengths, with shared prefixes.
  static Bytes key_of(std::uint64_t number) {
    Bytes key = "k";
    for (; number > 0; number /= 7) key.push_back(static_cast<char>(number % 7 * 43));
    return key;
  }

  Bytes value() {
    Bytes value(below(100) == 0 ? below(5000) : below(60), '\0');
    random_.fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
    return value;
  }

  void open() {
    auto opened = Engine::open(path_, options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    engine_.emplace(std::move(opened).value());
  }

  void reopen() {
    // Every second time as a process that ends without closing.
    if (++reopened_ % 2 == 0) {
      ASSERT_TRUE(engine_->close().ok());
    }
    engine_.reset();
    open();
    ASSERT_EQ(engine_->stats().keys, model_.size());
    ASSERT_EQ(engine_->recovery().last_sequence, sequence_);
    compare_all();
  }

  void step() {
    const std::uint64_t kind = below(100);
    if (kind < 40) {
      put(key(), value());
    } else if (kind < 70) {
      get(key());
    } else if (kind < 85) {
      remove(key());
    } else if (kind < 95) {
      conditional(key(), value());
    } else if (kind < 99) {
      batch();
    } else {
      scan();
    }
  }

  void put(const Bytes& key, const Bytes& value) {
    const auto put = engine_->put(key, value);
    ASSERT_TRUE(put.ok()) << put.status().to_string();
    ASSERT_EQ(*put, ++sequence_);
    model_[key] = {value, sequence_};
  }

  void get(const Bytes& key) {
    const auto got = engine_->get_versioned(key);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    const auto at = model_.find(key);
    ASSERT_EQ(got->has_value(), at != model_.end());
    if (!got->has_value()) return;
    ASSERT_EQ((*got)->value, at->second.value);
    ASSERT_EQ((*got)->revision, at->second.revision);
  }

  void remove(const Bytes& key) {
    ASSERT_EQ(engine_->remove(key).value(), ++sequence_);
    model_.erase(key);
  }

  void conditional(const Bytes& key, const Bytes& value) {
    const auto at = model_.find(key);
    const std::uint64_t kind = below(3);
    bool holds = false;
    Batch batch;
    if (kind == 0) {
      batch.require_absent(key);
      holds = at == model_.end();
    } else if (kind == 1) {
      batch.require_present(key);
      holds = at != model_.end();
    } else {
      const Sequence guess = at != model_.end() && below(2) == 0 ? at->second.revision : below(9);
      batch.require_revision(key, guess);
      holds = at != model_.end() && at->second.revision == guess;
    }
    batch.put(key, value);
    const auto committed = engine_->commit(batch);
    ASSERT_EQ(committed.ok(), holds) << committed.status().to_string();
    if (!holds) {
      ASSERT_EQ(committed.status().code(), Code::conflict);
      return;
    }
    ASSERT_EQ(*committed, ++sequence_) << "a failed precondition must consume no sequence";
    model_[key] = {value, sequence_};
  }

  void batch() {
    Batch batch;
    ++sequence_;
    const std::uint64_t size = 1 + below(20);
    for (std::uint64_t i = 0; i < size; ++i) {
      const Bytes changed = key();
      if (below(3) == 0) {
        batch.remove(changed);
        model_.erase(changed);
      } else {
        const Bytes to = value();
        batch.put(changed, to);
        model_[changed] = {to, sequence_};
      }
    }
    ASSERT_EQ(engine_->commit(batch).value(), sequence_);
  }

  void scan() {
    ScanRange range;
    range.start = key();
    range.reverse = below(2) == 0;
    range.limit = 1 + below(50);
    if (below(2) == 0) range.end = range.start + "\x60";
    auto first = model_.lower_bound(range.start);
    auto last = range.end.empty() ? model_.end() : model_.lower_bound(range.end);
    std::vector<Bytes> expected;
    while (first != last && expected.size() < range.limit) {
      expected.push_back(range.reverse ? (--last)->first : (first++)->first);
    }
    Scan scan = engine_->scan(range).value();
    std::size_t rows = 0;
    while (scan.next().value()) {
      ASSERT_LT(rows, expected.size());
      ASSERT_EQ(scan.key(), expected[rows]);
      ASSERT_EQ(scan.value().value(), model_[expected[rows]].value);
      ++rows;
    }
    ASSERT_EQ(rows, expected.size());
  }

  void compare_all() {
    Scan scan = engine_->scan().value();
    auto at = model_.begin();
    while (scan.next().value()) {
      ASSERT_NE(at, model_.end());
      ASSERT_EQ(scan.key(), at->first);
      ASSERT_EQ(scan.value().value(), at->second.value);
      ASSERT_EQ(scan.revision().value(), at->second.revision);
      ++at;
    }
    ASSERT_EQ(at, model_.end());
  }

  struct Current {
    Bytes value;
    Sequence revision = 0;
  };
  const std::string path_;
  const ModelShape shape_;
  SeededRandom random_;
  Options options_;
  std::optional<Engine> engine_;
  std::map<Bytes, Current> model_;
  Sequence sequence_ = 0;
  std::uint64_t reopened_ = 0;
};

}  // namespace talea
