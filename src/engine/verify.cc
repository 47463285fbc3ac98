#include "engine/verify.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <utility>

#include "engine/history_rows.h"
#include "engine/live_state.h"
#include "engine/opening.h"
#include "engine/replay.h"
#include "engine/run_layers.h"
#include "log/extent.h"
#include "log/segment_scanner.h"

namespace talea {

namespace {

// Rows of runs that are looked up at once.
constexpr std::size_t kRowsAtOnce = 10'000;

class Verifier {
 public:
  Verifier(const Seams& seams, const std::string& path,
           const std::function<void(std::uint64_t, std::uint64_t)>& progress,
           const Encryption& encryption)
      : seams_(seams), path_(path), progress_(progress), encryption_(encryption) {}

  Result<VerifyReport> run() {
    Options options;
    options.read_only = true;
    options.encryption = encryption_;
    auto locked = lock_directory(seams_, path_, options);
    if (!locked.ok()) {
      // A damaged manifest is a finding like any other; a missing store or a busy one is not.
      if (locked.status().code() != Code::corruption) return std::move(locked).status();
      const bool is_of_keys = read_manifest(seams_.file_system, path_).ok();
      add_finding(is_of_keys ? kKeyFileName : kManifestName, 0,
                  std::string(locked.status().message()));
      return std::move(report_);
    }
    lock_ = std::move(locked->lock);
    keys_ = std::move(locked->keys);
    manifest_ = std::move(locked->manifest);
    ++report_.files;
    TALEA_TRY(open_segments());
    // What the runs point into comes before them: rows that lead to damage are no damage more.
    for (const Opened& opened : segments_) {
      if (opened.file.kind == SegmentKind::data) TALEA_TRY(check_data(opened));
      if (opened.is_in_checkpoint(manifest_)) TALEA_TRY(check_log(opened));
    }
    TALEA_TRY(check_runs());
    TALEA_TRY(check_history());
    for (const Opened& opened : segments_) {
      if (!opened.is_replayed(manifest_)) continue;
      if (TALEA_TRY(is_part_of_log(opened))) TALEA_TRY(check_log(opened));
    }
    TALEA_TRY(check_extents());
    TALEA_TRY(check_unlisted());
    report_.keys = live_.keys();
    return std::move(report_);
  }

 private:
  struct Opened {
    ManifestFile file;
    std::shared_ptr<Segment> segment;
    SegmentState* state = nullptr;
    std::uint64_t size = 0;

    bool is_replayed(const Manifest& manifest) const {
      return file.kind == SegmentKind::log && file.id >= manifest.replay_from;
    }
    bool is_in_checkpoint(const Manifest& manifest) const {
      return file.kind == SegmentKind::log && file.id < manifest.replay_from;
    }
  };

  void add_finding(const std::string& file, std::uint64_t offset, const std::string& problem) {
    report_.findings.push_back({.file = file, .offset = offset, .problem = problem});
  }

  const KeyRing* key_ring() const { return keys_ == nullptr ? nullptr : &keys_->ring(); }

  void advance(std::uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(std::min(done_, total_), total_);
  }

  // Opens all that can be opened; what cannot is a finding each.
  Status open_segments() {
    for (const ManifestFile& file : manifest_.files) {
      const std::string name = segment_file_name(file.kind, file.id);
      ++report_.files;
      auto opened = Segment::open(seams_.file_system, path_, file.kind, file.id, manifest_.store_id,
                                  OpenMode::read, key_ring());
      if (!opened.ok()) {
        const Code code = opened.status().code();
        if (code != Code::corruption && code != Code::not_found) return std::move(opened).status();
        add_finding(name, 0,
                    code == Code::not_found ? "the file is missing"
                                            : std::string(opened.status().message()));
        continue;
      }
      const std::uint64_t size = TALEA_TRY((*opened)->file().size());
      total_ += size;
      if (file.kind != SegmentKind::extent) TALEA_TRY((*opened)->map(size));
      Opened added{file, *opened, &live_.add_segment(*opened), size};
      // A row of a run must lead to an entry that is intact; what is replayed is checked anyway.
      const bool is_pointed_to =
          file.kind == SegmentKind::data || added.is_in_checkpoint(manifest_);
      if (is_pointed_to) (*opened)->set_sealed(std::min(size, file.bytes));
      segments_.push_back(std::move(added));
    }
    return {};
  }

