#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "index/run_reader.h"
#include "index/run_testing.h"
#include "index/run_writer.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using testing_run::Disk;
using testing_run::MemoryFile;
using testing_run::Resealer;

constexpr Sequence kNewest = ~Sequence{0};

/// The order of rows, spelled out once more.
struct RowOrder {
  bool operator()(const std::pair<std::pair<Space, Bytes>, Sequence>& a,
                  const std::pair<std::pair<Space, Bytes>, Sequence>& b) const {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  }
};
using Model = std::map<std::pair<std::pair<Space, Bytes>, Sequence>, RunRevision, RowOrder>;

void insert(Model& model, Space space, const Bytes& key, const RunRevision& revision) {
  model[{{space, key}, revision.sequence}] = revision;
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Bytes bytes(std::size_t count) {
    Bytes bytes(count, '\0');
    random_.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
    return bytes;
  }
  Space space() {
    constexpr std::uint32_t kSpaces[] = {0, 1, 255, 256, 0xffff'ffff};
    return static_cast<Space>(kSpaces[below(5)]);
  }
  /// Binary, long, and with prefixes in common.
  Bytes key() {
    switch (below(8)) {
      case 0: return bytes(1 + below(3));
      case 1: return bytes(1 + below(300));
      case 2: return one_in(20) ? Bytes(below(kKeyBytesMax - 8), 'x') + bytes(8) : bytes(8);
      case 3: return Bytes(1 + below(40), '\xff');
      case 4: return Bytes(1 + below(40), '\0');
      default: return "user:" + std::to_string(below(3000));
    }
  }
  RunRevision revision() {
    RunRevision revision;
    revision.sequence = 1 + (one_in(50) ? random_.next_u64() >> 1 : below(100'000));
    revision.time_ms = 1'700'000'000'000 + below(86'400'000);
    revision.tombstone = one_in(5);
    if (one_in(3)) revision.expiry_ms = random_.next_u64() >> below(64);
    revision.address = {.segment = one_in(100) ? random_.next_u64() : below(50),
                        .offset = one_in(100) ? random_.next_u64() : below(64 * kMiB),
                        .bytes = below(one_in(10) ? kRunEntryBytesMax + 1 : 2000)};
    return revision;
  }
  Model model(std::size_t rows) {
    Model model;
    while (model.size() < rows) {
      const Space at = space();
      const Bytes of = key();
      for (std::uint64_t revisions = 1 + (one_in(4) ? below(40) : 0); revisions > 0; --revisions) {
        insert(model, at, of, revision());
      }
    }
    return model;
  }

 private:
  SeededRandom random_;
};

RunIdentity identity(std::uint64_t file_id) {
  RunIdentity identity{.file_id = file_id};
  SeededRandom random(file_id);
  random.fill(identity.store_id);
  random.fill(identity.salt);
  return identity;
}

struct WriteOptions {
  std::uint64_t file_id = 7;
  std::uint64_t block_bytes = kRunBlockBytes;
};

Result<RunStats> write_to(const std::shared_ptr<Disk>& disk, const Model& model,
                          const WriteOptions& options) {
  RunWriter writer(std::make_unique<MemoryFile>(disk), {.identity = identity(options.file_id),
                                                        .keys_expected = model.size(),
                                                        .block_bytes = options.block_bytes});
  for (const auto& [row, revision] : model) {
    TALEA_TRY(writer.add(row.first.first, row.first.second, revision));
  }
  return writer.finish();
}

Bytes written(const Model& model, const WriteOptions& options = {}) {
  const auto disk = std::make_shared<Disk>();
  const Result<RunStats> stats = write_to(disk, model, options);
  EXPECT_TRUE(stats.ok()) << stats.status().to_string();
  return disk->bytes;
}

std::shared_ptr<Disk> disk_of(Bytes bytes) {
  const auto disk = std::make_shared<Disk>();
  disk->bytes = std::move(bytes);
  return disk;
}

constexpr RunReader::Options kHoldsAll = {};
constexpr RunReader::Options kHoldsNothing = {.hold_index = false, .hold_filter = false};
constexpr RunReader::Options kMapped = {.mapped = true};

Result<RunReader> open(const std::shared_ptr<Disk>& disk,
                       const RunReader::Options& options = kHoldsAll) {
  return RunReader::open(std::make_unique<MemoryFile>(disk), "test.run", options);
}

std::optional<RunRevision> expected(const Model& model, Space space, const Bytes& key,
                                    Sequence at_or_below) {
  const auto row = model.lower_bound({{space, key}, at_or_below});
  if (row == model.end() || row->first.first != std::pair(space, key)) return std::nullopt;
  return row->second;
}

/// The row that `rows` is at, in the words of the model.
Model::value_type row_at(const RunIterator& rows) {
  const RunRevision revision = rows.revision();
  return {{{rows.space(), Bytes(rows.key())}, revision.sequence}, revision};
}

void expect_equals_model(const RunReader& run, const Model& model, Dice& dice) {
  RunIterator rows = run.iterate();
  ASSERT_TRUE(rows.seek_first().ok());
  for (const auto& row : model) {
    ASSERT_TRUE(rows.valid());
    ASSERT_TRUE(row_at(rows) == row);
    ASSERT_TRUE(rows.next().ok());
  }
  EXPECT_FALSE(rows.valid());

  ASSERT_TRUE(rows.seek_last().ok());
  for (auto row = model.rbegin(); row != model.rend(); ++row) {
    ASSERT_TRUE(rows.valid());
    ASSERT_TRUE(row_at(rows) == *row);
    ASSERT_TRUE(rows.prev().ok());
  }
  EXPECT_FALSE(rows.valid());

  for (int i = 0; i < 2000; ++i) {
    auto at = model.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(dice.below(model.size())));
    auto [space, key] = at->first.first;
    if (dice.one_in(4)) key = dice.key();
    const Sequence sequence = dice.one_in(2) ? kNewest : at->first.second - dice.below(2);
    const Result<std::optional<RunRevision>> found = run.get(space, key, sequence);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    ASSERT_EQ(*found, expected(model, space, key, sequence));

    auto row = model.lower_bound({{space, key}, sequence});
    ASSERT_TRUE(rows.seek(space, key, sequence).ok());
    for (int step = 0; step < 5; ++step) {
      ASSERT_EQ(rows.valid(), row != model.end());
      if (!rows.valid()) break;
      ASSERT_TRUE(row_at(rows) == *row);
      if (dice.one_in(2)) {
        ASSERT_TRUE(rows.next().ok());
        ++row;
      } else {
        ASSERT_TRUE(rows.prev().ok());
        row = row == model.begin() ? model.end() : std::prev(row);
      }
    }
  }
}

// ---- What is written is read

TEST(Run, EqualsTheModelInBothDirections) {
  Dice dice(test_seed());
  for (const std::uint64_t block_bytes : {64u, 300u, 4096u}) {
    const Model model = dice.model(3000);
    const auto disk = disk_of(written(model, {.block_bytes = block_bytes}));
    for (const RunReader::Options& options :
         {kHoldsAll, kHoldsNothing, RunReader::Options{.hold_index = false}, kMapped}) {
      Result<RunReader> run = open(disk, options);
      ASSERT_TRUE(run.ok()) << run.status().to_string();
      expect_equals_model(*run, model, dice);
    }
    Result<RunReader> run = open(disk, kMapped);
    EXPECT_EQ(run->verify().to_string(), "ok");
    run = open(disk);
    EXPECT_EQ(run->verify().to_string(), "ok");
  }
}

TEST(Run, HoldsKeysUpToTheLargest) {
  Model model;
  const Bytes prefix(kRunKeyBytesMax - 2, 'k');
  for (int i = 0; i < 100; ++i) {
    RunRevision revision{.sequence = static_cast<Sequence>(100 + i)};
    insert(model, Space::user, prefix + static_cast<char>(i / 10) + static_cast<char>(i % 10),
           revision);
    revision.sequence += 1000;
    insert(model, static_cast<Space>(3), static_cast<char>(i) + prefix, revision);
  }
  const auto disk = disk_of(written(model));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok()) << run.status().to_string();
  Dice dice(test_seed());
  expect_equals_model(*run, model, dice);
  EXPECT_EQ(run->verify().to_string(), "ok");
}

TEST(Run, FindsARevisionWithOneReadWhenItsKeySpansManyBlocks) {
  Model model;
  for (Sequence sequence = 10; sequence <= 20'000; sequence += 10) {
    insert(model, Space::user, "much revised", {.sequence = sequence});
  }
  insert(model, Space::user, "much", {.sequence = 5});
  insert(model, Space::user, "muchness", {.sequence = 5});
  const auto disk = disk_of(written(model, {.block_bytes = 200}));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok());
  for (Sequence at = 0; at <= 20'010; ++at) {
    disk->reads = 0;
    ASSERT_EQ(*run->get(Space::user, "much revised", at),
              expected(model, Space::user, "much revised", at));
    ASSERT_EQ(disk->reads, 1u);
  }
}

