#include "s3/prices.h"

#include <algorithm>
#include <array>

namespace talea::s3 {
namespace {

constexpr double kMillion = 1e6;

}  // namespace

PriceClass price_class(std::string_view operation) {
  // DeleteObjects is a POST, and the price list does not say that it is free.
  constexpr std::array<std::string_view, 2> kFree = {"DeleteObject", "AbortMultipartUpload"};
  if (std::find(kFree.begin(), kFree.end(), operation) != kFree.end()) return PriceClass::free;
  const bool reads = operation.starts_with("Get") || operation.starts_with("Head");
  return reads ? PriceClass::get : PriceClass::put;
}

void PricedRequests::add(std::string_view operation, std::uint64_t requests) {
  switch (price_class(operation)) {
    case PriceClass::put: puts += requests; return;
    case PriceClass::get: gets += requests; return;
    case PriceClass::free: free += requests; return;
  }
}

double PricedRequests::price(const RequestPrices& prices) const {
  return (static_cast<double>(puts) * prices.put + static_cast<double>(gets) * prices.get) /
         kMillion;
}

PricedRequests priced(const S3RequestCounts& counts) {
  PricedRequests all;
  for (const auto& [kind, count] : counts) all.add(kind.operation, count.sent);
  return all;
}

}  // namespace talea::s3
