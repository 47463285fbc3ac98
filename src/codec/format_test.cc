#include "codec/format.h"

#include <gtest/gtest.h>

namespace talea {
namespace {

TEST(Features, ThatAreSupportedAreNotReported) {
  EXPECT_EQ(unsupported_features(0, 0), "");
  EXPECT_EQ(unsupported_features(kFeatureExtents, kFeatureExtents | kFeatureLz4), "");
  EXPECT_EQ(unsupported_features(0, 0xffffffff), "");
  EXPECT_EQ(unsupported_features(0xffffffff, 0xffffffff), "");
}

TEST(Features, ThatAreMissingAreReportedByName) {
  EXPECT_EQ(unsupported_features(kFeatureExpiry, 0), "expiry");
  EXPECT_EQ(unsupported_features(kFeatureLz4, 0), "LZ4 compression");
  EXPECT_EQ(unsupported_features(kFeatureEncryption, 0), "encryption");
  EXPECT_EQ(unsupported_features(kFeatureHashLink, 0), "hash links");
  EXPECT_EQ(unsupported_features(kFeatureExtents, 0), "extents");
  EXPECT_EQ(unsupported_features(kFeatureCheckpoint, 0), "checkpoints");
  EXPECT_EQ(unsupported_features(kFeaturePrepared, 0), "prepared segments");
  EXPECT_EQ(unsupported_features(kFeatureHistory, 0), "history");
}

TEST(Features, WithoutANameAreReportedByTheirBit) {
  EXPECT_EQ(unsupported_features(1U << 9, 0), "feature bit 9");
  EXPECT_EQ(unsupported_features(1U << 31, 0), "feature bit 31");
}

TEST(Features, SeveralAreReportedInTheOrderOfTheirBits) {
  EXPECT_EQ(unsupported_features((1U << 9) | kFeatureEncryption | kFeatureExtents, kFeatureExtents),
            "encryption, feature bit 9");
}

// The numbers are on disk.
TEST(Features, KeepTheirBits) {
  EXPECT_EQ(kFeatureExpiry, 1U);
  EXPECT_EQ(kFeatureLz4, 2U);
  EXPECT_EQ(kFeatureEncryption, 4U);
  EXPECT_EQ(kFeatureHashLink, 8U);
  EXPECT_EQ(kFeatureExtents, 16U);
  EXPECT_EQ(kFeatureCheckpoint, 32U);
  EXPECT_EQ(kFeaturePrepared, 64U);
  EXPECT_EQ(kFeatureState, 128U);
  EXPECT_EQ(kFileHeaderBytes, 4096U);
}

}  // namespace
}  // namespace talea
