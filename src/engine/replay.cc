#include "engine/replay.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "log/extent.h"
#include "log/segment_scanner.h"

namespace talea {

std::optional<std::uint32_t> RecordChanges::assign(const RecordView& record) {
  changes.clear();
  lists.clear();
  lists.reserve(record.entries.size());  // so that pointers into it stay good
  for (const EntryView& entry : record.entries) {
    const ExtentList* extents = nullptr;
    if (entry.is_extent_list) {
      std::optional<ExtentList> list = decode_extent_list(entry.value);
      if (!list) return entry.place.offset;
      extents = &lists.emplace_back(std::move(*list));
    }
    changes.push_back({.space = entry.space,
                       .key = entry.key,
                       .is_remove = entry.is_remove,
                       .place = entry.place,
                       .extents = extents});
  }
  return std::nullopt;
}

namespace {

// The scanner stands at the bad record where the good part of an open segment ends: what lies
// behind it?
Status look_at_tail(SegmentScanner& scanner, ReplayedSegment& result) {
  const std::uint64_t end = scanner.offset();
  result.problem = scanner.problem();
  result.torn_bytes = TALEA_TRY(scanner.end_of_nonzero()) - end;
  if (result.torn_bytes == 0) return {};
  RecordView record;
  while (TALEA_TRY(scanner.find_next_valid())) {
    while (TALEA_TRY(scanner.next(record)) == SegmentScanner::Step::record) {
      result.claimed = std::max(result.claimed, record.synced_through.value_or(0));
    }
  }
  return {};
}

class SegmentReplay {
 public:
  SegmentReplay(SegmentState& segment, const ManifestFile& file, ReplayState& state,
                LiveState& live)
      : segment_state_(segment),
        segment_(*segment.segment),
        file_(file),
        state_(state),
        live_(live) {}

  Result<ReplayedSegment> run() {
    const std::uint64_t size = TALEA_TRY(segment_.file().size());
    if (file_.sealed && size < file_.bytes) {
      return segment_.corruption_at(size, "the file ends here; the manifest says that it has " +
                                              std::to_string(file_.bytes) + " bytes");
    }
    if (file_.sealed) result_.excess_bytes = size - file_.bytes;
    SegmentScanner scanner(segment_, file_.sealed ? file_.bytes : size);
    RecordView record;
    for (;;) {
      const std::uint64_t offset = scanner.offset();
      const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
      if (step == SegmentScanner::Step::end) break;
      if (step == SegmentScanner::Step::bad) {
        // No crash leaves what is forged.
        if (file_.sealed || scanner.is_forged()) {
          return segment_.corruption_at(offset, scanner.problem());
        }
        TALEA_TRY(look_at_tail(scanner, result_));
        break;
      }
      TALEA_TRY(apply(record, offset));
      result_.fill.end = scanner.offset();
    }
    TALEA_TRY(publish_group());
    if (file_.sealed) TALEA_TRY(compare_with_manifest());
    return std::move(result_);
  }

 private:
  Status apply(const RecordView& record, std::uint64_t offset) {
    if (record.sequence <= state_.last_sequence) {
      return segment_.corruption_at(offset, "sequence " + std::to_string(record.sequence) +
                                                " follows sequence " +
                                                std::to_string(state_.last_sequence));
    }
    TALEA_TRY(check_follows(record, offset));
    if (record.synced_through) {
      result_.claimed = std::max(result_.claimed, *record.synced_through);
      if (*record.synced_through >= state_.last_sequence) result_.proven_end = offset;
    }
    state_.last_sequence = record.sequence;
    state_.last_now = std::max(state_.last_now, record.now);
    ++state_.batches;
    SegmentFill& fill = result_.fill;
    if (fill.first_sequence == 0) fill.first_sequence = record.sequence;
    fill.last_sequence = record.sequence;
    fill.entries += record.entries.size();
    fill.end = offset + record.bytes;
    return publish(record);
  }

  // The first record of a segment says which one it follows, and no other does.
  Status check_follows(const RecordView& record, std::uint64_t offset) const {
    const bool announced = (segment_.header().features & kFeaturePrepared) != 0;
    const bool should = announced && result_.fill.entries == 0;
    if (record.follows.has_value() != should) {
      return segment_.corruption_at(offset, should
                                                ? "the first record does not say which it follows"
                                                : "a record that is not the first says which it "
                                                  "follows");
    }
    if (!should || *record.follows == state_.last_sequence) return {};
    // That nothing is missing between sealed segments the manifest says.
    if (*record.follows > state_.last_sequence && file_.sealed) return {};
    return segment_.corruption_at(offset, "it follows sequence " + std::to_string(*record.follows) +
                                              "; the record before it has sequence " +
                                              std::to_string(state_.last_sequence));
  }

