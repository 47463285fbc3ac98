// The copy of what is there now: rows in the order of their keys.
#pragma once

#include <functional>

#include "transfer/copy_run.h"

namespace talea {

/// Copies, publishes, and fills in `source`, `written`, `skipped` and `bytes` of the report.
Status copy_rows(CopyRun& run);

/// As read_back().
Status read_back_rows(CopyRun& run);

/// As check_copy().
Status check_rows(CopyRun& run, const std::function<Status(const CopyObstacle&)>& found);

}  // namespace talea
