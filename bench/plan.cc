#include "bench/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/report.h"
#include "bench/workloads.h"

namespace talea::bench {
namespace {

using Workloads = std::vector<std::unique_ptr<Workload>>;
using Kind = MixWorkload::Kind;

constexpr std::uint64_t kMillion = 1'000'000;

std::string with_unit(std::uint64_t count) {
  if (count % kMillion == 0) return std::to_string(count / kMillion) + " M";
  return count % 1000 == 0 ? std::to_string(count / 1000) + " k" : std::to_string(count);
}

// "16 B/4 KB"
std::string sizes(const DataSet::Shape& data) {
  const auto size = [](std::size_t bytes) {
    return bytes % 1024 == 0 ? std::to_string(bytes / 1024) + " KB" : std::to_string(bytes) + " B";
  };
  return size(data.key_bytes) + "/" + size(data.value_bytes);
}

// Fresh and small: nobody compacts, and RocksDB does not even flush.
void add_puts(const PlanOptions& options, Workloads& workloads) {
  struct Put {
    std::string id;
    DataSet::Shape data;
    std::vector<Target> targets;
    std::vector<std::string> sides;
  };
  for (const Put& put :
       {Put{"P-put",
            {.keys = 64 * 1024, .value_bytes = 64},
            {{"rocksdb", 8, 15}, {"leveldb", 3}, {"lmdb-writemap", 1.5}, {"tkrzw", 0.8, 1.2}},
            {"talea", "rocksdb", "leveldb", "lmdb", "lmdb-writemap", "tkrzw", "kyoto", "ceiling"}},
        Put{"P-put4k",
            {.keys = 16 * 1024, .value_bytes = 512},
            {},
            {"talea", "rocksdb", "leveldb", "tkrzw", "ceiling"}},
        Put{"P-put4k",
            {.keys = 4 * 1024, .key_bytes = 32, .value_bytes = 4096},
            {},
            {"talea", "rocksdb", "leveldb", "tkrzw", "ceiling"}}}) {
    PutWorkload::Shape shape{.data = put.data, .stores = options.quick ? 1u : 4u};
    shape.data.seed = options.seed;
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.rows = {{.id = put.id,
                                        .variant = sizes(put.data) + ", fresh store, not synced",
                                        .counted = "puts",
                                        .targets = put.targets}},
                              .sides = put.sides},
        shape));
  }
}

// What a store sustains: all keys were overwritten three times, and compaction has to keep up.
void add_sustained_puts(const PlanOptions& options, Workloads& workloads) {
  struct Put {
    DataSet::Shape data;
    std::vector<Target> targets;
  };
  for (const Put& put :
       {Put{{.keys = 512 * 1024, .value_bytes = 512}, {{"rocksdb", 8, 12}, {"tkrzw", 2}}},
        Put{{.keys = 64 * 1024, .key_bytes = 32, .value_bytes = 4096},
            {{"rocksdb", 6, 9}, {"tkrzw", 3}}}}) {
    MixWorkload::Shape shape;
    shape.data = put.data;
    shape.data.seed = options.seed;
    if (options.quick) shape.data.keys /= 4;
    shape.runs = {{.kind = Kind::put, .operations = shape.data.keys}, {.kind = Kind::disk}};
    workloads.push_back(std::make_unique<MixWorkload>(
        Workload::Description{
            .rows = {{.id = "P-put4k",
                      .variant = sizes(put.data) + ", overwritten 3 times before, not synced",
                      .counted = "puts",
                      .targets = put.targets},
                     {.id = "P-put4k",
                      .variant = sizes(put.data) + ", disk over keys and values then",
                      .unit = Unit::times,
                      .targets = {{"", 1.6}}}},
            .sides = {"talea", "rocksdb", "tkrzw"},
            .keeps_stores = true},
        shape));
  }
}

