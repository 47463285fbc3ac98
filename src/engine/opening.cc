#include "engine/opening.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/assert.h"
#include "engine/history_rows.h"
#include "engine/run_layers.h"
#include "engine/space_reserve.h"
#include "keys/master_key.h"
#include "log/segment_scanner.h"

namespace talea {

namespace {

// Descriptors for sealed segments; a process may have 1024 by default, and has other uses for them.
constexpr std::size_t kOpenFilesMax = 256;

// The directory that a file system makes at its root is nobody's.
constexpr const char* kLostAndFound = "lost+found";

std::string within(std::uint64_t given, std::uint64_t minimum, std::uint64_t maximum) {
  return "must be " + std::to_string(minimum) + " to " + std::to_string(maximum) + "; it is " +
         std::to_string(given);
}

bool is_ours(const std::string& name) {
  return name == kLockName || name == kManifestName || name == kManifestTemporaryName ||
         name == kReserveName || name == kKeyFileName || name == kKeyFileTemporaryName ||
         parse_segment_file_name(name).has_value() || parse_run_file_name(name).has_value();
}

Status not_opened(Status failure) {
  if (failure.code() != Code::corruption) return failure;
  return std::move(failure).with_context(
      "the store was not opened, and nothing was changed; `talea verify` lists all that is wrong; "
      "restore it from a backup");
}

// Who holds the lock, for the message that whoever comes second gets.
std::string owner_text(const Seams& seams) {
  char host[256] = "unknown";
  (void)gethostname(host, sizeof host - 1);
  const auto seconds = static_cast<std::time_t>(seams.clock.wall_ms() / 1000);
  std::tm utc{};
  char since[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) {
    (void)std::strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
  }
  return "talea lock 1: process " + std::to_string(getpid()) + " on " + host + ", since " + since;
}

Status check_retention(const Retention& retention) {
  const std::uint64_t amount = retention.amount();
  if (retention.kind() == Retention::Kind::revisions &&
      (amount < kRevisionsMin || amount > kRevisionsMax)) {
    return Status::invalid_argument("Options::retention: revisions() " +
                                    within(amount, kRevisionsMin, kRevisionsMax) +
                                    "; for the newest alone give latest()");
  }
  if (retention.kind() == Retention::Kind::duration && (amount < 1 || amount > kRetentionMsMax)) {
    return Status::invalid_argument("Options::retention: duration(), in ms, " +
                                    within(amount, 1, kRetentionMsMax));
  }
  return {};
}

}  // namespace

Status check_options(const Options& options) {
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax) {
    return Status::invalid_argument("Options::segment_bytes " + within(options.segment_bytes,
                                                                       kSegmentBytesMin,
                                                                       kSegmentBytesMax));
  }
  const auto interval = options.sync_interval.count();
  if (interval < static_cast<std::int64_t>(kSyncIntervalMsMin) ||
      interval > static_cast<std::int64_t>(kSyncIntervalMsMax)) {
    return Status::invalid_argument(
        "Options::sync_interval must be " + std::to_string(kSyncIntervalMsMin) + " to " +
        std::to_string(kSyncIntervalMsMax) + " ms; it is " + std::to_string(interval));
  }
  const auto compaction = options.compaction_interval.count();
  if (compaction != 0 && (compaction < static_cast<std::int64_t>(kCompactionIntervalMsMin) ||
                          compaction > static_cast<std::int64_t>(kCompactionIntervalMsMax))) {
    return Status::invalid_argument("Options::compaction_interval must be 0 or " +
                                    std::to_string(kCompactionIntervalMsMin) + " to " +
                                    std::to_string(kCompactionIntervalMsMax) + " ms; it is " +
                                    std::to_string(compaction));
  }
  if (!(options.live_ratio >= kLiveRatioMin && options.live_ratio <= kLiveRatioMax)) {
    return Status::invalid_argument("Options::live_ratio must be 0.05 to 0.95; it is " +
                                    std::to_string(options.live_ratio));
  }
  if (options.memory_budget != 0 && options.memory_budget < kMemoryBudgetMin) {
    return Status::invalid_argument("Options::memory_budget must be 0 or at least " +
                                    std::to_string(kMemoryBudgetMin) + "; it is " +
                                    std::to_string(options.memory_budget));
  }
  if (options.compress_from_bytes != 0 && (options.compress_from_bytes < kCompressFromBytesMin ||
                                           options.compress_from_bytes > kInlineValueBytesMax)) {
    return Status::invalid_argument("Options::compress_from_bytes must be 0 or " +
                                    std::to_string(kCompressFromBytesMin) + " to " +
                                    std::to_string(kInlineValueBytesMax) + " bytes; it is " +
                                    std::to_string(options.compress_from_bytes));
  }
  if (options.checkpoint_bytes != 0 && options.checkpoint_bytes < kCheckpointBytesMin) {
    return Status::invalid_argument("Options::checkpoint_bytes must be 0 or at least " +
                                    std::to_string(kCheckpointBytesMin) + "; it is " +
                                    std::to_string(options.checkpoint_bytes));
  }
  if (options.retention) TALEA_TRY(check_retention(*options.retention));
  if (options.worker_threads > kWorkerThreadsMax) {
    return Status::invalid_argument("Options::worker_threads " +
                                    within(options.worker_threads, 0, kWorkerThreadsMax));
  }
  if (options.verify_reads != VerifyReads::once && options.verify_reads != VerifyReads::always) {
    return Status::invalid_argument("Options::verify_reads must be once or always");
  }
  if (options.sync != SyncMode::always && options.sync != SyncMode::interval &&
      options.sync != SyncMode::never) {
    return Status::invalid_argument("Options::sync must be always, interval or never");
  }
  return {};
}

