// What Maintenance does for past revisions. A checkpoint writes those of the buffers before its cut
// as a history run, a layer over those there are. Merges keep the layers few; one that goes down to
// the oldest layer has all revisions of a key before it, and drops what is not to be kept.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/maintenance.h"
#include "engine/run_layers.h"

namespace talea {

namespace {

constexpr std::uint64_t kRowsAtOnce = 1024;

// Of the time that revisions are kept for, what they may be there longer without compact().
constexpr std::uint64_t kDurationPart = 8;

// What is live has grown too little below this for the past to be gone through.
constexpr std::uint64_t kGrowthMin = 8 * kMiB;

// A past revision on its way into a run.
struct PastRow {
  Space space;
  BytesView key;
  Sequence sequence;
  Location location;

  friend bool operator<(const PastRow& left, const PastRow& right) {
    if (left.space != right.space) return left.space < right.space;
    const int order = left.key.compare(right.key);
    return order != 0 ? order < 0 : left.sequence > right.sequence;
  }
};

}  // namespace

std::uint64_t Maintenance::history_now() const {
  return std::max(setup_.seams.clock.wall_ms(), sequencer_.last_now());
}

bool Maintenance::nothing_changed() const {
  return bytes_to_replay() == 0 && new_data_.empty() && !gave_up_ && !live_.has_unreleased();
}

Result<std::optional<ManifestRun>> Maintenance::write_history(const CommitLog::Boundary& boundary) {
  std::vector<Location> locations = moved_;
  const History::View view = live_.history().view();
  for (std::size_t i = 0; i < boundary.history_buffers; ++i) view.buffers[i]->list_all(locations);
  std::vector<PastRow> rows;
  rows.reserve(locations.size());
  KeptKeys keys;  // of these
  LiveState::Found found;
  for (const Location location : locations) {
    if (rows.size() % kRowsAtOnce == 0) TALEA_TRY(check_running());
    if (!live_.read(location, found)) {
      return Status::corruption("a past revision is in segment " +
                                std::to_string(segment_of(location)) + " and cannot be read");
    }
    TALEA_TRY(found.check(VerifyReads::once));
    rows.push_back({Space{found.entry.space}, keys.keep(found.entry), found.sequence(), location});
  }
  if (rows.empty()) return std::optional<ManifestRun>();
  std::sort(rows.begin(), rows.end());

  const std::uint32_t id = TALEA_TRY(manifest_.take_file_id());
  const auto writer = TALEA_TRY(begin_run(id, rows.size()));
  std::uint64_t written = 0;
  for (const PastRow& row : rows) {
    if (++written % kRowsAtOnce == 0) TALEA_TRY(check_running());
    const bool is_there = live_.read(row.location, found);
    TALEA_ASSERT(is_there);
    RunRevision revision = found.row();
    revision.extents = found.entry.is_extent_list();
    TALEA_TRY(writer->add(row.space, row.key, revision));
  }
  const RunFileInfo info = TALEA_TRY(writer->finish());
  metrics_.run_bytes_written.add(info.bytes);
  return std::optional(manifest_run(info, info.id));
}

// --- Merging, and giving up ----------------------------------------------------------------------

// Writes the rows of adjacent layers as one run. With `retention` it goes down to the oldest layer,
// and drops of each key the oldest revisions, as far as they are not to be kept.
class Maintenance::HistoryMerge {
 public:
  struct Setup {
    const LiveState& live;
    std::shared_ptr<const RunSet> inputs;
    std::optional<Retention> retention;
    std::uint64_t now_ms = 0;
    Sequence checkpointed = 0;  // what is younger a power cut may take
  };
  HistoryMerge(Setup setup, std::unique_ptr<RunFileWriter> writer)
      : setup_(std::move(setup)), writer_(std::move(writer)), rows_(setup_.inputs) {}

