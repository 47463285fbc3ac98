// Repair: a new store of all that is intact in a damaged one.
//
// Where the index is whole it decides: what it says a key has is read and checked, and either kept
// or reported as lost; never is an older value taken for it, nor a removed key brought back. The
// log behind the checkpoint is applied as replay does, over damaged parts of it as well: these are
// reported as batches that are lost. Where the index or the manifest is damaged all files are
// searched instead, and the newest intact entry of each key is taken, which the report says.
#pragma once

#include <functional>
#include <string>

#include "engine/seams.h"
#include "talea/engine.h"

namespace talea {

/// As repair_store(), on a world of the caller's choice.
Result<RepairReport> repair_directory(
    const Seams& seams, const std::string& path, const std::string& new_path,
    const Options& options,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {});

}  // namespace talea
