#include "cli/home_words.h"

#include <algorithm>

#include "cli/human_text.h"

namespace talea::cli {

void add_revision(JsonObject& object, const HomeAbilities& abilities, std::uint64_t revision,
                  std::uint64_t expiry_ms) {
  if (abilities.has_revisions) object.number("revision", revision);
  object.expiry(expiry_ms);
}

std::string sequence_json(const HomeAbilities& abilities, std::uint64_t revision) {
  JsonObject object;
  if (abilities.has_revisions) {
    object.number("sequence", revision);
  } else {
    object.null("sequence");
  }
  return std::move(object.close());
}

Status publish(Home& home) {
  Status published = home.publish();
  if (published.ok()) return published;
  if (!home.pending().is_kept) {
    TALEA_TRY(home.discard_pending());
    return published;
  }
  const std::string text = std::string(published.message()) +
                           "; what was written is kept in the directory, and goes with the next "
                           "upload";
  // Damage is the worse news.
  return {published.code() == Code::corruption ? Code::corruption : Code::timed_out, text};
}

Status as_contention(Status status) {
  if (status.code() != Code::conflict) return status;
  return Status::unavailable(std::string(status.message()));
}

void close_or_remark(const Context& context, BucketDb& db) {
  const auto closed = db.close();
  if (!closed.ok()) context.remark("done, but: " + std::string(closed.status().message()));
}

std::string facts_json(const std::vector<HomeFact>& facts) {
  JsonObject object;
  for (const HomeFact& fact : facts) {
    if (const auto* const number = std::get_if<std::uint64_t>(&fact.value)) {
      object.number(fact.name, *number);
    } else {
      object.bytes(fact.name, std::get<std::string>(fact.value));
    }
  }
  return std::move(object.close());
}

std::string facts_table(const std::vector<HomeFact>& facts) {
  std::vector<std::vector<std::string>> rows;
  for (const HomeFact& fact : facts) {
    std::string name(fact.name);
    std::replace(name.begin(), name.end(), '_', ' ');
    const auto* const number = std::get_if<std::uint64_t>(&fact.value);
    rows.push_back({std::move(name), number != nullptr
                                         ? std::to_string(*number)
                                         : printable(std::get<std::string>(fact.value))});
  }
  return table(rows);
}

}  // namespace talea::cli
