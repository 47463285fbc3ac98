// What encryption adds to a put and a get: two stores side by side, one of them encrypted, in
// turns, so that whatever else the machine does meets both. Run by hand:
//
//     encryption_bench DIRECTORY [ROUNDS]
//
// Prints the median of the rounds, in nanoseconds an operation, and their spread.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "talea/engine.h"

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kKeys = 20'000;

talea::Bytes key_of(std::size_t i) {
  // Neighbours in time are none in the order of keys.
  return "user:" + std::to_string(1'000'000 + i * 7919 % kKeys);
}

void check(const talea::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

template <typename Operation>
double nanoseconds_each(std::size_t count, const Operation& operation) {
  const auto began = SteadyClock::now();
  for (std::size_t i = 0; i < count; ++i) operation(i);
  const std::chrono::duration<double, std::nano> took = SteadyClock::now() - began;
  return took.count() / static_cast<double>(count);
}

struct Row {
  std::vector<double> plain;
  std::vector<double> encrypted;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const char* name, std::size_t bytes, const Row& row) {
  const double plain = median(row.plain);
  const double encrypted = median(row.encrypted);
  const auto [least, most] = std::minmax_element(row.encrypted.begin(), row.encrypted.end());
  std::printf("%-10s %7zu B   plain %9.0f ns   encrypted %9.0f ns (%.0f to %.0f)   adds %8.0f ns\n",
              name, bytes, plain, encrypted, *least, *most, encrypted - plain);
}

void measure(const std::string& directory, std::size_t value_bytes, int rounds) {
  const std::size_t count = std::min<std::size_t>(kKeys, (64U << 20) / value_bytes);
  Row puts;
  Row overwrites;
  Row gets;
  const talea::Bytes value(value_bytes, 'v');
  for (int round = 0; round < rounds; ++round) {
    for (const bool is_encrypted : {false, true}) {
      const std::string path = directory + (is_encrypted ? "/encrypted" : "/plain");
      std::filesystem::remove_all(path);
      talea::Options options;
      options.sync = talea::SyncMode::never;
      if (is_encrypted) {
        options.encryption.key_source = []() -> talea::Result<talea::Bytes> {
          return talea::Bytes(32, 'k');
        };
      }
      auto engine = talea::Engine::open(path, options);
      check(engine.status());
      const auto into = [is_encrypted](Row& row) -> std::vector<double>& {
        return is_encrypted ? row.encrypted : row.plain;
      };
      const auto put = [&](std::size_t i) { check(engine->put(key_of(i), value).status()); };
      into(puts).push_back(nanoseconds_each(count, put));
      into(overwrites).push_back(nanoseconds_each(count, put));
      talea::Bytes found;
      into(gets).push_back(nanoseconds_each(
          count, [&](std::size_t i) { check(engine->get(key_of(i), found).status()); }));
      check(engine->close());
    }
  }
  print("put", value_bytes, puts);
  print("overwrite", value_bytes, overwrites);
  print("get", value_bytes, gets);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: encryption_bench DIRECTORY [ROUNDS]\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  for (const std::size_t bytes : {256U, 4096U, 65536U}) measure(argv[1], bytes, rounds);
  return 0;
}
