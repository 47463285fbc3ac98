#include "index/run_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "index/run_testing.h"
#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;
using testing_run::Disk;
using testing_run::MemoryFile;
using testing_run::Resealer;

constexpr Sequence kNewest = ~Sequence{0};

using Key = std::pair<Space, Bytes>;
// The rows of a run: the revisions of each key, the newest first.
using Rows = std::map<Key, std::map<Sequence, RunRevision, std::greater<>>>;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Key key() { return {static_cast<Space>(below(2) * 300), "key " + std::to_string(below(400))}; }

 private:
  SeededRandom random_;
};

RunRevision revision(Sequence sequence, bool tombstone) {
  return {.sequence = sequence,
          .time_ms = 1'700'000'000'000 + sequence,
          .tombstone = tombstone,
          .address = {.segment = sequence % 7, .offset = sequence * 100, .bytes = 50}};
}

// Layers as an engine makes them, the newest first: what is newer has higher sequences, but for an
// entry that moved and kept its own.
std::vector<Rows> random_layers(Dice& dice, std::size_t count, bool with_history) {
  std::vector<Rows> layers;
  layers.reserve(count);
  Rows newest;
  Sequence sequence = 0;
  for (std::size_t layer = 0; layer < count; ++layer) {
    Rows rows;
    for (std::uint64_t changes = dice.below(300); changes > 0; --changes) {
      const Key key = dice.key();
      if (!newest[key].empty() && dice.one_in(4)) {
        RunRevision moved = newest[key].begin()->second;
        moved.address.segment += 1000;
        rows[key][moved.sequence] = moved;
        continue;
      }
      ++sequence;
      if (!with_history) rows[key].clear();
      rows[key][sequence] = revision(sequence, dice.one_in(4));
    }
    for (const auto& [key, revisions] : rows) newest[key] = revisions;
    layers.push_back(std::move(rows));
  }
  std::reverse(layers.begin(), layers.end());
  return layers;
}

// What is seen of `layers`, in the words of run_set.h.
std::map<Key, RunRevision> seen(const std::vector<Rows>& layers, const RunSet::View& view) {
  std::map<Key, RunRevision> seen;
  for (const Rows& rows : layers) {
    for (const auto& [key, revisions] : rows) {
      const auto row = revisions.lower_bound(view.at_or_below);
      if (row != revisions.end()) seen.emplace(key, row->second);
    }
  }
  if (!view.tombstones) std::erase_if(seen, [](const auto& row) { return row.second.tombstone; });
  return seen;
}

Bytes written(const Rows& rows, std::uint64_t block_bytes = 200) {
  const auto disk = std::make_shared<Disk>();
  RunWriter writer(
      std::make_unique<MemoryFile>(disk),
      {.identity = {.file_id = 1}, .keys_expected = rows.size(), .block_bytes = block_bytes});
  for (const auto& [key, revisions] : rows) {
    for (const auto& [sequence, revision] : revisions) {
      EXPECT_TRUE(writer.add(key.first, key.second, revision).ok());
    }
  }
  EXPECT_TRUE(writer.finish().ok());
  return disk->bytes;
}

std::shared_ptr<Disk> disk_of(Bytes bytes) {
  const auto disk = std::make_shared<Disk>();
  disk->bytes = std::move(bytes);
  return disk;
}

RunSet::Run opened(const std::shared_ptr<Disk>& disk, const RunReader::Options& options) {
  return std::make_shared<const RunReader>(
      RunReader::open(std::make_unique<MemoryFile>(disk), "test.run", options).value());
}

constexpr RunReader::Options kHeld = {};
constexpr RunReader::Options kMapped = {.mapped = true};

std::shared_ptr<const RunSet> set_of(const std::vector<Rows>& layers,
                                     const RunReader::Options& options = kMapped) {
  std::vector<RunSet::Run> runs;
  runs.reserve(layers.size());
  for (const Rows& rows : layers) runs.push_back(opened(disk_of(written(rows)), options));
  return RunSet::of(std::move(runs));
}

using Seen = std::map<Key, RunRevision>;

void expect_at(const RunSetIterator& rows, const Seen& model, Seen::const_iterator at) {
  ASSERT_EQ(rows.valid(), at != model.end());
  if (!rows.valid()) return;
  ASSERT_EQ(Key(rows.space(), Bytes(rows.key())), at->first);
  ASSERT_EQ(rows.revision(), at->second);
}

