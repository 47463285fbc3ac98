// What readers, checkpoints and writers are told when bytes below the index are damaged: entries
// are changed in memory after the index was made, as by a disk that gives a page back wrong.
#include "engine/live_state.h"

#include <gtest/gtest.h>

#include "index/run_testing.h"
#include "log/log_testing.h"

namespace talea {
namespace {

class LiveStateTest : public testing::Test {
 protected:
  // A sealed segment of one put after the other, of sequences from 1001 on; nothing is published.
  void write(const std::vector<std::pair<Bytes, Bytes>>& puts) {
    TestSegment content(header_);
    for (const auto& [key, value] : puts) {
      const std::uint64_t offset = content.append(TestBatch().put(key, value));
      offsets_.push_back(offset);
      keys_.push_back(key);
    }
    disk_->bytes = content.bytes();
    auto segment =
        std::make_shared<Segment>(header_, std::make_unique<testing_run::MemoryFile>(disk_));
    ASSERT_TRUE(segment->map(disk_->bytes.size()).ok());
    segment->set_sealed(disk_->bytes.size());
    state_ = &live_.add_segment(std::move(segment), {.end = disk_->bytes.size()});
  }
  void publish(std::size_t position) {
    const LiveState::Change change = change_of(position);
    live_.publish(std::span(&change, 1), *state_, 1001 + position);
  }
  // All as one batch, which has the sequence of the last of them.
  void publish_together() {
    std::vector<LiveState::Change> changes;
    changes.reserve(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) changes.push_back(change_of(i));
    live_.publish(changes, *state_, 1000 + keys_.size());
  }
  LiveState::Change change_of(std::size_t position) const {
    LiveState::Change change{.key = keys_[position]};
    change.place.offset = static_cast<std::uint32_t>(offsets_[position]);
    StoredEntry entry;
    EXPECT_TRUE(state_->segment->peek(change.place.offset, entry));
    change.place.bytes = entry.bytes;
    return change;
  }
  // Of the put at `position`.
  void damage_key(std::size_t position) {
    const std::size_t at = disk_->bytes.find(keys_[position], offsets_[position]);
    disk_->bytes[at] = static_cast<char>(disk_->bytes[at] ^ 1);
  }
  // What a get says: "absent", the value, or the code of its failure.
  std::string get(BytesView key, std::optional<Sequence> at = {}) {
    const EpochGuard guard(live_.epochs());
    LiveState::Found found;
    const Result<bool> is_found = live_.find_anywhere(guard, Space::user, key, at, found);
    if (!is_found.ok()) return std::string(code_name(is_found.status().code()));
    if (!*is_found) return "absent";
    const Status checked = found.check(VerifyReads::once);
    return checked.ok() ? std::string(found.entry.value) : std::string(code_name(checked.code()));
  }