void add_gets(const PlanOptions& options, Workloads& workloads) {
  workloads.push_back(std::make_unique<GetWorkload>(
      Workload::Description{
          .rows =
              {{.id = "P-get",
                .variant = "4 096 hot keys, 16 B/256 B",
                .counted = "gets",
                .targets = {{"rocksdb", 20}, {"tkrzw", 3}, {"kyoto", 2.5}, {"ceiling", 0.4, 0.7}}}},
          .sides = {"talea", "rocksdb", "leveldb", "lmdb", "tkrzw", "kyoto", "ceiling"}},
      GetWorkload::Shape{.data = {.keys = 4096, .value_bytes = 256, .seed = options.seed},
                         .gets = options.quick ? 1u << 19 : 1u << 21}));
}

// Rows and runs of a MixWorkload, in pairs.
struct Mix {
  Workload::Description description;
  MixWorkload::Shape shape;

  void add(Row row, MixWorkload::Run run) {
    description.rows.push_back(std::move(row));
    shape.runs.push_back(run);
  }
};

std::vector<Target> read_targets() {
  return {{"rocksdb", 15, 25}, {"lmdb", 3.5, 5}, {"tkrzw", 1.8, 2.5}, {"kyoto", 1.4, 2}};
}

void add_ycsb_c(Mix& mix, const std::string& size, std::uint64_t count) {
  mix.add({.id = "P-ycsbC", .variant = "C" + size, .counted = "gets", .targets = read_targets()},
          {.kind = Kind::get, .operations = count});
  mix.add({.id = "P-ycsbC",
           .variant = "C with multi_get(16)" + size,
           .counted = "gets",
           .targets = {{.side = "talea", .bar = 1.3, .row = "C" + size}},
           .sides = {"talea", "rocksdb"}},
          {.kind = Kind::multi_get, .operations = count});
}

void add_verified_ycsb_c(Mix& mix, const std::string& size, std::uint64_t count) {
  std::vector<Target> always = read_targets();
  for (Target& target : always) target.row = "C" + size;
  mix.add({.id = "P-ycsbC",
           .variant = "C, verified at every read" + size,
           .counted = "gets",
           .targets = always,
           .sides = {"talea"}},
          {.kind = Kind::get, .operations = count, .verify_every_read = true});
}

void add_steady_disk(Mix& mix, const std::string& size) {
  mix.add({.id = "P-disk",
           .variant = "disk over keys and values, steady state" + size,
           .unit = Unit::times,
           .targets = {{"", 1.6, 1.3}},
           .wanted_with = "P-ycsbA"},
          {.kind = Kind::disk});
}

void add_small_values(const PlanOptions& options, Workloads& workloads) {
  Mix mix;
  mix.description.sides = {"talea", "rocksdb", "lmdb", "tkrzw", "kyoto"};
  mix.description.keeps_stores = true;
  mix.shape.data = {.keys = kMillion, .value_bytes = 100, .seed = options.seed};
  const std::uint64_t count = options.quick ? 1u << 19 : 1u << 21;
  const std::string size = ", 1 M x 100 B";
  add_ycsb_c(mix, size, count);
  mix.add({.id = "P-mt",
           .variant = "C, 2 threads" + size,
           .counted = "gets",
           .targets = {{.side = "talea", .bar = 1.8, .stretch = 1.9, .row = "C" + size}},
           .sides = {"talea", "rocksdb", "kyoto"}},
          {.kind = Kind::get, .threads = 2, .operations = count});
  mix.add({.id = "P-scan",
           .variant = "E, scans of 1 to 100 rows" + size,
           .counted = "scans and puts",
           .targets = {{"rocksdb", 8}, {"lmdb", 1, 1.5}},
           .sides = {"talea", "rocksdb", "lmdb"}},
          {.kind = Kind::scan, .operations = options.quick ? 1u << 15 : 1u << 17});
  mix.add({.id = "P-scan",
           .variant = "full scan" + size,
           .counted = "rows",
           .targets = {{.side = "rocksdb", .stretch = 2}, {.side = "lmdb", .stretch = 0.5}},
           .sides = {"talea", "rocksdb", "lmdb"}},
          {.kind = Kind::full_scan});
  mix.add({.id = "P-ycsbA",
           .variant = "A" + size,
           .counted = "gets and puts",
           .targets = {{"rocksdb", 12, 20}, {"tkrzw", 1.3, 2}, {"kyoto", 1.2}},
           .sides = {"talea", "rocksdb", "tkrzw", "kyoto"}},
          {.kind = Kind::half_puts, .operations = count});
  mix.add({.id = "P-mt",
           .variant = "A, 2 threads" + size,
           .counted = "gets and puts",
           .targets = {{.side = "talea", .bar = 1.3, .stretch = 1.6, .row = "A" + size},
                       {"rocksdb", 8},
                       {"kyoto", 0.8}},
           .sides = {"talea", "rocksdb", "kyoto"}},
          {.kind = Kind::half_puts, .threads = 2, .operations = count});
  mix.add({.id = "P-ycsbA",
           .variant = "F" + size,
           .counted = "gets and modifications",
           .targets = {{"rocksdb", 12, 20}, {"tkrzw", 1.3, 2}, {"kyoto", 1}},
           .sides = {"talea", "rocksdb", "tkrzw", "kyoto"}},
          {.kind = Kind::modify, .operations = count});
  add_steady_disk(mix, size);
  add_verified_ycsb_c(mix, size, count);
  workloads.push_back(std::make_unique<MixWorkload>(mix.description, mix.shape));
}

