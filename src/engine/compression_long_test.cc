// A million values between noise and text, compressed where that pays: each comes back as it was.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/random.h"
#include "codec/lz4_testing.h"
#include "engine/engine_store.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::uint64_t kValues = 1'000'000;

// The same for a seed and a number.
Bytes numbered_value(std::uint64_t seed, std::uint64_t number) {
  SeededRandom random(seed * 0x9E3779B97F4A7C15 + number);
  return some_value(random, number % 1000 == 0 ? 100'000 : 300);
}

TEST(CompressionLong, AMillionValuesComeBackAsTheyWere) {
  const std::uint64_t seed = SystemRandom().next_u64();
  std::printf("seed=%llu\n", static_cast<unsigned long long>(seed));
  PosixFileSystem file_system;
  SystemClock clock;
  SystemRandom random;
  ManualExecutor executor;
  Options options;
  options.sync = SyncMode::never;
  options.compress_from_bytes = kCompressFromBytesMin;
  const std::string path = join_path(test_directory(), "store");
  const Seams seams{file_system, clock, random, executor};
  auto store = EngineStore::open(seams, path, options).value();
  for (std::uint64_t i = 0; i < kValues; ++i) {
    const Bytes value = numbered_value(seed, i);
    ASSERT_TRUE(store->put(Space::user, std::to_string(i), value).ok());
    ASSERT_EQ(store->get_value(Space::user, std::to_string(i)).value(), value) << "value " << i;
  }
  const Stats stats = store->stats();
  EXPECT_GT(stats.values_compressed, kValues / 10);
  EXPECT_LT(stats.bytes_after_compression, stats.bytes_before_compression);
  std::printf("%llu compressed, to %.2f of their length\n",
              static_cast<unsigned long long>(stats.values_compressed),
              static_cast<double>(stats.bytes_after_compression) /
                  static_cast<double>(stats.bytes_before_compression));
  ASSERT_TRUE(store->close().ok());
  store = EngineStore::open(seams, path, options).value();
  for (std::uint64_t i = 0; i < kValues; ++i) {
    ASSERT_EQ(store->get_value(Space::user, std::to_string(i)).value(), numbered_value(seed, i))
        << "value " << i;
  }
  ASSERT_TRUE(store->close().ok());
}

}  // namespace
}  // namespace talea