TEST(Run, WithoutRowsIsLegal) {
  const auto disk = disk_of(written({}));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok()) << run.status().to_string();
  EXPECT_EQ(run->stats(), RunStats());
  EXPECT_EQ(*run->get(Space::user, "alpha"), std::nullopt);
  RunIterator rows = run->iterate();
  EXPECT_TRUE(rows.seek_first().ok() && !rows.valid());
  EXPECT_TRUE(rows.seek_last().ok() && !rows.valid());
  EXPECT_TRUE(rows.seek(Space::user, "alpha").ok() && !rows.valid());
  EXPECT_EQ(run->verify().to_string(), "ok");
}

TEST(Run, StatesWhatItHolds) {
  Model model;
  insert(model, Space::user, "alpha", {.sequence = 9, .time_ms = 50, .address = {1, 2, 30}});
  insert(model, Space::user, "alpha", {.sequence = 4, .time_ms = 20, .address = {1, 2, 500}});
  insert(model, Space::user, "bravo",
         {.sequence = 8, .time_ms = 40, .tombstone = true, .address = {1, 2, 7000}});
  insert(model, static_cast<Space>(2), "charlie",
         {.sequence = 6, .time_ms = 30, .expiry_ms = 99, .address = {1, 2, 4}});
  const auto disk = disk_of(written(model, {.file_id = 12}));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->stats(), (RunStats{.rows = 4,
                                    .keys = 3,
                                    .tombstones = 1,
                                    .sequence_min = 4,
                                    .sequence_max = 9,
                                    .time_min_ms = 20,
                                    .time_max_ms = 50,
                                    .live_bytes = 34}));
  EXPECT_EQ(run->first_space(), Space::user);
  EXPECT_EQ(run->first_key(), "alpha");
  EXPECT_EQ(run->last_space(), static_cast<Space>(2));
  EXPECT_EQ(run->last_key(), "charlie");
  EXPECT_EQ(run->header().identity, identity(12));
  EXPECT_EQ(run->header().features, kRunFeatureExpiry | kRunFeatureTombstone);
  EXPECT_EQ(run->header().first_sequence, 4u);
  EXPECT_EQ(run->header().base_now_ms, 20u);
}

