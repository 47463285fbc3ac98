#include "capi/boundary.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace talea::capi {
namespace {

struct Outcome {
  int code;
  int error_code;
  std::string message;
};

template <typename Function>
Outcome run(Interrupted interrupted, Function function) {
  talea_error* error = nullptr;
  const int code = guarded(interrupted, &error, function);
  Outcome outcome{code, talea_error_code(error), talea_error_message(error)};
  talea_error_free(error);
  return outcome;
}

TEST(Boundary, AStatusBecomesCodeAndMessage) {
  const Outcome outcome =
      run(Interrupted::nothing_happened, []() { return Status::corruption("log-1 at offset 7"); });
  EXPECT_EQ(outcome.code, TALEA_CORRUPTION);
  EXPECT_EQ(outcome.error_code, TALEA_CORRUPTION);
  EXPECT_EQ(outcome.message, "corruption: log-1 at offset 7");
}

TEST(Boundary, SuccessClearsTheError) {
  auto* error = reinterpret_cast<talea_error*>(8);  // what an earlier call may have left
  EXPECT_EQ(guarded(&error, []() { return Status(); }), TALEA_OK);
  EXPECT_EQ(error, nullptr);
}

TEST(Boundary, NobodyHasToWantTheError) {
  EXPECT_EQ(guarded(nullptr, []() { return Status::denied("no"); }), TALEA_DENIED);
  EXPECT_EQ(guarded(nullptr, []() -> Status { throw std::bad_alloc(); }), TALEA_EXHAUSTED);
  EXPECT_EQ(guarded(nullptr, []() -> Status { throw 7; }), TALEA_IO_ERROR);
}

TEST(Boundary, NoMemoryIsExhaustedWhereNothingHappened) {
  const Outcome outcome =
      run(Interrupted::nothing_happened, []() -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.code, TALEA_EXHAUSTED);
  EXPECT_EQ(outcome.error_code, TALEA_EXHAUSTED);
  EXPECT_EQ(outcome.message, "exhausted: out of memory");
}

TEST(Boundary, NoMemoryInAWriteIsAnUnknownOutcome) {
  const Outcome outcome =
      run(Interrupted::unknown_outcome, []() -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.code, TALEA_TIMED_OUT);
  EXPECT_EQ(outcome.error_code, TALEA_TIMED_OUT);
}

TEST(Boundary, AnyOtherExceptionBecomesACodeToo) {
  const auto standard = []() -> Status { throw std::runtime_error("planted"); };
  const auto strange = []() -> Status { throw 7; };
  EXPECT_EQ(run(Interrupted::nothing_happened, standard).code, TALEA_IO_ERROR);
  EXPECT_EQ(run(Interrupted::unknown_outcome, standard).code, TALEA_TIMED_OUT);
  EXPECT_EQ(run(Interrupted::nothing_happened, strange).code, TALEA_IO_ERROR);
  EXPECT_EQ(run(Interrupted::unknown_outcome, strange).code, TALEA_TIMED_OUT);
  EXPECT_EQ(run(Interrupted::nothing_happened, standard).message,
            "io_error: an exception ended the call: planted");
}

// A structure as later versions may have it.
struct Grown {
  talea_scan_range known;
  std::uint64_t later;
};

TEST(Boundary, AStructureOfALaterVersionIsTakenWhenWhatIsNewIsNotSet) {
  Grown grown{};
  grown.known.size = sizeof grown;
  grown.known.limit = 3;
  const Result<talea_scan_range> read = read_sized(&grown.known, "range");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->limit, 3U);
}

TEST(Boundary, WhatALaterVersionSetIsUnsupported) {
  Grown grown{};
  grown.known.size = sizeof grown;
  grown.later = 1;
  EXPECT_EQ(read_sized(&grown.known, "range").status().code(), Code::unsupported);
}

TEST(Boundary, MoreRoomThanIsKnownStaysAsItWas) {
  struct {
    talea_backup_info known;
    std::uint64_t later;
  } grown{};
  grown.known.size = sizeof grown;
  grown.later = 7;
  talea_backup_info filled{};
  filled.files = 5;
  ASSERT_TRUE(fill(&grown.known, filled, "info").ok());
  EXPECT_EQ(grown.known.size, sizeof(talea_backup_info));
  EXPECT_EQ(grown.known.files, 5U);
  EXPECT_EQ(grown.later, 7U);
}

TEST(Boundary, ASizeThatWasNotSetIsRefused) {
  for (const std::size_t size : {std::size_t{0}, sizeof(talea_scan_range) - 1, SIZE_MAX}) {
    talea_scan_range range{};
    range.size = size;
    EXPECT_EQ(read_sized(&range, "range").status().code(), Code::invalid_argument) << size;
    talea_backup_info info{};
    info.size = size == SIZE_MAX ? size : 0;
    EXPECT_EQ(fill(&info, {}, "info").code(), Code::invalid_argument) << size;
  }
}

TEST(Boundary, MoreBytesThanThereCanBeAreRefused) {
  EXPECT_EQ(bytes_of("x", SIZE_MAX, "key").status().code(), Code::invalid_argument);
  EXPECT_TRUE(bytes_of(nullptr, 0, "key").ok());
}

}  // namespace
}  // namespace talea::capi
