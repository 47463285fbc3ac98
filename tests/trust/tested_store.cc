#include "tests/trust/tested_store.h"

#include <algorithm>

namespace talea::trust {

namespace {

using Means = TestedStore::Means;

ScanRange range_of(Means means, BytesView prefix) {
  const bool reverse = means == Means::reverse_scan || means == Means::snapshot_reverse_scan;
  return {.prefix = Bytes(prefix), .reverse = reverse};
}

// All rows, each of which must be of one of the keys and there once, in the order of the scan.
Result<Contents> read_all(Scan& scan, std::span<const Bytes> keys, bool reverse) {
  Contents contents(keys.size());
  std::optional<Bytes> last;
  while (TALEA_TRY(scan.next())) {
    const Bytes key(scan.key());
    const auto place = std::find(keys.begin(), keys.end(), key);
    if (place == keys.end()) return Status::corruption("a scan met " + key + ", which nobody put");
    if (last && (reverse ? key >= *last : key <= *last)) {
      return Status::corruption("a scan met " + key + " after " + *last);
    }
    last = key;
    const auto position = static_cast<std::size_t>(place - keys.begin());
    const Bytes value(TALEA_TRY(scan.value()));
    contents[position] = Versioned{value, TALEA_TRY(scan.revision())};
  }
  return contents;
}

class SnapshotMoment final : public Moment {
 public:
  SnapshotMoment(Snapshot snapshot, Means means, BytesView prefix)
      : snapshot_(std::move(snapshot)), means_(means), range_(range_of(means, prefix)) {}

  Result<Contents> read(std::span<const Bytes> keys) override {
    if (means_ != Means::snapshot_gets) {
      Scan scan = TALEA_TRY(snapshot_.scan(range_));
      return read_all(scan, keys, range_.reverse);
    }
    Contents contents(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      contents[i] = TALEA_TRY(snapshot_.get_versioned(keys[i]));
      const std::optional<Bytes> value = TALEA_TRY(snapshot_.get(keys[i]));
      const bool agree = value.has_value() == contents[i].has_value() &&
                         (!value.has_value() || *value == contents[i]->value);
      if (!agree) return Status::corruption("two gets of a snapshot disagree about " + keys[i]);
    }
    return contents;
  }
  std::optional<Sequence> sequence() const override { return snapshot_.sequence(); }

 private:
  const Snapshot snapshot_;
  const Means means_;
  const ScanRange range_;
};

class ScanMoment final : public Moment {
 public:
  ScanMoment(Scan scan, bool reverse) : scan_(std::move(scan)), reverse_(reverse) {}

  Result<Contents> read(std::span<const Bytes> keys) override {
    return read_all(scan_, keys, reverse_);
  }

 private:
  Scan scan_;
  const bool reverse_;
};

}  // namespace

Result<std::unique_ptr<Moment>> EngineUnderTest::moment(Means means, BytesView prefix) {
  if (means == Means::scan || means == Means::reverse_scan) {
    const ScanRange range = range_of(means, prefix);
    Scan scan = TALEA_TRY(store_.scan(Space::user, range));
    return std::unique_ptr<Moment>(std::make_unique<ScanMoment>(std::move(scan), range.reverse));
  }
  Snapshot snapshot = TALEA_TRY(store_.snapshot());
  return std::unique_ptr<Moment>(
      std::make_unique<SnapshotMoment>(std::move(snapshot), means, prefix));
}

}  // namespace talea::trust