void expect_walks(const RunSet& set, const Seen& model, const RunSet::View& view, Dice& dice) {
  RunSetIterator rows = set.iterate(view);
  ASSERT_FALSE(rows.valid());
  ASSERT_TRUE(rows.seek_first().ok());
  for (auto at = model.begin(); at != model.end(); ++at) {
    ASSERT_NO_FATAL_FAILURE(expect_at(rows, model, at));
    ASSERT_TRUE(rows.next().ok());
  }
  ASSERT_FALSE(rows.valid());
  ASSERT_TRUE(rows.seek_last().ok());
  for (auto at = model.rbegin(); at != model.rend(); ++at) {
    ASSERT_NO_FATAL_FAILURE(expect_at(rows, model, std::prev(at.base())));
    ASSERT_TRUE(rows.prev().ok());
  }
  ASSERT_FALSE(rows.valid());

  for (int walk = 0; walk < 100; ++walk) {
    const Key from = dice.key();
    auto at = model.lower_bound(from);
    if (dice.one_in(2)) {
      ASSERT_TRUE(rows.seek(from.first, from.second).ok());
    } else {
      ASSERT_TRUE(rows.seek_before(from.first, from.second).ok());
      at = at == model.begin() ? model.end() : std::prev(at);
    }
    for (int step = 0; step < 8; ++step) {
      ASSERT_NO_FATAL_FAILURE(expect_at(rows, model, at));
      if (!rows.valid()) break;
      if (dice.one_in(2)) {
        ASSERT_TRUE(rows.next().ok());
        ++at;
      } else {
        ASSERT_TRUE(rows.prev().ok());
        at = at == model.begin() ? model.end() : std::prev(at);
      }
    }
  }
}

// ---- What is seen

TEST(RunSet, EqualsTheModel) {
  Dice dice(test_seed());
  for (int round = 0; round < 10; ++round) {
    const bool with_history = dice.one_in(2);
    const std::vector<Rows> layers = random_layers(dice, dice.below(7), with_history);
    const auto set = set_of(layers, dice.one_in(2) ? kMapped : kHeld);
    for (const Sequence at_or_below : {kNewest, Sequence{dice.below(1000)}}) {
      for (const bool tombstones : {false, true}) {
        const RunSet::View view{.at_or_below = at_or_below, .tombstones = tombstones};
        const Seen model = seen(layers, view);
        ASSERT_NO_FATAL_FAILURE(expect_walks(*set, model, view, dice));
        if (!tombstones) continue;
        for (int i = 0; i < 400; ++i) {
          const Key key = dice.key();
          const auto found = set->get(key.first, key.second, at_or_below).value();
          const auto expected = model.find(key);
          ASSERT_EQ(found.has_value(), expected != model.end());
          if (found) {
            ASSERT_EQ(*found, expected->second);
          }
        }
      }
    }
  }
}

TEST(RunSet, OfNoRunsHasNothing) {
  const auto set = RunSet::of({});
  EXPECT_FALSE(set->get(Space::user, "key").value().has_value());
  RunSetIterator rows = set->iterate();
  ASSERT_TRUE(rows.seek_first().ok());
  EXPECT_FALSE(rows.valid());
  ASSERT_TRUE(rows.seek_before(Space::user, "key").ok());
  EXPECT_FALSE(rows.valid());
  EXPECT_EQ(set->rows(), 0U);
}

TEST(RunSet, StaysOpenForItsIterators) {
  auto set = set_of({{{{Space::user, "key"}, {{5, revision(5, false)}}}}});
  RunSetIterator rows = set->iterate();
  set.reset();
  ASSERT_TRUE(rows.seek_first().ok());
  ASSERT_TRUE(rows.valid());
  EXPECT_EQ(rows.key(), "key");
  EXPECT_EQ(rows.revision().sequence, 5U);
}

// ---- Reads

Rows numbered_rows(std::uint64_t from, std::uint64_t to, Sequence sequence) {
  Rows rows;
  for (std::uint64_t i = from; i < to; ++i) {
    const std::string digits = std::to_string(i);
    const Bytes key = "user:" + std::string(8 - digits.size(), '0') + digits;
    rows[{Space::user, key}][sequence + i] = revision(sequence + i, false);
  }
  return rows;
}

// Three layers over the same keys: the most that a look-up of an absent key meets in a store whose
// runs are merged in time.
class RunSetReads : public testing::TestWithParam<RunReader::Options> {};

