#include "ledger/log_state.h"

#include <gtest/gtest.h>

#include "talea/limits.h"

namespace talea {
namespace {

LogHead head(std::int64_t sequence, const std::string& key, const std::string& previous) {
  LogHead made;
  made.entry.emplace();
  made.entry->sequence = sequence;
  made.entry->key = key;
  made.entry->version_id = "v" + std::to_string(sequence);
  made.entry->previous_version_id = previous;
  made.etag = "e" + std::to_string(sequence);
  return made;
}

// Entry 0, of key "a", is the newest and settled; the objects of "a" and "b" are known.
struct Settled {
  Settled() {
    state.saw_head(head(0, "a", ""));
    state.settled("v0", {"object-a", 0});
    state.saw_key("b", {"object-b", std::nullopt}, state.known()->epoch);
  }
  LogState state;
};

TEST(LogState, KnowsNothingAtFirst) {
  LogState state;
  EXPECT_FALSE(state.known());
  EXPECT_FALSE(state.key("a"));
  state.settled("v0", {"e", 0});
  EXPECT_FALSE(state.known());
}

TEST(LogState, OfAnEmptyLogIsSettled) {
  LogState state;
  state.saw_head({});
  EXPECT_TRUE(state.known()->settled);
}

TEST(LogState, ANewEntryIsNotSettledUntilItsObjectIsThere) {
  LogState state;
  state.saw_head(head(0, "a", ""));
  EXPECT_FALSE(state.known()->settled);
  state.saw_key("a", {"too early", 0}, state.known()->epoch);
  EXPECT_FALSE(state.key("a"));
  state.settled("another", {"e", 0});
  EXPECT_FALSE(state.known()->settled);
  state.settled("v0", {"e", 0});
  EXPECT_TRUE(state.known()->settled);
  EXPECT_EQ(state.key("a")->etag, "e");
}

TEST(LogState, AnEtagThatWasReadBeforeAChangeIsNotKept) {
  Settled it;
  const auto before = it.state.known()->epoch;
  it.state.saw_head(head(1, "c", "v0"));
  it.state.settled("v1", {"object-c", 1});
  it.state.saw_key("d", {"old", std::nullopt}, before);
  EXPECT_FALSE(it.state.key("d"));
}

TEST(LogState, TheNextEntryForgetsItsOwnKeyAlone) {
  Settled it;
  it.state.saw_head(head(1, "a", "v0"));
  EXPECT_FALSE(it.state.key("a"));
  EXPECT_EQ(it.state.key("b")->etag, "object-b");
}

TEST(LogState, EntriesThatWereNotSeenForgetAllKeys) {
  Settled it;
  it.state.saw_head(head(2, "c", "v1"));
  EXPECT_FALSE(it.state.key("a"));
  EXPECT_FALSE(it.state.key("b"));
}

TEST(LogState, AnEntryAfterOneThatWasNotSettledForgetsAllKeys) {
  Settled it;
  it.state.saw_head(head(1, "a", "v0"));
  it.state.saw_head(head(2, "c", "v1"));
  EXPECT_FALSE(it.state.key("b"));
}

TEST(LogState, AnOlderHeadIsIgnoredUnlessTheNewerWasRefused) {
  Settled it;
  it.state.saw_head(head(1, "c", "v0"));
  it.state.saw_head(head(0, "a", ""));
  EXPECT_EQ(it.state.known()->head.sequence(), 1);
  it.state.forget_head();
  EXPECT_FALSE(it.state.known());
  it.state.saw_head(head(0, "a", ""));
  EXPECT_EQ(it.state.known()->head.sequence(), 0);
}

TEST(LogState, AHeadOfALogThatWasBegunAgainIsLaterThoughItsSequenceIsLower) {
  LogState state;
  LogHead before = head(7, "a", "v6");
  before.entry->timestamp_ms = 1000;
  state.saw_head(before);
  LogHead late = head(6, "b", "v5");
  late.entry->timestamp_ms = 1000;
  state.saw_head(late);
  EXPECT_EQ(state.known()->head.sequence(), 7);
  LogHead again = head(0, "a", "");
  again.entry->timestamp_ms = 1001;
  state.saw_head(again);
  EXPECT_EQ(state.known()->head.sequence(), 0);
  EXPECT_FALSE(state.known()->settled);
}

TEST(LogState, AHeadThatIsFoundAgainIsWhatItWas) {
  Settled it;
  it.state.forget_head();
  it.state.saw_head(head(0, "a", ""));
  EXPECT_TRUE(it.state.known()->settled);
  EXPECT_EQ(it.state.key("b")->etag, "object-b");
}

TEST(LogState, RemembersNoMoreKeysThanTheLimit) {
  Settled it;
  const auto epoch = it.state.known()->epoch;
  for (std::uint64_t i = 0; i < kLedgerKnownKeysMax + 10; ++i) {
    it.state.saw_key("k" + std::to_string(i), {"e", std::nullopt}, epoch);
  }
  std::uint64_t known = 0;
  for (std::uint64_t i = 0; i < kLedgerKnownKeysMax + 10; ++i) {
    if (it.state.key("k" + std::to_string(i))) ++known;
  }
  EXPECT_LE(known, kLedgerKnownKeysMax);
  EXPECT_GE(known, kLedgerKnownKeysMax - 10);
}

}  // namespace
}  // namespace talea
