// Location: where an entry lies, as one word. The trees and the look-up table hold nothing else.
//
//     bits 63..33 id of the segment | 32..1 offset | 0 clear
#pragma once

#include <cstdint>

#include "talea/batch.h"

namespace talea {

constexpr std::uint32_t number_of(Space space) { return static_cast<std::uint32_t>(space); }

/// 0 is no location.
using Location = std::uint64_t;

/// Ids above it do not fit into a location.
inline constexpr std::uint32_t kLocatableSegmentMax = (std::uint32_t{1} << 31) - 1;

constexpr Location location_at(std::uint32_t segment, std::uint32_t offset) {
  return std::uint64_t{segment} << 33 | std::uint64_t{offset} << 1;
}
constexpr std::uint32_t segment_of(Location location) {
  return static_cast<std::uint32_t>(location >> 33);
}
constexpr std::uint32_t offset_of(Location location) {
  return static_cast<std::uint32_t>(location >> 1);
}

}  // namespace talea
