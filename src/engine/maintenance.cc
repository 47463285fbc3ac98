#include "engine/maintenance.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "engine/changed_rows.h"
#include "engine/run_layers.h"

namespace talea {

namespace {

// Keys that one step takes from the runs, or evicts, or a walk looks at before it looks whether the
// store is closing.
constexpr std::size_t kRowsAtOnce = 1024;
constexpr int kSlicesInStep = 32;

// What one compaction copies at most, so that the disk never needs more than that besides.
constexpr std::uint64_t kCopiedAtOnce = 512 * kMiB;

// A segment that is being filled is not worth a compaction below this.
constexpr std::uint64_t kGarbageMin = 1 * kMiB;

// Nor is one worth it before its time below this, and below an eighth of what is live.
constexpr std::uint64_t kGarbageAtOnceMin = 8 * kMiB;

// What is left of Options::checkpoint_bytes when a store is closed: 8 MiB by default, which the
// next open replays in some tens of milliseconds.
constexpr std::uint64_t kReplayedAtOpenPart = 8;

// After a failure the background leaves the disk alone for so long.
constexpr std::uint64_t kRetryAfterNs = 1'000'000'000;

// What the rows of a checkpoint may take of memory; of a store with a budget, a part of that.
constexpr std::uint64_t kRowsBytesMax = 64 * kMiB;

std::uint64_t rows_bytes_max(const Options& options) {
  return options.memory_budget == 0 ? kRowsBytesMax : options.memory_budget / 8;
}

std::uint64_t content_bytes(const SegmentState& state) {
  return state.fill().end - kSegmentHeaderBytes;
}

bool holds_entries(const SegmentState& state) {
  return state.segment->header().kind != SegmentKind::extent;
}

}  // namespace

Maintenance::Maintenance(const Setup& setup, ManifestKeeper& manifest, LiveState& live,
                         Sequencer& sequencer, SpaceReserve& reserve, WriteBounds& bounds,
                         Metrics& metrics)
    : setup_(setup),
      manifest_(manifest),
      live_(live),
      sequencer_(sequencer),
      reserve_(reserve),
      bounds_(bounds),
      metrics_(metrics),
      first_new_id_(manifest.snapshot().next_file_id) {
  is_to_give_up_ = setup.is_lowered;
  gave_up_at_ms_ = setup.seams.clock.wall_ms();
  given_up_live_bytes_ = contents().live_bytes;
  const Manifest opened = manifest.snapshot();
  for (const auto* const runs : {&opened.runs, &opened.history_runs}) {
    for (const ManifestRun& run : *runs) {
      checkpointed_ = std::max(checkpointed_, run.highest_sequence);
    }
  }
  // Before, or at the open: by another retention, or because less is kept for readers of changes.
  gave_up_ = std::any_of(opened.files.begin(), opened.files.end(), [&](const ManifestFile& file) {
    const bool is_replayed = file.kind == SegmentKind::log && file.id >= opened.replay_from;
    return file.sealed && file.live_bytes == 0 && !is_replayed;
  });
  if (setup.options.memory_budget > 0) live_.allow_eviction();
  compacted_at_ns_ = setup.seams.clock.monotonic_ns();  // the first interval begins now
}

Maintenance::~Maintenance() = default;

Status Maintenance::check_running() const {
  if (!stopping_.load()) return {};
  return Status::cancelled("the store is closing");
}

// --- What is due ---------------------------------------------------------------------------------

// Counts who waits for the work mutex while a step may have it, for as long as it lives.
class Maintenance::Caller {
 public:
  explicit Caller(std::atomic<int>& callers) : callers_(callers) { callers_.fetch_add(1); }
  ~Caller() { callers_.fetch_sub(1); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

 private:
  std::atomic<int>& callers_;
};

void Maintenance::step() {
  // They come first: a mutex is not fair, and under load one step follows the other.
  if (callers_.load() > 0) return;
  MutexLock lock(work_mutex_);
  if (stopping_.load()) return;
  Status done = do_step();
  report_garbage();
  bounds_.wake();
  if (done.ok() || done.code() == Code::cancelled) return;
  retry_at_ns_ = setup_.seams.clock.monotonic_ns() + kRetryAfterNs;
  MutexLock noting(failure_mutex_);
  last_failure_ = std::move(done);
}

Status Maintenance::do_step() {
  let_go_of_retired();
  live_.collect();
  for (int i = 0; i < kSlicesInStep && live_.go_on_growing(); ++i) {
  }
  for (int i = 0; i < kSlicesInStep && live_.recall_forgotten(recalled_).has_value(); ++i) {
    TALEA_TRY(check_running());
  }
  take_reserve();
  if (setup_.seams.clock.monotonic_ns() < retry_at_ns_) return {};
  TALEA_TRY(live_.promote_found());
  TALEA_TRY(warm_up());
  TALEA_TRY(keep_within_budget());
  const std::uint64_t now = setup_.seams.clock.monotonic_ns();
  garbage_left_ = std::min(garbage_left_, contents().garbage());
  if (compaction_is_due(now)) {
    compacted_at_ns_ = now;
    Status compacted = with_reserve(&Maintenance::compact_now);
    // What it found and left: the same again would do nothing about it.
    garbage_left_ = contents(first_log_it_missed_, first_data_it_missed_).garbage();
    return compacted;
  }
  if (checkpoint_is_due()) return with_reserve(&Maintenance::checkpoint_in);
  // What a compaction left, which gave its space back first.
  TALEA_TRY(merge_runs());
  return merge_history();
}

Status Maintenance::checkpoint() {
  const Caller caller(callers_);
  MutexLock lock(work_mutex_);
  TALEA_TRY(check_running());
  return with_reserve(&Maintenance::checkpoint_in);
}

Status Maintenance::compact() {
  const Caller caller(callers_);
  MutexLock lock(work_mutex_);
  TALEA_TRY(check_running());
  is_to_give_up_ = true;
  TALEA_TRY(with_reserve(&Maintenance::compact_now));
  if (setup_.seams.keys == nullptr) return {};
  TALEA_TRY(merge_runs());
  TALEA_TRY(merge_history());
  // Which takes two looks: see there.
  for (int i = 0; i < 2; ++i) let_go_of_retired();
  return drop_keys();
}

// --- What writers are ahead ----------------------------------------------------------------------

std::uint64_t Maintenance::garbage_bytes() const {
  const Contents all = contents();
  const double allowed = static_cast<double>(all.live_bytes) / setup_.options.live_ratio;
  return all.bytes - std::min(all.bytes, static_cast<std::uint64_t>(allowed));
}

// Who turned that off decides himself how much garbage there is, and nobody would end the waiting.
bool Maintenance::gives_space_back() const {
  const Options& options = setup_.options;
  return options.compaction_interval.count() > 0 &&
         (options.checkpoint_after_compaction || options.checkpoint_bytes > 0);
}

void Maintenance::report_garbage() {
  if (!gives_space_back()) return;
  // What a backup holds on to is not the background's to give back.
  const bool is_full = holds_.load() == 0 && garbage_bytes() >= bounds_.limits().garbage_bytes;
  bounds_.reached(WriteBounds::Bound::garbage, is_full);
}

// --- A full disk ---------------------------------------------------------------------------------

Status Maintenance::with_reserve(Work work) {
  const std::uint64_t before = reserve_.times_given_up();
  // What removals have left of it would be full of copies before there is a checkpoint of them.
  const Room room = reserve_.is_given_up() ? Room::reserve : Room::normal;
  Status done = (this->*work)(room);
  if (done.code() == Code::exhausted && reserve_.give_up(before)) {
    done = (this->*work)(Room::reserve);
  }
  // What was given back may be room enough, and puts wait for that.
  if (done.ok() && reserve_.is_given_up()) (void)reserve_.take().ok();
  return done;
}

// That there is no room nobody needs to hear: whoever wants to put something is told.
void Maintenance::take_reserve() {
  if (!reserve_.is_whole() && !live_.segments().empty()) (void)reserve_.take_when_due().ok();
}

Status Maintenance::last_failure() const {
  MutexLock lock(failure_mutex_);
  return last_failure_;
}

void Maintenance::checkpoint_for_next_open() {
  MutexLock lock(work_mutex_);
  if (bytes_to_replay() <= setup_.options.checkpoint_bytes / kReplayedAtOpenPart) return;
  stopping_.store(false);
  (void)checkpoint_now().ok();
  stopping_.store(true);
}

void Maintenance::close() {
  MutexLock lock(work_mutex_);
  for (const Retired& retired : retired_) remove_files(retired);
  retired_.clear();
}

// --- The trees -----------------------------------------------------------------------------------

Status Maintenance::warm_up() {
  // With a budget the trees hold what is used, and never all.
  if (live_.is_complete() || setup_.options.memory_budget > 0) return {};
  if (!warming_from_) warming_from_ = LiveState::Reached{};
  for (int i = 0; i < kSlicesInStep; ++i) {
    TALEA_TRY(check_running());
    std::optional<LiveState::Reached> reached = TALEA_TRY(live_.promote_from(
        warming_from_->space, warming_from_->key, warming_from_->key.empty(), kRowsAtOnce));
    if (!reached) {
      live_.set_complete();
      warming_from_.reset();
      return {};
    }
    warming_from_ = std::move(reached);
  }
  return {};
}

Status Maintenance::complete_index() {
  std::optional<LiveState::Reached> from = LiveState::Reached{};
  while (from) {
    TALEA_TRY(check_running());
    from = TALEA_TRY(live_.promote_from(from->space, from->key, from->key.empty(), kRowsAtOnce));
  }
  live_.set_complete();
  return {};
}

Status Maintenance::keep_within_budget() {
  const std::uint64_t budget = setup_.options.memory_budget;
  if (budget == 0 || live_.index_bytes_used() <= budget) return {};
  // Only what a run has can go.
  if (checkpoint_pays()) TALEA_TRY(with_reserve(&Maintenance::checkpoint_in));
  const std::uint64_t low = budget - budget / 8;
  for (std::uint64_t visited = 0; visited <= live_.keys() && live_.index_bytes_used() > low;
       visited += kRowsAtOnce / 4) {
    TALEA_TRY(check_running());
    (void)live_.evict(kRowsAtOnce / 4);
  }
  return {};
}

// --- Compaction ----------------------------------------------------------------------------------

// Entries on their way into a data segment.
struct Maintenance::Copies {
  std::unique_ptr<DataWriter> writer;
  SegmentHeader header;
  std::vector<LiveState::Move> copies;
  KeptKeys keys;  // of these
};

std::vector<Maintenance::SegmentPointer> Maintenance::sealed_segments() const {
  Manifest manifest = manifest_.snapshot();
  std::vector<SegmentPointer> sealed;
  for (SegmentPointer& state : live_.segments()) {
    const ManifestFile* file = manifest.find(state->segment->id());
    if (file != nullptr && file->sealed && holds_entries(*state))
      sealed.push_back(std::move(state));
  }
  return sealed;
}

Maintenance::Contents Maintenance::contents(std::uint32_t logs_below,
                                            std::uint32_t data_below) const {
  Contents contents;
  const std::uint32_t first_kept = first_log_kept();
  for (const SegmentPointer& state : live_.segments()) {
    const SegmentHeader& header = state->segment->header();
    const bool is_log = header.kind == SegmentKind::log;
    if (!holds_entries(*state) || header.id >= (is_log ? logs_below : data_below)) continue;
    // What is kept for readers of changes alone is no garbage: nothing would come of compacting it.
    const bool is_kept = is_log && header.id >= first_kept && header.id < live_.boundary();
    if (is_kept && state->live_bytes() == 0) continue;
    contents.bytes += content_bytes(*state);
    contents.live_bytes += state->live_bytes();
    contents.any_poor = contents.any_poor || is_poor(*state);
    contents.any_old_key =
        contents.any_old_key || (state->live_bytes() > 0 && is_old_key(header.key_id));
  }
  return contents;
}

bool Maintenance::compaction_is_due(std::uint64_t now_ns) const {
  const auto interval = std::chrono::nanoseconds(setup_.options.compaction_interval);
  if (interval.count() == 0) return false;
  // compact_now() waits for a checkpoint, which has to get its turn.
  if (!setup_.options.checkpoint_after_compaction && !new_data_.empty()) return false;
  const Contents all = contents();
  const std::uint64_t garbage = all.garbage();
  const bool is_poor_store = static_cast<double>(all.live_bytes) <
                             setup_.options.live_ratio * static_cast<double>(all.bytes);
  const std::uint64_t worth_a_compaction = std::max(kGarbageAtOnceMin, all.live_bytes / 8);
  if (is_poor_store && garbage >= garbage_left_ + worth_a_compaction) return true;
  // Long before writers have to wait for it.
  if (all.any_poor && garbage_bytes() >= bounds_.limits().garbage_bytes / 2) return true;
  const bool is_time = now_ns - compacted_at_ns_ >= static_cast<std::uint64_t>(interval.count());
  if (is_time && all.any_old_key) return true;
  return is_time && all.any_poor && garbage >= std::min(kGarbageMin, all.live_bytes);
}

bool Maintenance::is_old_key(std::uint32_t key_id) const {
  const KeyRing* const keys = setup_.seams.key_ring();
  return keys != nullptr && key_id != keys->newest();
}

bool Maintenance::any_old_key(const RunSet& runs) const {
  return std::any_of(runs.runs().begin(), runs.runs().end(),
                     [&](const RunSet::Run& run) { return is_old_key(run->header().key_id); });
}

bool Maintenance::is_poor(const SegmentState& state) const {
  return static_cast<double>(state.live_bytes()) <
         setup_.options.live_ratio * static_cast<double>(content_bytes(state));
}

std::vector<Maintenance::SegmentPointer> Maintenance::choose_victims() const {
  // Asked once of each: writers change the live bytes meanwhile, and a sort whose order changes
  // under it runs out of its range.
  std::vector<std::pair<double, SegmentPointer>> chosen;
  for (SegmentPointer& state : sealed_segments()) {
    const std::uint64_t live_bytes = state->live_bytes();
    // Of those without anything current the checkpoint takes care.
    if (live_bytes == 0) continue;
    if (!is_poor(*state) && !is_old_key(state->segment->header().key_id)) continue;
    const double ratio =
        static_cast<double>(live_bytes) / static_cast<double>(content_bytes(*state));
    chosen.emplace_back(ratio, std::move(state));
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<SegmentPointer> victims;
  victims.reserve(chosen.size());
  for (auto& [ratio, state] : chosen) victims.push_back(std::move(state));
  return victims;
}

Status Maintenance::compact_now(Room room) {
  const bool checkpoints = setup_.options.checkpoint_after_compaction || room == Room::reserve;
  first_log_it_missed_ = first_data_it_missed_ = kMissedNone;
  TALEA_TRY(take_over());
  // What was copied before takes its space twice until a checkpoint.
  if (!checkpoints && !new_data_.empty()) return {};
  // Runs of the past say where revisions were before they were copied, and they would be copied
  // again: one that failed came before its checkpoint.
  if (!moved_.empty()) TALEA_TRY(checkpoint_now());
  // Seals the segment that is being filled. The checkpoint comes after the copies, so that it
  // writes one row of each.
  first_data_it_missed_ = manifest_.snapshot().next_file_id;
  if (checkpoints && (bytes_to_replay() > 0 || is_log_under_old_key())) {
    first_log_it_missed_ = TALEA_TRY(sequencer_.begin_checkpoint()).id;
  }
  if (room == Room::normal) {
    // Damage to the past is no reason to collect nothing.
    const Status gave_up = give_up_history();
    if (!gave_up.ok() && gave_up.code() != Code::corruption) return gave_up;
    Status compacted = compact_sealed(kCopiedAtOnce, checkpoints);
    if (compacted.ok()) return gave_up;
    if (compacted.code() != Code::exhausted || !checkpoints) return compacted;
  }
  // There is more room when what has nothing current is gone; that needs no copy.
  TALEA_TRY(checkpoint_now());
  // In a reserve there must also be room for the checkpoint.
  return compact_sealed(room == Room::normal ? kCopiedAtOnce : reserve_.bytes() / 2, checkpoints);
}

Status Maintenance::compact_sealed(std::uint64_t copied_max, bool checkpoints) {
  // Once: garbage that others make meanwhile is for the next time. Else a busy writer would keep
  // this one going for ever, and what is damaged would be chosen again and again.
  std::vector<SegmentPointer> victims = choose_victims();
  Status damage;
  auto victim = victims.begin();
  do {
    Copies copies;
    std::uint64_t bytes = 0;
    std::vector<std::pair<SegmentPointer, Status>> damaged;
    for (; victim != victims.end(); ++victim) {
      bytes += (*victim)->live_bytes();
      const bool is_first = bytes == (*victim)->live_bytes();
      if (!is_first && (bytes > copied_max || (checkpoints && checkpoint_is_due()))) break;
      report_garbage();
      Status copied = copy_live_entries(*victim, copies);
      if (copied.code() == Code::corruption) {
        damaged.emplace_back(*victim, std::move(copied));
      } else {
        TALEA_TRY(std::move(copied));
      }
    }
    TALEA_TRY(finish_copies(copies));
    for (auto& [segment, problem] : damaged) {
      // Damage to what is of no use any more is no loss. What is of use stays where it is.
      if (segment->live_bytes() > 0) damage = std::move(problem);
    }
    if (!checkpoints) break;
    // Whoever holds on to a segment keeps its space.
    damaged.clear();
    for (auto done = victims.begin(); done != victim; ++done) done->reset();
    TALEA_TRY(checkpoint_now());
    // What each round gives back makes the next one larger.
    copied_max = std::min(2 * copied_max, kCopiedAtOnce);
  } while (victim != victims.end());
  return damage;
}

Status Maintenance::begin_copies(Copies& copies) {
  SegmentHeader& header = copies.header;
  header = {};
  header.id = TALEA_TRY(manifest_.take_file_id());
  if (header.id > kLocatableSegmentMax) return Status::exhausted("all ids of segments are used");
  header.kind = SegmentKind::data;
  header.features = kEntryFeatures;
  header.store_id = setup_.store_id;
  // No entry is older than the oldest segment's first.
  header.first_sequence = std::numeric_limits<Sequence>::max();
  header.base_now = std::numeric_limits<std::uint64_t>::max();
  for (const SegmentPointer& state : live_.segments()) {
    if (!holds_entries(*state)) continue;
    header.first_sequence =
        std::min(header.first_sequence, state->segment->header().first_sequence);
    header.base_now = std::min(header.base_now, state->segment->header().base_now);
  }
  setup_.seams.random.fill(header.salt);
  const KeyRing* const keys = setup_.seams.key_ring();
  header.encrypt(keys);
  copies.writer =
      TALEA_TRY(DataWriter::create(setup_.seams.file_system, setup_.directory, header, keys));
  return {};
}

Status Maintenance::copy_live_entries(const SegmentPointer& victim, Copies& copies) {
  Status damage;
  const History::View history = live_.history().view();
  KeptKeys keys;
  std::uint64_t slices = 0;
  for (std::uint64_t offset = kSegmentHeaderBytes; offset < victim->fill().end;) {
    if (++slices % (kRowsAtOnce / LiveState::kMovedAtOnce) == 0) TALEA_TRY(check_running());
    std::array<LiveState::Move, LiveState::kMovedAtOnce> entries;
    keys.clear();
    const std::size_t count = next_entries(*victim, offset, entries, keys, damage);
    TALEA_TRY(copy_wanted(*victim, std::span(entries).first(count), history, copies));
  }
  return damage;
}

Status Maintenance::copy_wanted(const SegmentState& victim, std::span<LiveState::Move> entries,
                                const History::View& history, Copies& copies) {
  std::array<bool, LiveState::kMovedAtOnce> current{};
  for (const LiveState::Move& entry : entries) TALEA_TRY(live_.promote(entry.space, entry.key));
  live_.are_current(entries, current);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    LiveState::Move& entry = entries[i];
    if (!current[i]) {
      // Also if it was replaced just now: it came into the buffer before.
      const LiveState::Kept kept = TALEA_TRY(live_.is_kept(history, entry));
      if (kept == LiveState::Kept::no) continue;
      entry.is_in_history_run = kept == LiveState::Kept::in_run;
    }
    TALEA_TRY(copy_entry(*victim.segment, entry, copies));
  }
  return {};
}

// The next entries that may be current, from `offset` on, which moves behind them. What is damaged
// is passed over, and the first of it noted.
std::size_t Maintenance::next_entries(const SegmentState& victim, std::uint64_t& offset,
                                      std::span<LiveState::Move> out, KeptKeys& keys,
                                      Status& damage) {
  const Segment& segment = *victim.segment;
  const std::uint64_t end = victim.fill().end;
  std::size_t count = 0;
  StoredEntry entry;
  for (offset = segment.next_entry(offset); offset < end && count < out.size();
       offset = segment.next_entry(offset + entry.bytes)) {
    const auto at = static_cast<std::uint32_t>(offset);
    if (!segment.peek(at, entry)) {
      if (damage.ok()) damage = segment.corruption_at(offset, "no entry is there");
      if (segment.outline(at, entry)) continue;  // sealed, and damaged: the next may be intact
      offset = end;
      break;
    }
    // Before its key is believed: one that is damaged looks like one that is not current.
    if (!segment.is_intact(at, entry, VerifyReads::once)) {
      if (damage.ok()) {
        damage = segment.corruption_at(offset, "the check of an entry does not match");
      }
      continue;
    }
    if (entry.is_remove()) continue;
    out[count++] = {Space{entry.space}, keys.keep(entry), location_at(segment.id(), at), {}};
  }
  return count;
}

Status Maintenance::copy_entry(const Segment& segment, const LiveState::Move& move,
                               Copies& copies) {
  if (copies.writer == nullptr) TALEA_TRY(begin_copies(copies));
  const std::uint32_t at = offset_of(move.from);
  StoredEntry entry;
  const bool is_there = segment.peek(at, entry);
  TALEA_ASSERT(is_there);
  copies.copies.push_back(move);
  copies.copies.back().key = copies.keys.keep(entry);
  copies.copies.back().to = TALEA_TRY(copies.writer->add(
      entry.source(), segment.sequence_at(at, entry), segment.time_at(at, entry)));
  if (copies.writer->bytes() >= setup_.options.segment_bytes) TALEA_TRY(finish_copies(copies));
  return {};
}

Status Maintenance::finish_copies(Copies& copies) {
  if (copies.writer == nullptr) return {};
  const DataSummary summary = TALEA_TRY(copies.writer->finish());
  copies.writer.reset();
  const std::shared_ptr<Segment> segment =
      TALEA_TRY(Segment::open(setup_.cache, setup_.directory, SegmentKind::data, copies.header.id,
                              setup_.store_id, setup_.seams.key_ring()));
  TALEA_TRY(segment->map(summary.bytes));
  segment->set_sealed(summary.bytes);
  live_.add_segment(segment, {.end = summary.bytes,
                              .entries = summary.entries,
                              .first_sequence = summary.lowest_sequence,
                              .last_sequence = summary.highest_sequence});
  SegmentPointer state = live_.share(segment->id());
  for (std::span<const LiveState::Move> rest(copies.copies); !rest.empty();) {
    const std::size_t count = std::min(rest.size(), LiveState::kMovedAtOnce);
    live_.relocate(rest.first(count), *state, moved_);
    rest = rest.subspan(count);
  }
  metrics_.bytes_compacted.add(summary.bytes);
  new_data_.push_back(std::move(state));
  copies.copies.clear();
  copies.keys.clear();
  return {};
}

// --- Checkpoints ---------------------------------------------------------------------------------

std::uint64_t Maintenance::bytes_to_replay() const {
  std::uint64_t bytes = 0;
  for (const SegmentPointer& state : live_.segments()) {
    const bool is_replayed = state->segment->header().kind == SegmentKind::log &&
                             state->segment->id() >= live_.boundary();
    if (is_replayed) bytes += content_bytes(*state);
  }
  return bytes;
}

bool Maintenance::is_log_under_old_key() const {
  const std::vector<SegmentPointer> segments = live_.segments();
  return std::any_of(segments.begin(), segments.end(), [&](const SegmentPointer& state) {
    const SegmentHeader& header = state->segment->header();
    return header.kind == SegmentKind::log && header.id >= live_.boundary() &&
           is_old_key(header.key_id);
  });
}

bool Maintenance::checkpoint_is_due() const {
  const std::uint64_t limit = setup_.options.checkpoint_bytes;
  return limit > 0 && bytes_to_replay() > limit;
}

bool Maintenance::checkpoint_pays() const {
  return bytes_to_replay() > setup_.options.memory_budget / 4;
}

Status Maintenance::checkpoint_now() {
  TALEA_TRY(take_over());
  const Sequence published = live_.published();
  if (nothing_changed()) {
    checkpointed_ = published;
    return {};
  }
  // What the manifest is about to say of extents must count what was replaced.
  if (live_.has_unreleased()) TALEA_TRY(complete_index());
  CommitLog::Boundary boundary = TALEA_TRY(sequencer_.begin_checkpoint());
  const std::optional<ManifestRun> run = TALEA_TRY(write_run(boundary));
  const std::optional<ManifestRun> history = TALEA_TRY(write_history(boundary));

  const std::uint32_t first_log = std::min(boundary.id, first_log_kept());
  std::vector<std::uint32_t> dead;
  const std::vector<SegmentPointer> new_data = new_data_;
  TALEA_TRY(manifest_.commit([&](Manifest& manifest) {
    dead.clear();
    for (const SegmentPointer& state : new_data) {
      const SegmentFill fill = state->fill();
      manifest.add({.kind = SegmentKind::data,
                    .id = state->segment->id(),
                    .sealed = true,
                    .bytes = fill.end,
                    .entries = fill.entries,
                    .first_sequence = fill.first_sequence,
                    .last_sequence = fill.last_sequence});
    }
    for (ManifestFile& file : manifest.files) {
      const auto live = boundary.live_bytes.find(file.id);
      if (live == boundary.live_bytes.end()) continue;  // younger than the boundary
      file.live_bytes = std::min<std::uint64_t>(live->second, UINT32_MAX);
      if (live->second == 0 && may_go(file, first_log)) dead.push_back(file.id);
    }
    for (const std::uint32_t id : dead) manifest.remove(id);
    if (run) manifest.add_run(*run);
    if (history) manifest.add_history_run(*history);
    manifest.replay_from = boundary.id;
    manifest.checkpoint_keys = boundary.keys;
  }));
  new_data_.clear();
  moved_.clear();
  gave_up_ = false;
  checkpointed_ = boundary.pin.sequence();
  metrics_.checkpoints.add();
  // A tombstone whose key this run has must not be forgotten before it is known that the run has
  // it. So the pin holds it till then.
  pin_ = std::move(boundary.pin);
  replaced_.emplace();
  replaced_->history_buffers = boundary.history_buffers;
  for (const std::uint32_t id : dead) {
    SegmentPointer state = live_.share(id);
    if (state == nullptr) continue;
    replaced_->files.push_back(state->segment->name());
    replaced_->segments.push_back(std::move(state));
  }
  TALEA_TRY(take_over());
  purge_tombstones();
  let_go_of_retired();
  report_garbage();
  return {};
}

Status Maintenance::checkpoint_in(Room) {
  TALEA_TRY(checkpoint_now());
  TALEA_TRY(merge_runs());
  return merge_history();
}

std::uint32_t Maintenance::first_log_kept() const {
  std::uint64_t room = setup_.options.changes_bytes;
  std::uint32_t first = kMissedNone;
  if (room == 0) return first;
  std::vector<SegmentPointer> segments = live_.segments();  // by id
  for (auto state = segments.rbegin(); state != segments.rend(); ++state) {
    if ((*state)->segment->header().kind != SegmentKind::log) continue;
    const std::uint64_t bytes = content_bytes(**state);
    if (bytes > room) break;
    room -= bytes;
    first = (*state)->segment->id();
  }
  return first;
}

// Whether a sealed segment in which nothing is current is of no more use.
bool Maintenance::may_go(const ManifestFile& file, std::uint32_t first_log) const {
  if (!file.sealed) return false;
  switch (file.kind) {
    case SegmentKind::log: return file.id < first_log;
    case SegmentKind::data: return true;
    // In one of this session there may be a value whose batch is yet to come; and while the index
    // is incomplete it is not known who refers to a value.
    case SegmentKind::extent: return file.id < first_new_id_ && live_.is_complete();
  }
  return false;
}

Result<std::optional<ManifestRun>> Maintenance::write_run(const CommitLog::Boundary& boundary) {
  ChangedRows rows({.live = live_,
                    .at = boundary.pin.sequence(),
                    .from = live_.boundary(),
                    .to = boundary.id,
                    .memory_bytes_max = rows_bytes_max(setup_.options),
                    .check_running = [this] { return check_running(); }});
  const std::unique_ptr<RunFileWriter> writer =
      TALEA_TRY(begin_run(boundary.id, filter_keys(rows.entries(), live_.runs()->empty())));

  TALEA_TRY(rows.visit([&](const LiveState::Found& found) {
    return writer->add(Space{found.entry.space}, found.entry.key, found.row());
  }));
  if (writer->stats().rows == 0) return std::optional<ManifestRun>();
  const RunFileInfo info = TALEA_TRY(writer->finish());
  metrics_.run_bytes_written.add(info.bytes);
  return std::optional(manifest_run(info, info.id));
}

// Opens the runs that the manifest names and are not open, and lets readers use them all.
Status Maintenance::switch_runs() {
  const Manifest manifest = manifest_.snapshot();
  const auto runs = TALEA_TRY(open_runs_of(manifest.runs_newest_first(), *live_.runs()));
  const auto history =
      TALEA_TRY(open_runs_of(manifest.history_runs_newest_first(), *live_.history().view().runs));
  live_.set_runs(runs, manifest.replay_from, live_.is_complete());
  live_.history().set_runs(history, {manifest.history.from_sequence, manifest.history.from_time},
                           std::exchange(replaced_->history_buffers, 0));
  return {};
}

// Those that are open already, and the others.
Result<std::shared_ptr<const RunSet>> Maintenance::open_runs_of(
    const std::vector<ManifestRun>& newest_first, const RunSet& present) const {
  std::vector<RunSet::Run> runs;
  runs.reserve(newest_first.size());
  for (const ManifestRun& run : newest_first) {
    const auto at = std::find_if(
        present.runs().begin(), present.runs().end(),
        [&](const RunSet::Run& open) { return open->header().identity.file_id == run.id; });
    if (at != present.runs().end()) {
      runs.push_back(*at);
      continue;
    }
    runs.push_back(
        TALEA_TRY(open_run(setup_.seams.file_system, setup_.directory, run_file_info(run),
                           setup_.store_id, {.mapped = true, .keys = setup_.seams.key_ring()})));
  }
  return RunSet::of(std::move(runs));
}

Result<std::unique_ptr<RunFileWriter>> Maintenance::begin_run(std::uint32_t id,
                                                              std::uint64_t keys_expected) {
  RunFileWriter::Setup setup;
  setup.identity.file_id = id;
  setup.identity.store_id = setup_.store_id;
  setup_.seams.random.fill(setup.identity.salt);
  setup.keys = setup_.seams.key_ring();
  setup.keys_expected = keys_expected;
  return RunFileWriter::create(setup_.seams.file_system, setup_.directory, setup);
}

// The runs may not open, as when the process has too many files. Then what comes next begins with
// another try, because it goes by what the manifest names.
Status Maintenance::take_over() {
  if (!replaced_) return {};
  TALEA_TRY(switch_runs());
  pin_.reset();
  if (!replaced_->files.empty()) {
    retire(std::move(replaced_->segments), std::move(replaced_->files));
  }
  replaced_.reset();
  return {};
}

Status Maintenance::merge_runs() {
  TALEA_TRY(take_over());
  const std::vector<ManifestRun> runs = manifest_.snapshot().runs_newest_first();
  const std::shared_ptr<const RunSet> open = live_.runs();
  const std::optional<RunMergePlan> plan =
      any_old_key(*open) ? merge_of_all(runs) : plan_merge(runs);
  if (!plan) return drop_keys();
  const auto first = static_cast<std::ptrdiff_t>(plan->begin);
  const auto last = static_cast<std::ptrdiff_t>(plan->end);
  const auto inputs = RunSet::of({open->runs().begin() + first, open->runs().begin() + last});
  const std::vector<ManifestRun> merged(runs.begin() + first, runs.begin() + last);

  const std::uint32_t id = TALEA_TRY(manifest_.take_file_id());
  RunMerger merger(inputs, TALEA_TRY(begin_run(id, filter_keys(inputs->keys(), plan->to_oldest))),
                   {.drop_tombstones = plan->to_oldest});
  int checkpoints = 0;
  while (!TALEA_TRY(merger.step(kRowsAtOnce))) {
    TALEA_TRY(check_running());
    // The log grows meanwhile, and a run above those that are merged is in nobody's way.
    if (checkpoints == kCheckpointsInMerge || !checkpoint_is_due()) continue;
    TALEA_TRY(checkpoint_now());
    ++checkpoints;
  }
  const RunFileInfo info = TALEA_TRY(merger.finish());
  metrics_.run_bytes_written.add(info.bytes);
  TALEA_TRY(manifest_.commit([&](Manifest& manifest) {
    for (const ManifestRun& run : merged) manifest.remove(run.id);
    manifest.add_run(manifest_run(info, merged.front().layer));
  }));
  replaced_.emplace();
  for (const ManifestRun& run : merged) replaced_->files.push_back(run_file_name(run.id));
  TALEA_TRY(take_over());
  return drop_keys();
}

// --- Letting go ----------------------------------------------------------------------------------

Status Maintenance::drop_keys() {
  return setup_.seams.keys == nullptr ? Status() : setup_.seams.keys->drop_unused();
}

void Maintenance::purge_tombstones() {
  // Those that snapshots needed till now come first.
  while (!stopping_.load() && live_.prune_some()) {
  }
  std::size_t rest = live_.tombstones();
  while (!stopping_.load() && rest > 0) {
    const std::size_t count = std::min(rest, kRowsAtOnce / 4);
    live_.purge_tombstones(count);
    rest -= count;
  }
}

void Maintenance::retire(std::vector<SegmentPointer> segments, std::vector<std::string> files) {
  retired_.push_back(
      {std::move(segments), std::move(files), live_.published(), live_.epochs().advance()});
}

void Maintenance::remove_files(const Retired& retired) {
  for (const std::string& file : retired.files) {
    // No manifest names it: the next open removes what this cannot.
    (void)setup_.seams.file_system.remove(join_path(setup_.directory, file)).ok();
  }
}

// Whether nobody is left who came before it was retired, or purged.
bool Maintenance::is_free(const Retired& retired) const {
  return live_.oldest_snapshot() > retired.seen && live_.epochs().oldest_reader() > retired.epoch;
}

Result<HeldFiles> Maintenance::hold_files(const std::function<Status()>& finish_extents) {
  const Caller caller(callers_);
  MutexLock lock(work_mutex_);
  TALEA_TRY(check_running());
  TALEA_TRY(take_over());
  const CommitLog::Boundary boundary = TALEA_TRY(sequencer_.begin_checkpoint());
  // Behind the cut: all that its batches refer to is in files that are finished here.
  TALEA_TRY(finish_extents());
  holds_.fetch_add(1);
  HeldFiles held;
  held.hold = std::shared_ptr<const void>(this, [this](const void*) { holds_.fetch_sub(1); });
  held.manifest = manifest_.snapshot();
  Manifest& manifest = held.manifest;
  manifest.last_sequence = boundary.pin.sequence();
  manifest.last_now = std::max(manifest.last_now, sequencer_.last_now());
  std::erase_if(manifest.files, [&](const ManifestFile& file) {
    return !file.sealed || (file.kind == SegmentKind::log && file.id >= boundary.id);
  });
  held.first_sequence = first_restorable(manifest);
  if (setup_.seams.keys != nullptr) held.keys = TALEA_TRY(setup_.seams.keys->intact_file());
  return held;
}

Status Maintenance::end_log() {
  const Caller caller(callers_);
  MutexLock lock(work_mutex_);
  TALEA_TRY(check_running());
  TALEA_TRY(take_over());
  return sequencer_.begin_checkpoint().status();
}

// Before the log that is replayed there is nothing to cut, and the rows of a restored state are not
// what led to it.
Sequence Maintenance::first_restorable(const Manifest& manifest) const {
  Sequence first = manifest.last_sequence;
  for (auto file = manifest.files.rbegin(); file != manifest.files.rend(); ++file) {
    if (file->kind != SegmentKind::log || file->entries == 0) continue;
    const SegmentPointer state = live_.share(file->id);
    const bool is_state =
        state == nullptr || (state->segment->header().features & kFeatureState) != 0;
    if (file->id < manifest.replay_from || is_state) break;
    first = state->fill().first_sequence - 1;
  }
  for (const ManifestRun& run : manifest.runs) first = std::max(first, run.highest_sequence);
  for (const ManifestRun& run : manifest.history_runs) {
    first = std::max(first, run.highest_sequence);
  }
  return first;
}

void Maintenance::let_go_of_retired() {
  if (holds_.load() > 0) return;
  std::vector<Retired*> unseen;
  for (Retired& retired : retired_) {
    if (!retired.in_no_tree && is_free(retired)) unseen.push_back(&retired);
  }
  if (!unseen.empty()) {
    // The last that may point into them: no snapshot keeps these any more. But a scan that began
    // after the segments were retired may have met one in a tree, and look at it yet: wait for it.
    for (const Retired* retired : unseen) live_.raise_floor(retired->seen);
    purge_tombstones();
    if (stopping_.load()) return;
    for (Retired* retired : unseen) {
      retired->in_no_tree = true;
      retired->seen = live_.published();
      retired->epoch = live_.epochs().advance();
    }
  }
  bool any_removed = false;
  for (auto retired = retired_.begin(); retired != retired_.end();) {
    if (!retired->in_no_tree || !is_free(*retired)) {
      ++retired;
      continue;
    }
    for (const SegmentPointer& state : retired->segments) {
      live_.remove_segment(state->segment->id());
    }
    remove_files(*retired);
    any_removed = true;
    retired = retired_.erase(retired);
  }
  // A file system may keep the space of a file until its removal is durable.
  if (any_removed) (void)setup_.seams.file_system.sync_directory(setup_.directory).ok();
}

}  // namespace talea