  // True when all is done.
  Result<bool> step(std::uint64_t rows_max) {
    if (!std::exchange(begun_, true)) TALEA_TRY(rows_.seek_first());
    for (std::uint64_t count = 0; count < rows_max && rows_.valid(); ++count) {
      TALEA_TRY(check_row());
      TALEA_TRY(take(rows_.row_key(), rows_.revision()));
      TALEA_TRY(rows_.next());
    }
    if (rows_.valid()) return false;
    TALEA_TRY(end_key());
    return true;
  }

  // Nothing when no row is left.
  Result<std::optional<RunFileInfo>> finish() {
    if (writer_->stats().rows == 0) return std::optional<RunFileInfo>();
    return std::optional(TALEA_TRY(writer_->finish()));
  }

  // What was given up.
  const absl::flat_hash_map<std::uint32_t, std::uint64_t>& bytes() const { return bytes_; }
  const std::vector<ExtentList>& large() const { return large_; }
  // What was the present at that batch, or is younger, is known.
  const History::From& from() const { return from_; }

 private:
  Status check_row() const {
    const RunRevision row = rows_.revision();
    const BytesView row_key = rows_.row_key();
    if (row_key.size() >= kRunSpaceBytes + kKeyBytesMin && row_key.size() <= kRunRowKeyBytesMax &&
        row.sequence > 0 && row.address.bytes <= kRunEntryBytesMax &&
        row.address.segment <= kLocatableSegmentMax) {
      return {};
    }
    return Status::corruption(
        "a run to merge has rows that make no sense; `talea verify` says where");
  }

  Status take(BytesView row_key, const RunRevision& row) {
    if (key_ != row_key) {
      TALEA_TRY(end_key());
      key_ = row_key;
      kept_ = 0;
      newer_.reset();
      drops_ = false;
      first_ = row;
    }
    if (setup_.retention && !drops_) TALEA_TRY(decide(row));
    if (drops_) {
      give_up(row);
    } else {
      TALEA_TRY(write_pending());
      pending_ = row;
      ++kept_;
    }
    newer_ = History::From{row.sequence, row.time_ms};
    return {};
  }

  // Whether `row`, and all that are older, are to be dropped.
  Status decide(const RunRevision& row) {
    const std::uint64_t amount = setup_.retention->amount();
    if (setup_.retention->kind() == Retention::Kind::revisions) {
      // The present one counts, and is the first of the rows if it is a removal.
      const bool may_be_over = kept_ + 1 >= amount;
      drops_ = may_be_over && (kept_ >= amount || !TALEA_TRY(is_first_present()));
    } else if (setup_.retention->kind() == Retention::Kind::duration && is_over(row.time_ms)) {
      if (!newer_) newer_ = TALEA_TRY(successor_of(row));
      drops_ = newer_ && is_over(newer_->time_ms);
    }
    return {};
  }

  Result<bool> is_first_present() const {
    if (!first_.tombstone) return false;
    return !TALEA_TRY(successor_of(first_)).has_value();
  }

  bool is_over(std::uint64_t time_ms) const {
    return time_ms <= setup_.now_ms && setup_.now_ms - time_ms >= setup_.retention->amount();
  }

  // What is in no run is younger than what follows the row, or is that. Of what is younger than the
  // last checkpoint nothing may follow for good: as long as it is, the key keeps what it has.
  Result<std::optional<History::From>> successor_of(const RunRevision& row) const {
    const EpochGuard guard(setup_.live.epochs());
    LiveState::Found newest;
    const Result<bool> found =
        setup_.live.find_newest(guard, run_space_of(key_), run_key_of(key_), newest);
    // What is damaged tells no time: then the key keeps what it has.
    if (found.status().code() == Code::corruption) return std::optional<History::From>();
    const bool is_there = TALEA_TRY(Result<bool>(found));
    const bool follows =
        is_there && newest.sequence() > row.sequence && newest.sequence() <= setup_.checkpointed;
    if (!follows) return std::optional<History::From>();
    return std::optional(
        History::From{newest.sequence(), newest.segment().time_at(newest.offset, newest.entry)});
  }

