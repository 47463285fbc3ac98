#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "index/run_set.h"
#include "index/run_testing.h"

namespace talea {
namespace {

using testing_run::Disk;
using testing_run::MemoryFile;

constexpr std::uint64_t kKeys = 3000;

Bytes key(std::uint64_t i) { return "key " + std::to_string(100'000 + i); }

RunSet::Run run_of_every(std::uint64_t nth, Sequence sequence) {
  const auto disk = std::make_shared<Disk>();
  RunWriter writer(std::make_unique<MemoryFile>(disk),
                   {.identity = {.file_id = 1}, .keys_expected = kKeys, .block_bytes = 200});
  for (std::uint64_t i = 0; i < kKeys; i += nth) {
    EXPECT_TRUE(writer.add(Space::user, key(i), {.sequence = sequence}).ok());
  }
  EXPECT_TRUE(writer.finish().ok());
  return std::make_shared<const RunReader>(
      RunReader::open(std::make_unique<MemoryFile>(disk), "test.run", {.mapped = true}).value());
}

// Many threads check the blocks of a set that was just opened, at the same time.
TEST(RunSetConcurrency, AnyNumberOfThreadsReadIt) {
  const auto set = RunSet::of({run_of_every(3, 30), run_of_every(2, 20), run_of_every(1, 10)});
  std::atomic<std::uint64_t> wrong = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t n = 0; n < kKeys; ++n) {
        const std::uint64_t i = (n * 7 + thread * 1000) % kKeys;
        const Sequence expected = i % 3 == 0 ? 30 : i % 2 == 0 ? 20 : 10;
        const auto found = set->get(Space::user, key(i));
        wrong += !found.ok() || !found->has_value() || (*found)->sequence != expected;
        const auto absent = set->get(Space::user, key(i) + "x");
        wrong += !absent.ok() || absent->has_value();
      }
      RunSetIterator rows = set->iterate();
      std::uint64_t seen = 0;
      Status status = thread % 2 == 0 ? rows.seek_first() : rows.seek_last();
      for (; status.ok() && rows.valid(); ++seen) {
        status = thread % 2 == 0 ? rows.next() : rows.prev();
      }
      wrong += !status.ok() || seen != kKeys;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GE(set->data_blocks_looked_at(), 4 * kKeys);
}

}  // namespace
}  // namespace talea
