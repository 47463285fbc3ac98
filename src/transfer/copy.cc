#include "transfer/copy.h"

#include <utility>

#include "transfer/copy_run.h"
#include "transfer/key_text.h"
#include "transfer/revision_copy.h"
#include "transfer/row_copy.h"
#include "transfer/rows.h"

namespace talea {

// --- Keys that only the destination has

Status find_other_keys(const CopyRun& run, bool with_past,
                       const std::function<Status(BytesView key)>& found) {
  if (run.destination == nullptr) return {};
  // The source first: a key that expires in between is then missing in the destination, where it
  // does no harm.
  Keys keys = TALEA_TRY(Keys::open(run.source, with_past));
  Keys there = TALEA_TRY(Keys::open(*run.destination, with_past));
  bool has_key = TALEA_TRY(keys.next());
  while (TALEA_TRY(there.next())) {
    while (has_key && keys.key() < there.key()) has_key = TALEA_TRY(keys.next());
    const bool is_known = has_key && keys.key() == there.key();
    if (!is_known) TALEA_TRY(found(there.key()));
  }
  return {};
}

Status refuse_other_keys(const CopyRun& run, bool with_past) {
  return find_other_keys(run, with_past, [](BytesView key) {
    return Status::conflict("the destination has key " + key_text(key) +
                            ", which the source does not have; nothing was written. With --merge "
                            "such keys stay");
  });
}

namespace {

// --- With history or without

std::string no_history(const HomeAbilities& abilities) {
  if (!abilities.refusals.keeps_history.empty()) {
    return std::string(abilities.refusals.keeps_history);
  }
  return std::string(abilities.name) + " keeps the newest value of a key alone";
}

// Why there can be none; empty: there can.
std::string reason_against_history(const HomeAbilities& source, const HomeAbilities& destination) {
  if (!source.keeps_history) return no_history(source);
  if (!destination.keeps_history) return no_history(destination);
  if (!destination.keeps_all_history) {
    return "the destination does not keep the past of its keys for good; one that is opened with "
           "--retain all does";
  }
  return {};
}

Result<bool> decide_history(const HomeAbilities& source, const HomeAbilities& destination,
                            CopyHistory wanted, std::string& remark) {
  if (wanted == CopyHistory::none) return false;
  std::string reason = reason_against_history(source, destination);
  if (reason.empty() && wanted == CopyHistory::automatic && !source.keeps_all_history) {
    reason =
        "the source gives up parts of it, and then a copy of what it has left could not be "
        "repeated; --history copies that all the same";
  }
  if (reason.empty()) return true;
  if (wanted == CopyHistory::required) {
    return Status::unsupported(reason + ". What is there now can be copied: --latest");
  }
  // Of a home that keeps no past nobody misses it.
  if (source.keeps_history && !source.keeps_newest_alone)
    remark = "what is there now was copied, without its past: " + reason;
  return false;
}

Status check_merge(const CopyReport& report, const CopyOptions& options, const Home& source,
                   const HomeAbilities& destination) {
  const bool is_log = report.with_history && has_log(source.abilities()) && has_log(destination);
  if (!options.merge || !is_log) return {};
  return Status::invalid_argument(
      "a log goes on where another ends, and cannot be merged into one that has other entries; "
      "--merge is for copies of what is there now, with --latest");
}

// A ledger whose writer was stopped may have an entry that is in its log and not yet where the past
// of its key is read; without it the copy would write that once more. Of gets of whatever key, the
// first of a process finds out, and the second, where the ledger may be written, puts it there.
Status settle(Home& home) {
  if (!has_log(home.abilities())) return {};
  TALEA_TRY(home.get("talea").status());
  return home.get("talea").status();
}

}  // namespace

Result<CopyReport> copy_home(Home& source, Home& destination, const CopyOptions& options,
                             const CopySeams& seams) {
  const HomeAbilities& abilities = destination.abilities();
  CopyReport report;
  report.with_history =
      TALEA_TRY(decide_history(source.abilities(), abilities, options.history, report.remark));
  TALEA_TRY(check_merge(report, options, source, abilities));
  const Acceptance acceptance(abilities, &destination, options.form);
  CopyRun run{source, &destination, options, seams, acceptance, report};
  TALEA_TRY(settle(source));
  TALEA_TRY(settle(destination));
  TALEA_TRY(report.with_history ? copy_revisions(run, abilities) : copy_rows(run));
  return report;
}

Status read_back(Home& source, Home& destination, const CopyOptions& options,
                 const CopySeams& seams, CopyReport& report) {
  const HomeAbilities& abilities = destination.abilities();
  const Acceptance acceptance(abilities, &destination, options.form);
  CopyRun run{source, &destination, options, seams, acceptance, report};
  TALEA_TRY(settle(destination));
  return report.with_history ? read_back_revisions(run, abilities) : read_back_rows(run);
}

Result<CopyReport> check_copy(Home& source, const HomeAbilities& abilities, Home* destination,
                              const CopyOptions& options, const CopySeams& seams,
                              const std::function<Status(const CopyObstacle&)>& found) {
  CopyReport report;
  report.with_history =
      TALEA_TRY(decide_history(source.abilities(), abilities, options.history, report.remark));
  TALEA_TRY(check_merge(report, options, source, abilities));
  const Acceptance acceptance(abilities, destination, options.form);
  CopyRun run{source, destination, options, seams, acceptance, report};
  TALEA_TRY(report.with_history ? check_revisions(run, abilities, found) : check_rows(run, found));
  return report;
}

}  // namespace talea
