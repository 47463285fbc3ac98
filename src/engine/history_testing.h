// HistoryTest: a store that keeps its past, and what its tests ask of it.
#pragma once

#include <string>
#include <vector>

#include "engine/store_testing.h"

namespace talea {

class HistoryTest : public StoreTest {
 protected:
  HistoryTest() {
    options_.reap_expired = false;
    options_.retention = Retention::all();
    open();
  }
  void reopen_with(std::optional<Retention> retention) {
    options_.retention = retention;
    reopen();
  }
  Sequence put(BytesView key, BytesView value) {
    clock_.advance_ms(1);
    const auto put = store_->put(Space::user, key, value);
    EXPECT_TRUE(put.ok()) << put.status().to_string();
    return put.ok() ? *put : 0;
  }
  Sequence remove(BytesView key) {
    clock_.advance_ms(1);
    return store_->remove(Space::user, key).value();
  }
  std::string get(BytesView key, At at) {
    const auto got = store_->get(Space::user, key, at);
    if (!got.ok()) return std::string(code_name(got.status().code()));
    return *got ? (*got)->value : "absent";
  }
  std::string get(BytesView key, Sequence at) { return get(key, At::sequence(at)); }
  std::vector<Revision> history(BytesView key, const RevisionRange& range = {}) {
    return store_->history(Space::user, key, range).value();
  }
  std::vector<Sequence> sequences(BytesView key, const RevisionRange& range = {}) {
    std::vector<Sequence> sequences;
    for (const Revision& revision : history(key, range)) sequences.push_back(revision.sequence);
    return sequences;
  }
  std::string scan(At at, const ScanRange& range = {}) {
    auto scan = store_->scan(Space::user, range, at);
    if (!scan.ok()) return std::string(code_name(scan.status().code()));
    std::string rows;
    while (scan->next().value()) {
      rows += (rows.empty() ? "" : " ") + Bytes(scan->key()) + "=" + Bytes(scan->value().value());
    }
    return rows;
  }
};

}  // namespace talea
