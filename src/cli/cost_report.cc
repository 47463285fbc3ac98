#include "cli/cost_report.h"

#include <array>
#include <cstdio>

#include "cli/human_text.h"
#include "cli/json_writer.h"

namespace talea::cli {

namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr double kMicrodollars = 1e6;

std::string with_digits(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string name_of(StoreScheme scheme, const OperationCost& cost) {
  return std::string(store_scheme_name(scheme)) + " " + std::string(cost.operation);
}

s3::PricedRequests a_million_of(const OperationCost& cost) {
  return {.puts = cost.puts * kMillion, .gets = cost.gets * kMillion};
}

// Prices of requests are so low that programs get them in millionths of a dollar.
JsonObject& add_price(JsonObject& json, const s3::PricedRequests& requests,
                      const s3::RequestPrices& prices) {
  return json.decimal("microdollars", requests.price(prices) * kMicrodollars);
}

JsonObject& add_requests(JsonObject& json, const s3::PricedRequests& requests,
                         const s3::RequestPrices& prices) {
  json.number("puts", requests.puts).number("gets", requests.gets).number("free", requests.free);
  return add_price(json, requests, prices);
}

s3::PricedRequests sum_of(const std::vector<WorkloadCost>& costs) {
  s3::PricedRequests sum;
  for (const WorkloadCost& cost : costs) {
    sum.puts += cost.requests.puts;
    sum.gets += cost.requests.gets;
  }
  return sum;
}

}  // namespace

std::string dollars_text(double dollars) {
  constexpr double kCent = 0.01;
  return with_digits(dollars, dollars == 0 || dollars >= kCent ? 2 : 7);
}

std::string prices_text(const s3::RequestPrices& prices) {
  return "assumed: " + dollars_text(prices.put) +
         " US dollars for a million PUT, COPY, POST and LIST requests, " +
         dollars_text(prices.get) +
         " for GET and HEAD, nothing for DELETE (S3 Standard in us-east-1 has 5.00 and 0.40;\n"
         "--price-put and --price-get change it); storage and traffic are not in it\n";
}

std::string prices_json(const s3::RequestPrices& prices) {
  return JsonObject()
      .decimal("put_million_dollars", prices.put)
      .decimal("get_million_dollars", prices.get)
      .close();
}

std::string operation_costs_text(std::span<const StoreScheme> schemes,
                                 const s3::RequestPrices& prices) {
  std::vector<std::vector<std::string>> rows = {
      {"", "PUT each", "GET each", "a million, in US dollars"}};
  for (const StoreScheme scheme : schemes) {
    for (const OperationCost& cost : operation_costs(scheme)) {
      rows.push_back({name_of(scheme, cost), std::to_string(cost.puts), std::to_string(cost.gets),
                      dollars_text(a_million_of(cost).price(prices))});
    }
  }
  return table(rows);
}

std::string operation_costs_json(std::span<const StoreScheme> schemes,
                                 const s3::RequestPrices& prices) {
  JsonArray list;
  for (const StoreScheme scheme : schemes) {
    for (const OperationCost& cost : operation_costs(scheme)) {
      list.add(JsonObject()
                   .text("home", store_scheme_name(scheme))
                   .text("operation", cost.operation)
                   .number("puts", cost.puts)
                   .number("gets", cost.gets)
                   .decimal("million_dollars", a_million_of(cost).price(prices))
                   .close());
    }
  }
  return list.close();
}

std::string workload_text(const std::vector<WorkloadCost>& costs, const s3::RequestPrices& prices) {
  std::vector<std::vector<std::string>> rows = {{"", "times", "PUT", "GET", "US dollars"}};
  const auto add = [&](std::string name, std::string times, const s3::PricedRequests& requests) {
    rows.push_back({std::move(name), std::move(times), std::to_string(requests.puts),
                    std::to_string(requests.gets), dollars_text(requests.price(prices))});
  };
  for (const WorkloadCost& cost : costs) {
    add(std::string(cost.operation), std::to_string(cost.times), cost.requests);
  }
  add("sum", "", sum_of(costs));
  return table(rows);
}

std::string workload_json(const std::vector<WorkloadCost>& costs, const s3::RequestPrices& prices) {
  JsonArray list;
  for (const WorkloadCost& cost : costs) {
    JsonObject each;
    each.text("operation", cost.operation).number("times", cost.times);
    list.add(add_requests(each, cost.requests, prices).close());
  }
  JsonObject sum;
  return JsonObject()
      .json("operations", list.close())
      .json("sum", add_requests(sum, sum_of(costs), prices).close())
      .json("prices", prices_json(prices))
      .close();
}

std::string requests_text(const S3RequestCounts& counts, const s3::RequestPrices& prices) {
  const s3::PricedRequests sum = s3::priced(counts);
  std::vector<std::vector<std::string>> rows = {
      {"for", "request", "sent", "repeated", "bytes out", "bytes in"}};
  for (const auto& [kind, count] : counts) {
    rows.push_back({kind.cause, kind.operation, std::to_string(count.sent),
                    std::to_string(count.repeated), human_bytes(count.bytes_sent),
                    human_bytes(count.bytes_received)});
  }
  return table(rows) + std::to_string(sum.puts) + " at the price of a PUT, " +
         std::to_string(sum.gets) + " of a GET, " + std::to_string(sum.free) +
         " for nothing: " + dollars_text(sum.price(prices)) + " US dollars\n";
}

std::string requests_json(const S3RequestCounts& counts, const s3::RequestPrices& prices) {
  JsonArray list;
  for (const auto& [kind, count] : counts) {
    list.add(JsonObject()
                 .text("cause", kind.cause)
                 .text("operation", kind.operation)
                 .number("sent", count.sent)
                 .number("repeated", count.repeated)
                 .number("bytes_sent", count.bytes_sent)
                 .number("bytes_received", count.bytes_received)
                 .close());
  }
  JsonObject cost;
  cost.json("requests", list.close());
  return add_requests(cost, s3::priced(counts), prices).close();
}

}  // namespace talea::cli
