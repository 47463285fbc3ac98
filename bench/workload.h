// Workloads: what is timed, and only that.
//
// A round opens a fresh store on one side, prepares it, times the operations, checks what the store
// then returns, and closes it. Everything but the operations is outside of the timer. Rounds are
// interleaved (see runner.h), and round N uses the same keys and values on every side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/data.h"
#include "bench/peer.h"
#include "talea/result.h"

namespace talea::bench {

/// Talea must be at least `ratio` times as fast as the peer.
struct Target {
  std::string peer;
  double ratio = 0;
};

struct Measurement {
  double seconds = 0;
  /// User and system time of the whole process while the timer ran, background threads included.
  double cpu_seconds = 0;
};

/// One row of the table. Threads: one round at a time.
class Workload {
 public:
  struct Description {
    /// Of the performance target, for example "P-put".
    std::string id;
    /// What tells rows of one id apart, for example "16 B/64 B, 8 threads".
    std::string variant;
    /// What a rate counts, for example "puts".
    std::string unit;
    /// In one round.
    std::uint64_t operations = 0;
    std::vector<Target> targets = {};
    /// Who takes part.
    std::vector<std::string> sides = {"talea"};
    /// The disk is part of the figure: sample it in each round.
    bool bound_by_disk = false;
  };

  explicit Workload(Description description) : description_(std::move(description)) {}
  virtual ~Workload() = default;

  const Description& description() const { return description_; }

  /// `directory` exists and is empty; the stores are made in it. Errors: those of the peer, and
  /// `corruption` when the peer returned something else than what was put.
  virtual Result<Measurement> run_round(Peer& peer, const std::string& directory,
                                        unsigned round) const = 0;

 private:
  Description description_;
};

/// Puts new keys, from one thread or from several that each wait for their put to return.
class PutWorkload final : public Workload {
 public:
  struct Shape {
    std::size_t key_bytes = 0;
    std::size_t value_bytes = 0;
    unsigned threads = 1;
    /// Fresh stores in a round, each of which gets an equal part of the operations. Several small
    /// stores instead of a large one keep a side that buffers from having to flush, and still make
    /// a round long enough to be timed on the fastest side.
    unsigned stores = 1;
    Durability durability = Durability::process_crash;
    std::uint64_t seed = kDefaultSeed;
  };
  /// description.operations must be a multiple of shape.threads * shape.stores.
  PutWorkload(Description description, const Shape& shape);
  Result<Measurement> run_round(Peer& peer, const std::string& directory,
                                unsigned round) const override;

 private:
  Result<Measurement> run_store(Peer& peer, const std::string& directory, std::uint64_t first_id,
                                std::size_t count) const;

  Shape shape_;
  ValuePool values_;
};

/// Gets keys of a small set, again and again in random order, from one thread. The set was put just
/// before, without a restart: RocksDB and LevelDB answer from their memtables, and faster so than
/// from tables in their block caches.
class GetWorkload final : public Workload {
 public:
  struct Shape {
    std::size_t keys = 0;
    std::size_t key_bytes = 0;
    std::size_t value_bytes = 0;
    std::uint64_t seed = kDefaultSeed;
  };
  GetWorkload(Description description, const Shape& shape);
  Result<Measurement> run_round(Peer& peer, const std::string& directory,
                                unsigned round) const override;

 private:
  Shape shape_;
  ValuePool values_;
  std::vector<std::uint32_t> order_;  // positions in the key set
};

struct Scale {
  /// A quarter of the operations.
  bool quick = false;
  /// Median of a 4 KiB write and fdatasync here; sizes the durable workloads to about a second.
  double disk_sync_seconds = 0;
  std::uint64_t seed = kDefaultSeed;
};

/// The workloads with their targets, in the order they run. Those whose id does not contain
/// `filter` are left out.
std::vector<std::unique_ptr<Workload>> make_workloads(const Scale& scale,
                                                      const std::string& filter);

}  // namespace talea::bench
