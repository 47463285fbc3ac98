// Every peer stores and returns what it is given: otherwise a fast side may be one that does less.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/data.h"
#include "bench/peer.h"
#include "tests/support/test_directory.h"

namespace talea::bench {
namespace {

constexpr std::size_t kKeys = 300;
constexpr std::size_t kValueBytes = 100;

std::vector<std::string> peer_names() {
  std::vector<std::string> names;
  for (const std::unique_ptr<Peer>& peer : make_peers()) names.push_back(peer->name());
  return names;
}

// All but the ceiling, which returns what it was given and stores nothing.
std::vector<std::string> names_of_stores() {
  std::vector<std::string> names = peer_names();
  std::erase(names, "ceiling");
  return names;
}

// Those that can be asked to sync every put.
std::vector<std::string> names_of_durable_peers() {
  std::vector<std::string> names = peer_names();
  std::erase_if(names, [](const std::string& name) {
    return name == "lmdb-writemap" || name.starts_with("hightower");
  });
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& peer) {
  std::string word = peer.param;
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
}

class EveryPeer : public testing::TestWithParam<std::string> {
 protected:
  EveryPeer() {
    for (std::unique_ptr<Peer>& peer : make_peers()) {
      if (peer->name() == GetParam()) peer_ = std::move(peer);
    }
  }

  Peer& peer() { return *peer_; }
  static std::string directory() { return test_directory() + "/store"; }

  Status open(Durability durability = Durability::process_crash) {
    return peer_->open(directory(), {.durability = durability,
                                     .expected_keys = kKeys,
                                     .expected_bytes = kKeys * (16 + kValueBytes)});
  }
  BytesView value(std::size_t id) const { return values_.value(id, kValueBytes); }
  Status put_all(std::size_t first_value = 0) {
    for (std::size_t position = 0; position < kKeys; ++position) {
      TALEA_TRY(peer_->put(keys_[position], value(first_value + position)));
    }
    return {};
  }
  // The value of `key`, or "absent", or what went wrong.
  Bytes got(BytesView key) {
    Bytes found = "something else";
    const Result<bool> result = peer_->get(key, found);
    if (!result.ok()) return result.status().to_string();
    return *result ? found : "absent";
  }
  std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> positions(kKeys);
    for (std::size_t position = 0; position < kKeys; ++position) positions[position] = position;
    std::sort(positions.begin(), positions.end(),
              [&](std::size_t a, std::size_t b) { return keys_[a] < keys_[b]; });
    return positions;
  }

  const KeySet keys_{kDefaultSeed, 0, kKeys, 16};
  const ValuePool values_{kDefaultSeed, kValueBytes};
  std::unique_ptr<Peer> peer_;
};

class EveryStore : public EveryPeer {};
class EveryDurablePeer : public EveryPeer {};

#define ASSERT_OK(...)                                  \
  do {                                                  \
    const Status& asserted = (__VA_ARGS__);             \
    ASSERT_TRUE(asserted.ok()) << asserted.to_string(); \
  } while (false)

TEST_P(EveryPeer, ReturnsTheLastValueOfAKeyAndNothingForOneThatIsAbsent) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  ASSERT_OK(peer().put(keys_[1], "another"));
  ASSERT_OK(peer().put(keys_[2], ""));
  ASSERT_OK(peer().remove(keys_[3]));
  ASSERT_OK(peer().remove("never there"));
  EXPECT_EQ(got(keys_[0]), value(0));
  EXPECT_EQ(got(keys_[1]), "another");
  EXPECT_EQ(got(keys_[2]), "");
  EXPECT_EQ(got(keys_[3]), "absent");
  EXPECT_EQ(got("never there"), "absent");
  EXPECT_EQ(got(keys_[kKeys - 1]), value(kKeys - 1));
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, MayBeClosedWhenItIsNotOpen) {
  EXPECT_TRUE(peer().close().ok());
  ASSERT_OK(open());
  ASSERT_OK(peer().close());
  EXPECT_TRUE(peer().close().ok());
}

