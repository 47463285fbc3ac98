// What an engine tells of itself, in the words of `talea stats`; an operation of `talea batch`
// gives the same.
#pragma once

#include <string>
#include <vector>

#include "cli/json_writer.h"
#include "talea/engine.h"

namespace talea::cli {

/// Adds what the store holds and what that takes.
void add_sizes(JsonObject& json, const Stats& stats);
/// What this process did with the store since it opened it, as an object: operations, bytes
/// written, latencies. No file of a store has any of it.
std::string activity_json(const Stats& stats);

using TableRows = std::vector<std::vector<std::string>>;
/// The same as rows of a table.
TableRows size_rows(const Stats& stats);
/// Under a heading that says since when, also when nothing was done.
TableRows activity_rows(const Stats& stats);

}  // namespace talea::cli
