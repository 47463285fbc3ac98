#include "stores/row_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "talea/limits.h"

namespace talea {
namespace {

// How often it is looked whether something is due; while nothing is, that is a look at the clock.
constexpr std::chrono::milliseconds kReapPeriod{20};
// What one slice removes at most, and when it is tried again after a failure.
constexpr std::size_t kReapedAtOnce = 1024;
constexpr std::uint64_t kRetryMs = 1000;

Status check_no_stored_value(const Batch& batch) {
  for (const Batch::Operation& operation : batch.operations()) {
    if (operation.kind != Batch::Operation::Kind::put_stored) continue;
    return Status::invalid_argument(
        "a StoredValue belongs to the engine that made it, and this store takes none: put values "
        "of up to " +
        std::to_string(kValueBytesMax) + " bytes as they are");
  }
  return {};
}

}  // namespace

// --- Opening and closing -------------------------------------------------------------------------

RowStore::RowStore(Setup setup, std::unique_ptr<OrderedRows> rows)
    : setup_(std::move(setup)), rows_(std::move(rows)) {}

Result<std::unique_ptr<RowStore>> RowStore::open(Setup setup, std::unique_ptr<OrderedRows> rows) {
  std::unique_ptr<RowStore> store(new RowStore(std::move(setup), std::move(rows)));
  TALEA_TRY(store->begin());
  return store;
}

Status RowStore::begin() {
  TALEA_TRY(read_head());
  if (setup_.read_only) return {};
  reaping_ = TALEA_TRY(setup_.executor.every(kReapPeriod, [this] { reap(); }));
  if (setup_.sync_interval.count() == 0) return {};
  // A failed sync breaks the rows, and the next write reports it.
  syncing_ =
      TALEA_TRY(setup_.executor.every(setup_.sync_interval, [this] { (void)rows_->sync().ok(); }));
  return {};
}

Status RowStore::read_head() {
  MutexLock lock(mutex_);
  const std::unique_ptr<OrderedRows::Cursor> cursor = rows_->cursor();
  TALEA_TRY(cursor->seek({}));
  if (!cursor->is_at_row()) return setup_.read_only ? Status() : write({}, {});
  if (cursor->key() != kHeadKey) {
    return Status::invalid_argument(setup_.name + " holds data that is none of Talea's");
  }
  const StoreHead head = TALEA_TRY(decode_head(cursor->value()));
  last_sequence_ = head.last_sequence;
  last_time_ms_ = head.last_time_ms;
  TALEA_TRY(cursor->seek(kDueTag));
  may_expire_ = cursor->is_at_row();
  return {};
}

Status RowStore::close() {
  if (closed_.exchange(true)) return Status::invalid_argument(setup_.name + " is closed");
  reaping_.reset();
  syncing_.reset();
  MutexLock lock(mutex_);
  if (setup_.read_only || !broken_.ok()) return {};
  return rows_->sync();
}

Status RowStore::check_usable(bool for_writing) const {
  if (closed_.load()) return Status::invalid_argument(setup_.name + " is closed");
  if (for_writing && setup_.read_only) {
    return Status::invalid_argument(setup_.name + " was opened for reading only");
  }
  return {};
}

// --- Reading -------------------------------------------------------------------------------------

Status RowStore::damaged(BytesView place) const {
  return Status::corruption(setup_.name + " has a row that makes no sense, under a key of " +
                            std::to_string(place.size()) + " bytes");
}

Result<std::optional<RowStore::Present>> RowStore::look_up(Space space, BytesView key) const {
  const Bytes place = place_of(space, key);
  std::optional<OrderedRows::Found> found = TALEA_TRY(rows_->get(place));
  if (!found) return std::optional<Present>();
  const std::optional<ValueRow> row = decode_value(found->value);
  if (!row) return damaged(place);
  return std::optional<Present>({std::move(*found), *row});
}

Result<std::optional<RowStore::Present>> RowStore::look_up(Space space, BytesView key,
                                                           std::uint64_t now_ms) const {
  std::optional<Present> present = TALEA_TRY(look_up(space, key));
  if (present && present->row.is_expired(now_ms)) present.reset();
  return present;
}

Result<std::optional<Versioned>> RowStore::get(Space space, BytesView key) {
  TALEA_TRY(check_usable(false));
  TALEA_TRY(check_key(key));
  const std::optional<Present> present = TALEA_TRY(look_up(space, key));
  // Asked after the row was read, the time is not before that of its batch.
  if (!present || present->row.is_expired(now_ms())) return std::optional<Versioned>();
  return std::optional<Versioned>(
      {Bytes(present->row.value), present->row.revision, present->row.expiry_ms});
}

// One row at a time: it lies where the cursor is.
class RowScan final : public Scan::State {
 public:
  RowScan(const RowStore& store, Space space, const ScanRange& range,
          std::unique_ptr<OrderedRows::Cursor> cursor, std::uint64_t time_ms)
      : store_(store),
        space_(space),
        reverse_(range.reverse),
        remaining_(range.limit == 0 ? UINT64_MAX : range.limit),
        time_ms_(time_ms),
        cursor_(std::move(cursor)) {
    const KeyBounds bounds = bounds_of(range);
    start_ = place_of(space, bounds.start);
    end_ = bounds.end ? place_of(space, *bounds.end) : end_of_space(space);
    rows.at = &kNoRow;
    rows.is_closed = &store.closed_;
  }