TEST_P(RunSetReads, OfAnAbsentKeyAreTwoHundredthsAtMost) {
  constexpr std::uint64_t kKeys = 8000;
  std::vector<std::shared_ptr<Disk>> disks;
  std::vector<RunSet::Run> runs;
  for (const Sequence sequence : {300'000U, 200'000U, 100'000U}) {
    disks.push_back(disk_of(written(numbered_rows(0, kKeys, sequence), kRunBlockBytes)));
    runs.push_back(opened(disks.back(), GetParam()));
    disks.back()->reads = 0;
  }
  const auto set = RunSet::of(std::move(runs));
  for (const auto& [key, revisions] : numbered_rows(0, kKeys, 1)) {
    ASSERT_FALSE(set->get(key.first, key.second + "x").value().has_value());
  }
  std::uint64_t reads = 0;
  for (const auto& disk : disks) reads += disk->reads;
  EXPECT_LE(static_cast<double>(reads) / kKeys, 0.02);
  EXPECT_LE(static_cast<double>(set->data_blocks_looked_at()) / kKeys, 0.02);
  // Through a mapping no read is counted, so the blocks looked at are what may have to be read.
  EXPECT_EQ(reads, GetParam().mapped ? 0 : set->data_blocks_looked_at());

  // A present key is found in the newest layer, with one block and no look at the others.
  const std::uint64_t before = set->data_blocks_looked_at();
  for (const auto& [key, revisions] : numbered_rows(0, kKeys, 300'000)) {
    ASSERT_EQ(set->get(key.first, key.second).value(), revisions.begin()->second);
  }
  EXPECT_EQ(set->data_blocks_looked_at() - before, kKeys);
}

INSTANTIATE_TEST_SUITE_P(HeldAndNotHeld, RunSetReads, testing::Values(kHeld, kMapped),
                         [](const auto& options) {
                           return options.param.mapped ? "NotHeld" : "Held";
                         });

// ---- Merging

constexpr const char* kDirectory = "store";

RunFileWriter::Setup setup(std::uint32_t id, std::uint64_t keys) {
  RunFileWriter::Setup setup{.keys_expected = keys, .block_bytes = 200};
  setup.identity.file_id = id;
  SeededRandom random(id);
  random.fill(setup.identity.salt);
  return setup;
}

void make_directory(CrashFileSystem& disk) {
  ASSERT_TRUE(disk.create_directory(kDirectory).ok());
  ASSERT_TRUE(disk.sync_directory(".").ok());
}

Result<RunFileInfo> merge(CrashFileSystem& disk, const std::shared_ptr<const RunSet>& inputs,
                          std::uint32_t id, const RunMerger::Options& options,
                          std::uint64_t rows_a_step) {
  RunMerger merger(inputs,
                   TALEA_TRY(RunFileWriter::create(disk, kDirectory, setup(id, inputs->keys()))),
                   options);
  std::uint64_t steps = 1;
  while (!TALEA_TRY(merger.step(rows_a_step))) {
    ++steps;
    EXPECT_LE(merger.rows_written(), steps * rows_a_step);
  }
  EXPECT_LE(steps, inputs->rows() / rows_a_step + 1);
  return merger.finish();
}

TEST(RunMerger, OfAdjacentLayersChangesNothingThatIsSeen) {
  Dice dice(test_seed());
  for (int round = 0; round < 15; ++round) {
    const std::vector<Rows> layers = random_layers(dice, 5, false);
    const auto set = set_of(layers);
    const std::uint64_t first = dice.below(5);
    const auto begin = static_cast<std::ptrdiff_t>(first);
    const auto end = static_cast<std::ptrdiff_t>(first + 1 + dice.below(5 - first));
    std::vector<RunSet::Run> runs = set->runs();
    const auto inputs =
        RunSet::of(std::vector<RunSet::Run>(runs.begin() + begin, runs.begin() + end));

    CrashFileSystem disk;
    make_directory(disk);
    const RunFileInfo info =
        merge(disk, inputs, 42, {.drop_tombstones = end == 5}, 1 + dice.below(100)).value();
    disk.power_cut(test_seed());
    const auto run = open_run(disk, kDirectory, info, {}).value();
    EXPECT_EQ(run->verify().to_string(), "ok");
    EXPECT_EQ(run->stats().rows, run->stats().keys) << "shadowed rows are gone";
    if (end == 5) {
      EXPECT_EQ(run->stats().tombstones, 0U);
    }

    runs.erase(runs.begin() + begin, runs.begin() + end);
    runs.insert(runs.begin() + begin, run);
    const auto merged = RunSet::of(std::move(runs));
    const RunSet::View view{.tombstones = end != 5};
    ASSERT_NO_FATAL_FAILURE(expect_walks(*merged, seen(layers, view), view, dice));
  }
}

TEST(RunMerger, KeepsTombstonesThatMayHideSomething) {
  const Rows newer = {{{Space::user, "gone"}, {{9, revision(9, true)}}}};
  CrashFileSystem disk;
  make_directory(disk);
  EXPECT_EQ(merge(disk, set_of({newer}), 1, {}, 10).value().rows, 1U);
  EXPECT_EQ(merge(disk, set_of({newer}), 2, {.drop_tombstones = true}, 10).value().rows, 0U);
}

TEST(RunMerger, ThatIsGivenUpLeavesNoFile) {
  CrashFileSystem disk;
  make_directory(disk);
  const auto inputs = set_of({numbered_rows(0, 5000, 1)});
  {
    RunMerger merger(inputs, RunFileWriter::create(disk, kDirectory, setup(7, 5000)).value(), {});
    EXPECT_FALSE(merger.step(4000).value());
    EXPECT_TRUE(disk.exists("store/0000000007.run").value());
  }
  EXPECT_FALSE(disk.exists("store/0000000007.run").value());
}

TEST(RunMerger, ThatFailsAtAnyCallSaysSoAndLeavesNoFile) {
  const auto inputs = set_of({numbered_rows(0, 300, 1000), numbered_rows(100, 500, 1)});
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    bool finished = false;
    for (std::uint64_t call = 1; !finished; ++call) {
      CrashFileSystem disk;
      make_directory(disk);
      disk.fail_at(call, fault);
      const Status status = merge(disk, inputs, 7, {}, 100).status();
      finished = disk.faults_fired() == 0;
      EXPECT_EQ(status.ok(), finished) << "call=" << call;
      EXPECT_EQ(disk.exists("store/0000000007.run").value(), finished) << "call=" << call;
    }
  }
}

TEST(RunMerger, OfADamagedRunIsRefusedAndLeavesNoFile) {
  const Rows rows = numbered_rows(0, 2000, 1);
  const Bytes whole = written(rows);
  const std::uint64_t data_end = opened(disk_of(whole), kHeld)->layout().data_end;
  Dice dice(test_seed());
  for (int round = 0; round < 100; ++round) {
    Bytes bytes = whole;
    char& byte = bytes[kRunHeaderBytes + dice.below(data_end - kRunHeaderBytes)];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + dice.below(255)));
    const auto inputs = RunSet::of({opened(disk_of(bytes), kMapped)});
    CrashFileSystem disk;
    make_directory(disk);
    EXPECT_EQ(merge(disk, inputs, 7, {}, 1000).status().code(), Code::corruption);
    EXPECT_FALSE(disk.exists("store/0000000007.run").value());
  }
}

