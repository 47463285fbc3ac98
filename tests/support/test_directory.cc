#include "tests/support/test_directory.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <system_error>

namespace talea {
namespace {

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

std::uint64_t parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') stop("a seed is a decimal number, not " + std::string(text));
    seed = seed * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return seed;
}

std::uint64_t fresh_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::string make_directory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  std::string path = std::string(parent != nullptr ? parent : "/tmp") + "/talea-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) stop("mkdtemp " + path + ": " + std::strerror(errno));
  return path;
}

/// What the running test has asked for, and its end.
class Environment final : public testing::EmptyTestEventListener {
 public:
  std::string directory() {
    const std::lock_guard lock(mutex_);
    if (directory_.empty()) directory_ = make_directory();
    return directory_;
  }

  std::uint64_t seed() {
    const std::lock_guard lock(mutex_);
    if (!seed_) {
      const char* given = std::getenv("TALEA_SEED");
      seed_ = given != nullptr ? parse_seed(given) : fresh_seed();
    }
    if (!seed_printed_) std::printf("seed=%llu\n", static_cast<unsigned long long>(*seed_));
    seed_printed_ = true;
    return *seed_;
  }

  void set_seed(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    seed_ = seed;
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    const std::lock_guard lock(mutex_);
    seed_printed_ = false;
    if (directory_.empty()) return;
    if (test.result()->Failed()) {
      std::printf("kept for inspection: %s\n", directory_.c_str());
    } else {
      std::error_code ignored;
      std::filesystem::remove_all(directory_, ignored);
    }
    directory_.clear();
  }

 private:
  std::mutex mutex_;
  std::string directory_;
  std::optional<std::uint64_t> seed_;
  bool seed_printed_ = false;
};

// GoogleTest owns listeners and outlives every test; the pointer is set once, in main().
Environment* environment = nullptr;

}  // namespace

std::string test_directory() { return environment->directory(); }
std::uint64_t test_seed() { return environment->seed(); }

namespace internal {

void prepare_test_environment(int argc, char** argv) {
  environment = new Environment;
  testing::UnitTest::GetInstance()->listeners().Append(environment);
  constexpr std::string_view kSeed = "--seed=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kSeed)) stop("unknown argument " + std::string(argument));
    environment->set_seed(parse_seed(argument.substr(kSeed.size())));
  }
}

}  // namespace internal
}  // namespace talea
