// What all our file formats share: the id of a store, the length of a file header, and feature
// bits that are refused by name.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace talea {

/// Random, made with the store; every file of a store repeats it.
using StoreId = std::array<unsigned char, 16>;

inline constexpr std::uint64_t kFileHeaderBytes = 4096;

/// What the records of a segment may use. A segment announces it in its header, so that a reader
/// that lacks a feature refuses the file by the feature's name and never takes a record it cannot
/// parse for a torn tail.
enum Feature : std::uint32_t {
  kFeatureExpiry = 1U << 0,
  kFeatureLz4 = 1U << 1,
  kFeatureEncryption = 1U << 2,
  kFeatureHashLink = 1U << 3,
  kFeatureExtents = 1U << 4,
};

/// `features` that are not in `supported`, by name: "encryption, feature bit 9". Empty if none.
std::string unsupported_features(std::uint32_t features, std::uint32_t supported);

}  // namespace talea
