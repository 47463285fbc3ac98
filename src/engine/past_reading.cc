// Reading the past: what a key was, which revisions it has, and the store as it was at a moment.
//
// A scan of the past goes along three lists of keys at once, each in order, and looks which of them
// knows what a key was at the moment:
//
//     scan of the present      alpha(9)              charlie(5)            delta(30)
//     buffers, sorted once     alpha(7)   bravo(4)
//     history runs             alpha(3)              charlie(2)            delta(11), delta(8)
//     -----------------------------------------------------------------------------------------
//     at 10                    alpha(9)   bravo(4)   charlie(5)            delta(8)
//
// The first is pinned before the others are looked at, so that nothing falls between them.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/engine_store.h"

namespace talea {

Result<RevisionLimit> EngineStore::limit_of(At at) const {
  const Sequence published = live_->published();
  if (at.is_time()) {
    if (at.value() <= now_ms()) return RevisionLimit{published, at.value()};
    return Status::invalid_argument("the time " + std::to_string(at.value()) +
                                    " ms is yet to come; it is " + std::to_string(now_ms()));
  }
  if (at.value() <= published) return RevisionLimit{at.value(), UINT64_MAX};
  return Status::invalid_argument("sequence " + std::to_string(at.value()) +
                                  " is yet to come; the store is at " + std::to_string(published));
}

Sequence EngineStore::history_from() const {
  return retention_.keeps_past() ? live_->history().view().from.sequence : live_->published();
}

Status EngineStore::unknown_past(At at) const {
  const std::string asked = (at.is_time() ? "at time " : "at sequence ") +
                            std::to_string(at.value()) + (at.is_time() ? " ms" : "");
  if (!retention_.keeps_past()) {
    return Status::not_found("what was there " + asked +
                             " is not known: the store keeps the newest revisions only. Open it "
                             "with Options::retention to keep others from then on");
  }
  const History::From from = live_->history().view().from;
  return Status::not_found("what was there " + asked +
                           " is not known: the past is kept from sequence " +
                           std::to_string(from.sequence) + " on, of time " +
                           std::to_string(from.time_ms) + " ms. Ask for that or a later one");
}

Result<bool> EngineStore::find_past(const EpochGuard& guard, Space space, BytesView key, At at,
                                    LiveState::Found& out) const {
  TALEA_TRY(check_usable(false));
  TALEA_TRY(check_key(key));
  Metrics::Reads& reads = metrics_.reads[guard.number()];
  reads.gets.add_alone();
  const RevisionLimit limit = TALEA_TRY(limit_of(at));
  switch (TALEA_TRY(live_->find_past(guard, space, key, limit, out))) {
    case LiveState::Past::unknown: return unknown_past(at);
    case LiveState::Past::absent: return false;
    case LiveState::Past::found: break;
  }
  TALEA_TRY(out.check(options_.verify_reads));
  if (at.is_time() && out.entry.is_expired(at.value())) return false;
  reads.gets_found.add_alone();
  return true;
}

Result<std::optional<Versioned>> EngineStore::get(Space space, BytesView key, At at) const {
  const EpochGuard guard(live_->epochs());
  LiveState::Found found;
  if (!TALEA_TRY(find_past(guard, space, key, at, found))) return std::optional<Versioned>();
  Versioned versioned;
  versioned.revision = found.sequence();
  versioned.expiry_ms = found.entry.expiry_ms();
  TALEA_TRY(copy_value(found, versioned.value));
  return std::optional<Versioned>(std::move(versioned));
}

Result<std::optional<ValueReader>> EngineStore::read_value(Space space, BytesView key,
                                                           At at) const {
  const EpochGuard guard(live_->epochs());
  LiveState::Found found;
  if (!TALEA_TRY(find_past(guard, space, key, at, found))) return std::optional<ValueReader>();
  return std::optional<ValueReader>(TALEA_TRY(make_reader(found)));
}

Result<std::vector<Revision>> EngineStore::history(Space space, BytesView key,
                                                   const RevisionRange& range) const {
  TALEA_TRY(check_usable(false));
  TALEA_TRY(check_key(key));
  const EpochGuard guard(live_->epochs());
  const Sequence end = live_->published() + 1;
  const Sequence before = range.before == 0 ? end : std::min(range.before, end);
  const std::uint64_t max = range.limit == 0 ? UINT64_MAX : range.limit;
  return live_->list_revisions(guard, space, key, before, max);
}

// --- Scans ---------------------------------------------------------------------------------------

class PastScan final : public Scan::State {
 public:
  enum class Rows : std::uint8_t {
    // What each key was.
    of_the_moment,
    // Each key of which a revision is known, with nothing beside it.
    keys,
  };