  // Every byte of each run, and that each row leads to its entry. What replay begins with is then
  // what the runs say.
  Status check_runs() {
    std::vector<RunSet::Run> runs = TALEA_TRY(check_files_of(manifest_.runs_newest_first()));
    // Without one of them others may say what has not been true for long.
    const bool are_whole = runs.size() == manifest_.runs.size();
    live_.set_runs(RunSet::of(std::move(runs)), manifest_.replay_from, false);
    live_.set_keys(manifest_.checkpoint_keys);
    std::optional<LiveState::Reached> from = LiveState::Reached{};
    while (from) {
      auto reached = live_.promote_from(from->space, from->key, from->key.empty(), kRowsAtOnce);
      if (reached.status().code() == Code::corruption) reached = promote_singly(*from, are_whole);
      from = TALEA_TRY(std::move(reached));
    }
    live_.set_complete();
    return {};
  }

  // Past revisions: every byte of their runs, and that each leads to its entry.
  Status check_history() {
    std::vector<RunSet::Run> runs =
        TALEA_TRY(check_files_of(manifest_.history_runs_newest_first()));
    // As of the runs of the present.
    const bool are_whole = runs.size() == manifest_.history_runs.size();
    HistoryRows rows(RunSet::of(std::move(runs)));
    Status moved = rows.seek_first();
    for (; moved.ok() && rows.valid(); moved = rows.next()) {
      ++report_.revisions;
      const RunRevision row = rows.revision();
      if (row.tombstone) continue;
      const auto found = live_.entry_of_row(rows.space(), rows.key(), row);
      if (!found.ok()) {
        if (found.status().code() != Code::corruption) return found.status();
        if (are_whole && !is_reported(row.address.segment)) {
          add_finding(kManifestName, 0, std::string(found.status().message()));
        }
        continue;
      }
      if (!row.extents) continue;
      if (auto list = decode_extent_list(found->entry.value)) {
        past_values_.push_back(std::move(*list));
      }
    }
    if (moved.code() != Code::corruption) return moved;
    add_finding(kManifestName, 0, std::string(moved.message()));
    return {};
  }

  // The runs that are intact.
  Result<std::vector<RunSet::Run>> check_files_of(const std::vector<ManifestRun>& newest_first) {
    std::vector<RunSet::Run> runs;
    for (const ManifestRun& run : newest_first) {
      const std::string name = run_file_name(run.id);
      ++report_.files;
      report_.bytes += run.bytes;
      auto opened = open_run(seams_.file_system, path_, run_file_info(run), manifest_.store_id,
                             {.mapped = true, .keys = key_ring()});
      Status checked = opened.ok() ? (*opened)->verify() : opened.status();
      if (checked.code() == Code::not_found) checked = Status::corruption("the file is missing");
      if (checked.code() == Code::corruption) {
        add_finding(name, 0, std::string(checked.message()));
        continue;
      }
      TALEA_TRY(std::move(checked));
      runs.push_back(std::move(opened).value());
    }
    return runs;
  }

  // As promote_from(), and goes on behind a row that leads nowhere.
  Result<std::optional<LiveState::Reached>> promote_singly(const LiveState::Reached& from,
                                                           bool are_whole) {
    RunSetIterator rows = live_.runs()->iterate();
    TALEA_TRY(rows.seek(from.space, from.key));
    LiveState::Reached reached;
    for (std::size_t done = 0; rows.valid(); ++done) {
      if (done > kRowsAtOnce) return std::optional(std::move(reached));
      reached = {rows.space(), Bytes(rows.key())};
      Status promoted = live_.promote(reached.space, reached.key);
      if (promoted.code() == Code::corruption) {
        if (are_whole && !is_reported(rows.revision().address.segment)) {
          add_finding(kManifestName, 0, std::string(promoted.message()));
        }
      } else {
        TALEA_TRY(std::move(promoted));
      }
      TALEA_TRY(rows.next());
    }
    return std::optional<LiveState::Reached>();
  }

  // Whether something was found wrong with this segment.
  bool is_reported(std::uint64_t segment) const {
    return std::any_of(report_.findings.begin(), report_.findings.end(),
                       [&](const Finding& finding) {
                         const auto file = parse_segment_file_name(finding.file);
                         return file && file->id == segment;
                       });
  }

  // How far a sealed segment can be read; a finding if that is not all.
  std::uint64_t check_length(const Opened& opened) {
    if (opened.size >= opened.file.bytes) return opened.file.bytes;
    add_finding(opened.segment->name(), opened.size,
                "the file ends here; the manifest says that it has " +
                    std::to_string(opened.file.bytes) + " bytes");
    return opened.size;
  }

