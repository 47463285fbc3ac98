// Scans of the embedded store. A scan pins the batch as of which it sees the store, takes locations
// from the tree some at a time, and reads the entries where they lie: while the pin lives, no
// segment that it may look into goes away.
#include <algorithm>

#include "base/assert.h"
#include "engine/engine_store.h"

namespace talea {

namespace {

// Locations that are taken from the tree under one guard: few at first, because most scans are
// short, and more as it goes on.
constexpr std::size_t kRowsFirst = 16;
constexpr std::size_t kRowsAtOnce = 256;
// How many rows ahead the memory of an entry is asked for.
constexpr std::size_t kRowsAhead = 8;

// The lowest key above all that begin with `prefix`; none when there is no such key.
std::optional<Bytes> end_of_prefix(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace

class EngineScan final : public Scan::State {
 public:
  EngineScan(const EngineStore& store, Space space, const ScanRange& range,
             SnapshotRegistry::Pin pin, VerifyReads verify)
      : store_(store),
        space_(space),
        verify_(verify),
        reverse_(range.reverse),
        pin_(std::move(pin)),
        remaining_(range.limit == 0 ? UINT64_MAX : range.limit),
        start_(std::max(range.start, range.prefix)) {
    const std::optional<Bytes> prefix_end = end_of_prefix(range.prefix);
    if (!range.end.empty()) end_ = range.end;
    if (prefix_end && (!end_ || *prefix_end < *end_)) end_ = prefix_end;
    if (!reverse_) {
      bound_ = {start_, true};
    } else if (end_) {
      bound_ = {*end_, false};
    }
  }
  ~EngineScan() override { count_rows(); }

  Result<bool> next() override {
    has_row_ = false;
    value_.reset();
    if (remaining_ == 0) return end();
    TALEA_TRY(store_.check_usable(false));
    for (bool is_there = false; !is_there;) {
      if (position_ == count_ && !TALEA_TRY(fetch())) return end();
      if (position_ + kRowsAhead < count_) live().prefetch(locations_[position_ + kRowsAhead]);
      is_there = live().entry_as_of(locations_[position_++], pin_.sequence(), row_);
      // Also of what says that the key was absent, or damage would look like a key less.
      if (!is_there) TALEA_TRY(row_.check(verify_));
    }
    // Before its key is believed: a damaged one would end the scan.
    TALEA_TRY(row_.check(verify_));
    if (!in_range(row_.entry.key)) return end();
    --remaining_;
    ++rows_;
    has_row_ = true;
    return true;
  }

  BytesView key() const override { return has_row_ ? row_.entry.key : BytesView(); }

  Result<BytesView> value() override {
    if (!has_row_) return no_row();
    if (!row_.entry.is_extent_list()) return row_.entry.value;
    if (!value_) {
      Bytes value;
      TALEA_TRY(store_.copy_value(row_, value));
      value_ = std::move(value);
    }
    return BytesView(*value_);
  }

  Result<Sequence> revision() override {
    if (!has_row_) return no_row();
    return row_.sequence();
  }

  Result<StateRow> describe() override {
    if (!has_row_) return no_row();
    StateRow described = {.space = space_,
                          .key = row_.entry.key,
                          .revision = row_.sequence(),
                          .expiry_ms = 0,
                          .value_bytes = row_.entry.value.size(),
                          .time_ms = row_.segment().time_at(row_.offset, row_.entry)};
    if (row_.entry.is_extent_list()) described.value_bytes = TALEA_TRY(read_value()).bytes();
    return described;
  }

  Result<ValueReader> read_value() override {
    if (!has_row_) return no_row();
    return store_.make_reader(row_);
  }

 private:
  LiveState& live() const { return *store_.live_; }

  bool end() {
    remaining_ = 0;
    count_rows();
    return false;
  }

  static Status no_row() {
    return Status::invalid_argument("the scan is at no row: next() comes first, and its end last");
  }

  // The next locations from the tree; false when there are none.
  Result<bool> fetch() {
    const std::uint64_t wanted = std::min<std::uint64_t>(remaining_, at_once_);
    const auto into = std::span(locations_).first(static_cast<std::size_t>(wanted));
    at_once_ = std::min(2 * at_once_, kRowsAtOnce);
    position_ = count_ = 0;
    while (!exhausted_ && count_ == 0) {
      if (!live().may_be_incomplete()) {
        TALEA_TRY(take_rows(into));
      } else {
        ReadLock no_eviction(live().eviction_mutex());
        TALEA_TRY(promote_ahead(into.size()));
        TALEA_TRY(take_rows(into));
        TALEA_TRY(keep_within_promoted(into.size()));
      }
    }
    for (std::size_t i = 0; i < std::min(count_, kRowsAhead); ++i) live().prefetch(locations_[i]);
    return count_ > 0;
  }

  Status take_rows(std::span<Location> into) {
    const EpochGuard guard(live().epochs());
    count_ = live().rows(guard, space_, bound_, direction(), into);
    exhausted_ = count_ < into.size();
    if (count_ == 0) return {};
    // Keys stay where they are while the pin lives, so the bound may point there.
    LiveState::Found last;
    if (!live().read(locations_[count_ - 1], last)) TALEA_TRY(last.check(verify_));
    bound_ = {last.entry.key, false};
    return {};
  }

  // Takes keys that are in the runs alone into the tree, from the bound on, and notes how far.
  Status promote_ahead(std::size_t rows) {
    std::optional<Bytes> reached;
    if (reverse_) {
      std::optional<BytesView> before;
      if (bound_) before = bound_->key;
      reached = TALEA_TRY(live().promote_before(space_, before, rows));
    } else {
      auto promoted = TALEA_TRY(live().promote_from(space_, bound_->key, bound_->inclusive, rows));
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
    bound_ = {limit_, false};
    exhausted_ = false;
    return {};
  }

  RadixTree::Direction direction() const {
    return reverse_ ? RadixTree::Direction::descending : RadixTree::Direction::ascending;
  }

  bool in_range(BytesView key) const { return reverse_ ? key >= start_ : !end_ || key < *end_; }

  void count_rows() {
    if (rows_ == 0) return;
    const EpochGuard guard(live().epochs());
    store_.metrics_.reads[guard.number()].rows_scanned.add_alone(rows_);
    rows_ = 0;
  }

  const EngineStore& store_;
  const Space space_;
  const VerifyReads verify_;
  const bool reverse_;
  const SnapshotRegistry::Pin pin_;
  std::uint64_t remaining_;
  const Bytes start_;
  std::optional<Bytes> end_;
  std::optional<RadixTree::Bound> bound_;  // where the next fetch begins
  std::array<Location, kRowsAtOnce> locations_;
  std::size_t position_ = 0;
  std::size_t count_ = 0;
  std::size_t at_once_ = kRowsFirst;
  bool exhausted_ = false;
  std::optional<Bytes> promoted_to_;  // all keys from the bound to here are in the tree
  Bytes limit_;                       // what bound_ points to, at times
  bool has_row_ = false;
  LiveState::Found row_;
  std::optional<Bytes> value_;  // of a large value
  std::uint64_t rows_ = 0;      // returned and not yet counted
};

Result<Scan> EngineStore::scan(Space space, const ScanRange& range,
                               SnapshotRegistry::Pin pin) const {
  TALEA_TRY(check_usable(false));
  {
    const EpochGuard guard(live_->epochs());
    metrics_.reads[guard.number()].scans.add_alone();
  }
  return Scan(make_scan(space, range, std::move(pin), options_.verify_reads));
}

std::unique_ptr<Scan::State> EngineStore::make_scan(Space space, const ScanRange& range,
                                                    SnapshotRegistry::Pin pin,
                                                    VerifyReads verify) const {
  return std::make_unique<EngineScan>(*this, space, range, std::move(pin), verify);
}

Result<Scan> EngineStore::scan(Space space, const ScanRange& range) {
  return scan(space, range, live_->pin());
}

// --- Snapshots -----------------------------------------------------------------------------------

struct Snapshot::State {
  State(const EngineStore& of, SnapshotRegistry::Pin as_of) : store(of), pin(std::move(as_of)) {}

  Result<bool> get(BytesView key, Bytes& value) const {
    return store.get_into(Space::user, key, pin.sequence(), value);
  }
  Result<std::optional<Versioned>> get_versioned(BytesView key) const {
    return store.get_versioned(Space::user, key, pin.sequence());
  }
  // A scan has a pin of its own, because it may outlive the snapshot.
  Result<Scan> scan(const ScanRange& range) const {
    return store.scan(Space::user, range, store.live_->pin_again(pin));
  }

  const EngineStore& store;
  const SnapshotRegistry::Pin pin;
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
