// Scans of the embedded store. A scan pins the batch as of which it sees the store, takes locations
// from the tree some at a time, and reads the entries where they lie: while the pin lives, no
// segment that it may look into goes away. In three steps, each of which asks for the memory that
// the next one needs:
//
//     tree --(up to 256)--> locations --(4)--> rows --(1)--> next()
#include <algorithm>

#include "base/assert.h"
#include "engine/engine_store.h"
#include "engine/expiry_hint.h"

namespace talea {

namespace {

// Locations that are taken from the tree under one guard: few at first, because most scans without
// a limit are short, and more as it goes on.
constexpr std::size_t kLocationsFirst = 16;
constexpr std::size_t kLocationsAtOnce = 256;
// Rows that are read at once, and how far behind them the memory of entries is asked for. More
// would come in bursts that the memory cannot serve at once, and leave it idle between them: a full
// scan of a million small rows takes a fifth longer with 16 and 16.
constexpr std::size_t kRowsAtOnce = 4;
constexpr std::size_t kRowsAhead = 8;
// How much of an entry is asked for where a fetch begins.
constexpr std::size_t kBytesAhead = 128;
// Of so many segments it is noted where they are.
constexpr std::size_t kSegmentsKnown = 16;

}  // namespace

class EngineScan final : public EngineScanState {
 public:
  EngineScan(const EngineStore& store, Space space, const ScanRange& range,
             SnapshotRegistry::Pin pin, std::uint64_t time_ms, VerifyReads verify, bool is_counted)
      : store_(store),
        space_(space),
        time_ms_(time_ms),
        verify_(verify),
        is_counted_(is_counted),
        reverse_(range.reverse),
        pin_(std::move(pin)),
        remaining_(range.limit == 0 ? UINT64_MAX : range.limit),
        bounds_(bounds_of(range)),
        rows_at_once_(store.options_.guard_maps ? 1 : kRowsAtOnce) {
    rows.is_closed = &store.closed_;
    rows.at = &kNoRow;
    if (range.limit != 0) at_once_ = kLocationsAtOnce;  // it says how far the scan goes
    if (!reverse_) {
      bound_ = {bounds_.start, true};
    } else if (bounds_.end) {
      bound_ = {*bounds_.end, false};
    }
  }
  ~EngineScan() override { count_rows(); }

  Result<bool> read_on() override {
    rows.at = &kNoRow;
    value_of_ = nullptr;
    if (rows.next == rows.end && remaining_ == 0) return end();
    TALEA_TRY(store_.check_usable(false));
    TALEA_ASSERT(rows.next == rows.end);
    forget_rows();
    return TALEA_TRY(read_rows()) ? true : end();
  }

  Result<BytesView> other_value() override {
    const LiveState::Found* const row = TALEA_TRY(present());
    if (value_of_ != rows.at) {
      value_of_ = nullptr;
      TALEA_TRY(store_.copy_value(*row, value_));
      value_of_ = rows.at;
    }
    return BytesView(value_);
  }

  Result<Sequence> revision() override { return TALEA_TRY(present())->sequence(); }

  Result<StateRow> describe() override {
    const LiveState::Found& row = *TALEA_TRY(present());
    StateRow described = {.space = space_,
                          .key = row.entry.key,
                          .revision = row.sequence(),
                          .expiry_ms = row.entry.expiry_ms(),
                          .value_bytes = row.entry.raw_value_bytes(),
                          .time_ms = row.segment().time_at(row.offset, row.entry)};
    if (row.entry.is_extent_list()) {
      described.value_bytes = TALEA_TRY(store_.make_reader(row)).bytes();
    }
    return described;
  }

  Result<ValueReader> read_value() override { return store_.make_reader(*TALEA_TRY(present())); }

 private:
  static constexpr Scan::Row kNoRow = {};

  LiveState& live() const { return *store_.live_; }

  bool end() {
    remaining_ = 0;
    count_rows();
    return false;
  }

