// The state of a store as its user sees it: through Engine, on the real file system.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

StateSink to_file(std::ofstream& file) {
  return [&file](BytesView bytes) {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.good() ? Status() : Status::io_error("the file cannot be written");
  };
}

StateSource from_file(std::ifstream& file) {
  return [&file](char* out, std::size_t bytes) -> Result<std::size_t> {
    file.read(out, static_cast<std::streamsize>(bytes));
    return static_cast<std::size_t>(file.gcount());
  };
}

TEST(EngineState, TwoEnginesThatAppliedTheSameHaveOneHash) {
  Engine one = must(Engine::open(test_directory() + "/one"));
  Options options;
  options.sync = SyncMode::never;
  Engine two = must(Engine::open(test_directory() + "/two", options));
  EXPECT_EQ(must(one.state_hash()), must(two.state_hash()));
  must(one.put("a", "1"));
  must(one.commit(Batch().put("b", "2").remove("a")));
  must(one.put("c", "3"));
  EXPECT_NE(must(one.state_hash()), must(two.state_hash()));
  must(two.apply(1, Batch().put("a", "1")));
  must(two.apply(2, Batch().put("b", "2").remove("a")));
  must(two.apply(3, Batch().put("c", "3")));
  EXPECT_EQ(must(one.state_hash()), must(two.state_hash()));
  // The same rows with another revision are another state.
  must(one.put("c", "3"));
  EXPECT_NE(must(one.state_hash()), must(two.state_hash()));
}

TEST(EngineState, AStoreIsCarriedOverThroughAFile) {
  const std::string stream = test_directory() + "/stream";
  const std::string copy = test_directory() + "/copy";
  Options options;
  options.sync = SyncMode::never;
  Engine engine = must(Engine::open(test_directory() + "/store", options));
  for (int i = 0; i < 1000; ++i) must(engine.put("key" + std::to_string(i), std::to_string(i)));
  ValueWriter writer = must(engine.write_value());
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(writer.append(Bytes(kMiB, 'v')).ok());
  must(engine.put("large", must(writer.finish())));
  std::ofstream out(stream, std::ios::binary);
  const StateHash hash = must(engine.write_snapshot(to_file(out)));
  out.close();
  EXPECT_EQ(must(engine.state_hash()), hash);

  std::ifstream in(stream, std::ios::binary);
  EXPECT_EQ(must(Engine::restore(copy, from_file(in), options)), hash);
  options.create_if_missing = false;
  Engine restored = must(Engine::open(copy, options));
  EXPECT_EQ(must(restored.state_hash()), hash);
  EXPECT_EQ(must(restored.get("key17")), "17");
  EXPECT_EQ(must(restored.read_value("large"))->bytes(), 7 * kMiB);
  EXPECT_EQ(must(restored.put("next", "x")), must(engine.put("next", "x")));
  ASSERT_TRUE(restored.close().ok());
  EXPECT_TRUE(must(verify_store(copy)).findings.empty());

  std::ifstream again(stream, std::ios::binary);
  EXPECT_EQ(Engine::restore(copy, from_file(again)).status().code(), Code::invalid_argument);
}

TEST(EngineState, FailuresOfTheCallersAreGivenBack) {
  Engine engine = must(Engine::open(test_directory() + "/store"));
  must(engine.put("a", "1"));
  EXPECT_EQ(
      engine.write_snapshot([](BytesView) { return Status::exhausted("full"); }).status().code(),
      Code::exhausted);
  EXPECT_EQ(Engine::restore(test_directory() + "/copy",
                            [](char*, std::size_t) -> Result<std::size_t> {
                              return Status::unavailable("no network");
                            })
                .status()
                .code(),
            Code::unavailable);
  ASSERT_TRUE(engine.close().ok());
  EXPECT_EQ(engine.state_hash().status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace talea
