// A RowStore over rows that fail and rows that make no sense. What it does with good ones is for
// tests/conformance.
#include "stores/row_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "store/state_stream.h"
#include "talea/limits.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kBegan = 1'700'000'000'000;

// Rows that the test can get at.
struct Rows {
  std::map<Bytes, Bytes> rows;
  Status write_status;  // of the next write, which changes nothing if it is not ok
  Status read_status;
  int syncs = 0;
};

class TestedRows final : public OrderedRows {
 public:
  explicit TestedRows(Rows& rows) : rows_(rows) {}

  Result<std::optional<Found>> get(BytesView key) override {
    TALEA_TRY(rows_.read_status);
    const auto found = rows_.rows.find(Bytes(key));
    if (found == rows_.rows.end()) return std::optional<Found>();
    auto value = std::make_shared<const Bytes>(found->second);
    const BytesView bytes = *value;
    return std::optional<Found>({std::move(value), bytes});
  }
  std::unique_ptr<Cursor> cursor() override { return std::make_unique<MapCursor>(rows_); }
  Status write(std::vector<Change> changes) override {
    TALEA_TRY(std::exchange(rows_.write_status, Status()));
    for (Change& change : changes) {
      if (change.value) {
        rows_.rows[change.key] = *change.value;
      } else {
        rows_.rows.erase(change.key);
      }
    }
    return {};
  }
  Status sync() override {
    ++rows_.syncs;
    return {};
  }

 private:
  // Of the rows as they are, which is enough here.
  class MapCursor final : public Cursor {
   public:
    explicit MapCursor(Rows& rows) : rows_(rows), at_(rows.rows.end()) {}
    Status seek(BytesView key) override {
      at_ = rows_.rows.lower_bound(Bytes(key));
      return rows_.read_status;
    }
    Status seek_before(BytesView key) override {
      at_ = rows_.rows.lower_bound(Bytes(key));
      return previous();
    }
    Status next() override {
      ++at_;
      return rows_.read_status;
    }
    Status previous() override {
      at_ = at_ == rows_.rows.begin() ? rows_.rows.end() : std::prev(at_);
      return rows_.read_status;
    }
    bool is_at_row() const override { return at_ != rows_.rows.end(); }
    BytesView key() const override { return at_->first; }
    BytesView value() const override { return at_->second; }

   private:
    Rows& rows_;
    std::map<Bytes, Bytes>::const_iterator at_;
  };

  Rows& rows_;
};

class RowStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<RowStore>> open(bool read_only = false, milliseconds interval = {}) {
    return RowStore::open({.clock = clock_,
                           .executor = executor_,
                           .name = "the tested store",
                           .read_only = read_only,
                           .sync_interval = interval},
                          std::make_unique<TestedRows>(rows_));
  }
  void reopen() {
    store_.reset();
    store_ = open().value();
  }
  static Bytes user(BytesView key) { return place_of(Space::user, key); }
  Code code_of(const Batch& batch) { return store_->commit(batch, nullptr).status().code(); }

  Rows rows_;
  ManualClock clock_{kBegan};
  ManualExecutor executor_;
  std::unique_ptr<RowStore> store_ = open().value();
};

TEST_F(RowStoreTest, ARejectedWriteIsUndoneAndWritingGoesOn) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1"), nullptr).ok());
  rows_.write_status = Status::exhausted("no room");
  EXPECT_EQ(code_of(Batch().put("a", "2")), Code::exhausted);
  EXPECT_EQ(store_->get(Space::user, "a").value()->value, "1");
  EXPECT_EQ(store_->commit(Batch().put("a", "3"), nullptr).value(), 2U) << "no sequence was used";
}

TEST_F(RowStoreTest, AfterAnUnknownOutcomeNothingIsWritten) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1"), nullptr).ok());
  rows_.write_status = Status::timed_out("who knows");
  EXPECT_EQ(code_of(Batch().put("a", "2")), Code::timed_out);
  const Status refused = store_->commit(Batch().put("a", "3"), nullptr).status();
  EXPECT_EQ(refused.code(), Code::io_error);
  EXPECT_NE(refused.message().find("who knows"), std::string_view::npos);
  EXPECT_EQ(store_->apply(9, Batch().put("a", "3")).status().code(), Code::io_error);
  EXPECT_EQ(store_->get(Space::user, "a").value()->value, "1") << "reading goes on";
  EXPECT_TRUE(store_->close().ok());
  EXPECT_EQ(rows_.syncs, 0);
}