  Result<bool> read_on() override {
    rows.at = &kNoRow;
    TALEA_TRY(store_.check_usable(false));
    TALEA_TRY(failed_);
    Result<bool> found = find();
    if (!found.ok()) failed_ = found.status();
    return found;
  }

  Result<BytesView> other_value() override { return no_row(); }
  Result<Sequence> revision() override {
    TALEA_TRY(check_at_row());
    return value_.revision;
  }
  Result<StateRow> describe() override {
    TALEA_TRY(check_at_row());
    return StateRow{.space = space_,
                    .key = row_.key,
                    .revision = value_.revision,
                    .expiry_ms = value_.expiry_ms,
                    .value_bytes = value_.value.size(),
                    .time_ms = value_.time_ms};
  }

 private:
  static constexpr Scan::Row kNoRow = {};

  static Status no_row() {
    return Status::invalid_argument("the scan is at no row: next() comes first, and its end last");
  }
  Status check_at_row() const { return rows.at == &kNoRow ? no_row() : Status(); }

  Result<bool> find() {
    while (remaining_ > 0) {
      TALEA_TRY(move());
      if (!cursor_->is_at_row() || !is_in_range(cursor_->key())) break;
      const std::optional<Place> place = decode_place(cursor_->key());
      const std::optional<ValueRow> value = decode_value(cursor_->value());
      if (!place || !value) return store_.damaged(cursor_->key());
      if (value->is_expired(time_ms_)) continue;
      --remaining_;
      value_ = *value;
      row_ = {
          .key = place->key, .value = value->value, .has_value = true, .ahead = place->key.data()};
      rows.next = &row_;
      rows.end = rows.next + 1;
      return true;
    }
    remaining_ = 0;
    return false;
  }

  Status move() {
    if (std::exchange(has_begun_, true)) return reverse_ ? cursor_->previous() : cursor_->next();
    return reverse_ ? cursor_->seek_before(end_) : cursor_->seek(start_);
  }

  bool is_in_range(BytesView place) const { return reverse_ ? place >= start_ : place < end_; }

  const RowStore& store_;
  const Space space_;
  const bool reverse_;
  std::uint64_t remaining_;
  const std::uint64_t time_ms_;
  const std::unique_ptr<OrderedRows::Cursor> cursor_;
  Bytes start_;
  Bytes end_;
  bool has_begun_ = false;
  Status failed_;
  ValueRow value_;  // of the row
  Scan::Row row_;
};

Result<Scan> RowStore::scan(Space space, const ScanRange& range) {
  TALEA_TRY(check_usable(false));
  std::unique_ptr<OrderedRows::Cursor> cursor = rows_->cursor();
  const std::uint64_t time_ms = now_ms();
  return Scan(std::make_unique<RowScan>(*this, space, range, std::move(cursor), time_ms));
}

// --- The state -----------------------------------------------------------------------------------

// One cursor over all spaces, which sees the head of the same moment.
class RowStateReader final : public StateReader {
 public:
  RowStateReader(const RowStore& store, std::unique_ptr<OrderedRows::Cursor> cursor)
      : store_(store), cursor_(std::move(cursor)) {}

  Status begin() {
    TALEA_TRY(cursor_->seek(kDueTag));
    may_expire_ = cursor_->is_at_row();
    TALEA_TRY(cursor_->seek(kHeadKey));
    if (!cursor_->is_at_row()) return {};  // opened for reading before anything was written
    if (cursor_->key() != kHeadKey) return store_.damaged(cursor_->key());
    head_ = TALEA_TRY(decode_head(cursor_->value()));
    return {};
  }

  Sequence last_sequence() const override { return head_.last_sequence; }
  std::uint64_t last_time_ms() const override { return head_.last_time_ms; }
  bool may_expire() const override { return may_expire_; }
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override { return std::exchange(value_, {}); }

