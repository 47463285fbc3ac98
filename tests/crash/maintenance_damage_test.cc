// Bytes of runs, of data segments and of log segments that a checkpoint has passed are damaged:
// closed, and before they are first read. Every answer is right or says corruption; maintenance
// loses nothing that is intact, and nothing that is damaged turns into a key less.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/verify.h"
#include "index/run_file.h"
#include "tests/support/crash_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Options small_segments() {
  Options options;
  options.segment_bytes = 64 * kKiB;
  return options;
}

bool is_refusal(Code code) { return code == Code::corruption || code == Code::unsupported; }

Bytes key_of(int i) { return "key" + std::to_string(1000 + i); }

// A closed store with two runs, data segments, a log segment below the checkpoint, and one above.
// Keys are overwritten and removed in all of them.
struct Checkpointed {
  CrashWorld world;
  Model model;
  std::vector<Bytes> absent;  // removed, and never there

  /// `tail`: with batches behind the last checkpoint, whose replay reads of the runs.
  void make(bool tail = true) {
    auto store = world.open(small_segments()).value();
    const auto put = [&](int i, std::size_t bytes) {
      const Bytes value(bytes, static_cast<char>('a' + i % 26));
      ASSERT_TRUE(store->put(Space::user, key_of(i), value).ok());
      model[key_of(i)] = value;
    };
    const auto remove = [&](int i) {
      ASSERT_TRUE(store->remove(Space::user, key_of(i)).ok());
      model.erase(key_of(i));
    };
    for (int i = 0; i < 60; ++i) put(i, 1500);
    Batch batch;
    for (int i = 60; i < 70; ++i) {
      batch.put(key_of(i), Bytes(100, 'b'));
      model[key_of(i)] = Bytes(100, 'b');
    }
    ASSERT_TRUE(store->commit(batch, nullptr).ok());
    ASSERT_TRUE(store->checkpoint().ok());
    for (int i = 0; i < 60; ++i) {
      if (i % 3 != 0) put(i, 60);
    }
    for (int i = 1; i < 60; i += 6) remove(i);
    ASSERT_TRUE(store->compact().ok());
    for (int i = 70; i < 80; ++i) put(i, 200);
    put(0, 10);
    remove(3);
    ASSERT_TRUE(store->checkpoint().ok());
    if (tail) {
      put(80, 20);
      put(6, 20);
      remove(9);
    }
    ASSERT_TRUE(store->close().ok());
    for (int i = 0; i < 81; ++i) {
      if (!model.contains(key_of(i))) absent.push_back(key_of(i));
    }
    absent.push_back("never there");
  }

  std::vector<std::string> names_of(std::string_view suffix) const {
    std::vector<std::string> names;
    for (const std::string& name : world.disk->list(CrashWorld::kPath).value()) {
      if (name.ends_with(suffix)) names.push_back(name);
    }
    return names;
  }
};

std::string path_of(const std::string& name) { return join_path(CrashWorld::kPath, name); }

// Every read of the store is right or says corruption. Returns how many said so.
std::uint64_t expect_right_or_corruption(EngineStore& store, const Model& model,
                                         const std::vector<Bytes>& absent) {
  std::uint64_t errors = 0;
  const auto is_error = [&](const Status& status) {
    if (status.ok()) return false;
    EXPECT_EQ(status.code(), Code::corruption) << status.to_string();
    ++errors;
    return true;
  };
  for (const auto& [key, value] : model) {
    const auto got = store.get_value(Space::user, key);
    if (is_error(got.status())) continue;
    EXPECT_TRUE(got->has_value()) << key << " is gone";
    if (got->has_value()) {
      EXPECT_EQ(**got, value) << key;
    }
  }
  for (const Bytes& key : absent) {
    const auto got = store.get_value(Space::user, key);
    if (is_error(got.status())) continue;
    EXPECT_FALSE(got->has_value()) << key << " is back";
  }
  for (const bool reverse : {false, true}) {
    Scan scan = store.scan(Space::user, {.reverse = reverse}).value();
    std::vector<std::pair<Bytes, Bytes>> rows(model.begin(), model.end());
    if (reverse) std::reverse(rows.begin(), rows.end());
    std::size_t position = 0;
    for (;; ++position) {
      const auto next = scan.next();
      if (is_error(next.status())) break;
      EXPECT_EQ(*next, position < rows.size()) << "rows are missing, or too many";
      if (!*next || position >= rows.size()) break;
      EXPECT_EQ(scan.key(), rows[position].first);
      const auto value = scan.value();
      if (is_error(value.status())) break;
      EXPECT_EQ(*value, rows[position].second);
    }
  }
  return errors;
}

