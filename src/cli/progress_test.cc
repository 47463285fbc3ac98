#include "cli/progress.h"

#include <gtest/gtest.h>

namespace talea::cli {
namespace {

TEST(Progress, AKnownTotalGivesABarAndTheTimeLeft) {
  EXPECT_EQ(progress_line("import", ProgressUnit::bytes, 1024, 4096, 2.0),
            "import  [#####---------------]  25 %  1.0 KiB of 4.0 KiB  512 B/s  6.000 s left");
}

TEST(Progress, AtTheEndNothingIsLeft) {
  EXPECT_EQ(progress_line("export", ProgressUnit::rows, 10, 10, 5.0),
            "export  [####################]  100 %  10 rows of 10 rows  2 rows/s");
}

TEST(Progress, AnUnknownTotalGivesAmountAndSpeed) {
  EXPECT_EQ(progress_line("import", ProgressUnit::bytes, 2048, std::nullopt, 1.0),
            "import  2.0 KiB  2.0 KiB/s");
}

TEST(Progress, AFileThatGrewIsNoMoreThanComplete) {
  EXPECT_EQ(progress_line("x", ProgressUnit::rows, 30, 10, 0.0),
            "x  [####################]  100 %  30 rows of 10 rows  0 rows/s");
}

}  // namespace
}  // namespace talea::cli
