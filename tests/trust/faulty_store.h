// Stores with one planted fault each. A checker that lets one of them pass is worth nothing.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <ostream>
#include <vector>

#include "tests/trust/snapshot_isolation.h"
#include "tests/trust/tested_store.h"

namespace talea::trust {

/// A store that is right but for its fault, which it commits at times.
///
/// Threads: safe.
class FaultyStore : public TestedStore {
 public:
  /// `sound` outlives this.
  explicit FaultyStore(TestedStore& sound) : sound_(sound) {}

  Result<Sequence> put(BytesView key, BytesView value) override { return sound_.put(key, value); }
  Result<Sequence> remove(BytesView key) override { return sound_.remove(key); }
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    return sound_.commit(batch, failed);
  }
  Result<std::optional<Bytes>> get(BytesView key) override { return sound_.get(key); }
  Result<std::optional<Versioned>> get_versioned(BytesView key) override {
    return sound_.get_versioned(key);
  }
  Status multi_get(std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) override {
    return sound_.multi_get(keys, values);
  }
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override {
    return sound_.moment(means, prefix);
  }

  /// How often it was faulty.
  std::uint64_t faults() const { return faults_.load(); }

 protected:
  TestedStore& sound() { return sound_; }
  /// True once in `times` calls.
  bool once_in(std::uint64_t times) { return calls_.fetch_add(1) % times == times - 1; }
  void count_fault() { ++faults_; }

 private:
  TestedStore& sound_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> faults_{0};
};

struct PlantedFault {
  const char* name;
  /// Makes the store.
  std::function<std::unique_ptr<FaultyStore>(TestedStore& sound)> plant;
  /// How histories of lists show it, if they do. Those of registers show all.
  std::vector<Anomaly> anomalies = {};
};
/// For GoogleTest.
inline void PrintTo(const PlantedFault& fault, std::ostream* out) { *out << fault.name; }

/// All there are.
std::vector<PlantedFault> planted_faults();
/// Those that histories of lists show.
std::vector<PlantedFault> faults_of_transactions();

}  // namespace talea::trust