// Whoever writes it a step at a time must not find that the last step is the sync of all of it.
TEST(Run, IsSyncedAsItIsWritten) {
  const auto disk = std::make_shared<Disk>();
  RunWriter writer(std::make_unique<MemoryFile>(disk), {.keys_expected = 1000});
  for (int i = 0; i < 1000; ++i) {
    Bytes key = std::to_string(10'000 + i);
    for (int byte = 0; key.size() < 60'000; ++byte) {
      key += static_cast<char>(i * 7 + byte % 251);  // that the next key does not share
    }
    ASSERT_TRUE(writer.add(Space::user, key, {.sequence = 1}).ok());
  }
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(disk->unsynced_bytes, 0U);
  EXPECT_GT(disk->bytes.size(), 40 * kMiB);
  EXPECT_LE(disk->synced_bytes_max, 17 * kMiB);
}

TEST(RunDeathTest, RowsOutOfOrderAreABugOfTheCaller) {
  RunWriter writer(std::make_unique<MemoryFile>(std::make_shared<Disk>()), {});
  ASSERT_TRUE(writer.add(Space::user, "bravo", {.sequence = 5}).ok());
  EXPECT_DEATH((void)writer.add(Space::user, "alpha", {.sequence = 5}), "compare_run_rows");
  EXPECT_DEATH((void)writer.add(Space::user, "bravo", {.sequence = 5}), "compare_run_rows");
  EXPECT_DEATH((void)writer.add(Space::user, "bravo", {.sequence = 6}), "compare_run_rows");
  EXPECT_DEATH((void)writer.add(Space::user, "charlie", {.sequence = 0}), "sequence");
  EXPECT_DEATH((void)writer.add(Space::user, "", {.sequence = 6}), "kKeyBytesMin");
}

// ---- What it costs

Bytes numbered(std::uint64_t i) {
  char key[24];
  std::snprintf(key, sizeof key, "user:%010llu", static_cast<unsigned long long>(i));
  return key;
}

/// A store after a day of updates in random order: 160 segments of 64 MiB, entries of about 1 KB.
Model day_of_updates(std::uint64_t rows, Dice& dice) {
  Model model;
  for (std::uint64_t i = 0; i < rows; ++i) {
    const Sequence sequence = 1 + dice.below(10'000'000);
    insert(model, Space::user, numbered(i),
           {.sequence = sequence,
            .time_ms = 1'700'000'000'000 + sequence * 86'400'000 / 10'000'000,
            .address = {.segment = 1000 + sequence / 62'500,
                        .offset = dice.below(64 * kMiB),
                        .bytes = 1000 + dice.below(64)}});
  }
  return model;
}

TEST(Run, TakesAtMostTwoHundredthsOfAReadForAnAbsentKey) {
  Dice dice(test_seed());
  constexpr std::uint64_t kKeys = 20'000;
  const auto disk = disk_of(written(day_of_updates(kKeys, dice)));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok());
  EXPECT_LE(disk->reads, 4u) << "opening";
  disk->reads = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_FALSE(run->get(Space::user, numbered(i) + "x")->has_value());
  }
  EXPECT_LE(static_cast<double>(disk->reads) / kKeys, 0.02);
  EXPECT_EQ(run->data_blocks_looked_at(), disk->reads);
  disk->reads = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(run->get(Space::user, numbered(i))->has_value());
  }
  EXPECT_EQ(disk->reads, kKeys);
}

