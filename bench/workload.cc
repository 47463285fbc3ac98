#include "bench/workload.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <latch>
#include <thread>
#include <utility>

#include "base/assert.h"

namespace talea::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Timer {
 public:
  Measurement elapsed() const {
    return {.seconds = std::chrono::duration<double>(SteadyClock::now() - begin_).count(),
            .cpu_seconds = cpu_seconds() - cpu_begin_};
  }

 private:
  double cpu_begin_ = cpu_seconds();
  SteadyClock::time_point begin_ = SteadyClock::now();
};

Status put_all(Peer& peer, const KeySet& keys, const ValuePool& values, std::uint64_t first_id,
               std::size_t value_bytes, std::size_t begin, std::size_t end) {
  for (std::size_t position = begin; position < end; ++position) {
    Status put = peer.put(keys[position], values.value(first_id + position, value_bytes));
    if (!put.ok()) [[unlikely]]
      return put;
  }
  return {};
}

// That a side is fast because it lost something must not pass for a result.
Status check_all(Peer& peer, const KeySet& keys, const ValuePool& values, std::uint64_t first_id,
                 std::size_t value_bytes) {
  Bytes value;
  for (std::size_t position = 0; position < keys.size(); ++position) {
    const bool found = TALEA_TRY(peer.get(keys[position], value));
    if (!found || value != values.value(first_id + position, value_bytes)) {
      return Status::corruption(peer.name() + " returned " + (found ? "a wrong" : "no") +
                                " value for key " + Bytes(keys[position]));
    }
  }
  return {};
}

}  // namespace

PutWorkload::PutWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape), values_(shape.seed, shape.value_bytes) {
  TALEA_ASSERT(shape.threads > 0 && shape.stores > 0);
  TALEA_ASSERT(this->description().operations % (shape.threads * shape.stores) == 0);
}

Result<Measurement> PutWorkload::run_round(Peer& peer, const std::string& directory,
                                           unsigned round) const {
  const std::size_t count = description().operations / shape_.stores;
  Measurement sum;
  for (unsigned store = 0; store < shape_.stores; ++store) {
    const std::string store_directory = directory + "/" + std::to_string(store);
    const std::uint64_t first_id = (std::uint64_t{round} * shape_.stores + store) * count;
    const Measurement part = TALEA_TRY(run_store(peer, store_directory, first_id, count));
    sum.seconds += part.seconds;
    sum.cpu_seconds += part.cpu_seconds;
  }
  return sum;
}

Result<Measurement> PutWorkload::run_store(Peer& peer, const std::string& directory,
                                           std::uint64_t first_id, std::size_t count) const {
  const KeySet keys(shape_.seed, first_id, count, shape_.key_bytes);
  TALEA_TRY(peer.open(directory, {.durability = shape_.durability,
                                  .expected_keys = count,
                                  .expected_bytes = count * (shape_.key_bytes + shape_.value_bytes),
                                  .threads = shape_.threads}));

  Measurement measurement;
  if (shape_.threads == 1) {
    const Timer timer;
    TALEA_TRY(put_all(peer, keys, values_, first_id, shape_.value_bytes, 0, count));
    measurement = timer.elapsed();
  } else {
    // The timer starts when all threads are ready and ends when the last one has finished.
    const std::size_t share = count / shape_.threads;
    std::vector<Status> outcomes(shape_.threads);
    std::latch ready(shape_.threads);
    std::latch start(1);
    std::latch finished(shape_.threads);
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < shape_.threads; ++number) {
      threads.emplace_back([&, number] {
        ready.count_down();
        start.wait();
        outcomes[number] = put_all(peer, keys, values_, first_id, shape_.value_bytes,
                                   number * share, (number + 1) * share);
        finished.count_down();
      });
    }
    ready.wait();
    const Timer timer;
    start.count_down();
    finished.wait();
    measurement = timer.elapsed();
    for (std::thread& thread : threads) thread.join();
    for (Status& outcome : outcomes) TALEA_TRY(std::move(outcome));
  }

  TALEA_TRY(check_all(peer, keys, values_, first_id, shape_.value_bytes));
  TALEA_TRY(peer.close());
  return measurement;
}

GetWorkload::GetWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape), values_(shape.seed, shape.value_bytes) {
  // Long enough to be no pattern, short enough to stay in the cache of the processor.
  constexpr std::size_t kOrderLength = 1 << 15;
  const KeySet random(shape.seed, 0, kOrderLength, 16);
  order_.reserve(kOrderLength);
  for (std::size_t position = 0; position < kOrderLength; ++position) {
    order_.push_back(
        static_cast<std::uint32_t>(std::hash<BytesView>{}(random[position]) % shape.keys));
  }
}

