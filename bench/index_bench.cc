// What the index costs by itself: the radix tree beside the B-tree of whole keys, with the keys in
// an array that stands for the log.
//
//     index_bench [keys...]       default: 1000000 10000000
#include <absl/container/btree_map.h>
#include <absl/strings/string_view.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "index/radix_tree.h"

namespace talea {
namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kScans = 100'000;
constexpr std::size_t kScanRows = 100;

/// Keys of up to 16 bytes, one after the other in the order of insertion. A word is twice the
/// number.
class KeyArray final : public KeySource {
 public:
  explicit KeyArray(std::size_t key_bytes) : key_bytes_(key_bytes) {}
  void add(BytesView key) { bytes_.append(key.substr(0, key_bytes_)); }
  std::size_t size() const { return bytes_.size() / key_bytes_; }
  BytesView key(std::size_t number) const {
    return {bytes_.data() + number * key_bytes_, key_bytes_};
  }
  BytesView key_at(std::uint64_t word, Bytes&) const override { return key(word / 2); }
  bool is_key_at(std::uint64_t word, BytesView other) const override {
    return key(word / 2) == other;
  }

 private:
  const std::size_t key_bytes_;
  Bytes bytes_;
};

struct Costs {
  double insert_ns = 0;
  double find_ns = 0;
  double miss_ns = 0;
  double scan_row_ns = 0;
  double short_scan_ns = 0;
  double remove_ns = 0;
  double bytes_per_key = 0;
};

/// Of the thread's own time: the machine may be shared.
double ns_per(std::size_t operations, auto work) {
  const auto now_ns = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
  };
  const double start = now_ns();
  work();
  return (now_ns() - start) / static_cast<double>(operations);
}

std::vector<std::uint32_t> shuffled(std::size_t count, Random& random) {
  std::vector<std::uint32_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::uint32_t>(i);
  for (std::size_t i = count; i > 1; --i) std::swap(numbers[i - 1], numbers[random.next_u64() % i]);
  return numbers;
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "index_bench: wrong: %s\n", what);
  std::exit(1);
}

Costs measure_radix_tree(const KeyArray& keys, const KeyArray& absent,
                         const std::vector<std::uint32_t>& order) {
  Costs costs;
  EpochDomain epochs;
  RadixTree tree(epochs, keys);
  const std::size_t count = keys.size();
  costs.insert_ns = ns_per(count, [&] {
    for (std::size_t i = 0; i < count; ++i) tree.upsert(keys.key(i), 2 * i);
  });
  expect(tree.size() == count, "size");
  costs.bytes_per_key = static_cast<double>(tree.memory_bytes()) / static_cast<double>(count);
  std::uint64_t found = 0;
  costs.find_ns = ns_per(count, [&] {
    for (const std::uint32_t i : order) {
      const EpochGuard guard(epochs);
      found += tree.find(guard, keys.key(i)) == 2 * std::uint64_t{i};
    }
  });
  expect(found == count, "find");
  costs.miss_ns = ns_per(absent.size(), [&] {
    for (std::size_t i = 0; i < absent.size(); ++i) {
      const EpochGuard guard(epochs);
      found -= tree.find(guard, absent.key(i)).has_value();
    }
  });
  expect(found == count, "find of absent keys");
  std::array<RadixTree::Word, kScanRows> words;
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;
  const std::size_t scans = std::min(kScans, count);
  costs.scan_row_ns = ns_per(scans * kScanRows, [&] {
    for (std::size_t i = 0; i < scans; ++i) {
      const EpochGuard guard(epochs);
      rows += tree.rows(guard, RadixTree::Bound{keys.key(order[i])},
                        RadixTree::Direction::ascending, words);
      sum += words[0];
    }
  });
  costs.short_scan_ns = ns_per(scans, [&] {
    for (std::size_t i = 0; i < scans; ++i) {
      const EpochGuard guard(epochs);
      sum += tree.rows(guard, RadixTree::Bound{keys.key(order[i])}, RadixTree::Direction::ascending,
                       std::span(words).first(1));
    }
  });
  expect(rows > 0 && sum > 0, "scan");
  costs.remove_ns = ns_per(count, [&] {
    for (const std::uint32_t i : order) tree.remove(keys.key(i));
  });
  expect(tree.size() == 0, "remove");
  return costs;
}

absl::string_view view(BytesView key) { return {key.data(), key.size()}; }

