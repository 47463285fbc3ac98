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

/// Publishes. After a failure the writes are either forgotten, so that they did not happen, or kept
/// in the directory of bucket files, which the message says then.
/// Errors: those of Home::publish(); timed_out   they are kept, and go with the next upload
Status publish(Home& home);

/// That others write at the same time is no condition that failed, and not exit code 1.
Status as_contention(Status status);

/// Closes what has done its work: that the directory could not be left in order undoes none of it.
void close_or_remark(const Context& context, BucketDb& db);

std::string facts_json(const std::vector<HomeFact>& facts);
std::string facts_table(const std::vector<HomeFact>& facts);

}  // namespace talea::cli
