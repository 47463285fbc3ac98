#include "engine/replay.h"

#include <algorithm>

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
        if (file_.sealed) return segment_.corruption_at(offset, scanner.problem());
        TALEA_TRY(judge_tail(scanner));
        break;
      }
      TALEA_TRY(apply(record, offset));
      result_.fill.end = scanner.offset();
    }
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
    if (record.synced_through) {
      highest_claim_ = std::max(highest_claim_, *record.synced_through);
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

  Status publish(const RecordView& record) {
    if (const auto bad = changes_.assign(record)) {
      return segment_.corruption_at(*bad, "the extent list is valid and makes no sense");
    }
    for (const LiveState::Change& change : changes_.changes) {
      TALEA_TRY(live_.promote(change.space, change.key));
      if (change.extents == nullptr) continue;
      for (const ExtentPiece& piece : change.extents->pieces) {
        if (live_.segment(piece.segment) != nullptr) continue;
        return segment_.corruption_at(
            change.place.offset, "it refers to extent segment " + std::to_string(piece.segment) +
                                     ", which the manifest does not name");
      }
    }
    live_.publish(changes_.changes, segment_state_, record.sequence);
    return {};
  }

  // The scanner stands at a bad record of an open segment: a torn tail, or damage?
  Status judge_tail(SegmentScanner& scanner) {
    const std::uint64_t bad_offset = scanner.offset();
    const std::string problem(scanner.problem());
    const std::uint64_t nonzero_end = TALEA_TRY(scanner.end_of_nonzero());
    result_.torn_bytes = nonzero_end - bad_offset;
    if (result_.torn_bytes == 0) return {};
    RecordView record;
    while (TALEA_TRY(scanner.find_next_valid())) {
      for (;;) {
        const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
        if (step != SegmentScanner::Step::record) break;
        if (record.synced_through) {
          highest_claim_ = std::max(highest_claim_, *record.synced_through);
        }
      }
    }
    if (highest_claim_ > state_.last_sequence) {
      result_.damage = segment_.corruption_at(
          bad_offset, problem + ". It belongs to a batch after sequence " +
                          std::to_string(state_.last_sequence) +
                          ", and later records say that the log was durable through sequence " +
                          std::to_string(highest_claim_) +
                          ", so this is damage and not the end that a crash leaves");
    }
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
  Sequence highest_claim_ = 0;
  RecordChanges changes_;
};

}  // namespace

Result<ReplayedSegment> replay_segment(SegmentState& segment, const ManifestFile& file,
                                       ReplayState& state, LiveState& live) {
  return SegmentReplay(segment, file, state, live).run();
}

}  // namespace talea