  Result<bool> next() override {
    TALEA_TRY(store_.check_usable(false));
    if (!cursor_->is_at_row()) return false;
    TALEA_TRY(cursor_->next());
    std::optional<Place> place = at_place();
    if (place && place->space == kExpirySpace) {
      TALEA_TRY(cursor_->seek(end_of_space(kExpirySpace)));
      place = at_place();
    }
    if (!place) {
      if (!cursor_->is_at_row() || cursor_->key() >= kDueTag) return end();
      return store_.damaged(cursor_->key());
    }
    return describe(*place);
  }

 private:
  std::optional<Place> at_place() const {
    return cursor_->is_at_row() ? decode_place(cursor_->key()) : std::nullopt;
  }

  Result<bool> end() {
    TALEA_TRY(cursor_->seek(Bytes(1, '\xff')));  // behind all rows
    return false;
  }

  // Who reads a state believes what it says of itself.
  Result<bool> describe(const Place& place) {
    const std::optional<ValueRow> value = decode_value(cursor_->value());
    const bool makes_sense = value && value->revision <= head_.last_sequence &&
                             value->time_ms <= head_.last_time_ms &&
                             (value->expiry_ms == 0 || may_expire_);
    if (!makes_sense) return store_.damaged(cursor_->key());
    row_ = {.space = place.space,
            .key = place.key,
            .revision = value->revision,
            .expiry_ms = value->expiry_ms,
            .value_bytes = value->value.size(),
            .time_ms = value->time_ms};
    value_ = value->value;
    return true;
  }

  const RowStore& store_;
  const std::unique_ptr<OrderedRows::Cursor> cursor_;
  StoreHead head_;
  bool may_expire_ = false;
  StateRow row_;
  BytesView value_;  // what is left of it
};

Result<std::unique_ptr<StateReader>> RowStore::read_state() {
  TALEA_TRY(check_usable(false));
  auto reader = std::make_unique<RowStateReader>(*this, rows_->cursor());
  TALEA_TRY(reader->begin());
  return std::unique_ptr<StateReader>(std::move(reader));
}

// --- Writing -------------------------------------------------------------------------------------

Result<Sequence> RowStore::commit(const Batch& batch, FailedPrecondition* failed) {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_batch(batch));
  TALEA_TRY(check_no_stored_value(batch));
  // Held while the rows are written: the next commit's preconditions are about them.
  MutexLock lock(mutex_);
  TALEA_TRY(broken_);
  const std::uint64_t time_ms = now_ms();
  TALEA_TRY(evaluate(batch, time_ms, failed));
  if (batch.operations().empty()) return last_sequence_;
  if (last_sequence_ >= kSequenceMax) {
    return Status::exhausted("all " + std::to_string(kSequenceMax) +
                             " sequences of this store are used");
  }
  return write(batch, last_sequence_ + 1, time_ms);
}

Result<bool> RowStore::apply(Sequence sequence, const Batch& batch) {
  TALEA_TRY(check_applied(sequence, batch));
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_batch(batch));
  TALEA_TRY(check_no_stored_value(batch));
  MutexLock lock(mutex_);
  TALEA_TRY(broken_);
  if (sequence <= last_sequence_) return false;
  TALEA_TRY(write(batch, sequence, now_ms()));
  return true;
}

Status RowStore::evaluate(const Batch& batch, std::uint64_t now_ms, FailedPrecondition* failed) {
  const std::vector<Batch::Precondition>& preconditions = batch.preconditions();
  for (std::size_t i = 0; i < preconditions.size(); ++i) {
    const std::optional<Present> present =
        TALEA_TRY(look_up(preconditions[i].space, preconditions[i].key, now_ms));
    std::optional<Sequence> found;
    if (present) found = present->row.revision;
    if (holds(preconditions[i], found)) continue;
    if (failed != nullptr) *failed = {.position = i, .found = found};
    return precondition_failed(i, preconditions[i], found);
  }
  return {};
}

std::optional<RowStore::Resolved> RowStore::resolve(const Batch::Operation& operation,
                                                    std::uint64_t now_ms,
                                                    const std::optional<Present>& present) {
  if (operation.kind == Batch::Operation::Kind::remove) return Resolved{.is_remove = true};
  const bool is_there = present && !present->row.is_expired(now_ms);
  Resolved resolved{.value = operation.value};
  if (operation.kind == Batch::Operation::Kind::set_expiry) {
    if (!is_there) return std::nullopt;
    resolved.value = present->row.value;
  }
  resolved.expiry_ms = moment_of(operation.expiry, now_ms, is_there ? present->row.expiry_ms : 0);
  return resolved;
}

