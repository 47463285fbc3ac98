#include "home/request_costs.h"

#include <algorithm>
#include <array>

namespace talea {
namespace {

constexpr OperationCost kLedgerPut{"put of a key it wrote or read before", 2, 0};
constexpr OperationCost kLedgerPutOfAnother{"put of another key", 2, 1};
constexpr OperationCost kLedgerGet{"get", 0, 1};
constexpr OperationCost kLedgerFirstPut{"first put of a process", 4, 4};
constexpr OperationCost kLedgerEntry{"entry of a history or an audit", 0, 1};
constexpr std::array kOfLedger = {kLedgerPut, kLedgerPutOfAnother, kLedgerGet, kLedgerFirstPut,
                                  kLedgerEntry};

constexpr OperationCost kFilesPut{"put, until it is uploaded", 0, 0};
constexpr OperationCost kFilesUpload{"upload", 2, 0};
constexpr OperationCost kFilesGet{"get of what is not in memory or a directory", 0, 1};
constexpr OperationCost kFilesOpen{"open", 0, 1};
constexpr OperationCost kFilesFirstUpload{"first upload of a process", 4, 0};
constexpr std::array kOfBucketFiles = {kFilesPut, kFilesUpload, kFilesGet, kFilesOpen,
                                       kFilesFirstUpload};

WorkloadCost line(std::string_view operation, std::uint64_t times, const OperationCost& each) {
  return {.operation = operation,
          .times = times,
          .requests = {.puts = times * each.puts, .gets = times * each.gets}};
}

// What the first write of a process costs beyond any other.
OperationCost beyond(const OperationCost& first, const OperationCost& later) {
  return {.operation = {}, .puts = first.puts - later.puts, .gets = first.gets - later.gets};
}

}  // namespace

std::span<const OperationCost> operation_costs(StoreScheme scheme) {
  if (scheme == StoreScheme::ledger) return kOfLedger;
  if (scheme == StoreScheme::bucket_files) return kOfBucketFiles;
  return {};
}

std::vector<WorkloadCost> cost_of(StoreScheme scheme, const Workload& workload) {
  if (scheme == StoreScheme::ledger) {
    return {line("starts", workload.starts, beyond(kLedgerFirstPut, kLedgerPutOfAnother)),
            line("puts", workload.puts, kLedgerPutOfAnother),
            line("gets", workload.gets, kLedgerGet)};
  }
  if (scheme != StoreScheme::bucket_files) return {};
  const std::uint64_t per_upload = std::max<std::uint64_t>(workload.puts_per_upload, 1);
  const std::uint64_t uploads =
      workload.puts / per_upload + (workload.puts % per_upload == 0 ? 0 : 1);
  OperationCost start = beyond(kFilesFirstUpload, kFilesUpload);
  start.gets += kFilesOpen.gets;
  return {line("starts", workload.starts, start), line("uploads", uploads, kFilesUpload),
          line("gets", workload.gets, kFilesGet)};
}

}  // namespace talea
