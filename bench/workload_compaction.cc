#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "bench/distribution.h"
#include "bench/statistics.h"
#include "bench/workloads.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kCheckedEntriesMax = 1 << 16;
constexpr double kAlwaysAllowedSeconds = 50e-6;  // of the target, whatever the p99 is otherwise

// Gets and puts, in turn, each of which is timed, until there are `enough` of them and `until` is
// true. Puts write the value that is there, so that the check needs to know of no order.
Result<std::vector<double>> latencies(Peer& peer, const DataSet& data, std::uint64_t version,
                                      std::uint64_t enough, const std::atomic<bool>& until) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  seconds.reserve(enough);
  Bytes value;
  for (std::uint64_t done = 0; done < enough || !until; ++done) {
    const std::uint64_t position = scrambled(done + 1) % data.size();
    const Clock::time_point begin = Clock::now();
    if (done % 2 == 0) {
      TALEA_TRY(peer.get(data.key(position), value));
    } else {
      TALEA_TRY(peer.put(data.key(position), data.value(position, version)));
    }
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return seconds;
}

}  // namespace

CompactionWorkload::CompactionWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(this->description().rows.size() == (shape.foreground ? 5 : 1));
  TALEA_ASSERT(!shape.foreground || shape.removes == 0);
}

Result<Figures> CompactionWorkload::run_round(Peer& peer, const std::string& directory,
                                              unsigned round) {
  const DataSet data(shape_.data, round * shape_.data.keys);
  const std::uint64_t version = shape_.overwrite ? 1 : 0;
  OpenOptions options = data.open_options();
  options.compacts_by_itself = false;
  TALEA_TRY(peer.open(directory + "/store", options));
  TALEA_TRY(put_entries(peer, data, 0, data.size()));
  if (shape_.overwrite) TALEA_TRY(put_in_batches(peer, data, version));
  for (std::uint64_t position = 0; position < shape_.removes; ++position) {
    TALEA_TRY(peer.remove(data.key(position)));
  }

  Figures figures = no_figures();
  if (!shape_.foreground) {
    figures[0] =
        Figure::duration(TALEA_TRY(timed_threads(1, [&](unsigned) { return peer.compact(); })));
  } else {
    const std::atomic<bool> at_once{true};
    TALEA_TRY(settle(peer));
    const std::vector<double> idle =
        TALEA_TRY(latencies(peer, data, version, shape_.foreground_operations, at_once));
    std::atomic<bool> compacted{false};
    Status compaction;
    Cost cost;
    std::thread background([&] {
      const Stopwatch stopwatch;
      compaction = peer.compact();
      cost = stopwatch.elapsed();
      compacted = true;
    });
    Result<std::vector<double>> busy = latencies(peer, data, version, 1, compacted);
    background.join();
    TALEA_TRY(std::move(compaction));
    TALEA_TRY(Status(busy.status()));
    const double idle_p99 = quantile(idle, 0.99);
    const double busy_p99 = quantile(*busy, 0.99);
    figures[0] = Figure::duration(cost);
    figures[1] = Figure::size(idle_p99);
    figures[2] = Figure::size(busy_p99);
    figures[3] = Figure::size(busy_p99 / std::max(2 * idle_p99, kAlwaysAllowedSeconds));
    figures[4] = Figure::size(*std::max_element(busy->begin(), busy->end()));
  }
  if (shape_.removes == 0) TALEA_TRY(check_entries(peer, data, version, kCheckedEntriesMax));
  Bytes value;
  for (std::uint64_t position = 0; position < shape_.removes; ++position) {
    if (TALEA_TRY(peer.get(data.key(position), value))) {
      return Status::corruption(peer.name() + " returned a removed key after its compaction");
    }
  }
  TALEA_TRY(peer.close());
  return figures;
}

}  // namespace talea::bench