  // Small records are published some at a time, so that what they replace is waited for together.
  // Views into a record end with the next one, so their keys are kept.
  Status publish(const RecordView& record) {
    if (const auto bad = changes_.assign(record)) {
      return segment_.corruption_at(*bad, "the extent list is valid and makes no sense");
    }
    const std::span<const LiveState::Change> changes = changes_.changes;
    if (!changes_.lists.empty() || changes.size() > LiveState::kMovedAtOnce) {
      TALEA_TRY(publish_group());
      return publish_now(changes, record.sequence);
    }
    if (group_.size() + changes.size() > LiveState::kMovedAtOnce) TALEA_TRY(publish_group());
    for (const LiveState::Change& change : changes) {
      Bytes& key = group_keys_[group_.size()];
      key = change.key;
      group_.push_back(change);
      group_.back().key = key;
    }
    group_records_.push_back({record.sequence, changes.size()});
    return {};
  }

  Status publish_group() {
    if (group_.empty()) return {};
    live_.prefetch(group_);
    std::span<const LiveState::Change> rest(group_);
    for (const auto& [sequence, changes] : group_records_) {
      TALEA_TRY(publish_now(rest.first(changes), sequence));
      rest = rest.subspan(changes);
    }
    group_.clear();
    group_records_.clear();
    return {};
  }

  Status publish_now(std::span<const LiveState::Change> changes, Sequence sequence) {
    for (const LiveState::Change& change : changes) {
      TALEA_TRY(live_.promote(change.space, change.key));
      if (change.extents == nullptr) continue;
      for (const ExtentPiece& piece : change.extents->pieces) {
        if (live_.segment(piece.segment) != nullptr) continue;
        return segment_.corruption_at(
            change.place.offset, "it refers to extent segment " + std::to_string(piece.segment) +
                                     ", which the manifest does not name");
      }
    }
    live_.publish(changes, segment_state_, sequence);
    return {};
  }

  Status compare_with_manifest() {
    const SegmentFill& fill = result_.fill;
    if (fill.entries == file_.entries && fill.last_sequence == file_.last_sequence) return {};
    return segment_.corruption_at(
        fill.end, "the segment has " + std::to_string(fill.entries) + " entries through sequence " +
                      std::to_string(fill.last_sequence) + "; the manifest says " +
                      std::to_string(file_.entries) + " through " +
                      std::to_string(file_.last_sequence));
  }

  SegmentState& segment_state_;
  const Segment& segment_;
  const ManifestFile& file_;
  ReplayState& state_;
  LiveState& live_;
  ReplayedSegment result_;
  RecordChanges changes_;
  struct GroupRecord {
    Sequence sequence;
    std::size_t changes;
  };
  std::vector<LiveState::Change> group_;
  std::array<Bytes, LiveState::kMovedAtOnce> group_keys_;
  std::vector<GroupRecord> group_records_;
};

}  // namespace

Result<ReplayedSegment> replay_segment(SegmentState& segment, const ManifestFile& file,
                                       ReplayState& state, LiveState& live) {
  return SegmentReplay(segment, file, state, live).run();
}

Result<bool> goes_on_after(const Segment& segment, Sequence last) {
  SegmentScanner scanner(segment, TALEA_TRY(segment.file().size()));
  RecordView record;
  const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
  if (step == SegmentScanner::Step::bad && scanner.is_forged()) {
    return segment.corruption_at(kSegmentHeaderBytes, scanner.problem());
  }
  if (step != SegmentScanner::Step::record) return false;
  if (record.follows && *record.follows >= last) return *record.follows == last;
  return segment.corruption_at(kSegmentHeaderBytes,
                               record.follows
                                   ? "it follows sequence " + std::to_string(*record.follows) +
                                         "; the segment before it goes on to sequence " +
                                         std::to_string(last) + ", so the log has two continuations"
                                   : "the first record does not say which it follows");
}

Result<ReplayedSegment> pass_over_segment(const Segment& segment) {
  ReplayedSegment result;
  SegmentScanner scanner(segment, TALEA_TRY(segment.file().size()));
  RecordView record;
  SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
  while (step == SegmentScanner::Step::record) {
    result.claimed = std::max(result.claimed, record.synced_through.value_or(0));
    step = TALEA_TRY(scanner.next(record));
  }
  const std::uint64_t valid_bytes = scanner.offset() - kSegmentHeaderBytes;
  if (step == SegmentScanner::Step::bad) TALEA_TRY(look_at_tail(scanner, result));
  result.torn_bytes += valid_bytes;
  return result;
}

}  // namespace talea
