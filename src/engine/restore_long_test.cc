// A value that takes more than one extent segment to restore.
#include <gtest/gtest.h>

#include <utility>

#include "engine/engine_store.h"
#include "engine/restore.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

// A value whose byte at any place is known, and which is nowhere in memory.
class OneLargeValue final : public StateReader {
 public:
  explicit OneLargeValue(std::uint64_t bytes) : left_(bytes) { row_.value_bytes = bytes; }
  Sequence last_sequence() const override { return 1; }
  std::uint64_t last_time_ms() const override { return 0; }
  Result<bool> next() override { return !std::exchange(done_, true); }
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override {
    piece_.assign(std::min<std::uint64_t>(left_, 100'000), byte_of(row_.value_bytes - left_));
    left_ -= piece_.size();
    return BytesView(piece_);
  }
  // Of the piece that begins at `offset`.
  static char byte_of(std::uint64_t offset) {
    return static_cast<char>('a' + offset / 100'000 % 23);
  }

 private:
  std::uint64_t left_;
  bool done_ = false;
  Bytes piece_;
  StateRow row_ = {.key = "large", .revision = 1};
};

TEST(RestoreLong, AValueSpansExtentSegments) {
  constexpr std::uint64_t kBytes = 600 * kMiB + 17;
  PosixFileSystem file_system;
  SystemClock clock;
  SystemRandom random;
  ManualExecutor executor;
  const Seams seams{file_system, clock, random, executor};
  const std::string path = join_path(test_directory(), "store");

  OneLargeValue value(kBytes);
  const Result<StateHash> restored = restore_directory(seams, path, {}, value);
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  const auto opened = EngineStore::open(seams, path, {});
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  std::uint64_t extents = 0;
  for (const SegmentInfo& segment : (*opened)->segments()) {
    if (segment.kind == SegmentKind::extent) ++extents;
  }
  EXPECT_EQ(extents, 3U);
  auto reader = (*opened)->read_value(Space::user, "large");
  ASSERT_TRUE(reader.ok() && reader->has_value());
  std::uint64_t offset = 0;
  for (;;) {
    const BytesView piece = (*reader)->read().value();
    if (piece.empty()) break;
    for (std::size_t i = 0; i < piece.size(); i += 1013) {
      ASSERT_EQ(piece[i], OneLargeValue::byte_of(offset + i)) << offset + i;
    }
    offset += piece.size();
  }
  EXPECT_EQ(offset, kBytes);
}

}  // namespace
}  // namespace talea
