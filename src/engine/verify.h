// Verify: reads every byte of a store and lists all that is wrong with it.
#pragma once

#include <functional>
#include <string>

#include "engine/seams.h"
#include "talea/engine.h"

namespace talea {

/// As verify_store, on a world of the caller's choice.
Result<VerifyReport> verify_directory(
    const Seams& seams, const std::string& path,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress,
    const Encryption& encryption = {});

}  // namespace talea
