// What the tests of copies share: a copy as the program does it, by one process and another.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "tests/support/fake_home.h"
#include "transfer/copy.h"

namespace talea {

struct CopyWorld {
  CopySeams seams() { return {clock, executor}; }

  /// Copies, and reads back with a destination that is opened again.
  Result<CopyReport> copy(FakePlace& from, FakePlace& to, const CopyOptions& options = {}) {
    const auto source = from.open();
    CopyReport report = TALEA_TRY(copy_home(*source, *to.open(), options, seams()));
    TALEA_TRY(read_back(*source, *to.open(), options, seams(), report));
    return report;
  }

  ManualClock clock;
  ThreadExecutor executor;
};

/// A copy after which both hold the same.
inline void expect_whole(const Result<CopyReport>& copied, std::uint64_t entries) {
  ASSERT_TRUE(copied.ok()) << copied.status().to_string();
  EXPECT_FALSE(copied->difference.has_value())
      << copied->difference->key << ": " << copied->difference->problem;
  EXPECT_EQ(copied->source, copied->destination);
  EXPECT_EQ(copied->source.entries, entries);
  EXPECT_EQ(copied->written + copied->skipped, entries);
}

inline bool has(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

}  // namespace talea