// Offsets that reach every part of a file: dense where it is not padding.
std::vector<std::uint64_t> offsets_of(const Bytes& content, std::uint64_t seed, std::size_t count) {
  SeededRandom random(seed);
  std::vector<std::uint64_t> offsets;
  for (std::uint64_t offset = 0; offset < content.size(); ++offset) {
    const bool is_padding = content[offset] == '\0';
    if (random.next_u64() % (is_padding ? 16 * content.size() : content.size()) < count) {
      offsets.push_back(offset);
    }
  }
  return offsets;
}

enum class When { closed, opened };

class Damage : public testing::TestWithParam<When> {};

TEST_P(Damage, OfOneByteIsAnErrorOrTheRightValueAndVerifyFindsIt) {
  Checkpointed checkpointed;
  checkpointed.make(GetParam() == When::closed);
  ASSERT_FALSE(checkpointed.model.empty());
  const std::uint64_t seed = test_seed();
  std::uint64_t flips = 0;
  std::uint64_t errors = 0;
  std::uint64_t refused = 0;
  for (const char* suffix : {".run", ".data", ".log"}) {
    const std::vector<std::string> names = checkpointed.names_of(suffix);
    ASSERT_GE(names.size(), 1U) << suffix;
    for (const std::string& name : names) {
      const Bytes content = checkpointed.world.disk->read_file(path_of(name)).value();
      for (const std::uint64_t offset : offsets_of(content, seed, 60)) {
        SCOPED_TRACE(name + " at " + std::to_string(offset));
        CrashWorld world = checkpointed.world.clone();
        const auto bit = static_cast<unsigned>((seed + offset) % 8);
        ++flips;
        std::unique_ptr<EngineStore> store;
        if (GetParam() == When::opened) store = world.open(small_segments()).value();
        ASSERT_TRUE(world.disk->flip_bit(path_of(name), offset, bit).ok());
        if (store == nullptr) {
          const VerifyReport report =
              verify_directory(world.seams(), CrashWorld::kPath, {}).value();
          ASSERT_EQ(report.findings.size(), 1U);
          ASSERT_EQ(report.findings[0].file, name) << report.findings[0].problem;
          auto opened = world.open(small_segments());
          if (!opened.ok()) {
            ASSERT_TRUE(is_refusal(opened.status().code())) << opened.status().to_string();
            ++refused;
            continue;
          }
          store = std::move(opened).value();
        }
        errors += expect_right_or_corruption(*store, checkpointed.model, checkpointed.absent);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  std::printf("%lu flips, %lu refused, %lu errors\n", static_cast<unsigned long>(flips),
              static_cast<unsigned long>(refused), static_cast<unsigned long>(errors));
  EXPECT_GT(errors, 0U);
}

// Nothing was read yet when maintenance comes upon the damage. What it may do is fail; what it may
// not is go on for ever, lose a key, or make damage look intact.
TEST_P(Damage, MetByMaintenanceStaysDamageAndSpreadsNowhere) {
  Checkpointed checkpointed;
  checkpointed.make(GetParam() == When::closed);
  const std::uint64_t seed = test_seed();
  std::uint64_t failed = 0;
  std::uint64_t errors = 0;
  for (const char* suffix : {".run", ".data", ".log"}) {
    for (const std::string& name : checkpointed.names_of(suffix)) {
      const Bytes content = checkpointed.world.disk->read_file(path_of(name)).value();
      for (const std::uint64_t offset : offsets_of(content, seed, 40)) {
        SCOPED_TRACE(name + " at " + std::to_string(offset));
        CrashWorld world = checkpointed.world.clone();
        Model model = checkpointed.model;
        std::unique_ptr<EngineStore> store;
        // Everything below 0.95 is compacted.
        Options options = small_segments();
        options.live_ratio = kLiveRatioMax;
        const auto bit = static_cast<unsigned>((seed + offset) % 8);
        if (GetParam() == When::closed) {
          ASSERT_TRUE(world.disk->flip_bit(path_of(name), offset, bit).ok());
        }
        auto opened = world.open(options);
        if (!opened.ok()) {
          ASSERT_TRUE(is_refusal(opened.status().code())) << opened.status().to_string();
          continue;
        }
        store = std::move(opened).value();
        if (GetParam() == When::opened) {
          ASSERT_TRUE(world.disk->flip_bit(path_of(name), offset, bit).ok());
        }
        world.executor->step_all();
        const auto put = store->put(Space::user, "new", "value");
        if (put.ok()) model["new"] = "value";
        if (!store->compact().ok()) ++failed;
        world.clock->advance_ms(61'000);
        world.executor->step_all();
        if (!store->checkpoint().ok()) ++failed;
        errors += expect_right_or_corruption(*store, model, checkpointed.absent);
        ASSERT_FALSE(HasFailure());
        ASSERT_TRUE(store->close().ok());
        store.reset();
        opened = world.open(options);
        if (!opened.ok()) {
          ASSERT_TRUE(is_refusal(opened.status().code())) << opened.status().to_string();
          continue;
        }
        errors += expect_right_or_corruption(**opened, model, checkpointed.absent);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  std::printf("%lu failed, %lu errors\n", static_cast<unsigned long>(failed),
              static_cast<unsigned long>(errors));
  EXPECT_GT(failed, 0U);
}

INSTANTIATE_TEST_SUITE_P(When, Damage, testing::Values(When::closed, When::opened),
                         [](const auto& when) {
                           return when.param == When::closed ? "Closed" : "BeforeTheFirstRead";
                         });

TEST(MissingFile, OfACheckpointIsRefusedByNameAndFoundByVerify) {
  Checkpointed checkpointed;
  checkpointed.make();
  for (const char* suffix : {".run", ".data", ".log"}) {
    for (const std::string& name : checkpointed.names_of(suffix)) {
      CrashWorld world = checkpointed.world.clone();
      ASSERT_TRUE(world.disk->remove(path_of(name)).ok());
      const std::vector<std::string> before = world.disk->list(CrashWorld::kPath).value();
      const auto opened = world.open(small_segments());
      ASSERT_EQ(opened.status().code(), Code::corruption) << name;
      EXPECT_NE(opened.status().message().find(name), std::string::npos)
          << opened.status().to_string();
      EXPECT_EQ(world.disk->list(CrashWorld::kPath).value(), before) << "nothing was changed";
      const VerifyReport report = verify_directory(world.seams(), CrashWorld::kPath, {}).value();
      ASSERT_EQ(report.findings.size(), 1U) << name;
      EXPECT_EQ(report.findings[0].file, name);
    }
  }
}

TEST(CutFile, OfACheckpointIsRefusedByNameAndFoundByVerify) {
  Checkpointed checkpointed;
  checkpointed.make();
  for (const char* suffix : {".run", ".data", ".log"}) {
    for (const std::string& name : checkpointed.names_of(suffix)) {
      const Bytes content = checkpointed.world.disk->read_file(path_of(name)).value();
      for (std::uint64_t length = 0; length < content.size(); length += 1 + content.size() / 19) {
        SCOPED_TRACE(name + " cut to " + std::to_string(length));
        CrashWorld world = checkpointed.world.clone();
        ASSERT_TRUE(
            world.disk->write_file(path_of(name), BytesView(content).substr(0, length)).ok());
        const auto opened = world.open(small_segments());
        ASSERT_EQ(opened.status().code(), Code::corruption);
        EXPECT_NE(opened.status().message().find(name), std::string::npos)
            << opened.status().to_string();
        const VerifyReport report = verify_directory(world.seams(), CrashWorld::kPath, {}).value();
        ASSERT_EQ(report.findings.size(), 1U);
        EXPECT_EQ(report.findings[0].file, name);
      }
    }
  }
}

// E20: several damages in one file are as many findings.
TEST(Verify, FindsEachOfSeveralDamagesInADataSegment) {
  Checkpointed checkpointed;
  checkpointed.make();
  CrashWorld world = checkpointed.world.clone();
  std::vector<std::uint64_t> offsets;
  const std::string name = checkpointed.names_of(".data").at(0);
  const Bytes content = world.disk->read_file(path_of(name)).value();
  // Inside values, so that the lengths that lead from entry to entry stay.
  for (const int i : {6, 12, 18}) {
    const std::uint64_t key = content.find(key_of(i));
    if (key != Bytes::npos) offsets.push_back(key + key_of(i).size() + 20);
  }
  ASSERT_GE(offsets.size(), 2U);
  for (const std::uint64_t offset : offsets) {
    ASSERT_TRUE(world.disk->flip_bit(path_of(name), offset, 0).ok());
  }
  const VerifyReport report = verify_directory(world.seams(), CrashWorld::kPath, {}).value();
  ASSERT_EQ(report.findings.size(), offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    EXPECT_EQ(report.findings[i].file, name);
    EXPECT_LT(report.findings[i].offset, offsets[i]);
    EXPECT_GT(report.findings[i].offset, offsets[i] - 60);
  }
}

}  // namespace
}  // namespace talea
