// History: what the threads of a test asked of a store, what they were told, and in what order they
// can tell that it happened. The checkers beside this file judge it, and know nothing of engines.
//
//     thread 0   |-- put x=1 ---|          |-- get x: 2 --|
//     thread 1         |------- put x=2 -------|
//                ^     ^        ^          ^   ^          ^
//     time       1     2        3          4   5          6
//
// Time is a counter that every call and every return takes a number from. An operation that
// returned before another was called happened before it; of the others nobody knows.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "talea/batch.h"

namespace talea::trust {

/// Keys of a history are numbers below this; a history has few of them, so that operations meet.
inline constexpr std::size_t kKeysMax = 8;

/// Values of a history are numbers that each stand for one write, so that a read tells whose it is.
using Value = std::uint64_t;
inline constexpr Value kAbsent = 0;

/// A revision or sequence that the store did not tell.
inline constexpr Sequence kUntold = std::numeric_limits<Sequence>::max();

/// What a key holds.
struct Cell {
  Value value = kAbsent;
  Sequence revision = 0;  // 0 of an absent key; kUntold when it is not known
  bool operator==(const Cell&) const = default;
};

using Cells = std::array<Cell, kKeysMax>;

/// One operation. A put, a get, a conditional batch and a scan differ in what they have of these:
/// all observations were made, all requirements evaluated and all writes done at one moment.
struct Operation {
  struct Observation {
    std::size_t key = 0;
    Cell cell;
  };
  struct Requirement {
    enum class Kind : std::uint8_t { absent, present, revision } kind = Kind::absent;
    std::size_t key = 0;
    Sequence revision = 0;
  };
  struct Write {
    std::size_t key = 0;
    Value value = kAbsent;  // kAbsent removes
  };
  /// The requirement that failed, and what was found instead.
  struct Failed {
    std::size_t position = 0;
    std::optional<Sequence> found;
  };
  enum class Outcome : std::uint8_t {
    committed,  // also of a read
    conflict,   // a requirement failed; nothing was written
    unknown,    // it may happen at any time after the call, or never
  };
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  std::size_t thread = 0;
  std::uint64_t called = 0;
  std::uint64_t returned = kNever;
  std::vector<Observation> observations;
  std::vector<Requirement> requirements;
  std::vector<Write> writes;
  Outcome outcome = Outcome::committed;
  Sequence sequence = kUntold;  // that the commit returned
  std::optional<Failed> failed;
};

struct History {
  Cells initial;
  std::vector<Operation> operations;
};

/// Where the numbers of a history come from.
///
/// Threads: safe.
class HistoryClock {
 public:
  std::uint64_t tick() { return next_.fetch_add(1, kOrder) + 1; }
  std::uint64_t now() const { return next_.load(std::memory_order_relaxed); }

 private:
  // seq_cst makes "returned before it was called" true of memory, too: pairs with itself. Under
  // the thread sanitizer it would order all operations, and hide every race between them.
#if defined(__SANITIZE_THREAD__)
  static constexpr std::memory_order kOrder = std::memory_order_relaxed;
#else
  static constexpr std::memory_order kOrder = std::memory_order_seq_cst;
#endif
  std::atomic<std::uint64_t> next_{0};
};

/// Records one thread's part of a history.
///
/// Threads: externally synchronised.
class Recorder {
 public:
  Recorder(HistoryClock& clock, std::size_t thread) : clock_(clock), thread_(thread) {}

  /// Call it right before the store is called, and complete() right after it has returned.
  Operation begin() {
    Operation operation;
    operation.thread = thread_;
    operation.called = clock_.tick();
    return operation;
  }
  std::uint64_t tick() { return clock_.tick(); }
  void add(Operation operation) { operations_.push_back(std::move(operation)); }
  std::vector<Operation> take() { return std::exchange(operations_, {}); }

 private:
  HistoryClock& clock_;
  const std::size_t thread_;
  std::vector<Operation> operations_;
};

}  // namespace talea::trust