  void give_up(const RunRevision& row) {
    if (row.tombstone) return;
    TALEA_ASSERT(newer_.has_value());
    if (newer_->sequence > from_.sequence) from_ = *newer_;
    bytes_[static_cast<std::uint32_t>(row.address.segment)] += row.address.bytes;
    if (!row.extents) return;
    // Of one that is damaged the chunks stay.
    const auto entry = setup_.live.entry_of_row(run_space_of(key_), run_key_of(key_), row);
    if (!entry.ok()) return;
    if (auto list = decode_extent_list(entry->entry.value)) large_.push_back(std::move(*list));
  }

  Status write_pending() {
    if (!pending_) return {};
    return writer_->add_row_key(key_, *std::exchange(pending_, std::nullopt));
  }

  // A removal that nothing is before says no more than that there is nothing.
  Status end_key() {
    const bool is_of_no_use = pending_ && pending_->tombstone && setup_.retention &&
                              setup_.retention->kind() == Retention::Kind::duration &&
                              is_over(pending_->time_ms);
    if (is_of_no_use) pending_.reset();
    return write_pending();
  }

  const Setup setup_;
  const std::unique_ptr<RunFileWriter> writer_;
  HistoryRows rows_;
  bool begun_ = false;
  // Of the key that is being looked at.
  Bytes key_;
  std::uint64_t kept_ = 0;
  bool drops_ = false;
  RunRevision first_;
  std::optional<History::From> newer_;  // what followed the row that comes next
  std::optional<RunRevision> pending_;  // kept, and not yet written
  // Of all.
  absl::flat_hash_map<std::uint32_t, std::uint64_t> bytes_;
  std::vector<ExtentList> large_;
  History::From from_;
};

bool Maintenance::is_due_to_give_up(const std::vector<ManifestRun>& newest_first) const {
  const Retention& retention = setup_.retention;
  if (newest_first.empty() || retention.kind() == Retention::Kind::all) return false;
  if (retention.kind() == Retention::Kind::revisions) {
    const bool is_done = newest_first.size() == 1 && given_up_ &&
                         given_up_->run == newest_first[0].id &&
                         given_up_->checkpointed == checkpointed_;
    // A few keys that are written all the time among many that are not: by the number of rows
    // alone these would be merged with the oldest layer late.
    const std::uint64_t grown = given_up_live_bytes_ / 2 + kGrowthMin;
    return !is_done && (is_to_give_up_ || contents().live_bytes >= given_up_live_bytes_ + grown);
  }
  if (is_to_give_up_) return true;
  const auto interval = static_cast<std::uint64_t>(setup_.options.compaction_interval.count());
  const std::uint64_t now = setup_.seams.clock.wall_ms();
  return interval > 0 && now > gave_up_at_ms_ &&
         now - gave_up_at_ms_ >= std::max(interval, retention.amount() / kDurationPart);
}

Status Maintenance::merge_history() {
  if (!setup_.retention.keeps_past()) return {};
  TALEA_TRY(take_over());
  const std::vector<ManifestRun> runs = manifest_.snapshot().history_runs_newest_first();
  // What was copied is counted where it lies now, and its rows say so only after a checkpoint.
  const bool may_give_up = setup_.retention.kind() != Retention::Kind::all && moved_.empty();
  if (may_give_up && is_due_to_give_up(runs)) {
    TALEA_TRY(merge_history_runs(runs, /*gives_up=*/true));
    is_to_give_up_ = false;
    return {};
  }
  // Nothing has come since the last time.
  if (may_give_up && bytes_to_replay() == 0) is_to_give_up_ = false;
  const bool rekeys = any_old_key(*live_.history().view().runs);
  const std::optional<RunMergePlan> plan = rekeys ? merge_of_all(runs) : plan_merge(runs);
  if (!plan) return {};
  const auto first = runs.begin() + static_cast<std::ptrdiff_t>(plan->begin);
  const auto last = runs.begin() + static_cast<std::ptrdiff_t>(plan->end);
  return merge_history_runs({first, last}, plan->to_oldest && may_give_up);
}

Status Maintenance::merge_history_runs(const std::vector<ManifestRun>& merged, bool gives_up) {
  if (merged.empty()) return {};
  std::vector<RunSet::Run> open;
  for (const RunSet::Run& run : live_.history().view().runs->runs()) {
    const auto is_same = [&](const ManifestRun& named) {
      return named.id == run->header().identity.file_id;
    };
    if (std::any_of(merged.begin(), merged.end(), is_same)) open.push_back(run);
  }
  TALEA_ASSERT(open.size() == merged.size());
  const auto inputs = RunSet::of(std::move(open));
  const std::uint64_t began_at_ms = setup_.seams.clock.wall_ms();
  const std::uint32_t id = TALEA_TRY(manifest_.take_file_id());
  HistoryMerge merge({.live = live_,
                      .inputs = inputs,
                      .retention = gives_up ? std::optional(setup_.retention) : std::nullopt,
                      .now_ms = history_now(),
                      .checkpointed = checkpointed_},
                     TALEA_TRY(begin_run(id, inputs->keys())));
  const Sequence checkpointed = checkpointed_;
  int checkpoints = 0;
  while (!TALEA_TRY(merge.step(kRowsAtOnce))) {
    TALEA_TRY(check_running());
    if (checkpoints == kCheckpointsInMerge || !checkpoint_is_due()) continue;
    TALEA_TRY(checkpoint_now());
    ++checkpoints;
  }
  // No replay says it again: what nobody refers to any more is known from this commit on, or never.
  // Before the run is finished, which then is there to stay.
  absl::flat_hash_map<std::uint32_t, std::uint64_t> given_up = merge.bytes();
  if (!merge.large().empty()) {
    TALEA_TRY(complete_index());
    live_.add_bytes_of_values(merge.large(), given_up);
  }
  const std::optional<RunFileInfo> info = TALEA_TRY(merge.finish());
  if (info) metrics_.run_bytes_written.add(info->bytes);
  TALEA_TRY(manifest_.commit([&](Manifest& manifest) {
    for (const ManifestRun& run : merged) manifest.remove(run.id);
    if (info) manifest.add_history_run(manifest_run(*info, merged.front().layer));
    for (ManifestFile& file : manifest.files) {
      const auto bytes = given_up.find(file.id);
      if (bytes == given_up.end()) continue;
      file.live_bytes -= std::min(file.live_bytes, bytes->second);
    }
    if (merge.from().sequence <= manifest.history.from_sequence) return;
    manifest.history.from_sequence = merge.from().sequence;
    manifest.history.from_time = std::max(manifest.history.from_time, merge.from().time_ms);
  }));
  live_.give_up(merge.bytes(), merge.large());
  gave_up_ = gave_up_ || !merge.bytes().empty();
  if (gives_up) {
    gave_up_at_ms_ = began_at_ms;
    given_up_ = GivenUp{info ? info->id : 0, checkpointed};
    given_up_live_bytes_ = contents().live_bytes;
  }
  replaced_.emplace();
  for (const ManifestRun& run : merged) replaced_->files.push_back(run_file_name(run.id));
  return take_over();
}

// Before a compaction, so that it finds what is given up as garbage.
Status Maintenance::give_up_history() {
  const Retention::Kind kind = setup_.retention.kind();
  if (kind == Retention::Kind::latest || kind == Retention::Kind::all) return {};
  // Most may be in no run yet, and what takes its place not durable.
  const bool is_unwritten = bytes_to_replay() > 0 || !moved_.empty();
  if (is_to_give_up_ && is_unwritten) TALEA_TRY(checkpoint_now());
  return merge_history();
}

}  // namespace talea
