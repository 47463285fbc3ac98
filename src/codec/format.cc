#include "codec/format.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace talea {

namespace {

struct FeatureName {
  std::uint32_t bit;
  std::string_view name;
};
constexpr FeatureName kFeatureNames[] = {
    {kFeatureExpiry, "expiry"},
    {kFeatureLz4, "LZ4 compression"},
    {kFeatureEncryption, "encryption"},
    {kFeatureHashLink, "hash links"},
    {kFeatureExtents, "extents"},
    {kFeatureCheckpoint, "checkpoints"},
    {kFeaturePrepared, "prepared segments"},
    {kFeatureState, "rows of a state"},
    {kFeatureHistory, "history"},
};

}  // namespace

std::string unsupported_features(std::uint32_t features, std::uint32_t supported) {
  std::string names;
  for (std::uint32_t position = 0; position < 32; ++position) {
    const std::uint32_t bit = 1U << position;
    if ((features & bit) == 0 || (supported & bit) != 0) continue;
    if (!names.empty()) names += ", ";
    const auto* known = std::find_if(std::begin(kFeatureNames), std::end(kFeatureNames),
                                     [bit](const FeatureName& f) { return f.bit == bit; });
    names += known != std::end(kFeatureNames) ? std::string(known->name)
                                              : "feature bit " + std::to_string(position);
  }
  return names;
}

}  // namespace talea