TEST_F(RowStoreTest, WhatCannotBeReadIsNotAbsent) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1", Expiry::at(kBegan + 5)), nullptr).ok());
  Scan scan = store_->scan(Space::user, {}).value();
  const auto reader = store_->read_state().value();
  rows_.read_status = Status::io_error("the disk");
  EXPECT_EQ(store_->get(Space::user, "a").status().code(), Code::io_error);
  EXPECT_EQ(code_of(Batch().require_absent("a").put("a", "2")), Code::io_error);
  EXPECT_EQ(code_of(Batch().put("a", "2")), Code::io_error) << "it may replace what expires";
  EXPECT_EQ(scan.next().status().code(), Code::io_error);
  EXPECT_EQ(reader->next().status().code(), Code::io_error);
  EXPECT_EQ(store_->read_state().status().code(), Code::io_error);
  EXPECT_EQ(open().status().code(), Code::io_error);
  rows_.read_status = Status();
  EXPECT_EQ(scan.next().status().code(), Code::io_error) << "it does not go on behind a gap";
  EXPECT_EQ(store_->get(Space::user, "a").value()->value, "1");
}

TEST_F(RowStoreTest, ARowThatMakesNoSenseIsCorruption) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1").put("b", "1"), nullptr).ok());
  for (const Bytes& nonsense :
       {Bytes("short"), encode_value({0, 0, 0, ""}), encode_value({1, 0, UINT64_MAX, ""})}) {
    rows_.rows[user("b")] = nonsense;
    EXPECT_EQ(store_->get(Space::user, "b").status().code(), Code::corruption);
    EXPECT_EQ(code_of(Batch().require_present("b")), Code::corruption);
    Scan scan = store_->scan(Space::user, {}).value();
    EXPECT_TRUE(scan.next().value());
    EXPECT_EQ(scan.next().status().code(), Code::corruption);
    EXPECT_EQ(scan.next().status().code(), Code::corruption);
    EXPECT_EQ(hash_state(*store_->read_state().value()).status().code(), Code::corruption);
  }
}

TEST_F(RowStoreTest, AStateThatContradictsItsHeadIsCorruption) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1"), nullptr).ok());
  const auto code = [&] { return hash_state(*store_->read_state().value()).status().code(); };
  EXPECT_EQ(code(), Code::ok);
  for (const ValueRow& row : {ValueRow{2, kBegan, 0, ""}, ValueRow{1, kBegan + 1, 0, ""},
                              ValueRow{1, kBegan, kBegan + 1000, ""}}) {
    rows_.rows[user("a")] = encode_value(row);
    EXPECT_EQ(code(), Code::corruption);
  }
  rows_.rows[user("a")] = encode_value({1, kBegan, 0, ""});
  EXPECT_EQ(code(), Code::ok);
  rows_.rows[Bytes("\1\0", 2)] = "";  // no place of a key
  EXPECT_EQ(code(), Code::corruption);
  rows_.rows.erase(Bytes("\1\0", 2));
  rows_.rows[Bytes(kHeadKey)] = "damaged";
  EXPECT_EQ(store_->read_state().status().code(), Code::corruption);
  EXPECT_EQ(open().status().code(), Code::corruption);
  rows_.rows.erase(Bytes(kHeadKey));
  EXPECT_EQ(store_->read_state().status().code(), Code::corruption);
  EXPECT_EQ(open().status().code(), Code::invalid_argument) << "rows of something else";
}

TEST_F(RowStoreTest, TheSpaceOfExpiryIsNoPartOfAState) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1"), nullptr).ok());
  const StateHash before = hash_state(*store_->read_state().value()).value();
  ASSERT_TRUE(store_->commit(Batch().put("x", "1", kExpirySpace), nullptr).ok());
  EXPECT_EQ(hash_state(*store_->read_state().value()).value(), before);
  ASSERT_TRUE(store_->commit(Batch().put("x", "1", Space{2}), nullptr).ok());
  EXPECT_NE(hash_state(*store_->read_state().value()).value(), before);
}

