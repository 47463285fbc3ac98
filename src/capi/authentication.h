// What the functions of users and API keys have in common.
#pragma once

#include <initializer_list>
#include <memory>

#include "capi/boundary.h"
#include "capi/handles.h"

namespace talea::capi {

/// invalid_argument unless `auth` and `arguments` are given and the engine is open.
Status check_auth(const talea_auth* auth, std::initializer_list<Argument> arguments);

/// invalid_argument unless there is one at `position` of `count`.
Status check_position(std::size_t position, std::size_t count);

/// As talea.h says of `limit`.
inline std::uint64_t page_limit(std::uint64_t limit) { return limit == 0 ? kAuthPageMax : limit; }

/// Metadata that `get` reads into *out.
template <typename Get>
Status give_metadata(talea_secret** out, Get get) {
  auto secret = std::make_unique<talea_secret>();
  Result<Bytes> metadata = get();
  if (!metadata.ok()) return std::move(metadata).status();
  secret->bytes = std::move(*metadata);
  wipe(*metadata);
  *out = secret.release();
  return {};
}

}  // namespace talea::capi
