// The checker itself, on histories made by hand, each with one anomaly planted.
#include "tests/trust/snapshot_isolation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace talea::trust {
namespace {

using Outcome = Operation::Outcome;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kX = 0;
constexpr std::size_t kY = 1;
constexpr std::size_t kZ = 2;

// A transaction that is called, has read, and returns at these times.
struct Made : Transaction {
  Made(std::uint64_t called_at, std::uint64_t read_at, std::uint64_t returned_at) {
    called = called_at;
    read_by = read_at;
    returned = returned_at;
  }
  Made& saw(std::size_t key, List list) {
    seen[key] = std::move(list);
    return *this;
  }
  Made& appended(std::size_t key, List elements) {
    appends.push_back({key, std::move(elements)});
    return *this;
  }
  Made& at(Sequence of_snapshot) {
    snapshot = of_snapshot;
    return *this;
  }
  Made& as(Sequence of_commit) {
    sequence = of_commit;
    return *this;
  }
  Made& conflicted() {
    outcome = Outcome::conflict;
    return *this;
  }
  Made& unknown() {
    outcome = Outcome::unknown;
    returned = Operation::kNever;
    return *this;
  }
};

Made last_read() { return {1000, 1001, 1001}; }

std::set<Anomaly> anomalies_in(const std::vector<Transaction>& transactions) {
  std::set<Anomaly> anomalies;
  for (const AnomalyFound& found : find_anomalies(transactions)) {
    EXPECT_NE(found.explanation, "");
    anomalies.insert(found.anomaly);
  }
  return anomalies;
}

TEST(SnapshotIsolation, NothingHappenedAndNothingIsWrong) {
  EXPECT_THAT(anomalies_in({}), IsEmpty());
  EXPECT_THAT(anomalies_in({last_read().saw(kX, {})}), IsEmpty());
}

TEST(SnapshotIsolation, OneAfterTheOtherIsFine) {
  EXPECT_THAT(
      anomalies_in({Made(1, 2, 3).saw(kX, {}).saw(kY, {}).appended(kX, {1}).appended(kY, {2}),
                    Made(4, 5, 6).saw(kX, {1}).saw(kY, {2}).appended(kX, {3, 4}),
                    Made(7, 8, 8).saw(kX, {1, 3, 4}).saw(kY, {2}),
                    last_read().saw(kX, {1, 3, 4}).saw(kY, {2})}),
      IsEmpty());
}

// Two transactions that each read what the other writes: snapshot isolation allows it.
TEST(SnapshotIsolation, WriteSkewIsAllowed) {
  EXPECT_THAT(anomalies_in({Made(1, 3, 6).saw(kX, {}).saw(kY, {}).appended(kX, {1}),
                            Made(2, 4, 5).saw(kX, {}).saw(kY, {}).appended(kY, {2}),
                            last_read().saw(kX, {1}).saw(kY, {2})}),
              IsEmpty());
}

TEST(SnapshotIsolation, AReadMaySeeACommitThatHasNotReturned) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 10).saw(kX, {}).appended(kX, {1}),
                            Made(3, 4, 4).saw(kX, {1}), last_read().saw(kX, {1})}),
              IsEmpty());
}

TEST(SnapshotIsolation, AnElementThatNobodyAppendedIsFound) {
  EXPECT_THAT(anomalies_in({last_read().saw(kX, {9})}), ElementsAre(Anomaly::unknown_element));
}

TEST(SnapshotIsolation, AnElementInAnotherListIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}),
                            last_read().saw(kX, {1}).saw(kY, {1})}),
              Contains(Anomaly::unknown_element));
}

TEST(SnapshotIsolation, AnElementThatIsThereTwiceIsFound) {
  EXPECT_THAT(
      anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}), last_read().saw(kX, {1, 1})}),
      Contains(Anomaly::unknown_element));
}

TEST(SnapshotIsolation, AnAbortedReadIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}).conflicted(),
                            last_read().saw(kX, {1})}),
              Contains(Anomaly::aborted_read));
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}).conflicted(),
                            last_read().saw(kX, {})}),
              IsEmpty());
}

TEST(SnapshotIsolation, AnIntermediateReadIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 10).saw(kX, {}).appended(kX, {1, 2}),
                            Made(3, 4, 4).saw(kX, {1}), last_read().saw(kX, {1, 2})}),
              Contains(Anomaly::intermediate_read));
}

TEST(SnapshotIsolation, ListsOfWhichNeitherBeginsWithTheOtherAreFound) {
  EXPECT_THAT(anomalies_in({Made(1, 3, 10).saw(kX, {}).appended(kX, {1}),
                            Made(2, 4, 11).saw(kX, {}).appended(kX, {2}),
                            Made(5, 6, 6).saw(kX, {1}), last_read().saw(kX, {2})}),
              Contains(Anomaly::incompatible_order));
}

TEST(SnapshotIsolation, AnAppendThatIsLostIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}), last_read().saw(kX, {})}),
              Contains(Anomaly::lost_append));
}

// Both read the empty list and both were told that they committed.
TEST(SnapshotIsolation, ALostUpdateIsFound) {
  const Made first = Made(1, 3, 5).saw(kX, {}).appended(kX, {1});
  const Made second = Made(2, 4, 6).saw(kX, {}).appended(kX, {2});
  EXPECT_THAT(anomalies_in({first, second, last_read().saw(kX, {1, 2})}),
              ElementsAre(Anomaly::lost_update));
  EXPECT_THAT(anomalies_in({first, second, last_read().saw(kX, {2})}),
              Contains(Anomaly::lost_append));
}

