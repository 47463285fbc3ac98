// What requests cost, by the price list of S3: one price for those that write or list, a lower one
// for those that read, none for those that remove. Storage and traffic have prices of their own.
#pragma once

#include <cstdint>
#include <string_view>

#include "talea/s3.h"

namespace talea::s3 {

enum class PriceClass : unsigned char { put, get, free };

/// `operation`: as S3 calls it. What is not known counts as a put, which costs most.
PriceClass price_class(std::string_view operation);

/// US dollars for a million requests. As given: S3 Standard in us-east-1, without taxes and
/// discounts. Source: the price list of S3, "Requests & data retrievals"; a bill says what they are
/// elsewhere.
struct RequestPrices {
  double put = 5.00;
  double get = 0.40;
};

/// Requests of each class.
struct PricedRequests {
  std::uint64_t puts = 0;
  std::uint64_t gets = 0;
  std::uint64_t free = 0;

  void add(std::string_view operation, std::uint64_t requests);
  /// In US dollars.
  double price(const RequestPrices& prices) const;
};
PricedRequests priced(const S3RequestCounts& counts);

}  // namespace talea::s3
