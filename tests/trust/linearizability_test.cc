// The checker itself, on histories made by hand: what it must accept, and what it must not.
#include "tests/trust/linearizability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace talea::trust {
namespace {

using Outcome = Operation::Outcome;
using Kind = Operation::Requirement::Kind;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kX = 0;
constexpr std::size_t kY = 1;

// An operation between two times, to which is added what it did.
struct Made : Operation {
  Made(std::uint64_t called_at, std::uint64_t returned_at) {
    called = called_at;
    returned = returned_at;
  }
  Made& saw(std::size_t key, Value value, Sequence revision = kUntold) {
    if (value == kAbsent) revision = 0;
    observations.push_back({key, {value, revision}});
    return *this;
  }
  Made& put(std::size_t key, Value value) {
    writes.push_back({key, value});
    return *this;
  }
  Made& removed(std::size_t key) { return put(key, kAbsent); }
  Made& required(std::size_t key, Kind kind, Sequence revision = 0) {
    requirements.push_back({kind, key, revision});
    return *this;
  }
  Made& as(Sequence told) {
    sequence = told;
    return *this;
  }
  Made& conflicted(std::size_t position, std::optional<Sequence> found) {
    outcome = Outcome::conflict;
    failed = {position, found};
    return *this;
  }
  Made& unknown() {
    outcome = Outcome::unknown;
    returned = kNever;
    return *this;
  }
};

std::string fault_of(std::vector<Operation> operations) {
  return find_linearizability_fault({.initial = {}, .operations = std::move(operations)});
}

TEST(Linearizability, AnEmptyHistoryIsLinearizable) { EXPECT_THAT(fault_of({}), IsEmpty()); }

TEST(Linearizability, AReadSeesWhatTheInitialStateHolds) {
  History history;
  history.initial[kX] = {7, 70};
  history.operations = {Made(1, 2).saw(kX, 7, 70)};
  EXPECT_THAT(find_linearizability_fault(history), IsEmpty());
  history.operations = {Made(1, 2).saw(kX, kAbsent)};
  EXPECT_THAT(find_linearizability_fault(history), HasSubstr("do not fit"));
}

TEST(Linearizability, AReadSeesTheWriteThatReturnedBeforeIt) {
  EXPECT_THAT(fault_of({Made(1, 2).put(kX, 1), Made(3, 4).saw(kX, 1)}), IsEmpty());
  EXPECT_THAT(fault_of({Made(1, 2).put(kX, 1), Made(3, 4).saw(kX, kAbsent)}),
              HasSubstr("saw k0=nothing"));
}

TEST(Linearizability, AReadBesideAWriteMaySeeItOrNot) {
  EXPECT_THAT(fault_of({Made(1, 4).put(kX, 1), Made(2, 3).saw(kX, 1)}), IsEmpty());
  EXPECT_THAT(fault_of({Made(1, 4).put(kX, 1), Made(2, 3).saw(kX, kAbsent)}), IsEmpty());
}

TEST(Linearizability, WhatOneReadSawALaterOneDoesNotMiss) {
  // All within the time of the write.
  EXPECT_THAT(
      fault_of({Made(1, 10).put(kX, 1), Made(2, 3).saw(kX, kAbsent), Made(4, 5).saw(kX, 1)}),
      IsEmpty());
  EXPECT_FALSE(
      fault_of({Made(1, 10).put(kX, 1), Made(2, 3).saw(kX, 1), Made(4, 5).saw(kX, kAbsent)})
          .empty());
}

TEST(Linearizability, WritesBesideEachOtherTakeEitherOrderButOne) {
  const Operation first = Made(1, 10).put(kX, 1);
  const Operation second = Made(2, 9).put(kX, 2);
  EXPECT_THAT(fault_of({first, second, Made(11, 12).saw(kX, 1)}), IsEmpty());
  EXPECT_THAT(fault_of({first, second, Made(11, 12).saw(kX, 2)}), IsEmpty());
  EXPECT_FALSE(fault_of({first, second, Made(11, 12).saw(kX, 1), Made(13, 14).saw(kX, 2)}).empty());
  EXPECT_FALSE(fault_of({first, second, Made(11, 12).saw(kX, kAbsent)}).empty());
}

// The search has to take back what it tried first: both writes fit at once, and the one that was
// called first has to come last.
TEST(Linearizability, AnOrderIsFoundThatIsNotTheOneOfTheCalls) {
  EXPECT_THAT(fault_of({Made(1, 20).put(kX, 1), Made(2, 19).put(kX, 2), Made(3, 5).saw(kX, 2),
                        Made(6, 8).saw(kX, 2), Made(9, 11).saw(kX, 1)}),
              IsEmpty());
}

TEST(Linearizability, AValueThatNobodyWroteIsAFault) {
  EXPECT_FALSE(fault_of({Made(1, 4).put(kX, 1), Made(2, 3).saw(kX, 5)}).empty());
}

TEST(Linearizability, ARemovedKeyDoesNotComeBack) {
  EXPECT_THAT(
      fault_of({Made(1, 2).put(kX, 1), Made(3, 4).removed(kX), Made(5, 6).saw(kX, kAbsent)}),
      IsEmpty());
  EXPECT_FALSE(
      fault_of({Made(1, 2).put(kX, 1), Made(3, 4).removed(kX), Made(5, 6).saw(kX, 1)}).empty());
}

TEST(Linearizability, ARevisionIsTheSequenceOfTheWrite) {
  EXPECT_THAT(fault_of({Made(1, 2).put(kX, 1).as(8), Made(3, 4).saw(kX, 1, 8)}), IsEmpty());
  EXPECT_FALSE(fault_of({Made(1, 2).put(kX, 1).as(8), Made(3, 4).saw(kX, 1, 9)}).empty());
}

TEST(Linearizability, SequencesOfAKeyRise) {
  const Operation high = Made(1, 10).put(kX, 1).as(8);
  const Operation low = Made(2, 9).put(kX, 2).as(7);
  EXPECT_THAT(fault_of({high, low, Made(11, 12).saw(kX, 1)}), IsEmpty());
  EXPECT_FALSE(fault_of({high, low, Made(11, 12).saw(kX, 2)}).empty());
}

TEST(Linearizability, OfTwoThatRequireOneRevisionOneWins) {
  const Operation first = Made(1, 2).put(kX, 1).as(5);
  const Operation won = Made(3, 6).required(kX, Kind::revision, 5).put(kX, 2).as(6);
  const Operation lost = Made(4, 7).required(kX, Kind::revision, 5).put(kX, 3).conflicted(0, 6);
  const Operation won_too = Made(4, 7).required(kX, Kind::revision, 5).put(kX, 3).as(7);
  EXPECT_THAT(fault_of({first, won, lost}), IsEmpty());
  EXPECT_FALSE(fault_of({first, won, won_too}).empty());
}

TEST(Linearizability, AConflictNeedsAReason) {
  const Operation first = Made(1, 2).put(kX, 1).as(5);
  const auto tried = [](Kind kind) { return Made(3, 4).required(kX, kind, 5).put(kX, 2); };
  EXPECT_FALSE(fault_of({first, tried(Kind::revision).conflicted(0, 5)}).empty());
  EXPECT_FALSE(fault_of({first, tried(Kind::present).conflicted(0, 5)}).empty());
  EXPECT_FALSE(fault_of({first, tried(Kind::absent).conflicted(0, std::nullopt)}).empty());
  EXPECT_FALSE(fault_of({first, tried(Kind::absent).conflicted(0, 4)}).empty());
  EXPECT_THAT(fault_of({first, tried(Kind::absent).conflicted(0, 5)}), IsEmpty());
}

TEST(Linearizability, WhatConflictedIsNeverSeen) {
  const Operation first = Made(1, 2).put(kX, 1).as(5);
  const Operation lost = Made(3, 4).required(kX, Kind::absent).put(kX, 2).conflicted(0, 5);
  EXPECT_FALSE(fault_of({first, lost, Made(5, 6).saw(kX, 2)}).empty());
}

TEST(Linearizability, TheFirstRequirementThatFailsIsTheOneToldOf) {
  Made lost(1, 2);
  lost.required(kX, Kind::present).required(kY, Kind::present).put(kX, 2);
  EXPECT_THAT(fault_of({Made(lost).conflicted(0, std::nullopt)}), IsEmpty());
  EXPECT_FALSE(fault_of({Made(lost).conflicted(1, std::nullopt)}).empty());
}

TEST(Linearizability, ABatchThatOnlyRequiresIsToldASequenceThatCoversWhatItSaw) {
  const Operation first = Made(1, 2).put(kX, 1).as(5);
  EXPECT_THAT(fault_of({first, Made(3, 4).required(kX, Kind::present).as(5)}), IsEmpty());
  EXPECT_FALSE(fault_of({first, Made(3, 4).required(kX, Kind::present).as(4)}).empty());
}

TEST(Linearizability, ABatchIsSeenAsAWhole) {
  const Operation batch = Made(1, 10).put(kX, 1).put(kY, 1);
  EXPECT_THAT(fault_of({batch, Made(2, 3).saw(kX, 1).saw(kY, 1)}), IsEmpty());
  EXPECT_THAT(fault_of({batch, Made(2, 3).saw(kX, kAbsent).saw(kY, kAbsent)}), IsEmpty());
  EXPECT_FALSE(fault_of({batch, Made(2, 3).saw(kX, 1).saw(kY, kAbsent)}).empty());
  // Nor in parts by two reads of one thread.
  EXPECT_FALSE(fault_of({batch, Made(2, 3).saw(kX, 1), Made(4, 5).saw(kY, kAbsent)}).empty());
  EXPECT_THAT(fault_of({batch, Made(2, 3).saw(kX, kAbsent), Made(4, 5).saw(kY, 1)}), IsEmpty());
}

TEST(Linearizability, TheLastWriteOfABatchToAKeyCounts) {
  const Operation batch = Made(1, 2).put(kX, 1).put(kX, 2).as(3);
  EXPECT_THAT(fault_of({batch, Made(3, 4).saw(kX, 2, 3)}), IsEmpty());
  EXPECT_FALSE(fault_of({batch, Made(3, 4).saw(kX, 1, 3)}).empty());
}

TEST(Linearizability, AReadOfTwoKeysIsOfOneMoment) {
  const Operation x = Made(1, 2).put(kX, 1);
  const Operation y = Made(3, 4).put(kY, 1);
  EXPECT_FALSE(fault_of({x, y, Made(1, 5).saw(kX, kAbsent).saw(kY, 1)}).empty());
  EXPECT_THAT(fault_of({x, y, Made(1, 5).saw(kX, 1).saw(kY, kAbsent)}), IsEmpty());
}

TEST(Linearizability, WhatIsUnknownMayHappenLateOrNever) {
  const Operation unknown = Made(1, 0).put(kX, 1).unknown();
  EXPECT_THAT(fault_of({unknown, Made(2, 3).saw(kX, kAbsent)}), IsEmpty());
  EXPECT_THAT(fault_of({unknown, Made(2, 3).saw(kX, kAbsent), Made(4, 5).saw(kX, 1, 77)}),
              IsEmpty());
  EXPECT_FALSE(fault_of({unknown, Made(2, 3).saw(kX, 1), Made(4, 5).saw(kX, kAbsent)}).empty());
  // Not before it was called.
  EXPECT_FALSE(fault_of({Made(1, 2).saw(kX, 1), Made(3, 0).put(kX, 1).unknown()}).empty());
}

TEST(Linearizability, AnUnknownBatchHappensAsAWhole) {
  const Operation unknown = Made(1, 0).put(kX, 1).put(kY, 1).unknown();
  EXPECT_THAT(fault_of({unknown, Made(2, 3).saw(kX, 1).saw(kY, 1)}), IsEmpty());
  EXPECT_FALSE(fault_of({unknown, Made(2, 3).saw(kX, 1).saw(kY, kAbsent)}).empty());
}

// Twenty writes at once have 20! orders; the memory makes it 2^20 at most, and the partition by
// keys makes it 4 * 2^5.
TEST(Linearizability, KeysThatNoOperationJoinsAreJudgedByThemselves) {
  std::vector<Operation> operations;
  for (std::uint64_t i = 0; i < 20; ++i) {
    operations.push_back(Made(1 + i, 100 + i).put(i % 4, 1 + i));
  }
  for (std::size_t key = 0; key < 4; ++key) {
    operations.push_back(Made(200, 201).saw(key, 99));
  }
  EXPECT_THAT(fault_of(operations), HasSubstr("no order explains"));
}

TEST(Linearizability, ASearchThatTakesTooLongIsGivenUpAndSaysSo) {
  std::vector<Operation> operations;
  for (std::uint64_t i = 0; i < 30; ++i) operations.push_back(Made(1 + i, 100 + i).put(kX, 1 + i));
  operations.push_back(Made(200, 201).saw(kX, 99));
  EXPECT_THAT(fault_of(operations), HasSubstr("given up"));
}

TEST(Linearizability, SequencesAgreeWithTimeOverAllKeys) {
  const auto fault = [](std::vector<Operation> operations) {
    return find_sequence_fault({.initial = {}, .operations = std::move(operations)});
  };
  EXPECT_THAT(fault({Made(1, 2).put(kX, 1).as(1), Made(3, 4).put(kY, 1).as(2)}), IsEmpty());
  EXPECT_THAT(fault({Made(1, 4).put(kX, 1).as(2), Made(3, 5).put(kY, 1).as(1)}), IsEmpty());
  EXPECT_THAT(fault({Made(1, 2).put(kX, 1).as(2), Made(3, 4).put(kY, 1).as(1)}),
              HasSubstr("against time"));
  EXPECT_THAT(fault({Made(1, 5).put(kX, 1).as(2), Made(3, 4).put(kY, 1).as(2)}),
              HasSubstr("one sequence"));
  // Between the two there is one that overlaps both.
  EXPECT_THAT(fault({Made(10, 11).put(kX, 1).as(1), Made(1, 30).put(kX, 2).as(2),
                     Made(2, 3).put(kX, 3).as(3)}),
              HasSubstr("against time"));
}

}  // namespace
}  // namespace talea::trust