// Nonsense behind right checks, and pages that change after they were checked: a merge may be
// refused, or write other rows, and never stops the process.
TEST(RunMerger, OfNonsenseNeverCrashes) {
  Dice dice(test_seed());
  const std::vector<Rows> layers = random_layers(dice, 2, true);
  const Bytes older = written(layers[1]);
  const auto newer = opened(disk_of(written(layers[0])), kHeld);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    Bytes bytes = older;
    const bool before = dice.one_in(2);
    const auto change = [&](Bytes& of) {
      for (std::uint64_t changes = 1 + dice.below(3); changes > 0; --changes) {
        of[kRunHeaderBytes + dice.below(of.size() - kRunHeaderBytes)] =
            static_cast<char>(dice.below(256));
      }
    };
    if (before) {
      change(bytes);
      Resealer(bytes).reseal();
    }
    const auto disk = disk_of(bytes);
    auto run = RunReader::open(std::make_unique<MemoryFile>(disk), "test.run", kMapped);
    if (!run.ok()) continue;
    const auto inputs =
        RunSet::of({newer, std::make_shared<const RunReader>(std::move(run).value())});
    if (!before) {
      RunSetIterator rows = inputs->iterate({.tombstones = true});
      Status status = rows.seek_first();
      while (status.ok() && rows.valid()) status = rows.next();
      change(disk->bytes);
    }
    CrashFileSystem store;
    make_directory(store);
    refused += !merge(store, inputs, 7, {}, 1000).ok();
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace talea
