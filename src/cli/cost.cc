#include <cstdint>

#include "cli/cost_report.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "home/diagnosis.h"

namespace talea::cli {

namespace {

// More than anybody has, and sums of it are no problem of arithmetic.
constexpr std::uint64_t kOperationsMax = 1'000'000'000'000'000;

Status check_workload(const Workload& workload) {
  for (const std::uint64_t number : {workload.puts, workload.gets, workload.starts}) {
    if (number <= kOperationsMax) continue;
    return Status::invalid_argument(std::to_string(number) + " operations; up to " +
                                    std::to_string(kOperationsMax) + " are counted");
  }
  if (workload.puts_per_upload > 0) return {};
  return Status::invalid_argument("--puts-per-upload is 1 or more; this is 0");
}

}  // namespace

Result<ExitCode> run_cost(Context& context, const CostRequest& request) {
  const std::string& url = request.url.empty() ? context.settings().store : request.url;
  const Place place = TALEA_TRY(parse_place(url));
  if (!is_on_s3(place.url.scheme)) {
    return Status::invalid_argument("'" + url +
                                    "' is on this machine and costs no requests; cost is for "
                                    "immukv+s3://BUCKET/PREFIX and s4db+s3://BUCKET/PREFIX");
  }
  TALEA_TRY(check_workload(request.workload));
  const s3::RequestPrices& prices = context.settings().prices;
  const std::vector<StoreScheme> schemes = place.schemes();
  const bool has_workload =
      request.workload.puts + request.workload.gets + request.workload.starts > 0;
  if (has_workload && place.is_for_any) {
    return Status::invalid_argument(
        "what is in s3:// is not said, and costs differ: name it immukv+s3:// or s4db+s3://");
  }
  const auto workload = cost_of(schemes.front(), request.workload);
  if (context.json()) {
    const std::string json = has_workload
                                 ? workload_json(workload, prices)
                                 : JsonObject()
                                       .json("operations", operation_costs_json(schemes, prices))
                                       .json("prices", prices_json(prices))
                                       .close();
    TALEA_TRY(context.print_json(json));
    return ExitCode::ok;
  }
  TALEA_TRY(context.out().write(has_workload ? workload_text(workload, prices)
                                             : operation_costs_text(schemes, prices)));
  TALEA_TRY(context.out().write(prices_text(prices)));
  return ExitCode::ok;
}

}  // namespace talea::cli
