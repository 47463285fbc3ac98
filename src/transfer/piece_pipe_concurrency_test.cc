#include "transfer/piece_pipe.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace talea {
namespace {

Result<Bytes> take_all(const StateSource& source) {
  Bytes all;
  char piece[100];
  for (;;) {
    const std::size_t count = TALEA_TRY(source(piece, sizeof piece));
    if (count == 0) return all;
    all.append(piece, count);
  }
}

TEST(PiecePipe, GivesOnWhatItGetsHoweverItIsCut) {
  for (const std::size_t piece_bytes : {1U, 99U, 100U, 101U, 5000U}) {
    ThreadExecutor executor;
    Bytes value(20'000, '\0');
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i);
    Bytes taken;
    const auto read = [&](const StateSink& sink) -> Status {
      for (std::size_t at = 0; at < value.size(); at += piece_bytes) {
        TALEA_TRY(sink(BytesView(value).substr(at, piece_bytes)));
        TALEA_TRY(sink({}));
      }
      return {};
    };
    const auto write = [&](const StateSource& source) -> Status {
      taken = TALEA_TRY(take_all(source));
      return {};
    };
    EXPECT_TRUE(pipe_pieces(executor, read, write).ok());
    EXPECT_EQ(taken, value);
  }
}

TEST(PiecePipe, IsNoFurtherAheadThanItsLimit) {
  ThreadExecutor executor;
  std::uint64_t given = 0;
  const auto read = [&](const StateSink& sink) -> Status {
    for (int i = 0; i < 100; ++i) {
      TALEA_TRY(sink(Bytes(1024 * 1024, 'x')));
      given += 1024 * 1024;
    }
    return {};
  };
  const auto write = [&](const StateSource&) { return Status::exhausted("no room"); };
  EXPECT_EQ(pipe_pieces(executor, read, write).code(), Code::exhausted);
  EXPECT_LE(given, kPipeBytesMax) << "the reader was let go";
}

TEST(PiecePipe, AFailureOfTheReaderComesBehindWhatItGave) {
  ThreadExecutor executor;
  Bytes taken;
  const auto read = [&](const StateSink& sink) -> Status {
    TALEA_TRY(sink("some"));
    return Status::corruption("damaged");
  };
  const auto write = [&](const StateSource& source) -> Status {
    char piece[10];
    while (taken.size() < 4) {
      taken.append(piece, TALEA_TRY(source(piece, sizeof piece)));
    }
    return take_all(source).status();
  };
  EXPECT_EQ(pipe_pieces(executor, read, write).code(), Code::corruption);
  EXPECT_EQ(taken, "some");
}

}  // namespace
}  // namespace talea