namespace {

// What a look at the directory says, before anything is touched.
enum class Contents { nothing, store };

Status not_there(const std::string& path, const Options& options) {
  return Status::not_found(
      "there is no store in " + path +
      (options.read_only ? "; opening for reading creates none" : "; create_if_missing is off"));
}

Result<Contents> look_at(const Seams& seams, const std::string& path) {
  const bool exists = TALEA_TRY(seams.file_system.exists(path));
  if (!exists) return Contents::nothing;
  const std::vector<std::string> names = TALEA_TRY(seams.file_system.list(path));
  if (std::find(names.begin(), names.end(), kManifestName) != names.end()) return Contents::store;
  for (const std::string& name : names) {
    if (name == kLostAndFound) continue;
    if (!is_ours(name)) {
      return Status::invalid_argument(path + " is not empty and holds no store: it has " + name +
                                      ". Give a new or an empty directory; nothing was changed");
    }
    if (parse_segment_file_name(name)) {
      return Status::corruption(path + " has " + name + " but no " + kManifestName +
                                ", which says what belongs to the store. Restore it from a "
                                "backup; nothing was changed");
    }
  }
  return Contents::nothing;  // or a creation that was cut short before its manifest
}

std::unique_ptr<KeyKeeper> make_keeper(const Seams& seams, const std::string& path,
                                       const SecretKey& master) {
  return std::make_unique<KeyKeeper>(seams.file_system, seams.random, path, master);
}

// The key file comes first: a manifest that says that the store is encrypted has its keys.
Status create_store(const Seams& seams, const std::string& path, const Options& options,
                    LockedDirectory& locked) {
  Manifest& manifest = locked.manifest;
  seams.random.fill(manifest.store_id);
  manifest.generation = 1;
  manifest.encrypted = options.encryption.is_given();
  if (manifest.encrypted) {
    locked.keys =
        make_keeper(seams, path, TALEA_TRY(load_master_key(seams.file_system, options.encryption)));
    TALEA_TRY(locked.keys->create(manifest.store_id, seams.clock.wall_ms()));
  }
  return write_manifest(seams.file_system, path, manifest);
}

Status open_keys(const Seams& seams, const std::string& path, const Options& options,
                 LockedDirectory& locked) {
  const bool is_given = options.encryption.is_given();
  if (!locked.manifest.encrypted) {
    if (!is_given) return {};
    return Status::invalid_argument(
        "the store in " + path +
        " is not encrypted, and a key is given. To encrypt what it holds, make another store of "
        "it: `talea export` without a key, then `talea import` with one. Nothing was changed");
  }
  if (!is_given) {
    return Status::unauthenticated("the store in " + path +
                                   " is encrypted, and no key is given: name the source of its "
                                   "master key in Options::encryption, or with --key-file");
  }
  locked.keys =
      make_keeper(seams, path, TALEA_TRY(load_master_key(seams.file_system, options.encryption)));
  return locked.keys->read(locked.manifest.store_id);
}

}  // namespace

