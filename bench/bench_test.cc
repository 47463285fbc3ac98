// Tests of the harness: that its numbers mean what they say. The stores are not run here.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/data.h"
#include "bench/peer.h"
#include "bench/report.h"
#include "bench/runner.h"
#include "bench/statistics.h"
#include "bench/workload.h"
#include "tests/support/test_directory.h"

namespace talea::bench {
namespace {

// A store that keeps everything in a map and writes down what it was asked.
class MapPeer : public Peer {
 public:
  MapPeer(std::string name, std::vector<std::string>* calls)
      : name_(std::move(name)), calls_(calls) {}

  std::string name() const override { return name_; }
  std::string version() const override { return "1"; }
  std::string options() const override { return "none"; }
  Status open(const std::string& directory, const OpenOptions&) override {
    opened_in = directory;
    if (calls_ != nullptr) calls_->push_back(name_);
    return {};
  }
  Status put(BytesView key, BytesView value) override {
    std::lock_guard lock(mutex_);
    entries_[Bytes(key)] = Bytes(value);
    return {};
  }
  Status put_batch(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) TALEA_TRY(put(entry.key, entry.value));
    return {};
  }
  Status remove(BytesView key) override {
    std::lock_guard lock(mutex_);
    entries_.erase(Bytes(key));
    return {};
  }
  Result<bool> get(BytesView key, Bytes& value) override {
    const auto found = entries_.find(Bytes(key));
    if (found == entries_.end()) return false;
    value = found->second;
    return true;
  }
  Status sync() override { return {}; }
  Status close() override {
    closed_entries = entries_.size();
    entries_.clear();
    return {};
  }

  std::string opened_in;
  std::size_t closed_entries = 0;

 private:
  std::string name_;
  std::vector<std::string>* calls_;
  std::mutex mutex_;
  std::map<Bytes, Bytes> entries_;
};

// A store that loses one key of each store it makes.
class ForgetfulPeer final : public MapPeer {
 public:
  ForgetfulPeer() : MapPeer("forgetful", nullptr) {}
  Status put(BytesView key, BytesView value) override {
    return puts_++ == 7 ? Status{} : MapPeer::put(key, value);
  }

