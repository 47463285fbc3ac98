#include <utility>

#include "bench/distribution.h"
#include "bench/workloads.h"

namespace talea::bench {

GetWorkload::GetWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  // Long enough to be no pattern, short enough to stay in the cache of the processor.
  constexpr std::size_t kOrderLength = 1 << 15;
  order_.reserve(kOrderLength);
  for (std::size_t position = 0; position < kOrderLength; ++position) {
    order_.push_back(
        static_cast<std::uint32_t>(scrambled(shape.data.seed + position + 1) % shape.data.keys));
  }
}

Result<Figures> GetWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  const DataSet data(shape_.data, std::uint64_t{round} * shape_.data.keys);
  const std::string store = directory + "/store";
  TALEA_TRY(peer.open(store, data.open_options()));
  TALEA_TRY(put_entries(peer, data, 0, data.size()));
  if (shape_.reopened) {
    TALEA_TRY(peer.close());
    TALEA_TRY(peer.open(store, data.open_options()));
  }
  TALEA_TRY(check_entries(peer, data));  // warms it up, too

  Bytes value;
  std::uint64_t bytes = 0;
  const Stopwatch stopwatch;
  for (std::uint64_t done = 0; done < shape_.gets; ++done) {
    const bool found = TALEA_TRY(peer.get(data.key(order_[done % order_.size()]), value));
    bytes += found ? value.size() : 0;
  }
  const Cost cost = stopwatch.elapsed();
  if (bytes != shape_.gets * shape_.data.value_bytes) {
    return Status::corruption(peer.name() + " lost values between two gets");
  }
  TALEA_TRY(peer.close());
  return Figures{Figure::rate(shape_.gets, cost)};
}

}  // namespace talea::bench
