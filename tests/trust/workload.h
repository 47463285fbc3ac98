// Workloads: threads that use a few keys of a store at once, and the history of it.
//
// A workload goes on over many short histories on the same keys, and over reopenings of the store:
// what one history left is the initial state of the next, which begins and ends with a read of all.
#pragma once

#include <string>
#include <vector>

#include "tests/trust/history.h"
#include "tests/trust/perturbation.h"
#include "tests/trust/snapshot_isolation.h"
#include "tests/trust/tested_store.h"

namespace talea::trust {

struct WorkloadSetup {
  std::size_t threads = 4;
  std::size_t keys = 4;  // 1 to kKeysMax
  std::size_t operations_per_thread = 8;
  /// What the names of its keys begin with, and that of no other key.
  Bytes prefix = "k";
  /// The largest value, in bytes; most are far smaller.
  std::size_t value_bytes_max = 2000;
};

/// Puts, removes, gets and compare-and-set, and, in every second history, also batches over
/// several keys and reads of several keys at one moment. The first thread, or the first two,
/// only read, so that they go on when a writer is stopped.
///
/// Threads: externally synchronised.
class RegisterWorkload {
 public:
  RegisterWorkload(WorkloadSetup setup, HistoryClock& clock, Perturbation& perturbation,
                   std::uint64_t seed);

  struct Run {
    History history;
    /// What should not have happened to any operation by itself; empty when nothing did.
    std::string failure;
  };
  Run run(TestedStore& store);

 private:
  const WorkloadSetup setup_;
  HistoryClock& clock_;
  Perturbation& perturbation_;
  const std::uint64_t seed_;
  std::vector<Bytes> keys_;
  std::uint64_t histories_ = 0;
  Cells state_{};
};

/// Transactions that read all lists at one moment and append to some of them. The lists are empty
/// at the beginning of each history. The first thread only reads.
///
/// Threads: externally synchronised.
class ListWorkload {
 public:
  ListWorkload(WorkloadSetup setup, HistoryClock& clock, Perturbation& perturbation,
               std::uint64_t seed);

  struct Run {
    std::vector<Transaction> transactions;
    std::string failure;
  };
  Run run(TestedStore& store);

 private:
  const WorkloadSetup setup_;
  HistoryClock& clock_;
  Perturbation& perturbation_;
  const std::uint64_t seed_;
  std::vector<Bytes> keys_;
  std::uint64_t histories_ = 0;
};

}  // namespace talea::trust
