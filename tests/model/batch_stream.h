// A stream of batches made from a seed, and the state that it must lead to, whoever applies it in
// whatever way.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "engine/engine_store.h"
#include "store/state_stream.h"
#include "store/state_testing.h"

namespace talea {

class BatchStream {
 public:
  struct Step {
    Sequence sequence;
    Batch batch;
  };

  /// Spaces in which it has keys.
  static constexpr std::array<Space, 3> kSpaces = {Space::user, Space{3}, Space{70'000}};

  /// The hash is known after each `hash_every` batches: it costs as much as the state is large.
  BatchStream(std::uint64_t seed, std::size_t batches, std::size_t hash_every = 10)
      : random_(seed) {
    steps_.reserve(batches);
    hashes_.reserve(batches + 1);
    hashes_.push_back(hash());
    for (std::size_t i = 0; i < batches; ++i) {
      // Sequences have gaps: somebody else assigns them.
      sequence_ += pick(4) == 0 ? 1 + pick(1000) : 1;
      steps_.push_back({sequence_, batch()});
      const bool is_wanted = (i + 1) % hash_every == 0 || i + 1 == batches;
      hashes_.push_back(is_wanted ? hash() : std::nullopt);
    }
  }

  const std::vector<Step>& steps() const { return steps_; }
  /// The hash after the first `count` batches, where it is known: in the end it is.
  const std::optional<StateHash>& hash_after(std::size_t count) const { return hashes_[count]; }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_.next_u64() % below; }

  // Few keys, so that most operations meet an earlier one.
  Bytes key() {
    Bytes key = "key" + std::to_string(pick(120));
    if (pick(3) == 0) key += Bytes(1, '\0') + Bytes(pick(20), '\xff');
    return key;
  }
  Bytes value() {
    const std::uint64_t kind = pick(200);
    const std::uint64_t bytes = kind == 0   ? kInlineValueBytesMax + 1 + pick(kMiB)
                                : kind < 20 ? pick(10'000)
                                            : pick(200);
    Bytes value(bytes, '\0');
    random_.fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
    return value;
  }

  Batch batch() {
    Batch batch;
    const std::uint64_t operations = pick(3) == 0 ? 1 + pick(30) : 1;
    for (std::uint64_t i = 0; i < operations; ++i) {
      const Space space = kSpaces[pick(kSpaces.size())];
      const Bytes place = key();
      if (pick(3) == 0) {
        batch.remove(place, space);
        state_.rows.erase({space, place});
      } else {
        MemoryState::Value put = {value(), sequence_, 0};
        batch.put(place, put.bytes, space);
        state_.rows[{space, place}] = std::move(put);
      }
    }
    return batch;
  }

  std::optional<StateHash> hash() {
    state_.last_sequence = sequence_;
    MemoryStateReader reader(state_);
    return hash_state(reader).value();
  }

  SeededRandom random_;
  Sequence sequence_ = 0;
  MemoryState state_;
  std::vector<Step> steps_;
  std::vector<std::optional<StateHash>> hashes_;
};

}  // namespace talea
