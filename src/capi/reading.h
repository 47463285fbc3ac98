// Gets and scans, of the newest state, of a snapshot or of the past: all have the same verbs.
#pragma once

#include <optional>
#include <span>

#include "capi/boundary.h"

namespace talea::capi {

/// Where the caller wants the value.
struct ValueOut {
  int* found;
  void** value;
  std::size_t* value_bytes;
};

/// NULL means all.
Result<ScanRange> range_of(const talea_scan_range* given);

Status check(const ValueOut& out);
void give(const Bytes& value, const ValueOut& out);
void give_none(const ValueOut& out);

/// Buffers for all of `found`, or, when memory ends in between, for none.
Status copy_to_buffers(std::span<const std::optional<Bytes>> found, talea_buffer* values);

template <typename Source>
Status get(Source& source, talea_slice key, ValueOut out) {
  TALEA_TRY(check(out));
  Bytes value;
  if (TALEA_TRY(source.get(TALEA_TRY(bytes_of(key, "key")), value))) {
    give(value, out);
  } else {
    give_none(out);
  }
  return {};
}

template <typename Source>
Status get_versioned(Source& source, talea_slice key, ValueOut out, std::uint64_t* revision,
                     std::uint64_t* expiry_ms) {
  TALEA_TRY(check(out));
  const std::optional<Versioned> found =
      TALEA_TRY(source.get_versioned(TALEA_TRY(bytes_of(key, "key"))));
  if (!found.has_value()) {
    give_none(out);
    set_if_wanted<std::uint64_t>(revision, 0);
    set_if_wanted<std::uint64_t>(expiry_ms, 0);
    return {};
  }
  give(found->value, out);
  set_if_wanted(revision, found->revision);
  set_if_wanted(expiry_ms, found->expiry_ms);
  return {};
}

}  // namespace talea::capi
