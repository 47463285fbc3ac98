// The kinds of workloads. What they share is in workload.h; plan.cc makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/child.h"
#include "bench/data.h"
#include "bench/distribution.h"
#include "bench/drive.h"
#include "bench/workload.h"

namespace talea::bench {

/// Puts new keys, from one thread or from several that each wait for their put to return. One row.
class PutWorkload final : public Workload {
 public:
  struct Shape {
    /// `data.keys` is the number of puts in a store.
    DataSet::Shape data;
    unsigned threads = 1;
    /// For a store with workers of its own; none: as it likes.
    std::optional<unsigned> workers = {};
    /// Fresh stores in a round. Several small stores instead of a large one keep a side that
    /// buffers from having to flush, and still make a round long enough to be timed on the fastest
    /// side.
    unsigned stores = 1;
    Durability durability = Durability::process_crash;
  };
  PutWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Result<Cost> run_store(Peer& peer, const std::string& directory, std::uint64_t first_id) const;

  Shape shape_;
};

/// Puts new keys durably from one thread with many of them in flight; a row for each number of
/// them. A side without an asynchronous interface does it with as many threads as
/// `blocking_threads` instead, except for Talea, of which the interface is asked for.
class AsyncWorkload final : public Workload {
 public:
  struct Shape {
    DataSet::Shape data;
    std::vector<std::size_t> in_flight;  // of each row
    unsigned blocking_threads = 64;
  };
  AsyncWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Shape shape_;
};

/// Gets keys of a small set, again and again in random order, from one thread. One row. The set was
/// put just before, without a restart: RocksDB and LevelDB answer from their memtables, and faster
/// so than from tables in their block caches.
class GetWorkload final : public Workload {
 public:
  struct Shape {
    DataSet::Shape data;
    std::uint64_t gets = 0;
    /// Close and open the store between the puts and the gets.
    bool reopened = false;
  };
  GetWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Shape shape_;
  std::vector<std::uint32_t> order_;  // positions in the key set
};

/// The workloads of YCSB and their like, on stores that are loaded and overwritten, once when they
/// are kept, else in each round.
///
/// Before each round the store is opened anew and every key read once, so that no side is measured
/// on a cold cache, and background work that is still owed gets its time.
/// Source: Cooper et al., Benchmarking Cloud Serving Systems with YCSB, SoCC 2010.
class MixWorkload final : public Workload {
 public:
  enum class Kind : std::uint8_t {
    get,        // YCSB C
    multi_get,  // the same, 16 at once
    half_puts,  // YCSB A: gets and puts of existing keys, half each
    modify,     // YCSB F: gets, and gets followed by a put of the same key, half each
    scan,       // YCSB E: 95 % scans of 1 to 100 rows, 5 % puts of new keys
    put,        // puts of existing keys, uniformly distributed
    full_scan,  // all rows
    disk,       // no operation: the disk space as it is then, over keys and values
  };
  /// What row number i of the description measures.
  struct Run {
    Kind kind;
    unsigned threads = 1;
    std::uint64_t operations = 0;
    bool verify_every_read = false;
  };
  struct Shape {
    DataSet::Shape data;
    /// How many times all keys are overwritten after the load.
    unsigned overwrites = 3;
    std::vector<Run> runs;
  };
  MixWorkload(Description description, const Shape& shape);
  ~MixWorkload() override;
  Status prepare(Peer& peer, const std::string& directory) override;
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  struct Operations;  // of one thread in one run

  Result<std::optional<Figure>> run(Peer& peer, const std::string& directory, std::size_t row,
                                    unsigned round);
  Operations operations(std::size_t row, unsigned round, unsigned thread) const;
  Status apply(Peer& peer, const Operations& operations) const;
  Status apply_multi_get(Peer& peer, const Operations& operations) const;
  Status check_written(Peer& peer, const std::vector<Operations>& threads) const;

  Shape shape_;
  std::unique_ptr<DataSet> data_;  // made when it is needed first
  std::unique_ptr<Zipfian> zipfian_;
};

/// Scans a prefix that a part of the keys has, again and again. One row, in rows per second.
class PrefixWorkload final : public Workload {
 public:
  struct Shape {
    std::uint64_t keys = 10'000;
    std::uint64_t matching = 1'000;
    std::size_t value_bytes = 128;
    std::uint64_t scans = 0;
    std::uint64_t seed = kDefaultSeed;
  };
  PrefixWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Shape shape_;
};

/// Loads a large store, in random order, and tells what it then occupies on disk. The rows are: the
/// load, one by one or in batches; disk over keys and values, first of the data alone, then with
/// what the store keeps for its index; the space that is reserved ahead, over what the target
/// allows of it; and the same after the store was closed, in bytes.
class LoadWorkload final : public Workload {
 public:
  struct Shape {
    DataSet::Shape data;
    bool batches = false;
  };
  LoadWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Shape shape_;
};

/// Opens a large store, to the first correct get. The rows are: after SIGKILL at the end of the
/// load; the close that follows; after this close; the same with nothing of the store in the page
/// cache.
class OpenWorkload final : public Workload {
 public:
  OpenWorkload(Description description, const DataSet::Shape& shape, const ChildProgram& program);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  DataSet::Shape shape_;
  ChildProgram program_;
};

/// Makes garbage and has it collected. The rows are: seconds of the collection; and with
/// `foreground`, the p99 of a get or put while nothing is collected and while it is, the latter
/// over what the target allows, and the longest of them.
class CompactionWorkload final : public Workload {
 public:
  struct Shape {
    DataSet::Shape data;
    /// Overwrite all keys once before; then half of the log is garbage.
    bool overwrite = false;
    /// Remove so many of the keys before.
    std::uint64_t removes = 0;
    bool foreground = false;
    std::uint64_t foreground_operations = 0;
  };
  CompactionWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  Shape shape_;
};

/// Memory that no file backs, for each key, of a process that does nothing else. The rows are:
/// after the load, and after it was opened anew.
class MemoryWorkload final : public Workload {
 public:
  MemoryWorkload(Description description, const DataSet::Shape& shape, const ChildProgram& program);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  DataSet::Shape shape_;
  ChildProgram program_;
};

/// What a feature costs: puts of new keys and then gets of all of them in random order, in a store
/// without it and in one with it, which take turns. The rows are: puts without and with it, gets
/// without and with it, the time it adds to a put, and to a get.
class FeatureWorkload final : public Workload {
 public:
  struct Shape {
    DataSet::Shape data;
    /// With what the store that has the feature is opened; expected_keys and bytes are filled in.
    OpenOptions feature;
  };
  FeatureWorkload(Description description, const Shape& shape);
  Result<Figures> run_round(Peer& peer, const std::string& directory, unsigned round) override;

 private:
  struct Costs {
    Cost puts;
    Cost gets;
  };
  Result<Costs> run_store(Peer& peer, const std::string& directory, const OpenOptions& options,
                          const DataSet& data) const;

  Shape shape_;
};

}  // namespace talea::bench