Seams with_keys(const Seams& seams, KeyKeeper* keys) {
  return {seams.file_system, seams.clock, seams.random, seams.executor, keys};
}

Result<LockedDirectory> lock_directory(const Seams& seams, const std::string& path,
                                       const Options& options) {
  FileSystem& file_system = seams.file_system;
  Contents contents = TALEA_TRY(look_at(seams, path));
  if (contents == Contents::nothing) {
    if (options.read_only || !options.create_if_missing) return not_there(path, options);
    const bool existed = TALEA_TRY(file_system.exists(path));
    TALEA_TRY(file_system.create_directory(path).with_context(
        "create the store's directory (its parent must exist)"));
    // Also when it was there: whoever made it may not have synced its name.
    Status named = file_system.sync_directory(parent_path(path));
    const bool not_ours = existed && named.code() == Code::denied;
    if (!not_ours) TALEA_TRY(std::move(named));
  }
  LockedDirectory locked;
  auto lock = file_system.lock(join_path(path, kLockName),
                               options.read_only ? LockKind::shared : LockKind::exclusive,
                               owner_text(seams));
  if (lock.status().code() == Code::unavailable) {
    return std::move(lock).status().with_context(
        "the store is in use; close it there first (one may write, or several read)");
  }
  locked.lock = TALEA_TRY(std::move(lock));
  // Somebody may have created or changed the store before the lock was ours.
  contents = TALEA_TRY(look_at(seams, path));
  if (contents == Contents::nothing) {
    if (options.read_only) return not_there(path, options);
    TALEA_TRY(create_store(seams, path, options, locked));
  } else {
    locked.manifest = TALEA_TRY(read_manifest(file_system, path));
    // The manifest that we see may be one whose rename was not made durable: its writer died, or
    // its directory sync failed. Nothing may be built on it, or told of it, before it is.
    if (!options.read_only) TALEA_TRY(file_system.sync_directory(path));
    TALEA_TRY(open_keys(seams, path, options, locked));
  }
  return locked;
}

namespace {

class Opening {
 public:
  Opening(const Seams& seams, const std::string& path, const Options& options)
      : seams_(seams), path_(path), options_(options) {}

  Result<OpenedDirectory> run() {
    LockedDirectory locked = TALEA_TRY(lock_directory(seams_, path_, options_));
    opened_.lock = std::move(locked.lock);
    opened_.keys = std::move(locked.keys);
    opened_.manifest = std::move(locked.manifest);
    opened_.cache = std::make_unique<FileCache>(seams_.file_system, kOpenFilesMax);
    opened_.live = std::make_unique<LiveState>();
    opened_.replayed.last_now = opened_.manifest.last_now;
    TALEA_TRY(open_checkpoint());
    TALEA_TRY(open_history());
    TALEA_TRY(replay_log());
    ReplayState& replayed = opened_.replayed;
    replayed.last_sequence = std::max(replayed.last_sequence, opened_.manifest.last_sequence);
    opened_.report.batches_replayed = replayed.batches;
    opened_.report.last_sequence = replayed.last_sequence;
    begin_history();
    if (!options_.read_only) {
      TALEA_TRY(check_leftovers());
      TALEA_TRY(settle_on_any_disk());
      TALEA_TRY(remove_leftovers());
      give_back_space();
    }
    return std::move(opened_);
  }

 private:
  // An open log segment.
  struct Tail {
    std::shared_ptr<Segment> segment;
    ReplayedSegment replayed;
    bool counts = true;  // else the log ends before it
    bool is_blank() const { return replayed.fill.entries == 0; }
  };

  Result<std::shared_ptr<Segment>> open_segment(const ManifestFile& file) {
    // Only the tail that a crash left open is written to again.
    const bool write = !file.sealed && !options_.read_only;
    const StoreId& store_id = opened_.manifest.store_id;
    auto opened =
        write ? Segment::open(seams_.file_system, path_, file.kind, file.id, store_id,
                              OpenMode::write, key_ring())
              : Segment::open(*opened_.cache, path_, file.kind, file.id, store_id, key_ring());
    if (opened.ok() || opened.status().code() != Code::not_found) return opened;
    return Status::corruption(segment_file_name(file.kind, file.id) +
                              " is missing; the manifest says that it belongs to the store. "
                              "Restore it from a backup");
  }

