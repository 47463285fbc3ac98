#include "capi/reading.h"

namespace talea::capi {

Status check(const ValueOut& out) {
  return required({{out.found, "found"}, {out.value, "value"}, {out.value_bytes, "value_bytes"}});
}

void give(const Bytes& value, const ValueOut& out) {
  *out.value = copy_to_buffer(value);
  *out.value_bytes = value.size();
  *out.found = 1;
}

void give_none(const ValueOut& out) {
  *out.value = nullptr;
  *out.value_bytes = 0;
  *out.found = 0;
}

Status copy_to_buffers(std::span<const std::optional<Bytes>> found, talea_buffer* values) {
  try {
    for (std::size_t position = 0; position < found.size(); ++position) {
      if (!found[position].has_value()) continue;
      values[position] = {copy_to_buffer(*found[position]), found[position]->size()};
    }
    return {};
  } catch (...) {
    for (std::size_t position = 0; position < found.size(); ++position) {
      talea_free(values[position].data);
      values[position] = {nullptr, 0};
    }
    throw;
  }
}

Result<ScanRange> range_of(const talea_scan_range* given) {
  if (given == nullptr) return ScanRange{};
  const talea_scan_range range = TALEA_TRY(read_sized(given, "range"));
  if (range.reserved != 0) {
    return Status::unsupported("range->reserved is not 0: set the whole structure to 0 first");
  }
  ScanRange made;
  made.prefix = TALEA_TRY(bytes_of(range.prefix, "range->prefix"));
  made.start = TALEA_TRY(bytes_of(range.start, "range->start"));
  made.end = TALEA_TRY(bytes_of(range.end, "range->end"));
  made.reverse = range.reverse != 0;
  made.limit = range.limit;
  return made;
}

}  // namespace talea::capi