  // The entry of the present row, as it was when the row was read: what lies below may be damaged
  // since, and is checked no more.
  Result<const LiveState::Found*> present() const {
    if (rows.at == &kNoRow) {
      return Status::invalid_argument(
          "the scan is at no row: next() comes first, and its end last");
    }
    return &found_[static_cast<std::size_t>(rows.at - rows_.data())];
  }

  void forget_rows() {
    rows_returned_ += static_cast<std::uint64_t>(rows.next - first_row_);
    first_row_ = rows.next = rows.end = rows_.data();
  }

  // Reads the next rows; false at the end. Damage is reported in its turn, behind the rows before.
  Result<bool> read_rows() {
    std::size_t count = 0;
    while (count == 0) {
      if (position_ == count_ && !TALEA_TRY(fetch())) return false;
      prefetch();
      const std::size_t wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rows_at_once_));
      for (; position_ < count_ && count < wanted; ++position_) {
        LiveState::Found& found = found_[count];
        const bool is_there = read(locations_[position_], found);
        // Also of what says that the key was absent, or damage would look like a key less; and
        // before its key is believed, because a damaged one would end the scan.
        if (!found.segment().read_status().ok() || !found.is_intact(verify_)) [[unlikely]] {
          if (count > 0) break;
          ++position_;
          TALEA_TRY(found.segment().read_status());
          return found.corruption();
        }
        if (!is_there || found.entry.is_expired(time_ms_)) continue;
        rows_[count] = {.key = found.entry.key,
                        .value = found.entry.value,
                        .has_value = !found.entry.is_extent_list() && !found.entry.is_compressed(),
                        .ahead = found.entry.key.data()};
        if (prefetched_ < count_) ask_for(locations_[prefetched_++], rows_[count]);
        ++count;
      }
    }
    remaining_ -= count;
    // They are in order: the last one tells about all.
    if (!in_range(rows_[count - 1].key)) [[unlikely]] {
      remaining_ = 0;
      const auto rows_end = rows_.begin() + static_cast<std::ptrdiff_t>(count);
      count = static_cast<std::size_t>(
          std::partition_point(rows_.begin(), rows_end,
                               [&](const Scan::Row& row) { return in_range(row.key); }) -
          rows_.begin());
    }
    rows.end = rows_.data() + count;
    return count > 0;
  }

  // The segment of a location. A scan goes to and fro between a few of them, which stay while the
  // pin lives.
  const SegmentState* segment_at(Location location) {
    const std::uint32_t id = segment_of(location);
    KnownSegment& known = known_segments_[id % kSegmentsKnown];
    if (known.id != id) [[unlikely]]
      known = {id, live().find_segment(id)};
    return known.state;
  }

  // As LiveState::entry_as_of(), as of the pin.
  bool read(Location location, LiveState::Found& out) {
    out.state = segment_at(location);
    out.offset = offset_of(location);
    if (out.state != nullptr && out.segment().peek(out.offset, out.entry) &&
        out.sequence() <= pin_.sequence()) [[likely]]
      return !out.entry.is_remove();
    return live().entry_as_of(location, pin_.sequence(), out);
  }

  // When it is the turn of `row`.
  void ask_for(Location location, Scan::Row& row) {
    if (const SegmentState* const state = segment_at(location)) {
      row.ahead = state->segment->address_of(offset_of(location));
    }
  }

  // Asks for what is read at once and was no row's turn to ask for.
  void prefetch() {
    for (; prefetched_ < std::min(count_, position_ + kRowsAtOnce); ++prefetched_) {
      live().prefetch(locations_[prefetched_]);
    }
  }

  // The next locations from the tree; false when there are none.
  Result<bool> fetch() {
    if (count_ > 0 && !exhausted_) TALEA_TRY(continue_behind(locations_[count_ - 1]));
    const std::uint64_t wanted = std::min<std::uint64_t>(remaining_, at_once_);
    const auto into = std::span(locations_).first(static_cast<std::size_t>(wanted));
    at_once_ = std::min(2 * at_once_, kLocationsAtOnce);
    position_ = count_ = 0;
    while (!exhausted_ && count_ == 0) {
      if (!live().may_be_incomplete()) {
        take_locations(into);
      } else {
        ReadLock no_eviction(live().eviction_mutex());
        TALEA_TRY(promote_ahead(into.size()));
        take_locations(into);
        TALEA_TRY(keep_within_promoted(into.size()));
      }
    }
    return count_ > 0;
  }

  void take_locations(std::span<Location> into) {
    const EpochGuard guard(live().epochs());
    prefetched_ = std::min(into.size(), kRowsAtOnce + kRowsAhead);
    count_ = live().rows(guard, space_, bound_, direction(), into, {prefetched_, kBytesAhead});
    exhausted_ = count_ < into.size();
    limit_.reset();
  }

  // Keys stay where they are while the pin lives, so the bound may point there.
  Status continue_behind(Location location) {
    if (limit_) return {};  // the bound is there
    if (!live().read(location, last_)) TALEA_TRY(last_.check(verify_));
    bound_ = {last_.entry.key, false};
    return {};
  }

  // Takes keys that are in the runs alone into the tree, from the bound on, and notes how far.
  Status promote_ahead(std::size_t keys) {
    std::optional<Bytes> reached;
    if (reverse_) {
      std::optional<BytesView> before;
      if (bound_) before = bound_->key;
      reached = TALEA_TRY(live().promote_before(space_, before, keys));
    } else {
      auto promoted = TALEA_TRY(live().promote_from(space_, bound_->key, bound_->inclusive, keys));
      if (promoted && promoted->space == space_) reached = std::move(promoted->key);
    }
    promoted_to_ = std::move(reached);
    return {};
  }

  // Rows beyond what was promoted may have others between them: they come with the next fetch.
  Status keep_within_promoted(std::size_t wanted) {
    if (!promoted_to_) return {};
    const std::size_t taken = count_;
    LiveState::Found row;
    while (count_ > 0) {
      if (!live().read(locations_[count_ - 1], row)) TALEA_TRY(row.check(verify_));
      const int order = row.entry.key.compare(*promoted_to_);
      if (reverse_ ? order >= 0 : order <= 0) break;
      --count_;
    }
    if (count_ == taken && taken == wanted) return {};
    limit_ = *promoted_to_;
    bound_ = {*limit_, false};
    exhausted_ = false;
    return {};
  }

  RadixTree::Direction direction() const {
    return reverse_ ? RadixTree::Direction::descending : RadixTree::Direction::ascending;
  }

  bool in_range(BytesView key) const {
    return reverse_ ? key >= bounds_.start : !bounds_.end || key < *bounds_.end;
  }

  void count_rows() {
    if (!is_counted_) return;
    rows_returned_ += static_cast<std::uint64_t>(rows.next - first_row_);
    first_row_ = rows.next;
    if (rows_returned_ == 0) return;
    const EpochGuard guard(live().epochs());
    store_.metrics_.reads[guard.number()].rows_scanned.add_alone(rows_returned_);
    rows_returned_ = 0;
  }

  const EngineStore& store_;
  const Space space_;
  const std::uint64_t time_ms_;
  const VerifyReads verify_;
  const bool is_counted_;
  const bool reverse_;
  const SnapshotRegistry::Pin pin_;
  std::uint64_t remaining_;  // rows that may be read yet
  const KeyBounds bounds_;
  std::optional<RadixTree::Bound> bound_;  // where the next fetch begins
  bool exhausted_ = false;
  std::optional<Bytes> promoted_to_;  // all keys from the bound to here are in the tree
  std::optional<Bytes> limit_;        // where the next fetch begins if not behind the last location
  std::array<Location, kLocationsAtOnce> locations_;
  std::size_t at_once_ = kLocationsFirst;
  // With MapGuard one: what the disk takes away of a row that was read ahead would be zeros.
  const std::size_t rows_at_once_;
  std::size_t count_ = 0;
  std::size_t position_ = 0;    // what is to be read next
  std::size_t prefetched_ = 0;  // what is to be asked for next
  struct KnownSegment {
    std::uint32_t id = 0;  // no segment has it
    const SegmentState* state = nullptr;
  };
  std::array<KnownSegment, kSegmentsKnown> known_segments_{};
  std::array<Scan::Row, kRowsAtOnce> rows_;
  std::array<LiveState::Found, kRowsAtOnce> found_;  // of these
  const Scan::Row* first_row_ = nullptr;             // that was not counted yet
  std::uint64_t rows_returned_ = 0;                  // and not yet counted
  LiveState::Found last_;                            // what the next fetch begins behind
  Bytes value_;                                      // of a large value
  const Scan::Row* value_of_ = nullptr;              // the row that has it
};