// Nothing is held, so a look-up touches pages: one of the filter, and seldom one of a data block.
TEST(Run, ThatIsMappedLooksAtTwoHundredthsOfADataBlockForAnAbsentKey) {
  Dice dice(test_seed());
  constexpr std::uint64_t kKeys = 20'000;
  const auto disk = disk_of(written(day_of_updates(kKeys, dice)));
  const Result<RunReader> run = open(disk, kMapped);
  ASSERT_TRUE(run.ok());
  EXPECT_LE(disk->reads, 3u) << "opening";
  EXPECT_LT(run->memory_bytes(), kKeys / 4) << "of what 1.7 bytes a key would take";
  disk->reads = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_FALSE(run->get(Space::user, numbered(i) + "x")->has_value());
  }
  EXPECT_LE(static_cast<double>(run->data_blocks_looked_at()) / kKeys, 0.02);
  EXPECT_EQ(disk->reads, 0u);
}

TEST(Run, TakesAtMostFourteenBytesARowBesidesItsSuffixAndFilter) {
  Dice dice(test_seed());
  constexpr std::uint64_t kRows = 20'000;
  const auto disk = disk_of(written(day_of_updates(kRows, dice)));
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok());
  const RunLayout& layout = run->layout();
  const auto a_row = [](std::uint64_t bytes) { return static_cast<double>(bytes) / kRows; };
  const double data = a_row(layout.data_end - kRunHeaderBytes);
  const double filter = a_row(layout.index_offset - layout.filter_offset);
  const double index = a_row(layout.footer_offset - layout.index_offset);
  std::printf("bytes a row: data %.2f, filter %.2f, index %.2f, memory held %.2f\n", data, filter,
              index, a_row(run->memory_bytes()));
  constexpr double kSuffix = 1.1;  // what remains of the 19 bytes of a row key
  EXPECT_LE(data + index, kSuffix + 14);
  EXPECT_LE(filter, 1.7);
}

// ---- Damage

Model small_model() {
  Model model;
  for (int i = 0; i < 24; ++i) {
    RunRevision revision{.sequence = static_cast<Sequence>(100 + i * 7 % 24),
                         .time_ms = static_cast<std::uint64_t>(5000 + i * 7 % 24),
                         .address = {.segment = 3,
                                     .offset = static_cast<std::uint64_t>(i * 100),
                                     .bytes = static_cast<std::uint64_t>(90 + i % 7)}};
    revision.tombstone = i % 9 == 0;
    if (i % 4 == 0) revision.expiry_ms = 9000 + static_cast<std::uint64_t>(i);
    const Bytes key = "key " + std::to_string(i / 3);
    insert(model, static_cast<Space>(i % 2), key, revision);
    revision.sequence += 1000;
    insert(model, static_cast<Space>(i % 2), key, revision);
  }
  return model;
}

