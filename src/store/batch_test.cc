// What every store asks of a batch and of a scan.
#include <gtest/gtest.h>

#include "store/store.h"
#include "talea/limits.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

TEST(KeyBounds, APrefixEndsBeforeTheNextOne) {
  EXPECT_EQ(end_of_prefix("ab"), "ac");
  EXPECT_EQ(end_of_prefix("a\xff\xff"), "b");
  EXPECT_EQ(end_of_prefix("\x7f"), "\x80");
  EXPECT_EQ(end_of_prefix("\xff\xff"), std::nullopt);
  EXPECT_EQ(end_of_prefix(""), std::nullopt);
}

TEST(KeyBounds, AreTheNarrowestOfPrefixStartAndEnd) {
  const auto expect = [](const ScanRange& range, const Bytes& start,
                         const std::optional<Bytes>& end) {
    const KeyBounds bounds = bounds_of(range);
    EXPECT_EQ(bounds.start, start);
    EXPECT_EQ(bounds.end, end);
  };
  expect({}, "", std::nullopt);
  expect({.prefix = "b"}, "b", "c");
  expect({.prefix = "b", .start = "a", .end = "d"}, "b", "c");
  expect({.prefix = "b", .start = "bb", .end = "bc"}, "bb", "bc");
  expect({.prefix = "b", .start = "d"}, "d", "c");  // no key
  expect({.start = "x", .end = "y"}, "x", "y");
}

TEST(Preconditions, HoldOfWhatWasFound) {
  using Kind = Batch::Precondition::Kind;
  const auto of = [](Kind kind) { return Batch::Precondition{kind, Space::user, "key", 7}; };
  EXPECT_TRUE(holds(of(Kind::absent), std::nullopt));
  EXPECT_FALSE(holds(of(Kind::absent), 7));
  EXPECT_TRUE(holds(of(Kind::present), 1));
  EXPECT_FALSE(holds(of(Kind::present), std::nullopt));
  EXPECT_TRUE(holds(of(Kind::revision), 7));
  EXPECT_FALSE(holds(of(Kind::revision), 8));
  EXPECT_FALSE(holds(of(Kind::revision), std::nullopt));
}

TEST(Preconditions, AFailureSaysWhatWasWantedAndFound) {
  const Status failed =
      precondition_failed(3, {Batch::Precondition::Kind::revision, Space::user, "key", 7}, 9);
  EXPECT_EQ(failed.code(), Code::conflict);
  EXPECT_EQ(failed.message(),
            "precondition 3 failed: its key must be at revision 7, and is at revision 9; read it "
            "again and retry");
  EXPECT_NE(precondition_failed(0, {Batch::Precondition::Kind::present, Space::user, "key", 0}, {})
                .message()
                .find("must be present, and is absent"),
            std::string_view::npos);
}

TEST(CheckApplied, TakesWhatWasEvaluatedAlready) {
  const auto code_of = [](Sequence sequence, const Batch& batch) {
    return check_applied(sequence, batch).code();
  };
  EXPECT_EQ(code_of(1, Batch().put("k", "v", Expiry::at(5))), Code::ok);
  EXPECT_EQ(code_of(kSequenceMax, Batch().remove("k")), Code::ok);
  EXPECT_EQ(code_of(0, Batch().remove("k")), Code::invalid_argument);
  EXPECT_EQ(code_of(kSequenceMax + 1, Batch().remove("k")), Code::invalid_argument);
  EXPECT_EQ(code_of(1, Batch()), Code::invalid_argument);
  EXPECT_EQ(code_of(1, Batch().require_absent("k").put("k", "v")), Code::invalid_argument);
  EXPECT_EQ(code_of(1, Batch().put("k", "v", Expiry::after(milliseconds(1)))),
            Code::invalid_argument);
  EXPECT_EQ(code_of(1, Batch().put("k", "v", Expiry::keep())), Code::invalid_argument);
  EXPECT_EQ(code_of(1, Batch().set_expiry("k", Expiry::at(5))), Code::invalid_argument);
}

}  // namespace
}  // namespace talea