  const KeyRing* key_ring() const {
    return opened_.keys == nullptr ? nullptr : &opened_.keys->ring();
  }

  // A log segment that the checkpoint has passed, and all that is not log.
  bool is_replayed(const ManifestFile& file) const {
    return file.kind == SegmentKind::log && file.id >= opened_.manifest.replay_from;
  }

  // What is not replayed: extents, and what the runs point into. O(files).
  Status open_checkpoint() {
    for (const ManifestFile& file : opened_.manifest.files) {
      if (is_replayed(file)) continue;
      std::shared_ptr<Segment> segment = TALEA_TRY(open_segment(file));
      const std::uint64_t size = TALEA_TRY(segment->file().size());
      SegmentFill fill;
      fill.end = file.sealed ? file.bytes : size;
      fill.entries = file.entries;
      fill.first_sequence = file.first_sequence;
      fill.last_sequence = file.last_sequence;
      if (file.kind != SegmentKind::extent) {
        if (size < file.bytes) {
          return segment->corruption_at(size, "the file ends here; the manifest says that it has " +
                                                  std::to_string(file.bytes) + " bytes");
        }
        TALEA_TRY(segment->map(file.bytes));
        segment->set_sealed(file.bytes);
      }
      opened_.live->add_segment(std::move(segment), fill).add_live(file.live_bytes);
    }
    return open_index();
  }

  Status open_index() {
    auto runs =
        TALEA_TRY(talea::open_runs(seams_.file_system, path_, opened_.manifest, key_ring()));
    opened_.live->set_runs(std::move(runs), opened_.manifest.replay_from, false);
    opened_.live->set_keys(opened_.manifest.checkpoint_keys);
    return {};
  }

  // What the store keeps from now on.
  Retention retention() const {
    const Retention& present = opened_.manifest.history.retention;
    return options_.read_only ? present : options_.retention.value_or(present);
  }

  // Before the log is replayed, which goes on from what the runs say.
  Status open_history() {
    Manifest& manifest = opened_.manifest;
    History& history = opened_.live->history();
    history.set_keeps(retention().keeps_past());
    if (!manifest.history.retention.keeps_past()) return {};
    std::vector<RunSet::Run> open;
    open.reserve(manifest.history_runs.size());
    for (const ManifestRun& run : manifest.history_runs_newest_first()) {
      open.push_back(TALEA_TRY(open_run(seams_.file_system, path_, run_file_info(run),
                                        manifest.store_id, {.mapped = true, .keys = key_ring()})));
    }
    const auto runs = RunSet::of(std::move(open));
    const bool drops = !retention().keeps_past();
    const bool any_large = std::any_of(
        runs->runs().begin(), runs->runs().end(),
        [](const RunSet::Run& run) { return (run->header().features & kRunFeatureExtents) != 0; });
    if (drops || any_large) TALEA_TRY(walk_history(runs, drops));
    if (!drops) {
      history.set_runs(runs, {manifest.history.from_sequence, manifest.history.from_time}, 0);
      return {};
    }
    manifest.history_runs.clear();  // their files are left over then
    manifest.history = {};
    changes_manifest_ = true;
    return {};
  }

