#include <utility>

#include "base/assert.h"
#include "bench/workloads.h"

namespace talea::bench {

MemoryWorkload::MemoryWorkload(Description description, const DataSet::Shape& shape,
                               const ChildProgram& program)
    : Workload(std::move(description)), shape_(shape), program_(program) {
  TALEA_ASSERT(this->description().rows.size() == 2);
}

Result<Figures> MemoryWorkload::run_round(Peer& peer, const std::string& directory, unsigned) {
  Figures figures = no_figures();
  ChildTask task{.side = peer.name(), .directory = directory + "/store", .data = shape_};
  for (std::optional<Figure>& figure : figures) {
    const ChildReport report = TALEA_TRY(program_.run(task, ChildEnd::closed));
    figure = Figure::size((static_cast<double>(report.memory_bytes) -
                           static_cast<double>(report.memory_before_bytes)) /
                          static_cast<double>(shape_.keys));
    task.load = false;  // the second time
  }
  return figures;
}

}  // namespace talea::bench