  PastScan(const EngineStore& store, Space space, const ScanRange& range, At at,
           const RevisionLimit& limit, SnapshotRegistry::Pin pin, Rows which)
      : store_(store),
        space_(space),
        which_(which),
        reverse_(range.reverse),
        limit_(limit),
        expired_at_(at.is_time() ? at.value() : 0),
        bounds_(bounds_of(range)),
        remaining_(range.limit == 0 ? UINT64_MAX : range.limit),
        pin_(std::move(pin)),
        present_(store.make_scan(space, without_limit(range), store.live_->pin_again(pin_),
                                 /*time_ms=*/0, store.options_.verify_reads,
                                 /*is_counted=*/false)),
        history_(store.live_->history().view()),
        old_rows_(history_.runs) {
    rows.at = &kNoRow;
    rows.is_closed = &store.closed_;
  }

  Status begin() {
    TALEA_TRY(collect_buffered());
    has_present_ = TALEA_TRY(present_.next());
    return seek_first_old();
  }

  Result<bool> read_on() override {
    rows.at = rows.next = rows.end = &kNoRow;
    TALEA_TRY(store_.check_usable(false));
    while (remaining_ > 0) {
      TALEA_TRY(leave_key());
      if (!choose_key()) break;
      if (!TALEA_TRY(choose_revision())) continue;
      --remaining_;
      row_ = {.key = key_, .ahead = key_.data()};
      rows.next = &row_;
      rows.end = &row_ + 1;
      return true;
    }
    remaining_ = 0;
    return false;
  }

  Result<BytesView> other_value() override {
    TALEA_TRY(check_row());
    if (is_present_) return present_.value();
    TALEA_TRY(store_.copy_value(found_, value_));
    return BytesView(value_);
  }

  Result<Sequence> revision() override {
    TALEA_TRY(check_row());
    return is_present_ ? present_.revision() : Result<Sequence>(found_.sequence());
  }

  Result<StateRow> describe() override {
    TALEA_TRY(check_row());
    if (is_present_) return TALEA_TRY(describe_present());
    StateRow described = {.space = space_,
                          .key = key_,
                          .revision = found_.sequence(),
                          .expiry_ms = found_.entry.expiry_ms(),
                          .value_bytes = found_.entry.raw_value_bytes(),
                          .time_ms = found_.segment().time_at(found_.offset, found_.entry)};
    if (found_.entry.is_extent_list()) {
      described.value_bytes = TALEA_TRY(store_.make_reader(found_)).bytes();
    }
    return described;
  }

 private:
  static constexpr Scan::Row kNoRow = {};

  // A scan whose rows can be described.
  class Present {
   public:
    explicit Present(std::unique_ptr<EngineScanState> state)
        : state_(state.get()), scan_(std::move(state)) {}
    Result<bool> next() { return scan_.next(); }
    BytesView key() const { return scan_.key(); }
    Result<BytesView> value() { return scan_.value(); }
    Result<Sequence> revision() { return scan_.revision(); }
    Result<StateRow> describe() { return state_->describe(); }

   private:
    EngineScanState* state_;
    Scan scan_;
  };

  // The youngest of a key in the buffers that is not too young.
  struct Buffered {
    BytesView key;
    Sequence sequence;
    LiveState::Found found;
  };

  static ScanRange without_limit(ScanRange range) {
    range.limit = 0;
    return range;
  }

  Status check_row() const {
    if (which_ == Rows::keys) {
      return Status::invalid_argument(
          "the scan has keys alone, of which some are removed; history() has their revisions");
    }
    if (rows.at == &row_) return {};
    return Status::invalid_argument("the scan is at no row: next() comes first, and its end last");
  }

  Result<StateRow> describe_present() { return present_.describe(); }

  bool in_range(BytesView key) const {
    return key >= bounds_.start && (!bounds_.end || key < *bounds_.end);
  }
  bool comes_before(BytesView left, BytesView right) const {
    return reverse_ ? left > right : left < right;
  }

  Status collect_buffered() {
    std::vector<Location> locations;
    for (const auto& buffer : history_.buffers) buffer->list_all(locations);
    for (const Location location : locations) {
      LiveState::Found found;
      if (!store_.live_->read(location, found)) {
        return Status::corruption("a past revision cannot be read");
      }
      TALEA_TRY(found.check(store_.options_.verify_reads));
      if (Space{found.entry.space} != space_ || !in_range(found.entry.key)) continue;
      const Sequence sequence = found.sequence();
      if (!limit_.admits(sequence, found.segment().time_at(found.offset, found.entry))) continue;
      buffered_.push_back({{}, sequence, std::move(found)});
      buffered_.back().key = buffered_.back().found.entry.key;  // which stays where it is
    }
    std::sort(buffered_.begin(), buffered_.end(), [&](const Buffered& left, const Buffered& right) {
      if (left.key != right.key) return comes_before(left.key, right.key);
      return left.sequence > right.sequence;
    });
    const auto is_same = [](const Buffered& left, const Buffered& right) {
      return left.key == right.key;
    };
    buffered_.erase(std::unique(buffered_.begin(), buffered_.end(), is_same), buffered_.end());
    return {};
  }

