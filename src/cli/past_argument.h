// The past, as users say it: a moment to look at, and how much a store is to keep.
//
//     --at 4711                        after batch 4711
//     --at 2026-12-24T18:00:00Z        at that time, in UTC; .250 for milliseconds may follow
//     --retain latest | all | 10 | 30d the newest alone, all, ten revisions of each key, 30 days
#pragma once

#include <optional>
#include <string>

#include "talea/history.h"
#include "talea/result.h"

namespace talea::cli {

/// The option --at.
struct AtArgument {
  std::optional<std::string> text = {};

  /// Nothing when it is not given. Errors: invalid_argument   what was given, and what may be
  Result<std::optional<At>> at() const;
};

/// Errors: invalid_argument   what was given, and what may be
Result<Retention> parse_retention(const std::string& text);

}  // namespace talea::cli