  // Counts who refers to large values. With `drops` no revision is kept any more.
  Status walk_history(const std::shared_ptr<const RunSet>& runs, bool drops) {
    absl::flat_hash_map<std::uint32_t, std::uint64_t> bytes;
    std::vector<ExtentList> large;
    HistoryRows rows(runs);
    for (TALEA_TRY(rows.seek_first()); rows.valid();) {
      const RunRevision row = rows.revision();
      if (!row.tombstone && row.address.segment <= kLocatableSegmentMax) {
        bytes[static_cast<std::uint32_t>(row.address.segment)] += row.address.bytes;
      }
      if (row.extents) {
        const auto found = opened_.live->entry_of_row(rows.space(), rows.key(), row);
        // Of one that is damaged the chunks stay.
        if (!found.ok() && found.status().code() != Code::corruption) return found.status();
        auto list = found.ok() ? decode_extent_list(found->entry.value) : std::nullopt;
        if (list) large.push_back(std::move(*list));
      }
      TALEA_TRY(rows.next());
    }
    for (const ExtentList& list : large) opened_.live->add_reference(list);
    if (!drops) return {};
    absl::erase_if(bytes,
                   [&](const auto& in) { return opened_.manifest.find(in.first) == nullptr; });
    absl::flat_hash_map<std::uint32_t, std::uint64_t> given_up = bytes;
    if (!large.empty()) {
      // No later open says again that nobody refers to them.
      TALEA_TRY(complete_index());
      opened_.live->add_bytes_of_values(large, given_up);
    }
    for (const auto& [id, count] : given_up) {
      ManifestFile* const file = opened_.manifest.find(id);
      if (file != nullptr) file->live_bytes -= std::min(file->live_bytes, count);
    }
    opened_.live->give_up(bytes, large);
    return {};
  }

  Status complete_index() {
    std::optional<LiveState::Reached> from = LiveState::Reached{};
    while (from) {
      constexpr std::size_t kRowsAtOnce = 10'000;
      from = TALEA_TRY(
          opened_.live->promote_from(from->space, from->key, from->key.empty(), kRowsAtOnce));
    }
    opened_.live->set_complete();
    return {};
  }

  // Behind the replay: what was replayed is the past of a store that keeps one from now on.
  void begin_history() {
    ManifestHistory& history = opened_.manifest.history;
    const Retention before = history.retention;
    if (retention() == before) return;
    changes_manifest_ = true;
    opened_.is_retention_lowered = before.keeps_past();
    if (!before.keeps_past()) {
      history.from_sequence = opened_.replayed.last_sequence;
      history.from_time = opened_.replayed.last_now;
      opened_.live->history().set_runs(RunSet::of({}), {history.from_sequence, history.from_time},
                                       0);
    }
    history.retention = retention();
  }

  Status replay_log() {
    for (const ManifestFile& file : opened_.manifest.files) {
      if (!is_replayed(file)) continue;
      std::shared_ptr<Segment> segment = TALEA_TRY(open_segment(file));
      if (!file.sealed) {
        tails_.push_back({std::move(segment), {}, true});
        continue;
      }
      const ReplayedSegment replayed = TALEA_TRY(replay_segment(file, segment));
      if (replayed.excess_bytes > 0) too_long_.push_back(file);
    }
    return replay_tails();
  }

  Result<ReplayedSegment> replay_segment(const ManifestFile& file,
                                         const std::shared_ptr<Segment>& segment) {
    TALEA_TRY(segment->map(file.sealed ? file.bytes : TALEA_TRY(segment->file().size())));
    SegmentState& state = opened_.live->add_segment(segment);
    auto replayed = talea::replay_segment(state, file, opened_.replayed, *opened_.live);
    if (!replayed.ok()) return not_opened(std::move(replayed).status());
    state.set_fill(replayed->fill);
    segment->set_sealed(replayed->fill.end);
    return replayed;
  }

  // docs/formats/log.md, "Where the log ends".
  Status replay_tails() {
    ReplayState& replayed = opened_.replayed;
    // Every segment before is sealed, so that is where the log goes on.
    replayed.last_sequence = std::max(replayed.last_sequence, opened_.manifest.last_sequence);
    Sequence claimed = 0;
    const Tail* last = nullptr;
    for (Tail& tail : tails_) {
      if (last != nullptr) {
        auto goes_on = goes_on_after(*tail.segment, replayed.last_sequence);
        if (!goes_on.ok()) return not_opened(std::move(goes_on).status());
        tail.counts = *goes_on;
      }
      if (tail.counts) {
        const ManifestFile& file = *opened_.manifest.find(tail.segment->id());
        tail.replayed = TALEA_TRY(replay_segment(file, tail.segment));
        last = &tail;
      } else {
        tail.replayed = TALEA_TRY(pass_over_segment(*tail.segment));
      }
      claimed = std::max(claimed, tail.replayed.claimed);
      report_dropped(tail);
    }
    if (claimed > replayed.last_sequence) return damaged_at_end(*last, claimed);
    return {};
  }