void add_kilobyte_values(const PlanOptions& options, Workloads& workloads) {
  Mix mix;
  mix.description.sides = {"talea", "rocksdb", "tkrzw"};
  mix.description.keeps_stores = true;
  const std::uint64_t keys = options.quick ? kMillion / 10 : kMillion;
  mix.shape.data = {.keys = keys, .value_bytes = 1024, .seed = options.seed};
  const std::uint64_t count = options.quick ? 1 << 17 : 1 << 20;
  const std::string size = ", " + with_unit(keys) + " x 1 KB";
  const std::vector<Target> targets = {{"rocksdb", 8}, {"tkrzw", 1, 1.5}};
  mix.add({.id = "P-ycsbA", .variant = "A" + size, .counted = "gets and puts", .targets = targets},
          {.kind = Kind::half_puts, .operations = count});
  mix.add({.id = "P-ycsbA",
           .variant = "F" + size,
           .counted = "gets and modifications",
           .targets = targets},
          {.kind = Kind::modify, .operations = count});
  add_steady_disk(mix, size);
  workloads.push_back(std::make_unique<MixWorkload>(mix.description, mix.shape));
}

// Without overwrites before, and so without compaction: what a short benchmark would show.
void add_short_updates(const PlanOptions& options, Workloads& workloads) {
  Mix mix;
  mix.description.sides = {"talea", "rocksdb", "tkrzw", "kyoto"};
  const std::uint64_t keys = options.quick ? kMillion / 4 : kMillion;
  mix.shape.data = {.keys = keys, .value_bytes = 100, .seed = options.seed};
  mix.shape.overwrites = 0;
  mix.add({.id = "P-ycsbA",
           .variant = "A, " + with_unit(keys) + " x 100 B, just loaded",
           .counted = "gets and puts"},
          {.kind = Kind::half_puts, .operations = options.quick ? 1u << 18 : 1u << 20});
  workloads.push_back(std::make_unique<MixWorkload>(mix.description, mix.shape));
}

void add_many_keys(const PlanOptions& options, Workloads& workloads) {
  if (options.quick) return;
  Mix mix;
  mix.description.sides = {"talea", "rocksdb", "lmdb", "tkrzw", "kyoto"};
  mix.description.keeps_stores = true;
  mix.shape.data = {.keys = 10 * kMillion, .value_bytes = 100, .seed = options.seed};
  const std::uint64_t count = 1u << 21;
  const std::string size = ", 10 M x 100 B";
  add_ycsb_c(mix, size, count);
  add_verified_ycsb_c(mix, size, count);
  workloads.push_back(std::make_unique<MixWorkload>(mix.description, mix.shape));
}

