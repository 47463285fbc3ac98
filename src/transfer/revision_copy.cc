#include "transfer/revision_copy.h"

#include <utility>

#include "transfer/content_hash.h"
#include "transfer/key_text.h"
#include "transfer/past.h"
#include "transfer/rows.h"
#include "transfer/write_buffer.h"

namespace talea {

// Nothing is removed from it and nothing written together: one entry follows the other.
bool has_log(const HomeAbilities& abilities) {
  return abilities.keeps_history && !abilities.removes && !abilities.has_batches;
}

namespace {

using Key = std::optional<Bytes>;

void add_to(ContentHash& hash, const PastEntry& entry) {
  hash.add(entry.key, entry.comparable, entry.is_remove, entry.expiry_ms);
}

std::string place_of(const Key& key, std::uint64_t position, const PastEntry& entry) {
  return (key ? "revision " : "entry ") + std::to_string(position) + ", of key " +
         key_text(entry.key);
}

// Calls `visit` for each past that is copied: that of the log, or that of each key of the source.
Status for_each_past(const CopyRun& run, const HomeAbilities& abilities,
                     const std::function<Status(const Key& key)>& visit) {
  if (has_log(run.source.abilities()) && has_log(abilities)) return visit(std::nullopt);
  Keys keys = TALEA_TRY(Keys::open(run.source, /*with_past=*/true));
  while (TALEA_TRY(keys.next())) TALEA_TRY(visit(Bytes(keys.key())));
  return {};
}

Result<Past> open_past(CopyRun& run, const Key& key, Past::Side side) {
  Home& home = side == Past::Side::source ? run.source : *run.destination;
  return Past::open(home, key, side, run.acceptance);
}

// --- Copying -------------------------------------------------------------------------------------

class RevisionCopier {
 public:
  explicit RevisionCopier(CopyRun& run) : run_(run), buffer_(*run.destination) {}

  Status copy(const HomeAbilities& abilities) {
    const Status copied =
        for_each_past(run_, abilities, [&](const Key& key) { return copy_past(key); });
    if (is_broken_) return copied;
    TALEA_TRY(buffer_.flush());
    TALEA_TRY(run_.destination->publish());
    run_.report.written = buffer_.written();
    TALEA_TRY(Status(copied));
    run_.report.source = hash_.finish();
    return {};
  }

 private:
  Status copy_past(const Key& key) {
    Past past = TALEA_TRY(open_past(run_, key, Past::Side::source));
    TALEA_TRY(pass_what_is_there(key, past));
    for (;;) {
      TALEA_TRY(run_.begin_entry());
      if (!TALEA_TRY(past.next())) return {};
      const PastEntry& entry = past.entry();
      see(entry);
      Status added = buffer_.add({.key = entry.key,
                                  .value = entry.value,
                                  .is_remove = entry.is_remove,
                                  .expiry_ms = entry.expiry_ms});
      is_broken_ = !added.ok();
      TALEA_TRY(std::move(added));
    }
  }

  // Moves `past` behind what the destination has.
  Status pass_what_is_there(const Key& key, Past& past) {
    Past there = TALEA_TRY(open_past(run_, key, Past::Side::destination));
    for (std::uint64_t position = 1; TALEA_TRY(there.next()); ++position) {
      TALEA_TRY(run_.begin_entry());
      const std::string place = place_of(key, position, there.entry());
      if (!TALEA_TRY(past.next())) {
        return Status::conflict("the destination has " + place +
                                ", and the source ends before it: it has gone on by itself");
      }
      if (!past.entry().is_same(there.entry())) {
        return Status::conflict(
            "in the destination " + place + ", is not that of the source, which has " +
            (past.entry().key == there.entry().key ? std::string("another value")
                                                   : "key " + key_text(past.entry().key)) +
            " there: it has another past");
      }
      see(past.entry());
      ++run_.report.skipped;
    }
    return {};
  }

  void see(const PastEntry& entry) {
    add_to(hash_, entry);
    run_.report.bytes += entry.key.size() + entry.value.size();
  }