  Status damaged_at_end(const Tail& last, Sequence claimed) const {
    const std::string& problem = last.replayed.problem;
    return not_opened(last.segment->corruption_at(
        last.replayed.fill.end,
        (problem.empty() ? "the log ends here" : problem) + ". It belongs to a batch after " +
            "sequence " + std::to_string(opened_.replayed.last_sequence) +
            ", and later records say that the log was durable through sequence " +
            std::to_string(claimed) + ", so this is damage and not the end that a crash leaves"));
  }

  void report_dropped(const Tail& tail) {
    RecoveryReport& report = opened_.report;
    if (tail.replayed.torn_bytes == 0) return;
    if (report.bytes_dropped == 0) {
      report.dropped_from_file = tail.segment->name();
      report.dropped_from_offset = tail.replayed.fill.end;
    }
    report.bytes_dropped += tail.replayed.torn_bytes;
  }

  bool anything_open() const {
    return std::any_of(opened_.manifest.files.begin(), opened_.manifest.files.end(),
                       [](const ManifestFile& file) { return !file.sealed; });
  }

  // A store on a full disk must open, or nothing could be deleted from it.
  Status settle_on_any_disk() {
    Status settled = settle();
    if (settled.code() != Code::exhausted) return settled;
    if (!give_up_reserve(seams_.file_system, path_)) return settled;
    return settle();
  }

  Status settle() {
    if (!anything_open() && !changes_manifest_) return {};
    // A second segment that goes on proves the first.
    if (tails_.size() > 1 && tails_[1].replayed.proven_end > kSegmentHeaderBytes) {
      tails_[0].replayed.proven_end = tails_[0].replayed.fill.end;
    }
    for (const Tail& tail : tails_) TALEA_TRY(tail.is_blank() ? blank(tail) : harden(tail));
    Manifest settled = opened_.manifest;
    for (const Tail& tail : tails_) {
      // A segment without a record is of no use; what is not named is removed below.
      if (tail.is_blank()) settled.remove(tail.segment->id());
    }
    for (ManifestFile& file : settled.files) {
      if (file.sealed) continue;
      file.sealed = true;
      for (const std::shared_ptr<SegmentState>& state : opened_.live->segments()) {
        if (state->segment->id() != file.id) continue;
        const SegmentFill fill = state->fill();
        file.bytes = fill.end;
        file.entries = fill.entries;
        if (fill.entries > 0) file.first_sequence = fill.first_sequence;
        file.last_sequence = fill.last_sequence;
      }
    }
    ++settled.generation;
    settled.last_sequence = opened_.replayed.last_sequence;
    settled.last_now = opened_.replayed.last_now;
    TALEA_TRY(write_manifest(seams_.file_system, path_, settled));
    opened_.manifest = std::move(settled);
    // From here on the manifest says where a segment ends; what is behind is only space.
    for (const Tail& tail : tails_) {
      (void)tail.segment->file().truncate(tail.replayed.fill.end).ok();
      const bool is_open = tail.counts && tail.is_blank();  // and of no use any more
      if (is_open) opened_.live->remove_segment(tail.segment->id());
    }
    return {};
  }

  // A tail without a good record may have a torn one, and good ones behind it. They go before the
  // manifest forgets the file: one that is not named and holds a batch is refused.
  static Status blank(const Tail& tail) {
    const Segment& segment = *tail.segment;
    TALEA_TRY(segment.file().truncate(kSegmentHeaderBytes).with_context(segment.name()));
    return segment.file().sync_data().with_context("cut the torn tail of " + segment.name());
  }

  // Writes the part of the tail that no later record proves durable once more, the same bytes to
  // the same places, and syncs it. Without this a batch that is only in the page cache could be
  // read now and be gone after a power cut; and after a failed sync (whose pages the kernel marks
  // clean) a sync alone would not write it.
  static Status harden(const Tail& tail) {
    const Segment& segment = *tail.segment;
    const std::uint64_t end = tail.replayed.fill.end;
    Bytes block;
    for (std::uint64_t offset = tail.replayed.proven_end; offset < end;) {
      const std::uint64_t bytes = std::min(end - offset, kMiB);
      TALEA_TRY(read_exactly(segment.file(), offset, bytes, block).with_context(segment.name()));
      TALEA_TRY(segment.file().pwrite(offset, block).with_context(segment.name()));
      offset += bytes;
    }
    return segment.file().sync_data().with_context("make the tail of " + segment.name() +
                                                   " durable");
  }