  void check_count(const Opened& opened, std::uint64_t end, std::uint64_t entries) {
    if (entries == opened.file.entries) return;
    add_finding(opened.segment->name(), end,
                "the segment has " + std::to_string(entries) + " entries; the manifest says " +
                    std::to_string(opened.file.entries));
  }

  // A bad record at the scanner's place: goes to the next good one; false when there is none. The
  // record that a cut left incomplete is no finding more.
  Result<bool> pass_over_damage(SegmentScanner& scanner, const Opened& opened, bool is_cut) {
    const std::uint64_t offset = scanner.offset();
    const std::string problem(scanner.problem());
    const bool goes_on = TALEA_TRY(scanner.find_next_valid());
    if (goes_on || !is_cut) add_finding(opened.segment->name(), offset, problem);
    return goes_on;
  }

  Status check_data(const Opened& opened) {
    const std::uint64_t end = check_length(opened);
    const bool is_cut = end < opened.file.bytes;
    SegmentScanner scanner(*opened.segment, end);
    RecordView record;
    std::uint64_t entries = 0;
    bool damaged = is_cut;
    for (;;) {
      const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
      if (step == SegmentScanner::Step::end) break;
      if (step == SegmentScanner::Step::record) {
        entries += record.entries.size();
        advance(record.bytes);
        continue;
      }
      damaged = true;
      if (!TALEA_TRY(pass_over_damage(scanner, opened, is_cut))) break;
    }
    report_.entries += entries;
    report_.bytes += end;
    if (!damaged) check_count(opened, end, entries);
    return {};
  }

  // A second open segment counts if it goes on where the first ends. If not, what it says of the
  // first still does.
  Result<bool> is_part_of_log(const Opened& opened) {
    if (opened.file.sealed) return true;
    if (!std::exchange(has_open_log_, true)) return true;
    const std::string& name = opened.segment->name();
    auto goes_on = goes_on_after(*opened.segment, last_sequence_);
    if (goes_on.ok()) {
      if (*goes_on) return true;
    } else if (goes_on.status().code() == Code::corruption) {
      add_finding(name, kSegmentHeaderBytes, std::string(goes_on.status().message()));
      return false;
    } else {
      return std::move(goes_on).status();
    }
    const ReplayedSegment passed = TALEA_TRY(pass_over_segment(*opened.segment));
    report_.bytes += opened.size;
    if (passed.claimed > last_sequence_) {
      add_finding(name, kSegmentHeaderBytes,
                  "its records say that the log was durable through sequence " +
                      std::to_string(passed.claimed) + "; the segment before it ends at sequence " +
                      std::to_string(last_sequence_));
    } else {
      report_.torn_tail_bytes += passed.torn_bytes;
    }
    return false;
  }

  Status check_log(const Opened& opened) {
    const Segment& segment = *opened.segment;
    const ManifestFile& file = opened.file;
    const std::uint64_t end = file.sealed ? check_length(opened) : opened.size;
    const bool is_cut = file.sealed && end < file.bytes;
    SegmentScanner scanner(segment, end);
    RecordView record;
    std::uint64_t entries = 0;
    bool damaged = is_cut;
    for (;;) {
      const std::uint64_t offset = scanner.offset();
      const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
      if (step == SegmentScanner::Step::end) break;
      if (step == SegmentScanner::Step::record) {
        check_record(*opened.state, record, offset);
        entries += record.entries.size();
        advance(record.bytes);
        continue;
      }
      const std::uint64_t nonzero_end = TALEA_TRY(scanner.end_of_nonzero());
      if (!file.sealed && nonzero_end == offset) break;  // the space that was never used
      const bool may_be_torn = !file.sealed && !scanner.is_forged();
      if (may_be_torn && !TALEA_TRY(is_damage(segment, end, offset))) {
        report_.torn_tail_bytes += nonzero_end - offset;
        break;
      }
      damaged = true;
      if (!TALEA_TRY(pass_over_damage(scanner, opened, is_cut))) break;
    }
    report_.bytes += end;
    if (file.sealed && !damaged) check_count(opened, end, entries);
    return {};
  }

  // Whether records behind the bad one at `offset` say that it had been durable.
  Result<bool> is_damage(const Segment& segment, std::uint64_t end, std::uint64_t offset) {
    SegmentScanner ahead(segment, end, offset);
    RecordView record;
    Sequence claim = 0;
    while (TALEA_TRY(ahead.find_next_valid())) {
      while (TALEA_TRY(ahead.next(record)) == SegmentScanner::Step::record) {
        claim = std::max(claim, record.synced_through.value_or(0));
      }
    }
    return claim > last_sequence_;
  }

