#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bench/workloads.h"
#include "talea/limits.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kCheckedEntriesMax = 1 << 20;

}  // namespace

LoadWorkload::LoadWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(this->description().rows.size() == 1 || this->description().rows.size() == 5);
}

Result<Figures> LoadWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  const DataSet data(shape_.data, round * shape_.data.keys);
  const std::string store = directory + "/store";
  TALEA_TRY(peer.open(store, data.open_options()));
  const Cost cost = TALEA_TRY(timed_threads(1, [&](unsigned) {
    return shape_.batches ? put_in_batches(peer, data) : put_entries(peer, data, 0, data.size());
  }));
  TALEA_TRY(check_entries(peer, data, 0, kCheckedEntriesMax));

  Figures figures = no_figures();
  figures[0] = Figure::rate(data.size(), cost);
  TALEA_TRY(peer.sync());
  const DiskUse use = TALEA_TRY(peer.disk_use(store));
  TALEA_TRY(peer.close());
  if (figures.size() == 1) return figures;

  const double data_bytes = static_cast<double>(data.bytes());
  const std::uint64_t used_bytes = use.bytes - use.free_tail_bytes;
  figures[1] = Figure::size(static_cast<double>(used_bytes - use.index_bytes) / data_bytes);
  figures[2] = Figure::size(static_cast<double>(used_bytes) / data_bytes);
  const std::uint64_t tail_bytes_max = std::max<std::uint64_t>(8 * kMiB, used_bytes / 8);
  figures[3] =
      Figure::size(static_cast<double>(use.free_tail_bytes) / static_cast<double>(tail_bytes_max));
  const std::uint64_t closed_bytes = TALEA_TRY(disk_blocks_bytes(store));
  figures[4] = Figure::size(static_cast<double>(closed_bytes) / data_bytes);
  return figures;
}

}  // namespace talea::bench