 private:
  unsigned puts_ = 0;
};

WorkloadResult result_of(double talea_seconds, double peer_seconds) {
  return {
      .description = {.id = "P-get",
                      .variant = "4 096 hot keys",
                      .unit = "gets",
                      .operations = 1000,
                      .targets = {{"rocksdb", 20}, {"absent", 1}}},
      .sides = {{.name = "talea",
                 .rounds = {{talea_seconds, 0.5}, {talea_seconds * 2, 0.5}, {talea_seconds, 0.7}}},
                {.name = "rocksdb",
                 .rounds = {{peer_seconds, 1}, {peer_seconds, 1}, {peer_seconds, 1}}}}};
}

TEST(Statistics, MedianIsTheMiddleAndSpreadTheEnds) {
  const Summary odd = summary({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(summary({4, 1, 3, 2}).median, 2.5);
  EXPECT_EQ(summary({7}).median, 7);
}

TEST(Statistics, QuantileIsASampleAndReachesBothEnds) {
  std::vector<double> samples;
  for (int i = 100; i >= 1; --i) samples.push_back(i);
  EXPECT_EQ(quantile(samples, 0.5), 50);
  EXPECT_EQ(quantile(samples, 0.99), 99);
  EXPECT_EQ(quantile(samples, 0), 1);
  EXPECT_EQ(quantile(samples, 1), 100);
  EXPECT_EQ(quantile({3}, 0.99), 3);
}

TEST(Data, KeysOfASeedAreTheSameInEveryRunAndOnEverySide) {
  // Fixed on purpose: results of two commits compare only while the data is the same.
  const KeySet keys(1, 0, 2, 16);
  EXPECT_EQ(keys[0], "bfef8030ddc2d772");
  EXPECT_EQ(keys[1], "86224a8e1dae59f9");
  EXPECT_EQ(KeySet(1, 1, 1, 16)[0], keys[1]) << "a key is a function of its id";
  EXPECT_NE(KeySet(2, 0, 1, 16)[0], keys[0]);
}

TEST(Data, KeysAreDistinctAndOfTheLengthAskedFor) {
  const KeySet keys(kDefaultSeed, 0, 10'000, 32);
  std::set<BytesView> distinct;
  for (std::size_t position = 0; position < keys.size(); ++position) {
    EXPECT_EQ(keys[position].size(), 32u);
    distinct.insert(keys[position]);
  }
  EXPECT_EQ(distinct.size(), 10'000u);
}

TEST(Data, ValuesOfASeedAreTheSameAndDifferFromEntryToEntry) {
  const ValuePool pool(1, 4096);
  EXPECT_EQ(pool.value(5, 4096), ValuePool(1, 4096).value(5, 4096));
  EXPECT_NE(pool.value(5, 64), pool.value(6, 64));
  EXPECT_NE(pool.value(5, 64), ValuePool(2, 4096).value(5, 64));
}

TEST(Workload, PutsEveryKeyOnceFromAnyNumberOfThreads) {
  for (const unsigned threads : {1u, 8u}) {
    const PutWorkload workload({.id = "P-sync", .variant = "", .unit = "puts", .operations = 1024},
                               {.key_bytes = 16, .value_bytes = 64, .threads = threads});
    MapPeer peer("map", nullptr);
    const Result<Measurement> measured = workload.run_round(peer, "anywhere", 0);
    ASSERT_TRUE(measured.ok()) << measured.status().to_string();
    EXPECT_GT(measured->seconds, 0);
    EXPECT_EQ(peer.closed_entries, 1024u);
  }
}

TEST(Workload, DividesTheOperationsOfARoundAmongItsStores) {
  const PutWorkload workload({.id = "P-put", .variant = "", .unit = "puts", .operations = 1024},
                             {.key_bytes = 16, .value_bytes = 64, .stores = 4});
  std::vector<std::string> calls;
  MapPeer peer("map", &calls);
  ASSERT_TRUE(workload.run_round(peer, "anywhere", 0).ok());
  EXPECT_EQ(calls.size(), 4u);
  EXPECT_EQ(peer.closed_entries, 256u);
}

TEST(Workload, AStoreThatLosesAKeyIsAnError) {
  const PutWorkload workload({.id = "P-put", .variant = "", .unit = "puts", .operations = 64},
                             {.key_bytes = 16, .value_bytes = 64});
  ForgetfulPeer peer;
  const Result<Measurement> measured = workload.run_round(peer, "anywhere", 0);
  ASSERT_FALSE(measured.ok());
  EXPECT_EQ(measured.status().code(), Code::corruption);
}

TEST(Workload, GetsOnlyKeysThatWerePut) {
  const GetWorkload workload({.id = "P-get", .variant = "", .unit = "gets", .operations = 5000},
                             {.keys = 100, .key_bytes = 16, .value_bytes = 256});
  MapPeer peer("map", nullptr);
  const Result<Measurement> measured = workload.run_round(peer, "anywhere", 1);
  ASSERT_TRUE(measured.ok()) << measured.status().to_string();
  EXPECT_EQ(peer.closed_entries, 100u);
}

TEST(Workload, AFilterKeepsTheIdsThatContainIt) {
  for (const auto& workload : make_workloads({.disk_sync_seconds = 1e-4}, "P-sync")) {
    EXPECT_EQ(workload->description().id, "P-sync");
  }
  EXPECT_EQ(make_workloads({.disk_sync_seconds = 1e-4}, "P-sync").size(), 3u);
  EXPECT_TRUE(make_workloads({.disk_sync_seconds = 1e-4}, "P-unknown").empty());
}

TEST(Workload, DurableRoundsGrowWithTheSpeedOfTheDisk) {
  const auto slow = make_workloads({.disk_sync_seconds = 1e-3}, "P-sync");
  const auto fast = make_workloads({.disk_sync_seconds = 1e-4}, "P-sync");
  EXPECT_EQ(slow[0]->description().operations, 1024u);
  EXPECT_EQ(fast[0]->description().operations, 10'240u);
}

TEST(Runner, SidesTakeTurnsEachInADirectoryOfItsOwn) {
  const std::string directory = test_directory();
  std::vector<std::string> calls;
  std::vector<std::unique_ptr<Peer>> peers;
  peers.push_back(std::make_unique<MapPeer>("a", &calls));
  peers.push_back(std::make_unique<MapPeer>("c", &calls));  // takes no part
  peers.push_back(std::make_unique<MapPeer>("b", &calls));
  const PutWorkload workload(
      {.id = "P-put", .variant = "", .unit = "puts", .operations = 64, .sides = {"a", "b"}},
      {.key_bytes = 16, .value_bytes = 64});
  DiskProbe disk(directory);
  const Result<WorkloadResult> result =
      run(workload, peers, {.data_directory = directory, .rounds = 3}, disk, [](const auto&) {});
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(calls, (std::vector<std::string>{"a", "b", "a", "b", "a", "b"}));
  EXPECT_EQ(result->sides[1].rounds.size(), 3u);
  EXPECT_EQ(static_cast<MapPeer&>(*peers[2]).opened_in, directory + "/b-2/0");
  EXPECT_TRUE(std::filesystem::is_empty(directory)) << "a round leaves nothing behind";
}

TEST(DiskProbe, CountsWhatItSampledAndLeavesNothingBehind) {
  const std::string directory = test_directory();
  DiskProbe disk(directory);
  ASSERT_TRUE(disk.sample(3).ok());
  ASSERT_TRUE(disk.sample(2).ok());
  const DiskProbe::Limits limits = disk.limits();
  EXPECT_EQ(limits.samples, 5u);
  EXPECT_GT(limits.preallocated_p50_seconds, 0);
  EXPECT_LE(limits.growing_p50_seconds, limits.growing_p99_seconds);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(Report, RatesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(format_rate(3'421'000), "3.42M/s");
  EXPECT_EQ(format_rate(86'540), "86.5k/s");
  EXPECT_EQ(format_rate(950), "950/s");
  EXPECT_EQ(format_rate(999'600), "1.00M/s");
  EXPECT_EQ(format_rate(0), "0.00/s");
  EXPECT_EQ(format_seconds(89.1e-6), "89.1us");
  EXPECT_EQ(format_seconds(1.5), "1.50s");
  EXPECT_EQ(format_ratio(11.249), "11.25x");
}

TEST(Report, ATargetIsJudgedByTheRatioOfTheMedians) {
  const std::vector<Verdict> met = judge(result_of(0.01, 0.2));
  ASSERT_EQ(met.size(), 1u) << "a target without its peer is not judged";
  EXPECT_DOUBLE_EQ(met[0].ratio, 20);
  EXPECT_TRUE(met[0].ok);
  EXPECT_DOUBLE_EQ(met[0].round_ratio.min, 10);
  EXPECT_FALSE(judge(result_of(0.011, 0.2))[0].ok);
}

TEST(Report, TheTerminalHasOneLineForEachTarget) {
  const std::string text = workload_text(result_of(0.01, 0.19));
  EXPECT_NE(text.find("\nP-get talea=100k/s peer=rocksdb:5.26k/s ratio=19.00x target=20x short"),
            std::string::npos)
      << text;
}

TEST(Report, JsonHasTheMachineTheSidesAndEveryRound) {
  Report report;
  report.command = "script/bench --quick";
  report.commit = "0123abc, dirty";
  report.rounds = 3;
  report.sides = {{.name = "talea", .version = "0.1", .options = "sync=never"}};
  report.workloads = {result_of(0.01, 0.2)};
  const nlohmann::json json = nlohmann::json::parse(to_json(report).dump());
  EXPECT_EQ(json.at("format"), 1);
  EXPECT_EQ(json.at("commit"), "0123abc, dirty");
  EXPECT_TRUE(json.at("machine").contains("cpu"));
  EXPECT_TRUE(json.at("disk_sync_4k").contains("preallocated_p99_seconds"));
  EXPECT_EQ(json.at("sides")[0].at("options"), "sync=never");
  const nlohmann::json& workload = json.at("workloads").at(0);
  EXPECT_EQ(workload.at("id"), "P-get");
  EXPECT_EQ(workload.at("operations_per_round"), 1000);
  EXPECT_EQ(workload.at("sides").size(), 2u);
  EXPECT_DOUBLE_EQ(workload.at("sides")[0].at("per_second").at("median"), 100'000);
  EXPECT_DOUBLE_EQ(workload.at("sides")[0].at("per_second").at("min"), 50'000);
  EXPECT_DOUBLE_EQ(workload.at("sides")[0].at("cpu_seconds"), 0.5);
  EXPECT_EQ(workload.at("sides")[1].at("rounds").size(), 3u);
  EXPECT_EQ(workload.at("targets")[0].at("ok"), true);
}

TEST(Report, MarkdownHasARowForEachSideAndEachTarget) {
  Report report;
  report.commit = "0123abc";
  report.workloads = {result_of(0.01, 0.2)};
  const std::string text = to_markdown(report);
  EXPECT_NE(text.find("| P-get | 4 096 hot keys | talea | 100k/s | 50.0k/s .. 100k/s | 500us"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| P-get | 4 096 hot keys | rocksdb | 20.00x |"), std::string::npos) << text;
}

}  // namespace
}  // namespace talea::bench
