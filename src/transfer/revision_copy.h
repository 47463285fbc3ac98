// The copy of all revisions: of a log in its order, else key after key.
#pragma once

#include <functional>

#include "transfer/copy_run.h"

namespace talea {

/// Whether the home lists the revisions of all keys in the order in which they were written.
bool has_log(const HomeAbilities& abilities);

/// Copies, publishes, and fills in `source`, `written`, `skipped` and `bytes` of the report.
Status copy_revisions(CopyRun& run, const HomeAbilities& abilities);

/// As read_back().
Status read_back_revisions(CopyRun& run, const HomeAbilities& abilities);

/// As check_copy().
Status check_revisions(CopyRun& run, const HomeAbilities& abilities,
                       const std::function<Status(const CopyObstacle&)>& found);

}  // namespace talea