  CopyRun& run_;
  ContentHash hash_;
  WriteBuffer buffer_;
  bool is_broken_ = false;  // the destination: nothing more is tried there
};

// A removal in the past of any key, before anything is written.
Status refuse_removals(const CopyRun& run, const HomeAbilities& abilities,
                       const std::function<Status(const CopyObstacle&)>& found) {
  if (abilities.removes || !run.source.abilities().removes) return {};
  Keys keys = TALEA_TRY(Keys::open(run.source, /*with_past=*/true));
  while (TALEA_TRY(keys.next())) {
    bool is_value_older = false;
    bool is_removed = false;
    const auto revisions = TALEA_TRY(run.source.history(keys.key(), {}));
    for (auto revision = revisions.rbegin(); revision != revisions.rend(); ++revision) {
      is_removed = is_removed || (revision->is_remove && is_value_older);
      is_value_older = is_value_older || !revision->is_remove;
    }
    if (!is_removed) continue;
    const Status refused = run.acceptance.accept_removal(keys.key());
    TALEA_TRY(found({Bytes(keys.key()), std::string(refused.message())}));
  }
  return {};
}

// --- Reading back --------------------------------------------------------------------------------

Result<CopySide> hash_destination(CopyRun& run, const HomeAbilities& abilities) {
  ContentHash hash;
  TALEA_TRY(for_each_past(run, abilities, [&](const Key& key) -> Status {
    Past past = TALEA_TRY(open_past(run, key, Past::Side::destination));
    while (TALEA_TRY(past.next())) {
      TALEA_TRY(run.begin_entry());
      add_to(hash, past.entry());
    }
    return {};
  }));
  return hash.finish();
}

// Goes along both at once; stops at the first difference, with `cancelled`.
Status compare_pasts(CopyRun& run, const Key& key) {
  Past past = TALEA_TRY(open_past(run, key, Past::Side::source));
  Past there = TALEA_TRY(open_past(run, key, Past::Side::destination));
  for (std::uint64_t position = 1;; ++position) {
    const bool is_wanted = TALEA_TRY(past.next());
    const bool is_found = TALEA_TRY(there.next());
    if (!is_wanted && !is_found) return {};
    if (is_wanted && is_found && past.entry().is_same(there.entry())) continue;
    const PastEntry& entry = is_wanted ? past.entry() : there.entry();
    const std::string what = !is_found    ? " is not in the destination"
                             : !is_wanted ? " is in the destination alone"
                                          : " is another in the destination";
    run.report.difference = CopyObstacle{entry.key, place_of(key, position, entry) + "," + what};
    return Status::cancelled("a difference was found");
  }
}

// --- Checking ------------------------------------------------------------------------------------

// Whether what the destination has of a past is how that of the source begins.
class PrefixCheck {
 public:
  static Result<PrefixCheck> open(CopyRun& run, const Key& key) {
    PrefixCheck check(key);
    if (run.destination == nullptr) return check;
    check.there_ = TALEA_TRY(open_past(run, key, Past::Side::destination));
    return check;
  }

  // `entry`: the next of the source; null at its end, or where it cannot be compared. What is wrong
  // is told once.
  Result<std::optional<CopyObstacle>> next(const PastEntry* entry) {
    std::optional<CopyObstacle> obstacle;
    if (!there_) return obstacle;
    ++position_;
    const bool has_entry = TALEA_TRY(there_->next());
    const bool is_same = has_entry && entry != nullptr && entry->is_same(there_->entry());
    if (is_same) return obstacle;
    if (has_entry) {
      obstacle = CopyObstacle{there_->entry().key, "the destination has another past, from " +
                                                       place_of(key_, position_, there_->entry()) +
                                                       ", on"};
    }
    there_.reset();
    return obstacle;
  }

 private:
  explicit PrefixCheck(Key key) : key_(std::move(key)) {}

  Key key_;
  std::optional<Past> there_;  // nothing when there is no more to compare
  std::uint64_t position_ = 0;
};

Status check_past(CopyRun& run, const Key& key, ContentHash& hash,
                  const std::function<Status(const CopyObstacle&)>& found) {
  Past past = TALEA_TRY(open_past(run, key, Past::Side::source));
  PrefixCheck prefix = TALEA_TRY(PrefixCheck::open(run, key));
  for (;;) {
    TALEA_TRY(run.begin_entry());
    const Result<bool> more = past.next();
    const bool is_obstacle = more.status().code() == Code::unsupported;
    if (!more.ok() && !is_obstacle) return more.status();
    const bool has_entry = more.ok() && *more;
    const auto other_past = TALEA_TRY(prefix.next(has_entry ? &past.entry() : nullptr));
    if (other_past) TALEA_TRY(found(*other_past));
    if (has_entry) {
      add_to(hash, past.entry());
    } else if (!is_obstacle) {
      return {};
    } else if (!past.entry().is_remove) {  // removals were told before
      TALEA_TRY(found({past.entry().key, std::string(more.status().message())}));
    }
  }
}

}  // namespace

Status copy_revisions(CopyRun& run, const HomeAbilities& abilities) {
  if (!run.options.merge) TALEA_TRY(refuse_other_keys(run, /*with_past=*/true));
  TALEA_TRY(refuse_removals(run, abilities, [](const CopyObstacle& obstacle) {
    return Status::unsupported(obstacle.problem);
  }));
  return RevisionCopier(run).copy(abilities);
}

Status read_back_revisions(CopyRun& run, const HomeAbilities& abilities) {
  run.report.destination = TALEA_TRY(hash_destination(run, abilities));
  if (run.report.destination == run.report.source) return {};
  Status compared =
      for_each_past(run, abilities, [&](const Key& key) { return compare_pasts(run, key); });
  if (!run.report.difference) return compared;
  return {};
}

Status check_revisions(CopyRun& run, const HomeAbilities& abilities,
                       const std::function<Status(const CopyObstacle&)>& found) {
  if (!run.options.merge) {
    TALEA_TRY(find_other_keys(run, /*with_past=*/true, [&](BytesView key) {
      return found(
          {Bytes(key), "the destination has it, and the source does not; --merge keeps it"});
    }));
  }
  TALEA_TRY(refuse_removals(run, abilities, found));
  ContentHash hash;
  TALEA_TRY(for_each_past(run, abilities,
                          [&](const Key& key) { return check_past(run, key, hash, found); }));
  run.report.source = hash.finish();
  return {};
}

}  // namespace talea