TEST(SnapshotIsolation, AFracturedReadIsFound) {
  EXPECT_THAT(
      anomalies_in({Made(1, 2, 10).saw(kX, {}).saw(kY, {}).appended(kX, {1}).appended(kY, {2}),
                    Made(3, 4, 4).saw(kX, {1}).saw(kY, {}), last_read().saw(kX, {1}).saw(kY, {2})}),
      ElementsAre(Anomaly::fractured_read));
}

TEST(SnapshotIsolation, ASnapshotBehindAnEarlierOneIsFound) {
  EXPECT_THAT(
      anomalies_in({Made(1, 2, 10).saw(kX, {}).appended(kX, {1}), Made(3, 4, 4).saw(kX, {1}),
                    Made(5, 6, 6).saw(kX, {}), last_read().saw(kX, {1})}),
      ElementsAre(Anomaly::non_monotonic_read));
}

TEST(SnapshotIsolation, ASnapshotWithoutWhatWasAcknowledgedIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}), Made(4, 5, 5).saw(kX, {}),
                            last_read().saw(kX, {1})}),
              Contains(Anomaly::non_monotonic_read));
}

TEST(SnapshotIsolation, ASnapshotThatSeesWhatItsSequenceExcludesIsFound) {
  const Made writer = Made(1, 2, 10).saw(kX, {}).appended(kX, {1}).as(5);
  const Made last = last_read().saw(kX, {1});
  EXPECT_THAT(anomalies_in({writer, Made(3, 4, 4).saw(kX, {1}).at(5), last}), IsEmpty());
  EXPECT_THAT(anomalies_in({writer, Made(3, 4, 4).saw(kX, {}).at(4), last}), IsEmpty());
  EXPECT_THAT(anomalies_in({writer, Made(3, 4, 4).saw(kX, {1}).at(4), last}),
              ElementsAre(Anomaly::wrong_sequence));
  EXPECT_THAT(anomalies_in({writer, Made(3, 4, 4).saw(kX, {}).at(5), last}),
              ElementsAre(Anomaly::wrong_sequence));
}

TEST(SnapshotIsolation, AListAgainstTheOrderOfSequencesIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}).as(5),
                            Made(4, 5, 6).saw(kX, {1}).appended(kX, {2}).as(4),
                            last_read().saw(kX, {1, 2})}),
              ElementsAre(Anomaly::wrong_sequence));
}

// Two readers, beside two writers, see one of them each.
TEST(SnapshotIsolation, ALongForkIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 20).saw(kX, {}).saw(kY, {}).appended(kX, {1}),
                            Made(3, 4, 21).saw(kX, {}).saw(kY, {}).appended(kY, {2}),
                            Made(5, 10, 10).saw(kX, {1}).saw(kY, {}),
                            Made(6, 11, 11).saw(kX, {}).saw(kY, {2}),
                            last_read().saw(kX, {1}).saw(kY, {2})}),
              ElementsAre(Anomaly::no_order));
}

// A reads what B wrote and B reads what A wrote: G1c.
TEST(SnapshotIsolation, ACircleOfReadsIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 9, 20).saw(kX, {}).saw(kY, {2}).appended(kX, {1}),
                            Made(2, 8, 21).saw(kX, {1}).saw(kY, {}).appended(kY, {2}),
                            last_read().saw(kX, {1}).saw(kY, {2})}),
              ElementsAre(Anomaly::no_order));
}

// G-single, over three lists: a sees b's write, b saw c's, and c was committed behind what a did
// not see.
TEST(SnapshotIsolation, ACircleWithOneReadThatIsTooEarlyIsFound) {
  EXPECT_THAT(anomalies_in({Made(1, 50, 50).saw(kX, {}).saw(kY, {1}),
                            Made(2, 30, 60).saw(kX, {2}).saw(kY, {}).appended(kY, {1}),
                            Made(3, 10, 61).saw(kX, {}).saw(kZ, {}).appended(kX, {2}),
                            last_read().saw(kX, {2}).saw(kY, {1}).saw(kZ, {})}),
              ElementsAre(Anomaly::no_order));
}

TEST(SnapshotIsolation, WhatIsUnknownMayHappenOrNot) {
  const Made unknown = Made(1, 2, 3).saw(kX, {}).saw(kY, {}).appended(kX, {1}).appended(kY, {2});
  const auto with_last = [&](List x, List y) {
    return anomalies_in(
        {Made(unknown).unknown(), last_read().saw(kX, std::move(x)).saw(kY, std::move(y))});
  };
  EXPECT_THAT(with_last({}, {}), IsEmpty());
  EXPECT_THAT(with_last({1}, {2}), IsEmpty());
  EXPECT_THAT(with_last({1}, {}), Contains(Anomaly::fractured_read));
}

TEST(SnapshotIsolation, WhatIsUnknownAndWasSeenStays) {
  EXPECT_THAT(anomalies_in({Made(1, 2, 3).saw(kX, {}).appended(kX, {1}).unknown(),
                            Made(4, 5, 5).saw(kX, {1}), last_read().saw(kX, {})}),
              Contains(Anomaly::lost_append));
}

}  // namespace
}  // namespace talea::trust
