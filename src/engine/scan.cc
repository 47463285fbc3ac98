// Scans of the embedded store: rows are taken from the index some at a time, and their values are
// read from the log when asked for.
#include <algorithm>
#include <deque>

#include "engine/engine_store.h"

namespace talea {

namespace {

// Rows that are taken from the index under one lock.
constexpr std::size_t kRowsAtOnce = 128;

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
  EngineScan(const EngineStore& store, Space space, const ScanRange& range)
      : store_(store),
        space_(space),
        reverse_(range.reverse),
        remaining_(range.limit == 0 ? UINT64_MAX : range.limit),
        start_(std::max(range.start, range.prefix)) {
    const std::optional<Bytes> prefix_end = end_of_prefix(range.prefix);
    if (!range.end.empty()) end_ = range.end;
    if (prefix_end && (!end_ || *prefix_end < *end_)) end_ = prefix_end;
    if (reverse_) {
      bound_ = end_;
    } else {
      bound_ = start_;
    }
  }

  Result<bool> next() override {
    read_.reset();
    value_.reset();
    row_ = {};
    if (remaining_ == 0) return false;
    TALEA_TRY(store_.check_usable(false));
    if (rows_.empty() && !exhausted_) fetch();
    if (rows_.empty()) return false;
    if (!in_range(rows_.front().key)) {
      rows_.clear();
      exhausted_ = true;
      return false;
    }
    row_ = std::move(rows_.front());
    rows_.pop_front();
    --remaining_;
    store_.metrics_.rows_scanned.add();
    return true;
  }

  BytesView key() const override { return row_.key; }

  Result<BytesView> value() override {
    if (value_) return BytesView(*value_);
    const EntryView entry = TALEA_TRY(read());
    if (!entry.is_extent_list) return entry.value;
    value_ = TALEA_TRY(store_.whole_value({row_.found, entry}));
    return BytesView(*value_);
  }

  Result<Sequence> revision() override {
    const EntryView entry = TALEA_TRY(read());
    return row_.found.segment->sequence_of(entry);
  }

 private:
  void fetch() {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kRowsAtOnce, remaining_));
    std::vector<LiveState::FoundRow> rows;
    if (reverse_) {
      std::optional<BytesView> before;
      if (bound_) before = *bound_;
      rows = store_.live_->rows_before(space_, before, count);
    } else {
      rows = store_.live_->rows_after(space_, *bound_, first_, count);
    }
    first_ = false;
    exhausted_ = rows.size() < count;
    if (!rows.empty()) bound_ = rows.back().key;
    std::move(rows.begin(), rows.end(), std::back_inserter(rows_));
  }

  bool in_range(BytesView key) const { return key >= start_ && (!end_ || key < *end_); }

  Result<EntryView> read() {
    if (row_.found.segment == nullptr) {
      return Status::invalid_argument(
          "the scan is at no row: next() comes first, and its end last");
    }
    if (!read_) {
      EntryView entry = TALEA_TRY(row_.found.segment->read_entry(row_.found.place(), scratch_));
      if (entry.key != row_.key || entry.space != space_ || entry.is_remove) {
        return row_.found.segment->corruption_at(row_.found.location.offset,
                                                 "the entry is intact and belongs to another key");
      }
      read_ = entry;
    }
    return *read_;
  }

  const EngineStore& store_;
  const Space space_;
  const bool reverse_;
  std::uint64_t remaining_;
  const Bytes start_;
  std::optional<Bytes> end_;
  std::optional<Bytes> bound_;  // where the next fetch begins
  bool first_ = true;           // `bound_` itself is not yet returned
  bool exhausted_ = false;
  std::deque<LiveState::FoundRow> rows_;
  LiveState::FoundRow row_;
  Bytes scratch_;
  std::optional<EntryView> read_;  // of row_, in scratch_
  std::optional<Bytes> value_;     // of a large value
};

Result<Scan> EngineStore::scan(Space space, const ScanRange& range) {
  TALEA_TRY(check_usable(false));
  metrics_.scans.add();
  return Scan(std::make_unique<EngineScan>(*this, space, range));
}

}  // namespace talea