void add_prefix_scans(const PlanOptions& options, Workloads& workloads) {
  workloads.push_back(std::make_unique<PrefixWorkload>(
      Workload::Description{.rows = {{.id = "P-scan",
                                      .variant = "prefix, 1 000 of 10 000 keys, 17 B/128 B",
                                      .counted = "rows",
                                      .targets = {{"rocksdb", 4}, {"lmdb", 1.1}, {"leveldb", 2}}}},
                            .sides = {"talea", "rocksdb", "leveldb", "lmdb"}},
      PrefixWorkload::Shape{.scans = options.quick ? 300u : 2000u, .seed = options.seed}));
  // What else is in the store costs nothing: to be compared with the line above, of which it is to
  // have two thirds at least.
  const std::uint64_t keys = options.quick ? kMillion : 10 * kMillion;
  workloads.push_back(std::make_unique<PrefixWorkload>(
      Workload::Description{
          .rows = {{.id = "P-scan",
                    .variant = "prefix, 1 000 of " + with_unit(keys) + " keys, 17 B/128 B",
                    .counted = "rows"}},
          .sides = {"talea", "rocksdb"}},
      PrefixWorkload::Shape{
          .keys = keys, .scans = options.quick ? 300u : 2000u, .seed = options.seed}));
}

void add_loads(const PlanOptions& options, Workloads& workloads) {
  for (const std::uint64_t keys : {kMillion, 10 * kMillion}) {
    if (options.quick && keys > kMillion) continue;
    const DataSet::Shape data{.keys = keys, .value_bytes = 100, .seed = options.seed};
    const std::string size = ", " + with_unit(keys) + " x 100 B";
    const std::vector<std::string> all = {"talea",         "rocksdb", "leveldb",
                                          "lmdb-writemap", "tkrzw",   "kyoto"};
    const auto disk_row = [&](const std::string& what, std::optional<double> bar, bool talea_only) {
      return Row{
          .id = "P-disk",
          .variant = what + size,
          .unit = Unit::times,
          .targets = {{"", bar}},
          .sides = talea_only ? std::vector<std::string>{"talea"} : std::vector<std::string>{}};
    };
    workloads.push_back(std::make_unique<LoadWorkload>(
        Workload::Description{
            .rows = {{.id = "P-load",
                      .variant = "one by one, random order" + size,
                      .counted = "puts",
                      .targets = {{"rocksdb", 6},
                                  {"lmdb-writemap", 1.8},
                                  {.side = "tkrzw", .stretch = 1}}},
                     disk_row("after load: log and data over keys and values", 1.18, true),
                     disk_row("after load: all but the free tail over keys and values", 1.35,
                              false),
                     disk_row("after load: free tail over the larger of 8 MiB and 1/8", 1, true),
                     disk_row("after close: all over keys and values", 1.35, false)},
            .sides = keys == kMillion
                         ? all
                         : std::vector<std::string>{"talea", "rocksdb", "lmdb-writemap", "tkrzw"}},
        LoadWorkload::Shape{.data = data}));
    workloads.push_back(std::make_unique<LoadWorkload>(
        Workload::Description{.rows = {{.id = "P-load",
                                        .variant = "batches of 1 000, random order" + size,
                                        .counted = "puts",
                                        .targets = {{"rocksdb", 8}}}},
                              .sides = {"talea", "rocksdb", "lmdb-writemap"}},
        LoadWorkload::Shape{.data = data, .batches = true}));
  }
}

void add_opens(const PlanOptions& options, Workloads& workloads) {
  const std::uint64_t keys = options.quick ? kMillion : 10 * kMillion;
  const std::string size = ", " + with_unit(keys) + " x 100 B";
  const auto row = [&](const std::string& what, const std::vector<Target>& targets) {
    return Row{.id = "P-open", .variant = what + size, .unit = Unit::seconds, .targets = targets};
  };
  // After a clean close the hash file has nothing to do at all; what the others take is asked of
  // the open after a crash.
  const std::vector<Target> clean = {{"", 0.15, 0.03}};
  const std::vector<Target> killed = {{"", 0.15, 0.03}, {"rocksdb", 0.5}, {"tkrzw", 0.1}};
  workloads.push_back(std::make_unique<OpenWorkload>(
      Workload::Description{
          .rows = {row("after SIGKILL, to the first get", killed), row("close after that", {}),
                   row("after close, to the first get", clean),
                   row("after close, cold page cache", {})},
          .sides = {"talea", "rocksdb", "lmdb", "tkrzw"}},
      DataSet::Shape{.keys = keys, .value_bytes = 100, .seed = options.seed}, options.program));
}

