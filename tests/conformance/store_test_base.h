// What the files of the conformance suite share: a test with a store of the kind that is its
// parameter.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "store/state_stream.h"
#include "store/state_testing.h"
#include "talea/limits.h"
#include "tests/conformance/store_world.h"
#include "tests/support/test_directory.h"

namespace talea {

/// What a scan gave of a row.
struct ScannedRow {
  Bytes key;
  Bytes value;
  Sequence revision = 0;
  std::uint64_t expiry_ms = 0;
  friend bool operator==(const ScannedRow&, const ScannedRow&) = default;
};

/// The rows that are left in `scan`.
inline Result<std::vector<ScannedRow>> rows_of(Scan& scan) {
  std::vector<ScannedRow> rows;
  while (TALEA_TRY(scan.next())) {
    rows.push_back({Bytes(scan.key()), Bytes(TALEA_TRY(scan.value())), TALEA_TRY(scan.revision()),
                    TALEA_TRY(scan.expiry_ms())});
  }
  return rows;
}

class StoreConformance : public testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override { ASSERT_NE(world_, nullptr) << "the store does not open"; }

  Store& store() { return world_->store(); }
  ManualClock& clock() { return world_->clock(); }

  Sequence commit(const Batch& batch) {
    const Result<Sequence> committed = store().commit(batch, nullptr);
    EXPECT_TRUE(committed.ok()) << committed.status().to_string();
    return committed.ok() ? *committed : 0;
  }
  Code code_of(const Batch& batch) { return store().commit(batch, nullptr).status().code(); }
  Sequence last_sequence() { return commit(Batch()); }
  std::string get(BytesView key, Space space = Space::user) {
    const auto found = store().get(space, key);
    EXPECT_TRUE(found.ok()) << found.status().to_string();
    return found.ok() && *found ? (*found)->value : "absent";
  }
  std::optional<Versioned> versioned(BytesView key, Space space = Space::user) {
    return store().get(space, key).value();
  }
  std::vector<ScannedRow> scanned(const ScanRange& range = {}, Space space = Space::user) {
    Scan scan = store().scan(space, range).value();
    return rows_of(scan).value();
  }
  std::vector<Bytes> keys(const ScanRange& range = {}, Space space = Space::user) {
    std::vector<Bytes> keys;
    for (ScannedRow& row : scanned(range, space)) keys.push_back(std::move(row.key));
    return keys;
  }
  MemoryState state() { return read_all(*store().read_state().value()).value(); }
  StateHash hash() { return hash_state(*store().read_state().value()).value(); }
  void restart(StoreWorld::End end) {
    const Status restarted = world_->restart(end);
    ASSERT_TRUE(restarted.ok()) << restarted.to_string();
  }

  const std::unique_ptr<StoreWorld> world_ = StoreWorld::make(GetParam());
};

}  // namespace talea
