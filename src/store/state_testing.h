// A state in memory, for tests of what reads and writes states.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "store/state.h"
#include "talea/state.h"

namespace talea {

/// Rows as one would write them down.
struct MemoryState {
  struct Value {
    Bytes bytes;
    Sequence revision = 1;
    std::uint64_t time_ms = 0;
    std::uint64_t expiry_ms = 0;
    friend bool operator==(const Value&, const Value&) = default;
  };
  std::map<std::pair<Space, Bytes>, Value> rows = {};
  Sequence last_sequence = 1000;
  std::uint64_t last_time_ms = 2'000'000;
  bool may_expire = false;
  friend bool operator==(const MemoryState&, const MemoryState&) = default;
};

/// Reads a MemoryState, values in pieces of `piece_bytes`.
class MemoryStateReader final : public StateReader {
 public:
  explicit MemoryStateReader(const MemoryState& state, std::size_t piece_bytes = 1000)
      : state_(state), piece_bytes_(piece_bytes), following_(state.rows.begin()) {}

  Sequence last_sequence() const override { return state_.last_sequence; }
  std::uint64_t last_time_ms() const override { return state_.last_time_ms; }
  bool may_expire() const override { return state_.may_expire; }
  Result<bool> next() override {
    if (following_ == state_.rows.end()) return false;
    const auto& [place, value] = *following_++;
    row_ = {.space = place.first,
            .key = place.second,
            .revision = value.revision,
            .expiry_ms = value.expiry_ms,
            .value_bytes = value.bytes.size(),
            .time_ms = value.time_ms};
    left_ = value.bytes;
    return true;
  }
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override {
    const BytesView piece = left_.substr(0, piece_bytes_);
    left_.remove_prefix(piece.size());
    return piece;
  }

 private:
  const MemoryState& state_;
  const std::size_t piece_bytes_;
  std::map<std::pair<Space, Bytes>, MemoryState::Value>::const_iterator following_;
  StateRow row_;
  BytesView left_;
};

/// What is left in `reader`.
inline Result<MemoryState> read_all(StateReader& reader) {
  MemoryState state{.last_sequence = reader.last_sequence(),
                    .last_time_ms = reader.last_time_ms(),
                    .may_expire = reader.may_expire()};
  while (TALEA_TRY(reader.next())) {
    const StateRow row = reader.row();
    MemoryState::Value& value = state.rows[{row.space, Bytes(row.key)}];
    value = {
        .bytes = {}, .revision = row.revision, .time_ms = row.time_ms, .expiry_ms = row.expiry_ms};
    for (;;) {
      const BytesView piece = TALEA_TRY(reader.read_value());
      if (piece.empty()) break;
      value.bytes += piece;
    }
  }
  return state;
}

/// Gives what is in `bytes`, which must stay, at most `at_once` bytes in a call.
inline StateSource source_of(BytesView bytes, std::size_t at_once = ~std::size_t{0}) {
  return [left = bytes, at_once](char* out, std::size_t wanted) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({wanted, at_once, left.size()});
    std::memcpy(out, left.data(), count);
    left.remove_prefix(count);
    return count;
  };
}

/// Appends to `bytes`, which must stay.
inline StateSink sink_to(Bytes& bytes) {
  return [&bytes](BytesView more) {
    bytes += more;
    return Status();
  };
}

}  // namespace talea