// Expiries are resolved against the state before the batch, as its preconditions are.
Result<Sequence> RowStore::write(const Batch& batch, Sequence sequence, std::uint64_t now_ms) {
  std::vector<OrderedRows::Change> changes;
  changes.reserve(batch.operations().size() + 1);
  std::uint64_t first_due_ms = UINT64_MAX;
  for (const Batch::Operation& operation : batch.operations()) {
    // Where nothing ever expired, what is replaced is of no account.
    std::optional<Present> present;
    if (may_expire_ || operation.kind == Batch::Operation::Kind::set_expiry) {
      present = TALEA_TRY(look_up(operation.space, operation.key));
    }
    const std::optional<Resolved> resolved = resolve(operation, now_ms, present);
    if (!resolved) continue;
    if (present && present->row.expiry_ms != 0) {
      changes.push_back(
          {encode_due({present->row.expiry_ms, operation.space, operation.key}), std::nullopt});
    }
    Bytes place = place_of(operation.space, operation.key);
    if (resolved->is_remove) {
      changes.push_back({std::move(place), std::nullopt});
      continue;
    }
    const std::uint64_t expiry_ms = resolved->expiry_ms;
    changes.push_back(
        {std::move(place), encode_value({sequence, now_ms, expiry_ms, resolved->value})});
    if (expiry_ms == 0) continue;
    changes.push_back({encode_due({expiry_ms, operation.space, operation.key}), Bytes()});
    first_due_ms = std::min(first_due_ms, expiry_ms);
  }
  if (changes.empty()) return last_sequence_;
  TALEA_TRY(write(std::move(changes), {.last_sequence = sequence, .last_time_ms = now_ms}));
  if (first_due_ms != UINT64_MAX) {
    may_expire_ = true;
    expects(first_due_ms);
  }
  return sequence;
}

Status RowStore::write(std::vector<OrderedRows::Change> changes, const StoreHead& head) {
  changes.push_back({Bytes(kHeadKey), encode_head(head)});
  // Before the rows can be seen: nobody may see a batch and an earlier time.
  last_time_ms_ = head.last_time_ms;
  Status written = rows_->write(std::move(changes));
  if (written.ok()) {
    last_sequence_ = head.last_sequence;
  } else if (written.code() == Code::timed_out) {
    broken_ = Status::io_error(
        "an earlier write failed and may have happened or not, so that nothing is written any "
        "more; open " +
        setup_.name + " again. It failed with: " + std::string(written.message()));
  }
  return written;
}

// --- Expiry --------------------------------------------------------------------------------------

void RowStore::expects(std::uint64_t expiry_ms) {
  std::uint64_t next = next_due_ms_.load();
  while (expiry_ms < next && !next_due_ms_.compare_exchange_weak(next, expiry_ms)) {
  }
}

void RowStore::reap() {
  const std::uint64_t now = now_ms();
  if (now < next_due_ms_.load()) [[likely]]
    return;
  // Before the look: whoever commits after it lowers this again.
  next_due_ms_ = UINT64_MAX;
  const Result<std::uint64_t> next = reap_some(now);
  expects(next.ok() ? *next : now + kRetryMs);
}

// Removes what is due, and returns when something is next.
Result<std::uint64_t> RowStore::reap_some(std::uint64_t now_ms) {
  MutexLock lock(mutex_);
  TALEA_TRY(broken_);
  const std::unique_ptr<OrderedRows::Cursor> cursor = rows_->cursor();
  std::vector<OrderedRows::Change> changes;
  std::uint64_t next_ms = UINT64_MAX;
  bool removes_keys = false;
  TALEA_TRY(cursor->seek(kDueTag));
  for (std::size_t seen = 0; cursor->is_at_row(); ++seen) {
    const std::optional<Due> due = decode_due(cursor->key());
    if (!due) return damaged(cursor->key());
    if (due->expiry_ms > now_ms || seen == kReapedAtOnce) {
      next_ms = due->expiry_ms;
      break;
    }
    const std::optional<Present> present = TALEA_TRY(look_up(due->space, due->key));
    // Else the key was put again, and another row says when.
    if (present && present->row.expiry_ms == due->expiry_ms) {
      changes.push_back({place_of(due->space, due->key), std::nullopt});
      removes_keys = true;
    }
    changes.push_back({Bytes(cursor->key()), std::nullopt});
    TALEA_TRY(cursor->next());
  }
  if (changes.empty()) return next_ms;
  // Keys that go change the state, and that takes a sequence.
  if (removes_keys && last_sequence_ >= kSequenceMax) return std::uint64_t{UINT64_MAX};
  const StoreHead head = {.last_sequence = last_sequence_ + (removes_keys ? 1 : 0),
                          .last_time_ms = std::max(now_ms, last_time_ms_.load())};
  TALEA_TRY(write(std::move(changes), head));
  return next_ms;
}

}  // namespace talea