  Status seek_first_old() {
    if (!reverse_) return old_rows_.seek(run_row_key(space_, bounds_.start));
    if (bounds_.end) return old_rows_.seek_key_before(run_row_key(space_, *bounds_.end));
    if (number_of(space_) == UINT32_MAX) return old_rows_.seek_last_key();
    return old_rows_.seek_key_before(run_row_key(Space{number_of(space_) + 1}, {}));
  }
  bool has_old() const {
    return old_rows_.valid() && old_rows_.space() == space_ && in_range(old_rows_.key());
  }

  // Moves each list behind the key of the last row.
  Status leave_key() {
    if (!std::exchange(has_key_, false)) return {};
    if (has_present_ && present_.key() == key_) has_present_ = TALEA_TRY(present_.next());
    if (next_buffered_ < buffered_.size() && buffered_[next_buffered_].key == key_) {
      ++next_buffered_;
    }
    if (!is_old_) return {};
    const Bytes row_key = run_row_key(space_, key_);
    return reverse_ ? old_rows_.seek_key_before(row_key) : old_rows_.seek(row_key + '\0');
  }

  // The next key of any list; false at the end.
  bool choose_key() {
    const auto take = [&](BytesView key) {
      if (!has_key_ || comes_before(key, key_)) key_ = key;
      has_key_ = true;
    };
    if (has_present_) take(present_.key());
    if (next_buffered_ < buffered_.size()) take(buffered_[next_buffered_].key);
    if (has_old()) take(old_rows_.key());
    return has_key_;
  }

  // What the key was; false when it was absent.
  Result<bool> choose_revision() {
    is_old_ = has_old() && old_rows_.key() == key_;
    is_present_ = false;
    if (which_ == Rows::keys) return true;
    if (has_present_ && present_.key() == key_) {
      const StateRow row = TALEA_TRY(describe_present());
      is_present_ = limit_.admits(row.revision, row.time_ms);
      if (is_present_) return !is_expired(row.expiry_ms);
    }
    const bool is_buffered =
        next_buffered_ < buffered_.size() && buffered_[next_buffered_].key == key_;
    if (is_buffered) {
      found_ = buffered_[next_buffered_].found;
      return !found_.entry.is_remove() && !is_expired(found_.entry.expiry_ms());
    }
    if (!is_old_) return false;
    const Bytes row_key = run_row_key(space_, key_);
    TALEA_TRY(old_rows_.seek(row_key, limit_.sequence_max));
    while (old_rows_.valid() && old_rows_.row_key() == row_key) {
      const RunRevision row = old_rows_.revision();
      if (row.time_ms > limit_.time_max) {
        TALEA_TRY(old_rows_.next());
        continue;
      }
      if (row.tombstone) return false;
      found_ = TALEA_TRY(store_.live_->entry_of_row(space_, key_, row));
      return !is_expired(found_.entry.expiry_ms());
    }
    return false;
  }

  bool is_expired(std::uint64_t expiry_ms) const {
    return expiry_ms != 0 && expired_at_ != 0 && expiry_ms <= expired_at_;
  }

  const EngineStore& store_;
  const Space space_;
  const Rows which_;
  const bool reverse_;
  const RevisionLimit limit_;
  const std::uint64_t expired_at_;  // 0: nothing has
  const KeyBounds bounds_;
  std::uint64_t remaining_;
  const SnapshotRegistry::Pin pin_;
  Present present_;
  bool has_present_ = false;
  const History::View history_;
  std::vector<Buffered> buffered_;
  std::size_t next_buffered_ = 0;
  HistoryRows old_rows_;
  // The row.
  bool has_key_ = false;
  Bytes key_;
  bool is_present_ = false;  // it is the row of present_, else found_
  bool is_old_ = false;      // the runs have revisions of it
  LiveState::Found found_;
  Scan::Row row_;
  Bytes value_;
};

Result<Scan> EngineStore::scan(Space space, const ScanRange& range, At at) const {
  TALEA_TRY(check_usable(false));
  const RevisionLimit limit = TALEA_TRY(limit_of(at));
  SnapshotRegistry::Pin pin = live_->pin();  // of that, or later
  {
    const EpochGuard guard(live_->epochs());
    metrics_.reads[guard.number()].scans.add_alone();
  }
  const Sequence seen = pin.sequence();
  auto state = std::make_unique<PastScan>(*this, space, range, at, limit, std::move(pin),
                                          PastScan::Rows::of_the_moment);
  const History::From from = live_->history().view().from;
  const bool is_known = retention_.keeps_past()
                            ? limit.sequence_max >= from.sequence && limit.time_max >= from.time_ms
                            : !at.is_time() && limit.sequence_max >= seen;
  if (!is_known) return unknown_past(at);
  TALEA_TRY(state->begin());
  return Scan(std::move(state));
}

Result<Scan> EngineStore::scan_keys_with_past(Space space, const ScanRange& range) const {
  TALEA_TRY(check_usable(false));
  SnapshotRegistry::Pin pin = live_->pin();
  const At at = At::sequence(pin.sequence());
  auto state = std::make_unique<PastScan>(*this, space, range, at, RevisionLimit{at.value()},
                                          std::move(pin), PastScan::Rows::keys);
  TALEA_TRY(state->begin());
  return Scan(std::move(state));
}

}  // namespace talea