Result<Scan> EngineStore::scan(Space space, const ScanRange& range, SnapshotRegistry::Pin pin,
                               std::uint64_t time_ms) const {
  TALEA_TRY(check_usable(false));
  {
    const EpochGuard guard(live_->epochs());
    metrics_.reads[guard.number()].scans.add_alone();
  }
  return Scan(make_scan(space, range, std::move(pin), time_ms, options_.verify_reads));
}

std::unique_ptr<EngineScanState> EngineStore::make_scan(Space space, const ScanRange& range,
                                                        SnapshotRegistry::Pin pin,
                                                        std::uint64_t time_ms, VerifyReads verify,
                                                        bool is_counted) const {
  return std::make_unique<EngineScan>(*this, space, range, std::move(pin), time_ms, verify,
                                      is_counted);
}

Result<Scan> EngineStore::scan_hints(const ScanRange& range) const {
  TALEA_TRY(check_usable(false));
  return Scan(make_scan(kExpirySpace, range, live_->pin(), /*time_ms=*/0, options_.verify_reads,
                        /*is_counted=*/false));
}

Result<Scan> EngineStore::scan(Space space, const ScanRange& range) {
  SnapshotRegistry::Pin pin = live_->pin();
  return scan(space, range, std::move(pin), now_ms());
}

