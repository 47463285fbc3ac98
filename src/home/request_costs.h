// What the operations of a store on S3 cost, in requests: a table, every line of which a test
// counts, and what a number of operations comes to.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "home/store_url.h"
#include "s3/prices.h"

namespace talea {

struct OperationCost {
  std::string_view operation;
  std::uint64_t puts = 0;  // requests with the price of a PUT
  std::uint64_t gets = 0;
};

/// Of a kind of store that is on S3. Without conflicts and repetitions, which cost more.
std::span<const OperationCost> operation_costs(StoreScheme scheme);

/// What somebody is going to do.
struct Workload {
  std::uint64_t puts = 0;
  std::uint64_t gets = 0;
  /// Processes that begin, and write.
  std::uint64_t starts = 0;
  /// Of bucket files, which upload many puts with the requests of one.
  std::uint64_t puts_per_upload = 1;
};

struct WorkloadCost {
  std::string_view operation;
  std::uint64_t times = 0;
  s3::PricedRequests requests;
};

/// One line for each operation of `workload`; each put is taken to be of another key.
std::vector<WorkloadCost> cost_of(StoreScheme scheme, const Workload& workload);

}  // namespace talea