  const SegmentHeader header_ = test_header();
  std::shared_ptr<testing_run::Disk> disk_ = std::make_shared<testing_run::Disk>();
  LiveState live_;
  SegmentState* state_ = nullptr;
  std::vector<std::uint64_t> offsets_;
  std::vector<Bytes> keys_;
};

TEST_F(LiveStateTest, ADamagedOldVersionIsCorruptionAndNotAnAbsentKey) {
  write({{"one-key", "1"}, {"one-key", "2"}, {"one-key", "3"}});
  publish(0);
  const SnapshotRegistry::Pin first = live_.pin();
  publish(1);
  const SnapshotRegistry::Pin second = live_.pin();
  publish(2);
  ASSERT_EQ(get("one-key", first.sequence()), "1");
  ASSERT_EQ(get("one-key", second.sequence()), "2");
  damage_key(1);
  EXPECT_EQ(get("one-key", second.sequence()), "corruption");
  EXPECT_EQ(get("one-key", first.sequence()), "1");
  EXPECT_EQ(get("one-key"), "3");
}

TEST_F(LiveStateTest, ADamagedKeyIsCorruptionAlsoWhereTheKeyIsOnlyAskedFor) {
  write({{"one-key", "1"}, {"other", "2"}});
  publish(0);
  publish(1);
  ASSERT_EQ(get("absent"), "absent");
  damage_key(0);
  EXPECT_EQ(get("one-key"), "corruption");
  EXPECT_EQ(get("other"), "2");
}

// Else the checkpoint would forget the key, and the log that has it would go.
TEST_F(LiveStateTest, ACheckpointMeetsADamagedOldVersionAndFails) {
  write({{"one-key", "1"}, {"one-key", "2"}});
  publish(0);
  const SnapshotRegistry::Pin pin = live_.pin();
  publish(1);
  std::vector<Bytes> values;
  const auto visit = [&](const LiveState::Found& found) -> Status {
    values.emplace_back(found.entry.value);
    return {};
  };
  ASSERT_TRUE(live_.visit_rows({}, pin.sequence(), 0, 100, visit).ok());
  EXPECT_EQ(values, std::vector<Bytes>{"1"});
  damage_key(0);
  const auto visited = live_.visit_rows({}, pin.sequence(), 0, 100, visit);
  EXPECT_EQ(visited.status().code(), Code::corruption) << visited.status().to_string();
}

TEST_F(LiveStateTest, ACheckpointPassesOverWhatIsBelowItsBoundary) {
  write({{"one-key", "1"}, {"other", "2"}});
  publish(0);
  publish(1);
  const SnapshotRegistry::Pin pin = live_.pin();
  int visits = 0;
  const auto visit = [&](const LiveState::Found&) -> Status {
    ++visits;
    return {};
  };
  ASSERT_TRUE(live_.visit_rows({}, pin.sequence(), header_.id + 1, 100, visit).ok());
  EXPECT_EQ(visits, 0);
  ASSERT_TRUE(live_.visit_rows({}, pin.sequence(), header_.id, 100, visit).ok());
  EXPECT_EQ(visits, 2);
}

// A table that grew knows what the smaller one knew, and buckets of that had been full.
TEST_F(LiveStateTest, WhatTheTableForgotIsRecalledAfterItGrew) {
  constexpr std::size_t kKeys = 62'000;  // it grows at 13 and at 52 thousand
  std::vector<std::pair<Bytes, Bytes>> puts;
  puts.reserve(kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) puts.emplace_back("key" + std::to_string(i), "v");
  write(puts);
  LiveState::Recall at;
  EXPECT_FALSE(live_.recall_forgotten(at).has_value()) << "it did not grow yet";
  for (std::size_t i = 0; i < kKeys; ++i) publish(i);

  const auto recall_all = [&] {
    std::size_t recalled = 0;
    while (const std::optional<std::size_t> some = live_.recall_forgotten(at)) recalled += *some;
    return recalled;
  };
  const std::size_t recalled = recall_all();
  EXPECT_GT(recalled, kKeys / 100);
  EXPECT_LT(recalled, kKeys / 5) << "growth hands most of it over";
  EXPECT_FALSE(live_.recall_forgotten(at).has_value());
  at = {};
  EXPECT_LT(recall_all(), kKeys / 1000) << "there was room for all";
  for (std::size_t i = 0; i < kKeys; i += 97) EXPECT_EQ(get(keys_[i]), "v");
}

TEST_F(LiveStateTest, AGrowthOfTheTableEndsAlsoWhenNoMoreWritesCome) {
  constexpr std::size_t kKeys = 13'200;  // it begins to grow at 13 108
  std::vector<std::pair<Bytes, Bytes>> puts;
  puts.reserve(kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) puts.emplace_back("key" + std::to_string(i), "v");
  write(puts);
  for (std::size_t i = 0; i < kKeys; ++i) publish(i);
  LiveState::Recall at;
  ASSERT_FALSE(live_.recall_forgotten(at).has_value()) << "it grows still";
  const std::uint64_t growing_bytes = live_.index_bytes_used();
  int steps = 0;
  while (steps < 100 && live_.go_on_growing()) ++steps;
  EXPECT_TRUE(live_.recall_forgotten(at).has_value()) << "it has grown";
  EXPECT_GT(steps, 1) << "a little at a time";
  EXPECT_LT(steps, 100);
  live_.collect();
  EXPECT_LT(live_.index_bytes_used(), growing_bytes) << "the smaller table is gone";
  for (std::size_t i = 0; i < kKeys; i += 97) EXPECT_EQ(get(keys_[i]), "v");
}

TEST_F(LiveStateTest, ADamagedKeyIsNotRecalledAndStaysCorruption) {
  std::vector<std::pair<Bytes, Bytes>> puts;
  puts.reserve(16'000);
  for (std::size_t i = 0; i < 16'000; ++i) puts.emplace_back("key" + std::to_string(i), "v");
  write(puts);
  for (std::size_t i = 0; i < puts.size(); ++i) publish(i);
  damage_key(5'000);
  LiveState::Recall at;
  std::size_t looks = 0;
  while (live_.recall_forgotten(at).has_value()) ++looks;
  EXPECT_EQ(looks, puts.size() / 256 + 1) << "it goes on behind the damage";
  EXPECT_EQ(get(keys_[5'000]), "corruption");
  EXPECT_EQ(get(keys_[5'001]), "v");
}

// One bit of a key at rest, and the entry is that of another key that is there as well.
TEST_F(LiveStateTest, AnEntryWhoseKeyBecameAnotherIsNotHandedOverUnderThatOne) {
  constexpr std::size_t kPairs = 6'600;  // the table grows at 13 108
  std::vector<std::pair<Bytes, Bytes>> puts;
  puts.reserve(2 * kPairs);
  for (std::size_t i = 0; i < kPairs; ++i) puts.emplace_back("key" + std::to_string(i), "damaged");
  for (std::size_t i = 0; i < kPairs; ++i) puts.emplace_back("jey" + std::to_string(i), "v");
  write(puts);
  for (std::size_t i = 0; i < 13'100; ++i) publish(i);
  for (std::size_t i = 0; i < kPairs; i += 33) damage_key(i);
  for (std::size_t i = 13'100; i < puts.size(); ++i) publish(i);
  LiveState::Recall at;
  while (!live_.recall_forgotten(at).has_value()) (void)live_.go_on_growing();
  while (live_.recall_forgotten(at).has_value()) {
  }
  for (std::size_t i = 0; i < kPairs; i += 33) {
    ASSERT_EQ(get(keys_[kPairs + i]), "v") << keys_[kPairs + i];
    ASSERT_EQ(get(keys_[i]), "corruption") << keys_[i];
  }
}

TEST_F(LiveStateTest, TheTableFitsSomeTimeAfterOneLargeBatch) {
  constexpr std::size_t kKeys = 100'000;
  std::vector<std::pair<Bytes, Bytes>> puts;
  puts.reserve(kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) puts.emplace_back("key" + std::to_string(i), "v");
  write(puts);
  publish_together();
  LiveState::Recall at;
  while (!live_.recall_forgotten(at).has_value()) (void)live_.go_on_growing();
  while (live_.recall_forgotten(at).has_value()) {
  }
  at = {};
  std::size_t forgotten = 0;
  while (const std::optional<std::size_t> some = live_.recall_forgotten(at)) forgotten += *some;
  EXPECT_LT(forgotten, kKeys / 10) << "it is three quarters full";
  for (std::size_t i = 0; i < kKeys; i += 997) ASSERT_EQ(get(keys_[i]), "v");
}

}  // namespace
}  // namespace talea