/// Reads all there is, in every way. Each row is the model's, or the read says `corruption`; how
/// many did, is returned.
int reads_refused(const std::shared_ptr<Disk>& disk, const Model& model,
                  const RunReader::Options& options) {
  int refused = 0;
  const auto is_refusal = [&refused](const Status& status) {
    if (status.ok()) return false;
    EXPECT_EQ(status.code(), Code::corruption) << status.to_string();
    EXPECT_THAT(status.message(), ::testing::HasSubstr("test.run: at offset "));
    ++refused;
    return true;
  };
  const Result<RunReader> run = open(disk, options);
  if (is_refusal(run.status())) return refused;
  for (const auto& [row, revision] : model) {
    const auto found = run->get(row.first.first, row.first.second, row.second);
    if (!is_refusal(found.status())) {
      EXPECT_EQ(*found, revision);
    }
  }
  const auto absent = run->get(Space::user, "absent");
  if (!is_refusal(absent.status())) {
    EXPECT_EQ(*absent, std::nullopt);
  }

  RunIterator rows = run->iterate();
  auto forward = model.begin();
  Status status = rows.seek_first();
  for (; status.ok() && rows.valid(); status = rows.next(), ++forward) {
    EXPECT_TRUE(row_at(rows) == *forward);
  }
  if (!is_refusal(status)) {
    EXPECT_TRUE(forward == model.end());
  }
  auto backward = model.rbegin();
  status = rows.seek_last();
  for (; status.ok() && rows.valid(); status = rows.prev(), ++backward) {
    EXPECT_TRUE(row_at(rows) == *backward);
  }
  if (!is_refusal(status)) {
    EXPECT_TRUE(backward == model.rend());
  }
  return refused;
}

TEST(RunDamage, OfAnyByteIsRefusedOrWithoutEffectAndAlwaysFoundByVerify) {
  const Model model = small_model();
  const auto disk = disk_of(written(model, {.block_bytes = 64}));
  const Result<RunReader> undamaged = open(disk);
  ASSERT_TRUE(undamaged.ok());
  ASSERT_GT(undamaged->layout().data_blocks, 4u);
  ASSERT_GT(undamaged->layout().index_blocks, 1u);
  ASSERT_EQ(reads_refused(disk, model, kHoldsAll), 0);
  Dice dice(test_seed());
  for (char& byte : disk->bytes) {
    const char before = byte;
    byte = static_cast<char>(byte ^ static_cast<char>(1 + dice.below(255)));
    EXPECT_EQ(undamaged->verify().code(), Code::corruption) << &byte - disk->bytes.data();
    // Zeros are many and lie behind few checks: one in eight stands for the others.
    if (before != 0 || dice.one_in(8)) {
      reads_refused(disk, model, kHoldsAll);
      reads_refused(disk, model, kHoldsNothing);
      reads_refused(disk, model, kMapped);
    }
    byte = before;
    ASSERT_FALSE(HasFailure()) << "at offset " << &byte - disk->bytes.data();
  }
  EXPECT_EQ(undamaged->verify().to_string(), "ok");
}

TEST(RunDamage, OfOneBlockLeavesTheOthersReadable) {
  const Model model = small_model();
  const auto disk = disk_of(written(model, {.block_bytes = 64}));
  disk->bytes[kRunHeaderBytes + 10] ^= 1;
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok());
  int found = 0;
  for (const auto& [row, revision] : model) {
    found += run->get(row.first.first, row.first.second, row.second).ok();
  }
  EXPECT_GT(found, static_cast<int>(model.size()) * 3 / 4);
  EXPECT_LT(found, static_cast<int>(model.size()));
  const Status status = run->verify();
  EXPECT_EQ(status.to_string(),
            "corruption: test.run: at offset 4096: bytes disagree with their checksum");
}

TEST(RunDamage, ByACutAtAnyLengthIsRefusedAtOpen) {
  const Bytes whole = written(small_model(), {.block_bytes = 64});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Result<RunReader> run = open(disk_of(whole.substr(0, bytes)));
    ASSERT_EQ(run.status().code(), Code::corruption) << bytes << run.status().to_string();
  }
  EXPECT_EQ(open(disk_of(whole + '\0')).status().code(), Code::corruption);
  EXPECT_EQ(open(disk_of(whole + whole)).status().code(), Code::corruption);
}

TEST(RunDamage, IsSeenInABlockOfAnotherFileOrPlace) {
  const Model model = small_model();
  const Bytes other = written(model, {.file_id = 8, .block_bytes = 64});
  const auto disk = disk_of(written(model, {.file_id = 7, .block_bytes = 64}));
  ASSERT_EQ(disk->bytes.size(), other.size());
  const std::uint64_t footer_offset = other.size() - kRunFooterBytes;
  disk->bytes.replace(kRunHeaderBytes, footer_offset - kRunHeaderBytes,
                      other.substr(kRunHeaderBytes, footer_offset - kRunHeaderBytes));
  EXPECT_EQ(open(disk).status().code(), Code::corruption);
  EXPECT_GT(reads_refused(disk, model, kHoldsAll), 0);

  const std::uint32_t seed = run_check_seed(identity(7));
  EXPECT_NE(run_check(seed, 4096, "block"), run_check(seed, 8192, "block"));
  EXPECT_NE(run_check(seed, 4096, "block"), run_check(run_check_seed(identity(8)), 4096, "block"));
}

