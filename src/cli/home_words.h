// What several verbs say of a home in the same words.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/json_writer.h"

namespace talea::cli {

/// Adds "revision", where the home numbers its writes, and "expires_at_ms", where the key expires.
void add_revision(JsonObject& object, const HomeAbilities& abilities, std::uint64_t revision,
                  std::uint64_t expiry_ms);

/// {"sequence":N}: what a write returned; null where the home numbers none.
std::string sequence_json(const HomeAbilities& abilities, std::uint64_t revision);

std::string facts_json(const std::vector<HomeFact>& facts);
std::string facts_table(const std::vector<HomeFact>& facts);

}  // namespace talea::cli
