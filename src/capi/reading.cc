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

}  // namespace talea::capi