// A mapped block is checked once. What becomes of its bytes later is not noticed, but never leads
// outside of the file (the sanitizers watch) nor to the end of the process.
TEST(RunDamage, OfAMappedBlockThatWasCheckedHarmsNobody) {
  const Model model = small_model();
  const Bytes whole = written(model, {.block_bytes = 300});
  Dice dice(test_seed());
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    const auto disk = disk_of(whole);
    const Result<RunReader> run = open(disk, kMapped);
    ASSERT_TRUE(run.ok());
    RunIterator rows = run->iterate();
    ASSERT_TRUE(rows.seek_first().ok());
    while (rows.valid()) ASSERT_TRUE(rows.next().ok());
    const std::uint64_t end = run->layout().root_offset;
    for (std::uint64_t changes = 1 + dice.below(4); changes > 0; --changes) {
      const std::uint64_t at = kRunHeaderBytes + dice.below(end - kRunHeaderBytes);
      if (at < run->layout().data_end || at >= run->layout().index_offset) {
        disk->bytes[at] = static_cast<char>(dice.below(256));
      }
    }
    for (const auto& [row, revision] : model) {
      refused += !run->get(row.first.first, row.first.second, row.second).ok();
      if (dice.one_in(4)) {
        refused += !rows.seek(row.first.first, row.first.second, row.second).ok();
      }
      if (rows.valid()) (void)rows.revision();
    }
    for (Status status = rows.seek_first(); status.ok() && rows.valid(); status = rows.next()) {
      (void)rows.revision();
    }
    for (Status status = rows.seek_last(); status.ok() && rows.valid(); status = rows.prev()) {
      (void)rows.revision();
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(RunDamage, UnderValidChecksumsNeverCrashesNorDisordersRows) {
  const Model model = small_model();
  const Bytes whole = written(model, {.block_bytes = 64});
  Dice dice(test_seed());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    // Bytes of zeros are many, and behind one check.
    if (whole[at] == 0 && dice.below(16) != 0) continue;
    Bytes bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + dice.below(255)));
    Resealer(bytes).reseal();
    for (const RunReader::Options& options : {kHoldsAll, kHoldsNothing, kMapped}) {
      const Result<RunReader> run = open(disk_of(bytes), options);
      if (!run.ok()) continue;
      (void)run->verify();
      (void)run->get(Space::user, "key 2");
      RunIterator rows = run->iterate();
      std::optional<Model::value_type> previous;
      Status status = rows.seek_first();
      for (; status.ok() && rows.valid(); status = rows.next()) {
        const Model::value_type row = row_at(rows);
        if (previous) {
          ASSERT_TRUE(RowOrder()(previous->first, row.first));
        }
        previous.emplace(row);
      }
      for (status = rows.seek_last(); status.ok() && rows.valid(); status = rows.prev()) {
        (void)rows.revision();
      }
    }
  }
}

// ---- Nonsense in a block, which a checksum would not show

class RunBlockNonsense : public ::testing::Test {
 protected:
  static Status parse(const Bytes& content, RunBlockKind kind = RunBlockKind::data,
                      std::uint32_t features = kRunFeatureExpiry | kRunFeatureTombstone) {
    std::vector<char> padded(content.begin(), content.end());
    padded.resize(content.size() + RunBlock::kSlackBytes);
    return RunBlock::parse(kind, features, std::move(padded)).status();
  }
  /// A block of rows with these keys, all of sequence 1.
  static Bytes block_of(const std::vector<Bytes>& keys) {
    RunBlockBuilder builder(RunBlockKind::data);
    for (const Bytes& key : keys) {
      EXPECT_TRUE(builder.add(run_row_key(Space::user, key), run_numbers({.sequence = 1}), 4096));
    }
    Bytes content;
    builder.finish(content);
    return content;
  }
  static Bytes replaced(Bytes content, const Bytes& from, const Bytes& to) {
    const std::size_t at = content.find(from);
    EXPECT_NE(at, Bytes::npos);
    return content.replace(at, from.size(), to);
  }
};