// --- Snapshots -----------------------------------------------------------------------------------

struct Snapshot::State {
  State(const EngineStore& of, SnapshotRegistry::Pin as_of)
      : store(of), pin(std::move(as_of)), time_ms(of.now_ms()) {}

  EngineStore::Moment moment() const { return {pin.sequence(), time_ms}; }
  Result<bool> get(BytesView key, Bytes& value) const {
    return store.get_into(Space::user, key, moment(), value);
  }
  Result<std::optional<Versioned>> get_versioned(BytesView key) const {
    return store.get_versioned(Space::user, key, moment());
  }
  // A scan has a pin of its own, because it may outlive the snapshot.
  Result<Scan> scan(const ScanRange& range) const {
    return store.scan(Space::user, range, store.live_->pin_again(pin), time_ms);
  }

  const EngineStore& store;
  const SnapshotRegistry::Pin pin;
  const std::uint64_t time_ms;
};

Result<Snapshot> EngineStore::snapshot() {
  TALEA_TRY(check_usable(false));
  return Snapshot(std::make_unique<Snapshot::State>(*this, live_->pin()));
}

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Sequence Snapshot::sequence() const { return state_->pin.sequence(); }
Result<bool> Snapshot::get(BytesView key, Bytes& value) const { return state_->get(key, value); }
Result<std::optional<Bytes>> Snapshot::get(BytesView key) const {
  Bytes value;
  if (!TALEA_TRY(state_->get(key, value))) return std::optional<Bytes>();
  return std::optional<Bytes>(std::move(value));
}
Result<std::optional<Versioned>> Snapshot::get_versioned(BytesView key) const {
  return state_->get_versioned(key);
}
Result<Scan> Snapshot::scan(const ScanRange& range) const { return state_->scan(range); }

}  // namespace talea
