// Workloads: what is timed, and only that.
//
// A workload fills one or several rows of the table. In a round it opens a store of one side,
// prepares it, times the operations, checks what the store then returns, and closes it. Everything
// but the operations is outside of the timer. Rounds are interleaved (see runner.h), and round N
// uses the same keys and values on every side.
//
// The kinds of workloads are in workloads.h; which of them run, with what targets, in plan.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/measurement.h"
#include "bench/peer.h"
#include "talea/result.h"

namespace talea::bench {

/// What the figure of a row is.
enum class Unit : std::uint8_t {
  per_second,  // more is better; of all others, less is
  seconds,
  bytes,
  bytes_per_key,
  times,  // of something that the row names, such as the bytes of keys and values
};
constexpr bool more_is_better(Unit unit) { return unit == Unit::per_second; }

/// What Talea's figure of a row has to be: at least `bar` and better `stretch` times that of
/// another side; at most, where less is better. Either may be missing.
struct Target {
  /// Whose figure Talea's is divided by; "talea" for another row of its own. Empty: none, and `bar`
  /// and `stretch` are in the unit of the row.
  std::string side;
  std::optional<double> bar = {};
  std::optional<double> stretch = {};
  /// The variant of the row of the same workload where the other figure is; empty: this row.
  std::string row = {};
};

/// One line of the table.
struct Row {
  /// Of the performance target, for example "P-put".
  std::string id;
  /// What tells rows of one id apart, and unique in its workload: "16 B/64 B, 8 threads".
  std::string variant;
  Unit unit = Unit::per_second;
  /// What a rate counts, for example "puts".
  std::string counted = {};
  std::vector<Target> targets = {};
  /// Who takes part; empty: every side of the workload.
  std::vector<std::string> sides = {};
  /// Whoever asks for this id asks for this row, too.
  std::string wanted_with = {};
  /// The user did not ask for it, and no row that was asked for refers to it.
  bool left_out = false;
};

/// The figures of a round, one for each row of the workload. None: the row was left out, is not of
/// this side, or asks for what the side cannot do.
using Figures = std::vector<std::optional<Figure>>;

/// Threads: one round at a time.
class Workload {
 public:
  struct Description {
    std::vector<Row> rows;
    /// Who takes part, and in which order.
    std::vector<std::string> sides;
    /// The disk is part of the figures: sample it in each round.
    bool bound_by_disk = false;
    /// Prepare a store once for each side and keep it for all rounds; else a fresh one each round.
    bool keeps_stores = false;
  };

  explicit Workload(Description description) : description_(std::move(description)) {}
  virtual ~Workload() = default;

  const Description& description() const { return description_; }
  /// Leaves out the rows whose id is not among `ids`, but for those that a remaining target refers
  /// to. False when nothing remains.
  bool keep_only(const std::vector<std::string>& ids);
  /// Whether `side` is to measure row number `row`.
  bool wants(std::size_t row, const std::string& side) const;

  /// Called once for each side before its first round, when stores are kept.
  virtual Status prepare(Peer&, const std::string& /*directory*/) { return {}; }
  /// `directory` exists; it is empty, or what prepare() and the rounds before left there.
  ///
  /// Errors: unsupported   nothing of this workload can be measured on this side
  ///         corruption    the peer returned something else than what was put
  ///         others        those of the peer
  virtual Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) = 0;

 protected:
  Figures no_figures() const { return Figures(description_.rows.size()); }

 private:
  Description description_;
};

}  // namespace talea::bench