Costs measure_btree(const KeyArray& keys, const KeyArray& absent,
                    const std::vector<std::uint32_t>& order) {
  Costs costs;
  absl::btree_map<std::string, std::uint64_t> tree;
  const std::size_t count = keys.size();
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  costs.insert_ns = ns_per(count, [&] {
    for (std::size_t i = 0; i < count; ++i) tree.try_emplace(std::string(keys.key(i)), 2 * i);
  });
  costs.bytes_per_key = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd - before) /
                        static_cast<double>(count);
  std::uint64_t found = 0;
  costs.find_ns = ns_per(count, [&] {
    for (const std::uint32_t i : order)
      found += tree.find(view(keys.key(i)))->second == 2 * std::uint64_t{i};
  });
  expect(found == count, "find");
  costs.miss_ns = ns_per(absent.size(), [&] {
    for (std::size_t i = 0; i < absent.size(); ++i) found -= tree.contains(view(absent.key(i)));
  });
  expect(found == count, "find of absent keys");
  std::uint64_t sum = 0;
  const std::size_t scans = std::min(kScans, count);
  costs.scan_row_ns = ns_per(scans * kScanRows, [&] {
    for (std::size_t i = 0; i < scans; ++i) {
      auto at = tree.lower_bound(view(keys.key(order[i])));
      for (std::size_t row = 0; row < kScanRows && at != tree.end(); ++row, ++at) sum += at->second;
    }
  });
  costs.short_scan_ns = ns_per(scans, [&] {
    for (std::size_t i = 0; i < scans; ++i)
      sum += tree.lower_bound(view(keys.key(order[i])))->second;
  });
  expect(sum > 0, "scan");
  costs.remove_ns = ns_per(count, [&] {
    for (const std::uint32_t i : order) tree.erase(tree.find(view(keys.key(i))));
  });
  return costs;
}

void print(std::size_t count, const char* keys, const char* index, const Costs& costs) {
  std::printf("| %8zu | %-12s | %-10s | %6.0f | %6.0f | %6.0f | %6.1f | %6.0f | %6.0f | %6.1f |\n",
              count, keys, index, costs.insert_ns, costs.find_ns, costs.miss_ns, costs.scan_row_ns,
              costs.short_scan_ns, costs.remove_ns, costs.bytes_per_key);
  std::fflush(stdout);
}

void run(std::size_t count) {
  SeededRandom random(1);
  const std::vector<std::uint32_t> order = shuffled(count, random);
  const auto measure = [&](const char* name, const KeyArray& keys, const KeyArray& absent) {
    print(count, name, "radix tree", measure_radix_tree(keys, absent, order));
    print(count, name, "btree_map", measure_btree(keys, absent, order));
  };
  const std::size_t absent_count = std::min<std::size_t>(count, 1'000'000);
  {
    KeyArray keys(kKeyBytes);
    KeyArray absent(kKeyBytes);
    std::array<unsigned char, kKeyBytes> key;
    for (std::size_t i = 0; i < count + absent_count; ++i) {
      random.fill(key);
      (i < count ? keys : absent).add({reinterpret_cast<const char*>(key.data()), key.size()});
    }
    measure("16 random B", keys, absent);
  }
  {
    // Spaces are four zero bytes in front; the keys come in random order.
    KeyArray keys(kKeyBytes);
    KeyArray absent(kKeyBytes);
    const std::vector<std::uint32_t> numbers = shuffled(count, random);
    std::array<char, 32> text;
    for (std::size_t i = 0; i < count; ++i) {
      std::snprintf(text.data(), text.size(), "user%08u", numbers[i]);
      keys.add(Bytes(4, '\0') + text.data());
      if (i >= absent_count) continue;
      std::snprintf(text.data(), text.size(), "user%07u?", numbers[i] / 10);
      absent.add(Bytes(4, '\0') + text.data());
    }
    measure("user%08d", keys, absent);
  }
}

}  // namespace
}  // namespace talea

int main(int argc, char** argv) {
  std::vector<std::size_t> counts = {1'000'000, 10'000'000};
  if (argc > 1) counts.clear();
  for (int i = 1; i < argc; ++i) counts.push_back(std::strtoull(argv[i], nullptr, 10));
  std::printf(
      "| keys     | kind         | index      | insert | find   | miss   | row    | 1 row  | "
      "remove | B/key  |\n");
  std::printf(
      "|----------|--------------|------------|--------|--------|--------|--------|--------|-------"
      "-|--------|\n");
  for (const std::size_t count : counts) talea::run(count);
}