TEST_F(RowStoreTest, WhatIsReplacedLeavesNothingThatIsDue) {
  const auto dues = [&] {
    return std::count_if(rows_.rows.begin(), rows_.rows.end(),
                         [](const auto& row) { return row.first.starts_with(kDueTag); });
  };
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(
        store_->commit(Batch().put("lease", "1", Expiry::after(milliseconds(60'000))), nullptr)
            .ok());
    clock_.advance_ms(1000);
  }
  EXPECT_EQ(dues(), 1);
  reopen();
  ASSERT_TRUE(store_->commit(Batch().put("lease", "for good"), nullptr).ok());
  EXPECT_EQ(dues(), 0);
  ASSERT_TRUE(store_->commit(Batch().put("a", "1", Expiry::at(kBegan + 90'000)), nullptr).ok());
  ASSERT_TRUE(store_->commit(Batch().remove("a"), nullptr).ok());
  EXPECT_EQ(dues(), 0);
}

TEST_F(RowStoreTest, WhatIsDueAndStaleRemovesNothing) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1", Expiry::at(kBegan + 5000)), nullptr).ok());
  rows_.rows[encode_due({kBegan + 10, Space::user, "a"})] = "";
  rows_.rows[encode_due({kBegan + 10, Space::user, "absent"})] = "";
  reopen();
  clock_.advance_ms(100);
  executor_.step_all();
  EXPECT_EQ(store_->get(Space::user, "a").value()->value, "1");
  EXPECT_EQ(store_->commit(Batch(), nullptr).value(), 1U) << "the state is the same";
  EXPECT_EQ(rows_.rows.size(), 3U) << "the head, the key, and when it is due";
}

TEST_F(RowStoreTest, RemovingWhatExpiredIsTriedAgainLater) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1", Expiry::at(kBegan + 10)), nullptr).ok());
  clock_.advance_ms(10);
  rows_.write_status = Status::exhausted("no room");
  executor_.step_all();
  EXPECT_EQ(rows_.rows.count(user("a")), 1U);
  executor_.step_all();
  EXPECT_EQ(rows_.rows.count(user("a")), 1U) << "not at once";
  clock_.advance_ms(1000);
  executor_.step_all();
  EXPECT_EQ(rows_.rows.count(user("a")), 0U);
}

TEST_F(RowStoreTest, ForReadingOnlyNothingIsWritten) {
  ASSERT_TRUE(store_->commit(Batch().put("a", "1", Expiry::at(kBegan + 10)), nullptr).ok());
  store_ = open(/*read_only=*/true).value();
  EXPECT_EQ(store_->get(Space::user, "a").value()->value, "1");
  const Status refused = store_->commit(Batch().put("a", "2"), nullptr).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_EQ(refused.message(), "the tested store was opened for reading only");
  EXPECT_EQ(store_->apply(9, Batch().put("a", "2")).status().code(), Code::invalid_argument);
  clock_.advance_ms(100);
  executor_.step_all();
  EXPECT_EQ(rows_.rows.count(user("a")), 1U);
  EXPECT_TRUE(store_->close().ok());
  EXPECT_EQ(rows_.syncs, 0);
  rows_.rows.clear();
  store_ = open(/*read_only=*/true).value();
  EXPECT_EQ(store_->read_state().value()->last_sequence(), 0U);
  EXPECT_FALSE(store_->read_state().value()->next().value());
  EXPECT_TRUE(rows_.rows.empty());
}

TEST_F(RowStoreTest, SyncsAtItsIntervalAndWhenItCloses) {
  store_ = open(false, milliseconds(25)).value();
  executor_.step_all();
  executor_.step_all();
  EXPECT_EQ(rows_.syncs, 2);
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(rows_.syncs, 3);
  executor_.step_all();
  EXPECT_EQ(rows_.syncs, 3) << "nothing runs in the background of a closed store";
}

}  // namespace
}  // namespace talea
