// `talea batch` on a home that is not our engine's.
#pragma once

#include "cli/context.h"

namespace talea::cli {

Result<ExitCode> run_batch_of_home(Context& context);

}  // namespace talea::cli
