// Times as people write them: how long a key is to live, and when it is to expire.
//
//     250ms  30s  5m  2h  7d                 a whole number and its unit
//     2026-12-24T18:00:00Z                   ISO 8601, in UTC; .250 for milliseconds may follow
//     1798135200000                          the same, in milliseconds since 1970: from 1973 on,
//     for
//                                            smaller numbers are seconds that somebody mistook
//
// A number without a unit is no duration: whether 30 is seconds or milliseconds is not ours to
// guess.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "talea/result.h"

namespace talea::cli {

/// Reads how long a key is to live: 1 ms to kTimeToLiveMsMax.
/// Errors: invalid_argument   what was given, and what may be
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Reads when a key is to expire, in milliseconds since 1970: 1 to kExpiryMsMax. A moment that has
/// passed is one like any other.
/// Errors: invalid_argument   what was given, and what may be
Result<std::uint64_t> parse_moment(std::string_view text);

/// A moment as parse_moment() reads it, to the second: 2026-12-24T18:00:00Z.
std::string moment_text(std::uint64_t unix_ms);

}  // namespace talea::cli
