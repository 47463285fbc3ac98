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

bool is_log_to_log(const CopyRun& run, const HomeAbilities& abilities) {
  return has_log(run.source.abilities()) && has_log(abilities);
}

// Calls `visit` for each past that is copied: that of the log, or that of each key of the source.
Status for_each_past(const CopyRun& run, const HomeAbilities& abilities,
                     const std::function<Status(const Key& key)>& visit) {
  if (is_log_to_log(run, abilities)) return visit(std::nullopt);
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
    if (key) TALEA_TRY(run_.acceptance.accept_key(*key));
    Past past = TALEA_TRY(open_past(run_, key, Past::Side::source));
    last_.reset();
    TALEA_TRY(pass_what_is_there(key, past));
    for (;;) {
      TALEA_TRY(run_.begin_entry());
      if (!TALEA_TRY(past.next())) return {};
      const PastEntry& entry = past.entry();
      see(entry);
      Status added = add(entry, /*is_log=*/!key);
      is_broken_ = !added.ok();
      TALEA_TRY(std::move(added));
    }
  }

  Status add(const PastEntry& entry, bool is_log) {
    HomeWrite write{.key = entry.key,
                    .value = entry.value,
                    .is_remove = entry.is_remove,
                    .expiry_ms = entry.expiry_ms};
    const HomeAbilities& abilities = run_.destination->abilities();
    if (!has_log(abilities)) return buffer_.add(std::move(write));
    // What is in a ledger twice is there for good. Where another copy goes on, or what was sent
    // before arrives late, the newest entry is not the one that was seen.
    std::optional<std::uint64_t> before = last_;
    if (is_log) {
      const auto there = TALEA_TRY(run_.destination->get(entry.key));
      before = there ? std::optional(there->revision) : std::nullopt;
      if (before && (!last_ || *before > *last_)) return somebody_else(entry.key);
    }
    const HomeCondition condition{.absent = !before, .revision = before};
    auto written = buffer_.write_under(std::move(write), condition);
    if (written.status().code() == Code::conflict) return somebody_else(entry.key);
    const std::uint64_t revision = TALEA_TRY(std::move(written));
    const std::uint64_t expected = last_ ? *last_ + 1 : 0;
    last_ = revision;
    return is_log && revision != expected ? somebody_else(entry.key) : Status();
  }

  static Status somebody_else(BytesView key) {
    return Status::conflict("somebody else writes to the destination, by now key " + key_text(key) +
                            "; when that has ended, copy again");
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
      last_ = there.entry().revision;
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
  // The newest revision of the past that the destination has; nothing: none.
  std::optional<std::uint64_t> last_;
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

// Both as they are now.
struct Hashes {
  ContentHash source;
  ContentHash destination;
};

// Goes along both at once; stops at the first difference, with `cancelled`.
Status compare_pasts(CopyRun& run, const Key& key, Hashes& hashes) {
  Past past = TALEA_TRY(open_past(run, key, Past::Side::source));
  Past there = TALEA_TRY(open_past(run, key, Past::Side::destination));
  for (std::uint64_t position = 1;; ++position) {
    const bool is_wanted = TALEA_TRY(past.next());
    const bool is_found = TALEA_TRY(there.next());
    if (!is_wanted && !is_found) return {};
    if (is_wanted && is_found && past.entry().is_same(there.entry())) {
      add_to(hashes.source, past.entry());
      add_to(hashes.destination, there.entry());
      continue;
    }
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
    if (run.destination == nullptr) return PrefixCheck(key, nullptr);
    Past past = TALEA_TRY(open_past(run, key, Past::Side::destination));
    return PrefixCheck(key, std::make_unique<Past>(std::move(past)));
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
  PrefixCheck(Key key, std::unique_ptr<Past> there)
      : key_(std::move(key)), there_(std::move(there)) {}

  Key key_;
  std::unique_ptr<Past> there_;  // null when there is no more to compare
  std::uint64_t position_ = 0;
};

Status check_past(CopyRun& run, const Key& key, ContentHash& hash,
                  const std::function<Status(const CopyObstacle&)>& found) {
  if (key) {
    const Status accepted = run.acceptance.accept_key(*key);
    if (!accepted.ok()) return found({*key, std::string(accepted.message())});
  }
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
  // Between logs the one past says it all: a key whose newest entry waits for its second step is
  // not among the keys that are listed.
  if (!run.options.merge && !is_log_to_log(run, abilities)) {
    TALEA_TRY(refuse_other_keys(run, /*with_past=*/true));
  }
  TALEA_TRY(refuse_removals(run, abilities, [](const CopyObstacle& obstacle) {
    return Status::unsupported(obstacle.problem);
  }));
  return RevisionCopier(run).copy(abilities);
}

Status read_back_revisions(CopyRun& run, const HomeAbilities& abilities) {
  run.report.destination = TALEA_TRY(hash_destination(run, abilities));
  if (run.report.destination == run.report.source) return {};
  Hashes hashes;
  Status compared = for_each_past(run, abilities,
                                  [&](const Key& key) { return compare_pasts(run, key, hashes); });
  if (run.report.difference) return {};
  TALEA_TRY(std::move(compared));
  // The source gave up something meanwhile; the hashes are those without it.
  run.report.source = hashes.source.finish();
  run.report.destination = hashes.destination.finish();
  return {};
}

Status check_revisions(CopyRun& run, const HomeAbilities& abilities,
                       const std::function<Status(const CopyObstacle&)>& found) {
  if (!run.options.merge && !is_log_to_log(run, abilities)) {
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