void add_compactions(const PlanOptions& options, Workloads& workloads) {
  const std::vector<std::string> sides = {"talea", "rocksdb", "leveldb"};
  workloads.push_back(std::make_unique<CompactionWorkload>(
      Workload::Description{.rows = {{.id = "P-comp",
                                      .variant = "20 000 puts of 16 B/256 B, 4 000 removes",
                                      .unit = Unit::seconds,
                                      .targets = {{"rocksdb", 0.6, 0.3}}}},
                            .sides = sides},
      CompactionWorkload::Shape{.data = {.keys = 20'000, .value_bytes = 256, .seed = options.seed},
                                .removes = 4000}));

  const std::uint64_t keys = options.quick ? kMillion / 4 : kMillion;
  const std::string size = ", " + with_unit(keys) + " x 100 B, half garbage";
  const auto row = [&](const std::string& what, Unit unit, const std::vector<Target>& targets) {
    return Row{.id = "P-comp", .variant = what + size, .unit = unit, .targets = targets};
  };
  workloads.push_back(std::make_unique<CompactionWorkload>(
      Workload::Description{
          .rows = {row("beside gets and puts", Unit::seconds, {{"rocksdb", 0.6, 0.3}}),
                   row("p99 of these before", Unit::seconds, {}),
                   row("p99 of these meanwhile", Unit::seconds, {}),
                   row("p99 meanwhile over the larger of 2x before and 50 us", Unit::times,
                       {{"", 1}}),
                   row("longest of these meanwhile", Unit::seconds, {{"", 5e-3}})},
          .sides = {"talea", "rocksdb"}},
      CompactionWorkload::Shape{.data = {.keys = keys, .value_bytes = 100, .seed = options.seed},
                                .overwrite = true,
                                .foreground = true,
                                .foreground_operations = 200'000}));
}

void add_durable_puts(const PlanOptions& options, Workloads& workloads) {
  struct Sync {
    unsigned threads;
    double puts_per_disk_sync;  // expected, to size the round
    std::vector<Target> targets;
    std::vector<std::string> sides;
  };
  for (const Sync& sync :
       {Sync{1,
             1,
             {{"rocksdb", 1.25}, {"leveldb", 1}, {.side = "ceiling", .stretch = 0.9}},
             {"talea", "rocksdb", "leveldb", "lmdb", "ceiling"}},
        Sync{8, 3, {{"rocksdb", 1.3, 1.6}, {"leveldb", 1}}, {"talea", "rocksdb", "leveldb"}},
        Sync{64, 8, {{"rocksdb", 1.25, 1.5}, {"leveldb", 1}}, {"talea", "rocksdb", "leveldb"}}}) {
    const double puts = sync.puts_per_disk_sync / options.disk_sync_seconds;
    const auto sets = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(puts / 1024)) / (options.quick ? 4 : 1));
    const std::string threads =
        std::to_string(sync.threads) + (sync.threads == 1 ? " thread" : " threads");
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.rows = {{.id = "P-sync",
                                        .variant = "16 B/64 B, each synced, " + threads,
                                        .counted = "puts",
                                        .targets = sync.targets}},
                              .sides = sync.sides,
                              .bound_by_disk = true},
        PutWorkload::Shape{.data = {.keys = sets * 1024, .value_bytes = 64, .seed = options.seed},
                           .threads = sync.threads,
                           .durability = Durability::power_cut}));
  }
}

void add_asynchronous_puts(const PlanOptions& options, Workloads& workloads) {
  const auto row = [](const std::string& in_flight, const std::vector<Target>& targets) {
    return Row{.id = "P-async",
               .variant = "16 B/64 B, each synced, " + in_flight +
                          " in flight (rocksdb: 64 threads, ceiling: batches)",
               .counted = "puts",
               .targets = targets};
  };
  workloads.push_back(std::make_unique<AsyncWorkload>(
      Workload::Description{.rows = {row("64", {{"rocksdb", 5}, {"ceiling", 0.6, 0.85}}),
                                     row("512", {{.side = "ceiling", .stretch = 0.6}})},
                            .sides = {"talea", "rocksdb", "ceiling"},
                            .bound_by_disk = true},
      AsyncWorkload::Shape{.data = {.keys = options.quick ? 1u << 14 : 1u << 16,
                                    .value_bytes = 64,
                                    .seed = options.seed},
                           .in_flight = {64, 512}}));
}

