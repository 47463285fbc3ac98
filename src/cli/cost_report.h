// What requests to a store on S3 cost, for people and for programs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "home/request_costs.h"
#include "s3/prices.h"
#include "talea/s3.h"

namespace talea::cli {

/// "10.40"; of less than a cent, as many digits as it takes.
std::string dollars_text(double dollars);
/// What is assumed, and how to say that it is otherwise.
std::string prices_text(const s3::RequestPrices& prices);
std::string prices_json(const s3::RequestPrices& prices);

/// What a million of each operation costs, in a table for all of `schemes`.
std::string operation_costs_text(std::span<const StoreScheme> schemes,
                                 const s3::RequestPrices& prices);
std::string operation_costs_json(std::span<const StoreScheme> schemes,
                                 const s3::RequestPrices& prices);

std::string workload_text(const std::vector<WorkloadCost>& costs, const s3::RequestPrices& prices);
std::string workload_json(const std::vector<WorkloadCost>& costs, const s3::RequestPrices& prices);

/// What was asked of a store, by cause.
std::string requests_text(const S3RequestCounts& counts, const s3::RequestPrices& prices);
std::string requests_json(const S3RequestCounts& counts, const s3::RequestPrices& prices);

}  // namespace talea::cli
