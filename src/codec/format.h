// What all our file formats share: the id of a store, the length of a file header, the limit of
// a stored key, and feature bits that are refused by name.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "talea/limits.h"

namespace talea {

/// Random, made with the store; every file of a store repeats it.
using StoreId = std::array<unsigned char, 16>;

inline constexpr std::uint64_t kFileHeaderBytes = 4096;

/// The longest key that a file may hold: a user's longest, and room for what an internal space puts
/// in front of a user's key.
inline constexpr std::uint64_t kStoredKeyBytesMax = kKeyBytesMax + kKiB;

/// What the records of a segment may use, and what the files of a store may (then its manifest
/// says so too). The header announces it, so that a reader that lacks a feature refuses the file by
/// the feature's name and never takes a record it cannot parse for a torn tail.
enum Feature : std::uint32_t {
  kFeatureExpiry = 1U << 0,
  kFeatureLz4 = 1U << 1,
  kFeatureEncryption = 1U << 2,
  kFeatureHashLink = 1U << 3,
  kFeatureExtents = 1U << 4,
  kFeatureCheckpoint = 1U << 5,
  kFeaturePrepared = 1U << 6,
  kFeatureState = 1U << 7,
  kFeatureHistory = 1U << 8,
};

/// `features` that are not in `supported`, by name: "encryption, feature bit 9". Empty if none.
std::string unsupported_features(std::uint32_t features, std::uint32_t supported);

}  // namespace talea
