#include <utility>

#include "base/assert.h"
#include "bench/distribution.h"
#include "bench/workloads.h"

namespace talea::bench {

FeatureWorkload::FeatureWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(this->description().rows.size() == 6);
}

Result<Figures> FeatureWorkload::run_round(Peer& peer, const std::string& directory,
                                           unsigned round) {
  const DataSet data(shape_.data, std::uint64_t{round} * shape_.data.keys);
  OpenOptions with = shape_.feature;
  with.expected_keys = data.open_options().expected_keys;
  with.expected_bytes = data.open_options().expected_bytes;
  Costs off;
  Costs on;
  for (const bool is_on : {round % 2 == 0, round % 2 != 0}) {
    (is_on ? on : off) = TALEA_TRY(run_store(peer, directory + (is_on ? "/with" : "/without"),
                                             is_on ? with : data.open_options(), data));
  }
  const auto added = [&](const Cost& more, const Cost& less) {
    return Figure::size((more.seconds - less.seconds) / static_cast<double>(data.size()));
  };
  return Figures{Figure::rate(data.size(), off.puts),
                 Figure::rate(data.size(), on.puts),
                 Figure::rate(data.size(), off.gets),
                 Figure::rate(data.size(), on.gets),
                 added(on.puts, off.puts),
                 added(on.gets, off.gets)};
}

Result<FeatureWorkload::Costs> FeatureWorkload::run_store(Peer& peer, const std::string& directory,
                                                          const OpenOptions& options,
                                                          const DataSet& data) const {
  TALEA_TRY(peer.open(directory, options));
  Costs costs;
  {
    const Stopwatch stopwatch;
    TALEA_TRY(put_entries(peer, data, 0, data.size()));
    costs.puts = stopwatch.elapsed();
  }
  TALEA_TRY(check_entries(peer, data));  // warms it up, too
  Bytes value;
  std::uint64_t bytes = 0;
  const Stopwatch stopwatch;
  for (std::uint64_t done = 0; done < data.size(); ++done) {
    const bool found = TALEA_TRY(peer.get(data.key(scrambled(done) % data.size()), value));
    bytes += found ? value.size() : 0;
  }
  costs.gets = stopwatch.elapsed();
  if (bytes != data.size() * shape_.data.value_bytes) {
    return Status::corruption(peer.name() + " lost values between two gets");
  }
  TALEA_TRY(peer.close());
  return costs;
}

}  // namespace talea::bench