void add_memory(const PlanOptions& options, Workloads& workloads) {
  for (const unsigned millions : {1u, 6u, 10u, 13u}) {
    if (options.quick && millions > 1) continue;
    const std::string size = ", " + std::to_string(millions) + " M x 100 B";
    const auto row = [&](const std::string& when) {
      return Row{.id = "P-mem",
                 .variant = "anonymous memory, " + when + size,
                 .unit = Unit::bytes_per_key,
                 .targets = {{"", 45, 30}}};
    };
    const std::vector<std::string> all = {"talea", "rocksdb", "leveldb", "lmdb", "tkrzw", "kyoto"};
    workloads.push_back(std::make_unique<MemoryWorkload>(
        Workload::Description{.rows = {row("after load"), row("after it was opened anew")},
                              .sides = millions == 1 ? all : std::vector<std::string>{"talea"}},
        DataSet::Shape{.keys = millions * kMillion, .value_bytes = 100, .seed = options.seed},
        options.program));
  }
}

// The benchmarks of hightower-kv itself, with what is set up and torn down outside of the timer.
// What a feature costs, against the same store without it.
void add_features(const PlanOptions& options, Workloads& workloads) {
  const std::string json = "4 KB of JSON";
  FeatureWorkload::Shape shape;
  shape.data = {.keys = options.quick ? 1u << 14 : 1u << 16,
                .value_bytes = 4096,
                .seed = options.seed,
                .is_text = true};
  shape.feature.compress_from_bytes = 256;
  workloads.push_back(std::make_unique<FeatureWorkload>(
      Workload::Description{
          .rows =
              {{.id = "P-lz4", .variant = "puts of " + json, .counted = "puts"},
               {.id = "P-lz4",
                .variant = "puts of " + json + ", compressed",
                .counted = "puts",
                .targets = {{.side = "talea", .bar = 0.7, .row = "puts of " + json}}},
               {.id = "P-lz4", .variant = "gets of " + json, .counted = "gets"},
               {.id = "P-lz4", .variant = "gets of " + json + ", compressed", .counted = "gets"},
               {.id = "P-lz4", .variant = "added to a put of " + json, .unit = Unit::seconds},
               {.id = "P-lz4", .variant = "added to a get of " + json, .unit = Unit::seconds}},
          .sides = {"talea"}},
      shape));
}

