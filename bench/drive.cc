#include "bench/drive.h"

#include <algorithm>
#include <chrono>
#include <latch>
#include <numeric>
#include <thread>

#include "base/assert.h"

namespace talea::bench {
namespace {

constexpr std::size_t kBatchEntries = 1000;

// Visits 0 to count - 1 in steps of about the golden section of it, so that neighbours in time are
// none in the data.
std::uint64_t stride(std::uint64_t count, std::uint64_t version) {
  std::uint64_t step = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(count) * 0.618) + version);
  while (std::gcd(step, count) != 1) ++step;
  return step;
}

}  // namespace

DataSet::DataSet(const Shape& shape, std::uint64_t first_id)
    : first_id_(first_id),
      key_bytes_(shape.key_bytes),
      value_bytes_(shape.value_bytes),
      keys_(shape.seed, first_id, shape.keys, shape.key_bytes),
      values_(shape.seed, shape.value_bytes, shape.is_text) {}

Status put_entries(Peer& peer, const DataSet& data, std::uint64_t begin, std::uint64_t end,
                   std::uint64_t version) {
  for (std::uint64_t position = begin; position < end; ++position) {
    Status put = peer.put(data.key(position), data.value(position, version));
    if (!put.ok()) [[unlikely]]
      return put;
  }
  return {};
}

Status put_in_batches(Peer& peer, const DataSet& data, std::uint64_t version) {
  const std::uint64_t step = stride(data.size(), version);
  std::vector<Entry> batch;
  batch.reserve(kBatchEntries);
  std::uint64_t position = 0;
  for (std::uint64_t done = 0; done < data.size(); ++done) {
    batch.push_back({.key = data.key(position), .value = data.value(position, version)});
    position = (position + step) % data.size();
    if (batch.size() < kBatchEntries && done + 1 < data.size()) continue;
    TALEA_TRY(peer.put_batch(batch));
    batch.clear();
  }
  return {};
}

Status check_entries(Peer& peer, const DataSet& data, std::uint64_t version,
                     std::uint64_t entries_max) {
  const std::uint64_t step = std::max<std::uint64_t>(1, data.size() / entries_max);
  Bytes value;
  for (std::uint64_t position = 0; position < data.size(); position += step) {
    const bool found = TALEA_TRY(peer.get(data.key(position), value));
    if (!found || value != data.value(position, version)) {
      return Status::corruption(peer.name() + " returned " + (found ? "a wrong" : "no") +
                                " value for key " + Bytes(data.key(position)));
    }
  }
  return {};
}

Status settle(Peer& peer) {
  constexpr auto kLook = std::chrono::milliseconds(100);
  constexpr double kIdle = 0.03;  // of a core
  constexpr int kLooksIdle = 4;
  constexpr int kLooksMax = 3000;
  TALEA_TRY(peer.settle());
  int idle = 0;
  for (int looks = 0; looks < kLooksMax; ++looks) {
    const Stopwatch stopwatch;
    std::this_thread::sleep_for(kLook);
    const Cost cost = stopwatch.elapsed();
    idle = cost.cpu_seconds < kIdle * cost.seconds ? idle + 1 : 0;
    if (idle == kLooksIdle) return peer.settle();
  }
  return Status::timed_out(peer.name() + " was still busy with itself after five minutes");
}

Result<Cost> timed_threads(unsigned threads, const std::function<Status(unsigned)>& work) {
  TALEA_ASSERT(threads > 0);
  if (threads == 1) {
    const Stopwatch stopwatch;
    TALEA_TRY(work(0));
    return stopwatch.elapsed();
  }
  std::vector<Status> outcomes(threads);
  std::latch ready(threads);
  std::latch start(1);
  std::latch finished(threads);
  std::vector<std::thread> running;
  running.reserve(threads);
  for (unsigned number = 0; number < threads; ++number) {
    running.emplace_back([&, number] {
      ready.count_down();
      start.wait();
      outcomes[number] = work(number);
      finished.count_down();
    });
  }
  ready.wait();
  const Stopwatch stopwatch;
  start.count_down();
  finished.wait();
  const Cost cost = stopwatch.elapsed();
  for (std::thread& thread : running) thread.join();
  for (Status& outcome : outcomes) TALEA_TRY(std::move(outcome));
  return cost;
}

}  // namespace talea::bench