  // Files of ours that the manifest does not name: made, and then not listed because something
  // failed. They cannot hold anything that was acknowledged; if one does hold a batch, the
  // manifest is not the one that belongs here, and nothing may be removed.
  // The id of a segment or run that the manifest does not name; nothing for other files.
  std::optional<std::uint32_t> unlisted_id(const std::string& name) const {
    std::optional<std::uint32_t> id = parse_run_file_name(name);
    if (const auto segment = parse_segment_file_name(name)) id = segment->id;
    if (id && opened_.manifest.names(*id)) id.reset();
    return id;
  }

  Status check_leftovers() {
    for (const std::string& name : TALEA_TRY(seams_.file_system.list(path_))) {
      const std::optional<std::uint32_t> id = unlisted_id(name);
      if (!id) continue;
      const std::optional<SegmentFileName> file = parse_segment_file_name(name);
      // What lies before the point where replay begins is in the checkpoint, or was overwritten.
      const bool is_retired = *id < opened_.manifest.replay_from;
      if (file && !is_retired) TALEA_TRY(check_holds_nothing(*file, name));
      // Its id was used, even if the manifest does not know.
      if (*id == UINT32_MAX) return Status::corruption(name + ": no store gives this id");
      opened_.manifest.next_file_id = std::max(opened_.manifest.next_file_id, *id + 1);
    }
    return {};
  }

  // What a session wrote ahead and did not live to give back. Of no harm if it fails.
  void give_back_space() {
    for (const ManifestFile& file : too_long_) {
      const std::string path = join_path(path_, segment_file_name(file.kind, file.id));
      auto opened = seams_.file_system.open(path, OpenMode::write);
      if (opened.ok()) (void)(*opened)->truncate(file.bytes).ok();
    }
  }

  Status remove_leftovers() {
    for (const std::string& name : TALEA_TRY(seams_.file_system.list(path_))) {
      const bool is_ours =
          unlisted_id(name) || name == kManifestTemporaryName || name == kKeyFileTemporaryName;
      if (!is_ours) continue;
      TALEA_TRY(seams_.file_system.remove(join_path(path_, name)));
    }
    return {};
  }

  Status check_holds_nothing(const SegmentFileName& file, const std::string& name) {
    if (file.kind != SegmentKind::log) return {};  // reached only through what is listed
    auto opened = Segment::open(seams_.file_system, path_, file.kind, file.id,
                                opened_.manifest.store_id, OpenMode::read);
    if (!opened.ok()) {
      // A header that never became whole is what a crash leaves; another store's file is not.
      const Code code = opened.status().code();
      if (code != Code::corruption) return std::move(opened).status();
      const auto file_handle =
          TALEA_TRY(seams_.file_system.open(join_path(path_, name), OpenMode::read));
      if (TALEA_TRY(file_handle->size()) <= kSegmentHeaderBytes) return {};
      return std::move(opened).status();
    }
    const std::uint64_t size = TALEA_TRY((*opened)->file().size());
    SegmentScanner scanner(**opened, size);
    RecordView record;
    SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
    if (step == SegmentScanner::Step::bad && TALEA_TRY(scanner.find_next_valid())) {
      step = SegmentScanner::Step::record;
    }
    if (step != SegmentScanner::Step::record) return {};
    return Status::corruption(name +
                              " holds batches and the manifest does not name it: the manifest is "
                              "older than the log. Restore the newer one; nothing was changed");
  }

  const Seams& seams_;
  const std::string& path_;
  const Options& options_;
  OpenedDirectory opened_;
  std::vector<Tail> tails_;             // the open log segments
  std::vector<ManifestFile> too_long_;  // sealed, and their files go on
  bool changes_manifest_ = false;       // it is to be written, whatever a crash left
};

}  // namespace

Result<OpenedDirectory> open_directory(const Seams& seams, const std::string& path,
                                       const Options& options) {
  TALEA_TRY(check_options(options));
  return Opening(seams, path, options).run();
}

}  // namespace talea