  void check_record(SegmentState& state, const RecordView& record, std::uint64_t offset) {
    const Segment& segment = *state.segment;
    if (record.sequence <= last_sequence_) {
      add_finding(segment.name(), offset,
                  "sequence " + std::to_string(record.sequence) + " follows sequence " +
                      std::to_string(last_sequence_));
    }
    last_sequence_ = std::max(last_sequence_, record.sequence);
    ++report_.batches;
    report_.entries += record.entries.size();
    if (segment.id() < manifest_.replay_from) return;  // the runs say what of it is current
    if (const auto bad = changes_.assign(record)) {
      add_finding(segment.name(), *bad, "the extent list is valid and makes no sense");
      return;
    }
    live_.publish(changes_.changes, state, last_sequence_);
  }

  // Reads every chunk that a current value refers to. Chunks that nobody refers to are garbage and
  // may be anything.
  Status check_extents() {
    std::vector<ExtentList> lists;
    absl::flat_hash_set<std::uint64_t> seen;  // a value may be put under several keys
    live_.for_each_entry([&](const LiveState::Found& found) {
      if (!found.entry.is_extent_list()) return;
      std::optional<ExtentList> list = decode_extent_list(found.entry.value);
      if (list && seen.insert(list->value_id).second) lists.push_back(std::move(*list));
    });
    for (ExtentList& list : past_values_) {
      if (seen.insert(list.value_id).second) lists.push_back(std::move(list));
    }
    Bytes scratch;
    for (const ExtentList& list : lists) {
      std::uint64_t number = 0;
      for (const ExtentPiece& piece : list.pieces) {
        const std::shared_ptr<const Segment> segment = live_.segment(piece.segment);
        if (segment == nullptr) {
          // Its file is missing or unreadable and was reported, unless no one ever named it.
          if (manifest_.find(piece.segment) == nullptr) {
            add_finding(segment_file_name(SegmentKind::extent, piece.segment), piece.offset,
                        "a value refers to this segment, which the manifest does not name");
          }
          number += piece.chunks();
          continue;
        }
        std::uint64_t offset = piece.offset;
        for (std::uint64_t left = piece.bytes; left > 0; ++number) {
          const std::uint64_t bytes = std::min(left, kChunkBytesMax);
          const auto chunk =
              read_chunk(*segment, {list.value_id, number, static_cast<std::uint32_t>(offset)},
                         bytes, scratch);
          if (!chunk.ok()) {
            if (chunk.status().code() != Code::corruption) return chunk.status();
            add_finding(segment->name(), offset, std::string(chunk.status().message()));
          }
          ++report_.chunks;
          const std::uint64_t chunk_bytes = piece.chunk_overhead() + bytes;
          report_.bytes += chunk_bytes;
          advance(chunk_bytes);
          offset += chunk_bytes;
          left -= bytes;
        }
      }
    }
    return {};
  }

  Status check_unlisted() {
    for (const std::string& name : TALEA_TRY(seams_.file_system.list(path_))) {
      const std::optional<SegmentFileName> file = parse_segment_file_name(name);
      // Only of a log could an unlisted file mean that something is missing; and not of one that a
      // checkpoint has passed: it was let go, and a crash came before its file was removed.
      if (!file || file->kind != SegmentKind::log || manifest_.find(file->id) != nullptr) continue;
      if (file->id < manifest_.replay_from) continue;
      const auto opened = Segment::open(seams_.file_system, path_, file->kind, file->id,
                                        manifest_.store_id, OpenMode::read);
      if (!opened.ok()) continue;  // never became a segment
      SegmentScanner scanner(**opened, TALEA_TRY((*opened)->file().size()));
      RecordView record;
      if (TALEA_TRY(scanner.next(record)) == SegmentScanner::Step::record) {
        add_finding(name, kSegmentHeaderBytes,
                    "the segment holds batches and the manifest does not name it");
      }
    }
    return {};
  }

  const Seams& seams_;
  const std::string& path_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  const Encryption& encryption_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<KeyKeeper> keys_;
  Manifest manifest_;
  std::vector<Opened> segments_;
  LiveState live_;
  RecordChanges changes_;
  std::vector<ExtentList> past_values_;
  Sequence last_sequence_ = 0;
  bool has_open_log_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify_directory(
    const Seams& seams, const std::string& path,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress,
    const Encryption& encryption) {
  return Verifier(seams, path, progress, encryption).run();
}

}  // namespace talea
