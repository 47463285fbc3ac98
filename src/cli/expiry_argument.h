// When a key expires, as users say it: in the options of `put` and `expire`, and in the fields of a
// row. Nobody has to know which of several would win, for only one may be given.
#pragma once

#include <optional>
#include <string>

#include "cli/json_reader.h"
#include "talea/batch.h"
#include "talea/result.h"

namespace talea::cli {

/// The options --ttl, --expires-at, --keep-ttl and --never.
struct ExpiryArgument {
  std::optional<std::string> ttl = {};
  std::optional<std::string> expires_at = {};
  bool keep = false;
  bool never = false;

  /// Nothing when none is given. Errors: invalid_argument   several are, or a time that is none
  Result<std::optional<Expiry>> expiry() const;
};

/// What the fields "ttl_ms", "expires_at_ms", "keep_ttl" and "never" say; nothing when there are
/// none. Errors: invalid_argument   several, or a number out of range
Result<std::optional<Expiry>> expiry_of(const JsonRow& row);

}  // namespace talea::cli