TEST_F(RunBlockNonsense, KeysOutOfOrderAreRefused) {
  const Bytes content = block_of({"aa", "ab", "b"});
  ASSERT_TRUE(parse(content).ok());
  EXPECT_THAT(parse(replaced(content,
                             "\x05\x01"
                             "b",
                             "\x05\x01"
                             "a"))
                  .to_string(),
              ::testing::HasSubstr("out of order"));
  EXPECT_FALSE(parse(replaced(content,
                              "\x05\x01"
                              "b",
                              "\x04\x01"
                              "a"))
                   .ok());
}

TEST_F(RunBlockNonsense, TheSameRowTwiceIsRefused) {
  RunBlockBuilder builder(RunBlockKind::data);
  const Bytes key = run_row_key(Space::user, "a");
  ASSERT_TRUE(builder.add(key, run_numbers({.sequence = 5}), 4096));
  ASSERT_TRUE(builder.add(key, run_numbers({.sequence = 5}), 4096));
  Bytes content;
  builder.finish(content);
  EXPECT_FALSE(parse(content).ok());
}

TEST_F(RunBlockNonsense, AFlagThatTheHeaderDoesNotAnnounceIsRefused) {
  for (const auto& [revision, feature] :
       {std::pair(RunRevision{.sequence = 1, .tombstone = true}, kRunFeatureTombstone),
        std::pair(RunRevision{.sequence = 1, .extents = true}, kRunFeatureExtents),
        std::pair(RunRevision{.sequence = 1, .expiry_ms = 5}, kRunFeatureExpiry)}) {
    RunBlockBuilder builder(RunBlockKind::data);
    ASSERT_TRUE(builder.add(run_row_key(Space::user, "a"), run_numbers(revision), 4096));
    Bytes content;
    builder.finish(content);
    EXPECT_TRUE(parse(content, RunBlockKind::data, feature).ok());
    EXPECT_FALSE(parse(content, RunBlockKind::data, ~feature).ok());
  }
}

TEST_F(RunBlockNonsense, AnotherKindOrLengthIsRefused) {
  const Bytes content = block_of({"aa", "ab", "b"});
  EXPECT_FALSE(parse(content, RunBlockKind::index).ok());
  EXPECT_FALSE(parse(content + '\0').ok());
  for (std::size_t bytes = 0; bytes < content.size(); ++bytes) {
    EXPECT_FALSE(parse(content.substr(0, bytes)).ok()) << bytes;
  }
}

TEST_F(RunBlockNonsense, AnyRandomBytesAreParsedOrRefused) {
  Dice dice(test_seed());
  std::vector<Bytes> keys(40);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = numbered(i);
  const Bytes content = block_of(keys);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = content;
    for (std::uint64_t n = 1 + dice.below(3); n > 0; --n) {
      const std::size_t at = dice.one_in(2) ? dice.below(40) : dice.below(bytes.size());
      bytes[at] = static_cast<char>(dice.below(256));
    }
    (void)parse(bytes);
  }
}

// ---- Versions and features

TEST(RunHeader, RefusesWhatItDoesNotKnowByName) {
  const Bytes whole = written(small_model());
  const auto status_with = [&whole](std::size_t at, char value) {
    Bytes bytes = whole;
    bytes[at] = value;
    Resealer(bytes).reseal();
    return open(disk_of(bytes)).status();
  };
  EXPECT_EQ(status_with(8, 2).to_string(),
            "unsupported: test.run: run format version 2, this version of Talea reads 1");
  EXPECT_EQ(status_with(12, 9).to_string(),
            "unsupported: test.run: uses what this version of Talea cannot read: hash links");
  EXPECT_EQ(status_with(12, 5).code(), Code::corruption) << "encryption without a key id";
  EXPECT_EQ(status_with(13, 2).to_string(),
            "unsupported: test.run: uses what this version of Talea cannot read: feature bit 9");
  for (const std::size_t reserved : {10u, 11u, 88u, 92u, 96u, 4000u, 4091u}) {
    EXPECT_EQ(status_with(reserved, 1).code(), Code::corruption) << reserved;
  }
  EXPECT_EQ(status_with(0, 'X').code(), Code::corruption);
}

// ---- Errors of the disk