void add_seed(const PlanOptions& options, Workloads& workloads) {
  const std::vector<std::string> sides = {"talea", "hightower", "hightower-inline"};
  const unsigned stores = options.quick ? 8 : 32;
  for (DataSet::Shape data : {DataSet::Shape{.keys = 1024, .value_bytes = 64},
                              DataSet::Shape{.keys = 1024, .value_bytes = 512},
                              DataSet::Shape{.keys = 1024, .key_bytes = 32, .value_bytes = 4096}}) {
    data.seed = options.seed;
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.rows = {{.id = "P-seed",
                                        .variant = "1 024 puts, " + sizes(data),
                                        .counted = "puts",
                                        .targets = {{"hightower", 15, 25}}}},
                              .sides = sides},
        PutWorkload::Shape{.data = data, .stores = stores}));
  }
  for (const unsigned threads : {1u, 2u, 4u, 8u}) {
    workloads.push_back(std::make_unique<PutWorkload>(
        Workload::Description{.rows = {{.id = "P-seed",
                                        .variant = "4 096 puts, 32 B/256 B, callers and workers: " +
                                                   std::to_string(threads),
                                        .counted = "puts"}},
                              .sides = {"talea", "hightower", "hightower-inline"}},
        PutWorkload::Shape{
            .data = {.keys = 4096, .key_bytes = 32, .value_bytes = 256, .seed = options.seed},
            .threads = threads,
            .stores = stores / 4}));
  }
  for (const bool reopened : {false, true}) {
    workloads.push_back(std::make_unique<GetWorkload>(
        Workload::Description{.rows = {{.id = "P-seed",
                                        .variant = std::string("gets of 4 096 keys, 16 B/256 B, ") +
                                                   (reopened ? "opened anew" : "hot"),
                                        .counted = "gets",
                                        .targets = {{"hightower", 8}}}},
                              .sides = sides},
        GetWorkload::Shape{.data = {.keys = 4096, .value_bytes = 256, .seed = options.seed},
                           .gets = options.quick ? 1u << 18 : 1u << 20,
                           .reopened = reopened}));
  }
  for (const unsigned matching : {10u, 100u, 1000u}) {
    workloads.push_back(std::make_unique<PrefixWorkload>(
        Workload::Description{
            .rows = {{.id = "P-seed",
                      .variant = "prefix, " + std::to_string(matching) + " of 10 000 keys",
                      .counted = "rows",
                      .targets = {{"hightower", 3}}}},
            .sides = {"talea", "hightower"}},
        PrefixWorkload::Shape{.matching = matching,
                              .scans = (options.quick ? 100'000u : 1'000'000u) / matching,
                              .seed = options.seed}));
  }
  workloads.push_back(std::make_unique<CompactionWorkload>(
      Workload::Description{
          .rows = {{.id = "P-seed",
                    .variant = "compaction, 20 000 puts of 16 B/256 B, 4 000 removes",
                    .unit = Unit::seconds,
                    .targets = {{"hightower", 1.0 / 15}}}},
          .sides = {"talea", "hightower"}},
      CompactionWorkload::Shape{.data = {.keys = 20'000, .value_bytes = 256, .seed = options.seed},
                                .removes = 4000}));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

std::string target_text(Unit unit, const Target& target) {
  const auto wanted = [&](double value) {
    return target.side.empty() ? format_value(unit, value) : fmt::format("{:.3g}x", value);
  };
  std::string text = more_is_better(unit) ? ">= " : "<= ";
  text += target.bar.has_value() ? wanted(*target.bar) : "-";
  if (target.stretch.has_value()) text += " (" + wanted(*target.stretch) + ")";
  if (!target.side.empty()) text += " " + target.side;
  if (!target.row.empty()) text += " \"" + target.row + "\"";
  return text;
}

}  // namespace

std::vector<std::unique_ptr<Workload>> make_workloads(const PlanOptions& options) {
  Workloads workloads;
  add_puts(options, workloads);
  add_sustained_puts(options, workloads);
  add_gets(options, workloads);
  add_small_values(options, workloads);
  add_kilobyte_values(options, workloads);
  add_short_updates(options, workloads);
  add_many_keys(options, workloads);
  add_prefix_scans(options, workloads);
  add_loads(options, workloads);
  add_opens(options, workloads);
  add_compactions(options, workloads);
  add_durable_puts(options, workloads);
  add_asynchronous_puts(options, workloads);
  add_memory(options, workloads);
  add_features(options, workloads);
  add_seed(options, workloads);
  return workloads;
}

std::vector<std::string> ids_of(const Workloads& workloads) {
  std::vector<std::string> ids;
  for (const std::unique_ptr<Workload>& workload : workloads) {
    for (const Row& row : workload->description().rows) {
      if (std::find(ids.begin(), ids.end(), row.id) == ids.end()) ids.push_back(row.id);
    }
  }
  return ids;
}

std::string list_text(const Workloads& workloads) {
  std::string text;
  for (const std::unique_ptr<Workload>& workload : workloads) {
    const Workload::Description& description = workload->description();
    for (std::size_t row = 0; row < description.rows.size(); ++row) {
      const Row& listed = description.rows[row];
      if (listed.left_out) continue;
      text += fmt::format("{:<8} {}\n         {}", listed.id, listed.variant,
                          joined(listed.sides.empty() ? description.sides : listed.sides));
      for (const Target& target : listed.targets) {
        text += "; " + target_text(listed.unit, target);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace talea::bench
