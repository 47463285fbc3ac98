// A state stream as version 1 wrote it, and the state hash at its end.
#include <gtest/gtest.h>

#include "store/state_stream.h"
#include "store/state_testing.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

constexpr const char* kName = "state-v1/stream";
constexpr const char* kHash = "6571a2f53f956c514f6680c4ffe74edbbe3559e255fcaa7c66cc4d12f0f9fd6f";

MemoryState written() {
  return {.rows = {{{Space::user, "alpha"}, {"one", 3, 1'700'000'000'005}},
                   {{Space::user, "bravo"}, {"", 7, 1'700'000'000'305}},
                   {{static_cast<Space>(300), "alpha"}, {"internal", 3, 1'700'000'000'005}}},
          .last_sequence = 8,
          .last_time_ms = 1'700'086'400'305};
}

TEST(GoldenState, IsWrittenByteForByte) {
  const MemoryState state = written();
  MemoryStateReader reader(state);
  Bytes stream;
  const Result<StateHash> hash = write_state_stream(reader, sink_to(stream));
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(to_hex(*hash), kHash);
  expect_golden(kName, stream);
}

TEST(GoldenState, IsReadRight) {
  const Bytes stream = read_whole_file(kGoldenDirectory + kName);
  const auto reader = StateStreamReader::open(source_of(stream));
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  const Result<MemoryState> read = read_all(**reader);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_TRUE(*read == written());
  EXPECT_EQ(to_hex((*reader)->hash()), kHash);
}

}  // namespace
}  // namespace talea