TEST(RunErrors, OfAnyWriteArePassedUp) {
  Dice dice(test_seed());
  const Model model = day_of_updates(40'000, dice);  // more than one write
  std::uint64_t failing = 0;
  int readable = 0;
  for (;; ++failing) {
    const auto disk = std::make_shared<Disk>();
    disk->failing_operation = failing;
    const Result<RunStats> stats = write_to(disk, model, {});
    if (stats.ok()) break;
    EXPECT_EQ(stats.status().code(), Code::io_error);
    readable += open(disk_of(disk->bytes)).ok();
  }
  EXPECT_GE(failing, 5u) << "three writes, the header and the sync";
  EXPECT_EQ(readable, 1) << "only when the sync alone failed";
}

TEST(RunErrors, AfterAFailedWriteTheWriterRefusesEverything) {
  const auto disk = std::make_shared<Disk>();
  disk->failing_operation = 0;
  RunWriter writer(std::make_unique<MemoryFile>(disk), {});
  Status status;
  std::uint64_t i = 0;
  while (status.ok()) status = writer.add(Space::user, numbered(i++), {.sequence = 1});
  EXPECT_EQ(status.code(), Code::io_error);
  EXPECT_EQ(writer.add(Space::user, numbered(i), {.sequence = 1}).code(), Code::io_error);
  EXPECT_EQ(writer.finish().status().code(), Code::io_error);
  EXPECT_EQ(disk->operations, 1u);
}

TEST(RunErrors, OfAnyReadArePassedUp) {
  const Model model = small_model();
  const Bytes bytes = written(model, {.block_bytes = 64});
  const auto read_all = [&](const std::shared_ptr<Disk>& disk,
                            const RunReader::Options& options) -> Status {
    const RunReader run = TALEA_TRY(open(disk, options));
    for (const auto& [row, revision] : model) {
      EXPECT_EQ(TALEA_TRY(run.get(row.first.first, row.first.second, row.second)), revision);
    }
    RunIterator rows = run.iterate();
    for (TALEA_TRY(rows.seek_first()); rows.valid();) {
      const Status status = rows.next();
      EXPECT_TRUE(status.ok() || !rows.valid());
      TALEA_TRY(status);
    }
    for (TALEA_TRY(rows.seek_last()); rows.valid();) TALEA_TRY(rows.prev());
    return run.verify();
  };
  for (const RunReader::Options& options : {kHoldsAll, kHoldsNothing, kMapped}) {
    std::uint64_t failing = 0;
    for (;; ++failing) {
      const auto disk = disk_of(bytes);
      disk->failing_operation = failing;
      const Status status = read_all(disk, options);
      if (status.ok()) break;
      ASSERT_EQ(status.code(), Code::io_error);
    }
    EXPECT_GT(failing, options.mapped ? 5u : model.size());
  }
}

// ---- The golden file

Model golden_model() {
  const auto space = [](std::uint32_t number) { return static_cast<Space>(number); };
  Model model;
  constexpr std::uint64_t kTime = 1'700'000'000'000;
  insert(model, space(0), "alpha",
         {.sequence = 1007, .time_ms = kTime + 900, .address = {12, 8192, 70}});
  insert(model, space(0), "alpha", {.sequence = 1001, .time_ms = kTime, .address = {12, 4096, 64}});
  insert(model, space(0), "alphabet",
         {.sequence = 1002, .time_ms = kTime + 5, .address = {12, 4160, 80}});
  insert(model, space(0), "bravo",
         {.sequence = 1005, .time_ms = kTime + 30, .tombstone = true, .address = {12, 4400, 24}});
  insert(model, space(0), Bytes("bin\0\xff", 5),
         {.sequence = 1003,
          .time_ms = kTime + 20,
          .expiry_ms = kTime + 60'000,
          .address = {12, 4240, 90}});
  insert(model, space(7), "charlie",
         {.sequence = 1004, .time_ms = kTime + 20, .address = {13, 4096, 1'000'000}});
  for (Sequence sequence = 2000; sequence < 2040; ++sequence) {
    insert(model, space(7), "much revised",
           {.sequence = sequence,
            .time_ms = kTime + sequence,
            .address = {14, 4096 + (sequence - 2000) * 100, 100}});
  }
  return model;
}

TEST(RunGolden, IsWrittenAndReadByteForByte) {
  const std::string path = TALEA_SOURCE_DIR "/tests/compat/golden/run-v1.run";
  const Model model = golden_model();
  const Bytes bytes = written(model, {.file_id = 42, .block_bytes = 256});
  if (std::getenv("TALEA_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::ifstream file(path, std::ios::binary);
  const Bytes golden((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(bytes == golden) << "the writer no longer writes version 1; see docs/formats/run.md";

  const auto disk = disk_of(golden);
  const Result<RunReader> run = open(disk);
  ASSERT_TRUE(run.ok()) << run.status().to_string();
  EXPECT_EQ(run->verify().to_string(), "ok");
  EXPECT_GT(run->layout().data_blocks, 1u);
  Dice dice(test_seed());
  expect_equals_model(*run, model, dice);
}

}  // namespace
}  // namespace talea