TEST_P(EveryPeer, PutsABatch) {
  ASSERT_OK(open());
  ASSERT_OK(peer().put(keys_[1], "before"));
  const std::vector<Entry> entries = {
      {keys_[0], value(0)}, {keys_[1], value(1)}, {keys_[2], value(2)}};
  ASSERT_OK(peer().put_batch(entries));
  for (std::size_t position = 0; position < 3; ++position) {
    EXPECT_EQ(got(keys_[position]), value(position));
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryStore, HasEverythingAfterItWasClosedAndOpened) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  ASSERT_OK(peer().remove(keys_[7]));
  ASSERT_OK(peer().close());
  ASSERT_OK(open());
  for (std::size_t position = 0; position < kKeys; ++position) {
    EXPECT_EQ(got(keys_[position]), position == 7 ? "absent" : value(position));
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryDurablePeer, ReturnsWhatWasPutDurably) {
  ASSERT_OK(open(Durability::power_cut));
  for (std::size_t position = 0; position < 3; ++position) {
    ASSERT_OK(peer().put(keys_[position], value(position)));
  }
  EXPECT_EQ(got(keys_[2]), value(2));
  ASSERT_OK(peer().sync());
  ASSERT_OK(peer().close());
}

TEST_P(EveryDurablePeer, ReturnsWhatWasPutWithSeveralInFlight) {
  ASSERT_OK(open(Durability::power_cut));
  std::vector<Entry> entries;
  for (std::size_t position = 0; position < 100; ++position) {
    entries.push_back({keys_[position], value(position)});
  }
  const Status put = peer().put_in_flight(entries, 16);
  if (put.code() != Code::unsupported) {
    ASSERT_OK(put);
    for (std::size_t position = 0; position < 100; ++position) {
      EXPECT_EQ(got(keys_[position]), value(position));
    }
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, LooksUpSeveralKeysAtOnce) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  const std::vector<BytesView> keys = {keys_[5], "never there", keys_[0], keys_[5]};
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::vector<std::optional<Bytes>> values(4);
    if (repeat == 1) values.assign(4, "before");
    const Status looked_up = peer().multi_get(keys, values);
    if (looked_up.code() == Code::unsupported) break;
    ASSERT_OK(looked_up);
    EXPECT_THAT(values, testing::ElementsAre(value(5), std::nullopt, value(0), value(5)));
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, ScansTheRowsOfARangeAndNoOthers) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  const std::vector<std::size_t> order = in_order();
  const struct {
    Bytes start;
    std::uint64_t rows;
    std::size_t first;
  } ranges[] = {{"", 1000, 0},
                {Bytes(keys_[order[17]]), 25, 17},
                {Bytes(keys_[order[17]]) + "0", 25, 18},  // between two keys
                {Bytes(keys_[order[kKeys - 2]]), 25, kKeys - 2},
                {"g", 25, kKeys},  // after the last
                {"", 0, 0}};
  for (const auto& [start, rows, first] : ranges) {
    RowSum sum;
    const Status scanned = peer().scan(start, rows, sum);
    if (scanned.code() == Code::unsupported) break;
    ASSERT_OK(scanned);
    RowSum expected;
    for (std::size_t position = first; position < std::min(kKeys, first + rows); ++position) {
      expected.add(keys_[order[position]], value(order[position]));
    }
    EXPECT_EQ(sum.rows(), expected.rows());
    EXPECT_EQ(sum.bytes(), expected.bytes());
    EXPECT_EQ(sum.sum(), expected.sum());
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, ScansTheRowsOfAPrefixAndNoOthers) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  for (const BytesView prefix : {"", "3", "ff", "nothing"}) {
    RowSum sum;
    const Status scanned = peer().scan_prefix(prefix, sum);
    if (scanned.code() == Code::unsupported) break;
    ASSERT_OK(scanned);
    RowSum expected;
    for (std::size_t position = 0; position < kKeys; ++position) {
      if (keys_[position].starts_with(prefix)) expected.add(keys_[position], value(position));
    }
    EXPECT_EQ(sum.rows(), expected.rows()) << prefix;
    EXPECT_EQ(sum.sum(), expected.sum()) << prefix;
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, LosesNothingWhenItIsCompacted) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  ASSERT_OK(put_all(kKeys));
  ASSERT_OK(peer().remove(keys_[7]));
  const Status compacted = peer().compact();
  if (compacted.code() != Code::unsupported) ASSERT_OK(compacted);
  ASSERT_OK(peer().settle());
  for (std::size_t position = 0; position < kKeys; ++position) {
    EXPECT_EQ(got(keys_[position]), position == 7 ? "absent" : value(kKeys + position));
  }
  ASSERT_OK(peer().close());
}

TEST_P(EveryStore, OccupiesADiskThatIsNotSmallerThanItsData) {
  ASSERT_OK(open());
  ASSERT_OK(put_all());
  ASSERT_OK(peer().sync());  // blocks are allocated when they are written out
  const Result<DiskUse> use = peer().disk_use(directory());
  ASSERT_TRUE(use.ok()) << use.status().to_string();
  EXPECT_GE(use->bytes, kKeys * (16 + kValueBytes));
  EXPECT_LE(use->free_tail_bytes + use->index_bytes, use->bytes);
  ASSERT_OK(peer().close());
}

TEST_P(EveryPeer, SyncsEveryPutOrSaysThatItDoesNot) {
  const Status opened = open(Durability::power_cut);
  const bool should = std::ranges::count(names_of_durable_peers(), GetParam()) == 1;
  EXPECT_EQ(opened.code(), should ? Code::ok : Code::unsupported) << opened.to_string();
  ASSERT_OK(peer().close());
}

INSTANTIATE_TEST_SUITE_P(Bench, EveryPeer, testing::ValuesIn(peer_names()), test_name);
INSTANTIATE_TEST_SUITE_P(Bench, EveryStore, testing::ValuesIn(names_of_stores()), test_name);
INSTANTIATE_TEST_SUITE_P(Bench, EveryDurablePeer, testing::ValuesIn(names_of_durable_peers()),
                         test_name);

}  // namespace
}  // namespace talea::bench
