// The change feed of the embedded store: reads the log segments in their order, behind the writers.
//
//     0000000003.log  #7 #8 #9 |  0000000006.log  #10 #11 (#12 is written and not published)
//                        ^ position 8: #9 comes next
//
// Who publishes a batch has written it and said how far its segment is filled, and the reader asks
// in the opposite order. So a batch that is published lies where the reader looks, whole.
//
// A reader holds no more than the segment that it is in. Segments that the store gave up are
// missing in between: each says which batch it follows, or begins right behind the one before.
#include <algorithm>

#include "codec/lz4_block.h"
#include "engine/engine_store.h"
#include "engine/value_io.h"
#include "talea/changes.h"

namespace talea {

namespace {

// Before the segment of this id there was none.
constexpr std::uint32_t kFirstFileId = 1;

}  // namespace

struct ChangeReader::State {
  using Logs = std::vector<std::shared_ptr<SegmentState>>;

  State(const EngineStore& of, Space in, Sequence after, Bytes keys_with)
      : store(of), space(in), prefix(std::move(keys_with)), position(after) {}

  Result<bool> next() {
    TALEA_TRY(store.check_usable(false));
    lost.reset();
    for (;;) {
      while (next_entry_ < record_.entries.size()) {
        const EntryView& candidate = record_.entries[next_entry_++];
        if (!is_wanted(candidate)) continue;
        TALEA_TRY(take(candidate));
        return true;
      }
      end_record();
      if (!TALEA_TRY(read_record())) return false;
    }
  }

  Result<ValueReader> read_value() const {
    if (entry_ == nullptr || entry_->is_remove) {
      return Status::invalid_argument(
          "there is no value to be read: next() comes first, and the change must be a put");
    }
    auto state = std::make_unique<ValueReader::State>();
    state->revision = change.sequence;
    state->bytes = change.value_bytes;
    if (!entry_->is_extent_list) {
      state->inline_value = Bytes(change.value);
      return ValueReader(std::move(state));
    }
    ExtentList list = *decode_extent_list(entry_->value);  // take() did
    for (const ExtentPiece& piece : list.pieces) {
      state->segments.push_back(store.live_->segment(piece.segment));
      if (state->segments.back() != nullptr) continue;
      return Status::not_found("the value of batch " + std::to_string(change.sequence) +
                               " was replaced since, and its file is gone");
    }
    state->list = std::move(list);
    return ValueReader(std::move(state));
  }

  Result<std::optional<Versioned>> old_value() const {
    if (entry_ == nullptr)
      return Status::invalid_argument("there is no change: next() comes first");
    return store.get(space, change.key, At::sequence(change.sequence - 1));
  }

  const EngineStore& store;
  const Space space;
  const Bytes prefix;
  Sequence position;
  Change change;
  std::optional<LostChanges> lost;

 private:
  bool is_wanted(const EntryView& candidate) const {
    return candidate.space == space && candidate.key.starts_with(prefix);
  }

  Status take(const EntryView& from) {
    entry_ = &from;
    change = {.sequence = record_.sequence,
              .time_ms = record_.now,
              .key = from.key,
              .is_remove = from.is_remove,
              .value = from.value,
              .value_bytes = from.value.size(),
              .expiry_ms = from.claims.expiry_ms};
    change.is_last_of_batch =
        std::none_of(record_.entries.begin() + static_cast<std::ptrdiff_t>(next_entry_),
                     record_.entries.end(), [this](const EntryView& e) { return is_wanted(e); });
    if (from.is_extent_list) {
      const std::optional<ExtentList> list = decode_extent_list(from.value);
      if (!list) return nonsense(from, "the extent list is valid and makes no sense");
      change.value = {};
      change.value_bytes = list->bytes;
    } else if (from.claims.raw_value_bytes != 0) {
      if (!decompress_lz4(from.value, from.claims.raw_value_bytes, value_)) {
        return nonsense(from, "the compressed value is valid and makes no sense");
      }
      change.value = value_;
      change.value_bytes = value_.size();
    }
    return {};
  }

  Status nonsense(const EntryView& from, std::string_view problem) const {
    return segment_->segment->corruption_at(from.place.offset, problem);
  }

  void end_record() {
    if (record_.bytes == 0) return;
    position = std::max(position, record_.sequence);
    record_ = {};
    next_entry_ = 0;
    entry_ = nullptr;
    change = {};
  }

  // The next batch that is published; false when there is none.
  Result<bool> read_record() {
    const Sequence published = store.live_->published();
    if (position > published) {
      return Status::invalid_argument("the store is at sequence " + std::to_string(published) +
                                      ", and changes behind " + std::to_string(position) +
                                      " are asked for: is that of another store?");
    }
    while (position < published) {
      if (segment_ == nullptr || offset_ >= segment_->fill().end) {
        TALEA_TRY(go_on(published));
        continue;
      }
      const Segment& in = *segment_->segment;
      const std::uint64_t end = segment_->fill().end;
      const BytesView bytes(in.address_of(static_cast<std::uint32_t>(offset_)), end - offset_);
      const RecordDecode decoded = decode_record(bytes, offset_, in.context(), record_);
      TALEA_TRY(in.read_status());
      if (decoded.outcome != DecodeOutcome::ok) {
        record_ = {};
        return in.corruption_at(offset_, decoded.problem);
      }
      offset_ += record_.bytes;
      next_entry_ = 0;
      if (record_.sequence > position) return true;
      record_ = {};  // from before the reader's time
    }
    return false;
  }