Result<Measurement> GetWorkload::run_round(Peer& peer, const std::string& directory,
                                           unsigned round) const {
  const std::uint64_t first_id = std::uint64_t{round} * shape_.keys;
  const KeySet keys(shape_.seed, first_id, shape_.keys, shape_.key_bytes);
  TALEA_TRY(peer.open(directory + "/store", {.expected_keys = shape_.keys}));
  TALEA_TRY(put_all(peer, keys, values_, first_id, shape_.value_bytes, 0, keys.size()));
  TALEA_TRY(check_all(peer, keys, values_, first_id, shape_.value_bytes));  // warms it up, too

  Bytes value;
  std::uint64_t bytes = 0;
  const Timer timer;
  for (std::uint64_t done = 0; done < description().operations; ++done) {
    const bool found = TALEA_TRY(peer.get(keys[order_[done % order_.size()]], value));
    bytes += found ? value.size() : 0;
  }
  const Measurement measurement = timer.elapsed();
  if (bytes != description().operations * shape_.value_bytes) {
    return Status::corruption(peer.name() + " lost values between two gets");
  }
  TALEA_TRY(peer.close());
  return measurement;
}

std::vector<std::unique_ptr<Workload>> make_workloads(const Scale& scale,
                                                      const std::string& filter) {
  std::vector<std::unique_ptr<Workload>> workloads;
  const auto wanted = [&](const std::string& id) { return id.find(filter) != std::string::npos; };
  const std::uint64_t divisor = scale.quick ? 4 : 1;

  struct Put {
    std::string id;
    std::string sizes;
    std::size_t key_bytes;
    std::size_t value_bytes;
    std::uint64_t sets_per_store;  // of 1 024 puts each
    std::vector<Target> targets;
    std::vector<std::string> sides;
  };
  for (const Put& put : {
           Put{"P-put",
               "16 B/64 B",
               16,
               64,
               64,
               {{"rocksdb", 8}, {"leveldb", 3}, {"lmdb-writemap", 1.5}, {"tkrzw", 0.8}},
               {"talea", "rocksdb", "leveldb", "lmdb", "lmdb-writemap", "tkrzw", "kyoto",
                "ceiling"}},
           Put{"P-put4k",
               "16 B/512 B",
               16,
               512,
               16,
               {{"rocksdb", 8}, {"tkrzw", 2}},
               {"talea", "rocksdb", "leveldb", "tkrzw", "ceiling"}},
           Put{"P-put4k",
               "32 B/4 KB",
               32,
               4096,
               4,
               {{"rocksdb", 6}, {"tkrzw", 3}},
               {"talea", "rocksdb", "leveldb", "tkrzw", "ceiling"}},
       }) {
    if (!wanted(put.id)) continue;
    const unsigned stores = scale.quick ? 1 : 4;
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.id = put.id,
                              .variant = put.sizes + ", not synced",
                              .unit = "puts",
                              .operations = stores * put.sets_per_store * 1024,
                              .targets = put.targets,
                              .sides = put.sides},
        PutWorkload::Shape{.key_bytes = put.key_bytes,
                           .value_bytes = put.value_bytes,
                           .stores = stores,
                           .seed = scale.seed}));
  }

  if (wanted("P-get")) {
    workloads.push_back(std::make_unique<GetWorkload>(
        Workload::Description{
            .id = "P-get",
            .variant = "4 096 hot keys, 16 B/256 B",
            .unit = "gets",
            .operations = (1 << 20) / divisor,
            .targets = {{"rocksdb", 20}, {"tkrzw", 3}, {"kyoto", 2.5}, {"ceiling", 0.4}},
            .sides = {"talea", "rocksdb", "leveldb", "lmdb", "tkrzw", "kyoto", "ceiling"}},
        GetWorkload::Shape{.keys = 4096, .key_bytes = 16, .value_bytes = 256, .seed = scale.seed}));
  }

  struct Sync {
    unsigned threads;
    double puts_per_disk_sync;  // expected, to size the round
    std::vector<Target> targets;
  };
  for (const Sync& sync : {
           Sync{1, 1, {{"rocksdb", 1.25}, {"leveldb", 1}}},
           Sync{8, 3, {{"rocksdb", 1.3}, {"leveldb", 1}}},
           Sync{64, 8, {{"rocksdb", 1.25}, {"leveldb", 1}}},
       }) {
    if (!wanted("P-sync")) continue;
    const double puts = sync.puts_per_disk_sync / scale.disk_sync_seconds;
    const auto sets =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(puts / 1024)) / divisor);
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.id = "P-sync",
                              .variant = "16 B/64 B, each synced, " + std::to_string(sync.threads) +
                                         (sync.threads == 1 ? " thread" : " threads"),
                              .unit = "puts",
                              .operations = sets * 1024,
                              .targets = sync.targets,
                              .sides = {"talea", "rocksdb", "leveldb"},
                              .bound_by_disk = true},
        PutWorkload::Shape{.key_bytes = 16,
                           .value_bytes = 64,
                           .threads = sync.threads,
                           .durability = Durability::power_cut,
                           .seed = scale.seed}));
  }
  return workloads;
}

}  // namespace talea::bench
