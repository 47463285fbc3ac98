#include <utility>

#include "base/assert.h"
#include "bench/workloads.h"

namespace talea::bench {

PutWorkload::PutWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(shape.threads > 0 && shape.stores > 0 && shape.data.keys % shape.threads == 0);
}

Result<Figures> PutWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  Cost cost;
  for (unsigned store = 0; store < shape_.stores; ++store) {
    const std::uint64_t first_id =
        (std::uint64_t{round} * shape_.stores + store) * shape_.data.keys;
    cost += TALEA_TRY(run_store(peer, directory + "/" + std::to_string(store), first_id));
  }
  return Figures{Figure::rate(shape_.stores * shape_.data.keys, cost)};
}

Result<Cost> PutWorkload::run_store(Peer& peer, const std::string& directory,
                                    std::uint64_t first_id) const {
  const DataSet data(shape_.data, first_id);
  OpenOptions options = data.open_options();
  options.durability = shape_.durability;
  options.workers = shape_.workers;
  TALEA_TRY(peer.open(directory, options));
  const std::uint64_t share = data.size() / shape_.threads;
  const Cost cost = TALEA_TRY(timed_threads(shape_.threads, [&](unsigned thread) {
    return put_entries(peer, data, thread * share, (thread + 1) * share);
  }));
  TALEA_TRY(check_entries(peer, data));
  TALEA_TRY(peer.close());
  return cost;
}

AsyncWorkload::AsyncWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(shape.in_flight.size() == this->description().rows.size());
  TALEA_ASSERT(shape.data.keys % shape.blocking_threads == 0);
}

Result<Figures> AsyncWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  Figures figures = no_figures();
  for (std::size_t row = 0; row < figures.size(); ++row) {
    if (!wants(row, peer.name())) continue;
    const DataSet data(shape_.data, (round * figures.size() + row) * shape_.data.keys);
    OpenOptions options = data.open_options();
    options.durability = Durability::power_cut;
    TALEA_TRY(peer.open(directory + "/" + std::to_string(row), options));
    std::vector<Entry> entries;
    entries.reserve(data.size());
    for (std::uint64_t position = 0; position < data.size(); ++position) {
      entries.push_back({.key = data.key(position), .value = data.value(position)});
    }
    Result<Cost> cost = timed_threads(
        1, [&](unsigned) { return peer.put_in_flight(entries, shape_.in_flight[row]); });
    const bool asynchronous = cost.status().code() != Code::unsupported;
    if (!asynchronous && peer.name() != "talea") {
      const std::uint64_t share = data.size() / shape_.blocking_threads;
      cost = timed_threads(shape_.blocking_threads, [&](unsigned thread) {
        return put_entries(peer, data, thread * share, (thread + 1) * share);
      });
    }
    if (cost.status().code() != Code::unsupported) {
      figures[row] = Figure::rate(data.size(), TALEA_TRY(std::move(cost)));
      TALEA_TRY(check_entries(peer, data));
    }
    TALEA_TRY(peer.close());
  }
  return figures;
}

}  // namespace talea::bench