  // To the segment that has the next batch. There is one up to `published`, which was asked for
  // before, so what is in no segment is gone.
  Status go_on(Sequence published) {
    Logs logs;  // by id
    for (std::shared_ptr<SegmentState>& state : store.live_->segments()) {
      const bool is_behind = segment_ == nullptr || state->segment->id() > segment_->segment->id();
      const bool is_log = state->segment->header().kind == SegmentKind::log;
      if (is_log && is_behind && state->fill().entries > 0) logs.push_back(std::move(state));
    }
    // More may have come into the present one before the next was begun.
    if (segment_ != nullptr && offset_ < segment_->fill().end) return {};
    if (logs.empty()) return skip_to(published);
    auto next = logs.begin();
    if (segment_ == nullptr) {
      // The last one that may have it.
      while (std::next(next) != logs.end() &&
             (*std::next(next))->fill().first_sequence <= position + 1) {
        ++next;
      }
    }
    const Sequence seen =
        segment_ == nullptr ? position : std::max(position, segment_->fill().last_sequence);
    segment_ = *next;
    offset_ = kSegmentHeaderBytes;
    if (is_state(*segment_)) return skip_to(TALEA_TRY(last_of_state(next, logs.end(), published)));
    const Sequence before = TALEA_TRY(last_before(*segment_));
    return before <= seen ? Status() : skip_to(before);
  }

  static bool is_state(const SegmentState& state) {
    return (state.segment->header().features & kFeatureState) != 0;
  }

  // The last batch that may have been before the first of this segment.
  static Result<Sequence> last_before(const SegmentState& state) {
    const Segment& in = *state.segment;
    if (in.id() == kFirstFileId) return Sequence{0};
    const SegmentFill fill = state.fill();
    if ((in.header().features & kFeaturePrepared) == 0) return fill.first_sequence - 1;
    RecordView first;
    const BytesView bytes(in.address_of(kSegmentHeaderBytes), fill.end - kSegmentHeaderBytes);
    const RecordDecode decoded = decode_record(bytes, kSegmentHeaderBytes, in.context(), first);
    TALEA_TRY(in.read_status());
    if (decoded.outcome != DecodeOutcome::ok || !first.follows) {
      return in.corruption_at(kSegmentHeaderBytes, "its first record does not say what it follows");
    }
    return *first.follows;
  }

  // Segments of a restored state have its rows and not what led to them: up to the first batch
  // behind them nothing is known.
  static Result<Sequence> last_of_state(Logs::const_iterator next, Logs::const_iterator end,
                                        Sequence published) {
    while (next != end && is_state(**next)) ++next;
    return next == end ? Result<Sequence>(published) : last_before(**next);
  }

  Status skip_to(Sequence last) {
    if (last <= position) return {};
    lost = LostChanges{position + 1, last};
    position = last;
    return Status::not_found("batches " + std::to_string(lost->first) + " to " +
                             std::to_string(lost->last) +
                             " are not in the log any more; read the store for what they left, and "
                             "raise Options::changes_bytes to keep more of it");
  }

  std::shared_ptr<SegmentState> segment_;
  std::uint64_t offset_ = 0;
  RecordView record_;  // views into the segment
  std::size_t next_entry_ = 0;
  const EntryView* entry_ = nullptr;  // of the change
  Bytes value_;                       // of the change, if it was compressed
};

Result<ChangeReader> EngineStore::changes(Space space, Sequence after, BytesView prefix) const {
  TALEA_TRY(check_usable(false));
  return ChangeReader(std::make_unique<ChangeReader::State>(*this, space, after, Bytes(prefix)));
}

bool EngineStore::wait_for_change(Sequence beyond, std::chrono::milliseconds timeout) const {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  return live_->wait_beyond(beyond, std::min(timeout, kLongest));
}

ChangeReader::ChangeReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChangeReader::ChangeReader(ChangeReader&&) noexcept = default;
ChangeReader& ChangeReader::operator=(ChangeReader&&) noexcept = default;
ChangeReader::~ChangeReader() = default;

Result<bool> ChangeReader::next() { return state_->next(); }
const Change& ChangeReader::change() const { return state_->change; }
Result<ValueReader> ChangeReader::read_value() const { return state_->read_value(); }
Result<std::optional<Versioned>> ChangeReader::old_value() const { return state_->old_value(); }
Sequence ChangeReader::position() const { return state_->position; }
std::optional<LostChanges> ChangeReader::lost() const { return state_->lost; }

Result<bool> ChangeReader::wait(std::chrono::milliseconds timeout) const {
  TALEA_TRY(state_->store.check_usable(false));
  return state_->store.wait_for_change(state_->position, timeout);
}

}  // namespace talea
