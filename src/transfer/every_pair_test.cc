// Copies between the real homes: a directory, RocksDB, a ledger and bucket files of both versions,
// on a store in this process that fails at any request.
#include <gtest/gtest.h>

#include <map>

#include "home/home_of_bucket.h"
#include "home/home_of_ledger.h"
#include "stores/rocksdb_store.h"
#include "tests/support/bucket_world.h"
#include "tests/support/copy_world.h"
#include "tests/support/ledger_world.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

// A home that can be opened again and again.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<std::unique_ptr<Home>> open(bool read_only) = 0;
  /// Where its requests go; null: there are none.
  virtual s3::FakeS3* requests() { return nullptr; }
};

class DirectoryPlace final : public Place {
 public:
  DirectoryPlace(std::string url, bool keeps_all) : url_(std::move(url)), keeps_all_(keeps_all) {}
  Result<std::unique_ptr<Home>> open(bool read_only) override {
    HomeOptions options;
    options.engine.read_only = read_only;
    options.engine.sync = SyncMode::never;
    options.engine.reap_expired = false;
    if (keeps_all_) options.engine.retention = Retention::all();
    return open_home(url_, options);
  }

 private:
  const std::string url_;
  const bool keeps_all_;
};

class LedgerHomePlace final : public Place {
 public:
  explicit LedgerHomePlace(HashProfile profile) : profile_(profile) {}
  Result<std::unique_ptr<Home>> open(bool read_only) override {
    LedgerOptions options = LedgerWorld::with_profile(profile_);
    options.read_only = read_only;
    return home_of_ledger(world_.open(options),
                          LedgerPlace{.name = "s3://records/", .hash_profile = profile_},
                          read_only);
  }
  s3::FakeS3* requests() override { return &world_.fake(); }
  LedgerWorld& world() { return world_; }

 private:
  LedgerWorld world_;
  const HashProfile profile_;
};

class BucketPlace final : public Place {
 public:
  explicit BucketPlace(BucketFormat format) { options_.format = format; }
  Result<std::unique_ptr<Home>> open(bool read_only) override {
    BucketDbOptions options = options_;
    options.create_if_missing = !read_only;
    options.threads = 1;
    return home_of_bucket(TALEA_TRY(world_.try_open(options)),
                          [this, options] { return world_.try_open(options); });
  }
  s3::FakeS3* requests() override { return &world_.fake; }

 private:
  bucketdb::BucketWorld world_;
  BucketDbOptions options_;
};

enum class Kind { directory, rocksdb, ledger_python, ledger_typescript, bucket_v1, bucket_v2 };

std::vector<Kind> kinds() {
  std::vector<Kind> kinds = {Kind::directory, Kind::ledger_python, Kind::ledger_typescript,
                             Kind::bucket_v1, Kind::bucket_v2};
  if (has_rocksdb()) kinds.push_back(Kind::rocksdb);
  return kinds;
}

bool knows_expiry(Kind kind) { return kind == Kind::directory || kind == Kind::rocksdb; }
bool is_ledger(Kind kind) { return kind == Kind::ledger_python || kind == Kind::ledger_typescript; }

bool keeps_history(Kind kind) { return kind == Kind::directory || is_ledger(kind); }

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::directory: return "a directory";
    case Kind::rocksdb: return "RocksDB";
    case Kind::ledger_python: return "a ledger as of Python";
    case Kind::ledger_typescript: return "a ledger as of TypeScript";
    case Kind::bucket_v1: return "bucket files, version 1";
    case Kind::bucket_v2: return "bucket files, version 2";
  }
  return "";
}

std::unique_ptr<Place> make(Kind kind) {
  static int number = 0;
  const std::string path = test_directory() + "/" + std::to_string(++number);
  switch (kind) {
    case Kind::directory: return std::make_unique<DirectoryPlace>(path, true);
    case Kind::rocksdb: return std::make_unique<DirectoryPlace>("rocksdb:" + path, false);
    case Kind::ledger_python: return std::make_unique<LedgerHomePlace>(HashProfile::python);
    case Kind::ledger_typescript: return std::make_unique<LedgerHomePlace>(HashProfile::typescript);
    case Kind::bucket_v1: return std::make_unique<BucketPlace>(BucketFormat::v1);
    case Kind::bucket_v2: return std::make_unique<BucketPlace>(BucketFormat::v2);
  }
  return nullptr;
}

class EveryPair : public testing::Test, protected CopyWorld {
 protected:
  static void fill(Place& place, int from, int to) {
    const auto home = place.open(false).value();
    for (int i = from; i < to; ++i) {
      const Status put =
          home->put("key" + std::to_string(i % 5), "{\"n\":" + std::to_string(i) + "}").status();
      ASSERT_TRUE(put.ok()) << put.to_string();
    }
    ASSERT_TRUE(home->publish().ok());
    ASSERT_TRUE(home->close().ok());
  }

  static void put(Place& place, const std::vector<HomeWrite>& rows) {
    const auto home = place.open(false).value();
    const Status written = home->write(rows).status();
    ASSERT_TRUE(written.ok()) << written.to_string();
    ASSERT_TRUE(home->publish().ok());
    ASSERT_TRUE(home->close().ok());
  }

  // The keys of what a check finds.
  std::string obstacles(Place& from, Place& to, const CopyOptions& options) {
    std::string keys;
    const auto source = from.open(true).value();
    const auto destination = to.open(false).value();
    const auto checked = check_copy(*source, destination->abilities(), destination.get(), options,
                                    seams(), [&](const CopyObstacle& obstacle) {
                                      keys += (keys.empty() ? "" : " ") + obstacle.key;
                                      return Status();
                                    });
    EXPECT_TRUE(checked.ok()) << checked.status().to_string();
    return keys;
  }

  // Requests that change something.
  static std::uint64_t changes_of(Place& place) {
    std::uint64_t changes = 0;
    if (place.requests() == nullptr) return changes;
    for (const s3::LoggedRequest& request : place.requests()->request_log()) {
      if (request.method != "GET" && request.method != "HEAD") ++changes;
    }
    return changes;
  }

  static std::map<Bytes, Bytes> rows_of(Place& place) {
    std::map<Bytes, Bytes> rows;
    const auto home = place.open(true).value();
    const auto cursor = home->scan({}, false).value();
    while (cursor->next().value()) rows.emplace(cursor->entry().key, cursor->entry().value);
    return rows;
  }

  static std::map<Bytes, std::vector<Bytes>> pasts_of(Place& place) {
    std::map<Bytes, std::vector<Bytes>> pasts;
    const auto home = place.open(true).value();
    const auto keys = home->keys_with_past().value();
    while (keys->next().value()) {
      const auto past = home->revisions(keys->entry().key).value();
      while (past->next().value()) {
        pasts[keys->entry().key].push_back(past->is_remove() ? Bytes("removed")
                                                             : past->entry().value);
      }
    }
    return pasts;
  }

  Result<CopyReport> copy(Place& from, Place& to, const CopyOptions& options) {
    const auto source = TALEA_TRY(from.open(true));
    const auto destination = TALEA_TRY(to.open(false));
    CopyReport report = TALEA_TRY(copy_home(*source, *destination, options, seams()));
    TALEA_TRY(destination->close());
    const auto again = TALEA_TRY(to.open(true));
    TALEA_TRY(read_back(*source, *again, options, seams(), report));
    return report;
  }

  // From one request on nothing gets through, at one side; then the same copy is made again.
  void cut_at_every_request(Kind from, Kind to, CopyHistory history, bool cut_source) {
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to) + ", request " +
                   std::to_string(n));
      const auto source = make(from);
      const auto destination = make(to);
      fill(*source, 0, 6);
      s3::FakeS3& cut = cut_source ? *source->requests() : *destination->requests();
      const std::uint64_t first = cut.requests() + n;
      cut.set_plan([first](const s3::FakeRequest& request) {
        return request.number >= first ? s3::Fault::refuse() : s3::Fault();
      });
      const auto stopped = copy(*source, *destination, with(history));
      cut.clear_plan();
      if (stopped.ok()) {
        EXPECT_GT(n, 2U);
        expect_whole(stopped, stopped->source.entries);
        return;
      }
      const Code code = stopped.status().code();
      ASSERT_TRUE(code == Code::unavailable || code == Code::timed_out)
          << stopped.status().to_string();
      const auto again = copy(*source, *destination, with(history));
      ASSERT_TRUE(again.ok()) << again.status().to_string();
      expect_whole(again, history == CopyHistory::none ? 5 : 6);
      EXPECT_EQ(rows_of(*destination), rows_of(*source));
      if (history == CopyHistory::none) continue;
      EXPECT_EQ(pasts_of(*destination), pasts_of(*source)) << "nothing is there twice";
    }
  }

  void cut_every_pair(CopyHistory history, bool cut_source) {
    for (const Kind from : kinds()) {
      for (const Kind to : kinds()) {
        const bool is_kept = keeps_history(from) && keeps_history(to);
        if (history == CopyHistory::required && !is_kept) continue;
        if (make(cut_source ? from : to)->requests() == nullptr) continue;
        cut_at_every_request(from, to, history, cut_source);
      }
    }
  }

  static CopyOptions with(CopyHistory history) {
    CopyOptions options;
    options.history = history;
    return options;
  }
};

TEST_F(EveryPair, WhatIsThereNowGoesFromAnyToAny) {
  for (const Kind from : kinds()) {
    for (const Kind to : kinds()) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to));
      const auto source = make(from);
      const auto destination = make(to);
      fill(*source, 0, 8);
      expect_whole(copy(*source, *destination, with(CopyHistory::none)), 5);
      EXPECT_EQ(rows_of(*destination), rows_of(*source));
      fill(*source, 8, 10);
      const auto more = copy(*source, *destination, with(CopyHistory::none));
      expect_whole(more, 5);
      EXPECT_EQ(more->written, 2U);
      EXPECT_EQ(rows_of(*destination), rows_of(*source));
    }
  }
}

TEST_F(EveryPair, AllRevisionsGoWhereTheyAreKept) {
  for (const Kind from : kinds()) {
    for (const Kind to : kinds()) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to));
      const auto source = make(from);
      const auto destination = make(to);
      fill(*source, 0, 13);
      const auto copied = copy(*source, *destination, with(CopyHistory::required));
      if (!keeps_history(from) || !keeps_history(to)) {
        EXPECT_EQ(copied.status().code(), Code::unsupported);
        EXPECT_TRUE(has(copied.status(), "--latest")) << copied.status().to_string();
        EXPECT_TRUE(rows_of(*source).size() == 5U);
        continue;
      }
      expect_whole(copied, 13);
      EXPECT_EQ(pasts_of(*destination), pasts_of(*source));
      fill(*source, 13, 17);
      const auto more = copy(*source, *destination, with(CopyHistory::automatic));
      expect_whole(more, 17);
      EXPECT_EQ(more->written, 4U);
      EXPECT_EQ(pasts_of(*destination), pasts_of(*source));
    }
  }
}

TEST_F(EveryPair, RemovalsAndExpiriesOfADirectoryAreAPastToo) {
  const auto source = make(Kind::directory);
  const auto destination = make(Kind::directory);
  {
    const auto home = source->open(false).value();
    (void)home->put("a", "1").value();
    (void)home->remove("a").value();
    (void)home->put("b", "1", {}, Expiry::at(4'000'000'000'000)).value();
    (void)home->put("b", "2", {}, Expiry::at(1)).value();
    (void)home->put("b", "3").value();
    (void)home->remove("never").value();
    (void)home->put("long", Bytes(3 * kMiB, 'l')).value();
    ASSERT_TRUE(home->close().ok());
  }
  expect_whole(copy(*source, *destination, with(CopyHistory::required)), 6);
  EXPECT_EQ(rows_of(*destination), rows_of(*source));
  auto wanted = pasts_of(*source);
  wanted.erase("never");
  EXPECT_EQ(pasts_of(*destination), wanted);
}

TEST_F(EveryPair, ADirectoryThatDoesNotKeepAllIsTold) {
  const auto source = make(Kind::ledger_python);
  DirectoryPlace destination(test_directory() + "/latest", false);
  fill(*source, 0, 7);
  EXPECT_TRUE(
      has(copy(*source, destination, with(CopyHistory::required)).status(), "--retain all"));
  const auto newest = copy(*source, destination, with(CopyHistory::automatic));
  expect_whole(newest, 5);
  EXPECT_NE(newest->remark.find("--retain all"), std::string::npos) << newest->remark;
}

TEST_F(EveryPair, TheSameKeysHaveAnotherPastInAnotherHome) {
  const auto source = make(Kind::ledger_python);
  const auto destination = make(Kind::directory);
  fill(*source, 0, 6);
  fill(*destination, 1, 6);
  const Status refused = copy(*source, *destination, with(CopyHistory::required)).status();
  EXPECT_EQ(refused.code(), Code::conflict) << refused.to_string();
  EXPECT_EQ(pasts_of(*destination)["key1"].size(), 1U);
}

TEST_F(EveryPair, AKeyThatExpiresGoesWhereKeysExpireAndStopsTheCopyElsewhere) {
  constexpr std::uint64_t kLater = 4'000'000'000'000;
  for (const Kind from : kinds()) {
    for (const Kind to : kinds()) {
      if (!knows_expiry(from)) continue;
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to));
      const auto source = make(from);
      const auto destination = make(to);
      put(*source, {{.key = "a", .value = "1"},
                    {.key = "b", .value = "2", .is_remove = false, .expiry_ms = kLater},
                    {.key = "c", .value = "3"}});
      const auto copied = copy(*source, *destination, with(CopyHistory::none));
      EXPECT_EQ(rows_of(*source).size(), 3U);
      if (knows_expiry(to)) {
        expect_whole(copied, 3);
        EXPECT_EQ(destination->open(true).value()->get("b").value()->expiry_ms, kLater);
        continue;
      }
      EXPECT_EQ(copied.status().code(), Code::unsupported);
      EXPECT_TRUE(has(copied.status(), "key 'b' cannot be copied: it expires, and "))
          << copied.status().to_string();
      EXPECT_EQ(rows_of(*destination), (std::map<Bytes, Bytes>{{"a", "1"}}));
      EXPECT_EQ(obstacles(*source, *destination, with(CopyHistory::none)), "b");
    }
  }
}

TEST_F(EveryPair, ValuesThatAreNoJsonStopACopyIntoALedgerAndNoneIsLost) {
  for (const Kind from : kinds()) {
    for (const Kind to : {Kind::ledger_python, Kind::ledger_typescript}) {
      if (is_ledger(from)) continue;
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to));
      const auto source = make(from);
      const auto destination = make(to);
      put(*source, {{.key = "a", .value = "1"},
                    {.key = "b", .value = "no JSON"},
                    {.key = "c", .value = "3"},
                    {.key = "d", .value = "{\"open\":"}});
      const auto before = rows_of(*source);
      const Status refused = copy(*source, *destination, with(CopyHistory::none)).status();
      EXPECT_EQ(refused.code(), Code::unsupported);
      EXPECT_TRUE(has(refused, "key 'b' cannot be copied")) << refused.to_string();
      EXPECT_EQ(rows_of(*destination), (std::map<Bytes, Bytes>{{"a", "1"}}));
      EXPECT_EQ(rows_of(*source), before);
      const std::uint64_t changes = changes_of(*destination);
      EXPECT_EQ(obstacles(*source, *destination, with(CopyHistory::none)), "b d");
      EXPECT_EQ(changes_of(*destination), changes);

      CopyOptions form = with(CopyHistory::none);
      form.form = ValueForm::to_json;
      const auto all = make(to);
      expect_whole(copy(*source, *all, form), 4);
      const auto back = make(from);
      form.form = ValueForm::from_json;
      expect_whole(copy(*all, *back, form), 4);
      EXPECT_EQ(rows_of(*back), before);
    }
  }
}

// Only the ledger itself knows, when it is written, of which language it is.
TEST_F(EveryPair, ANumberThatALedgerCannotPrintIsNamed) {
  const auto source = make(Kind::directory);
  put(*source, {{.key = "a", .value = "1"}, {.key = "b", .value = "12345678901234567890"}});
  const auto python = make(Kind::ledger_python);
  expect_whole(copy(*source, *python, with(CopyHistory::none)), 2);
  const auto typescript = make(Kind::ledger_typescript);
  EXPECT_EQ(obstacles(*source, *python, with(CopyHistory::none)), "");
  EXPECT_EQ(obstacles(*source, *typescript, with(CopyHistory::none)), "b");
  const Status refused = copy(*source, *typescript, with(CopyHistory::none)).status();
  EXPECT_EQ(refused.code(), Code::unsupported) << refused.to_string();
  EXPECT_TRUE(has(refused, "key 'b' cannot be copied")) << refused.to_string();
  EXPECT_EQ(rows_of(*typescript), (std::map<Bytes, Bytes>{{"a", "1"}}));
}

TEST_F(EveryPair, OtherKeysOfTheDestinationAreRefusedBeforeAnythingIsWritten) {
  for (const Kind from : kinds()) {
    for (const Kind to : kinds()) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + name_of(to));
      const auto source = make(from);
      const auto destination = make(to);
      fill(*source, 0, 3);
      put(*destination, {{.key = "other", .value = "1"}});
      const std::uint64_t changes = changes_of(*destination);
      const Status refused = copy(*source, *destination, with(CopyHistory::automatic)).status();
      EXPECT_EQ(refused.code(), Code::conflict) << refused.to_string();
      const bool is_log_to_log = is_ledger(from) && is_ledger(to);
      EXPECT_TRUE(has(refused, "'other'") &&
                  has(refused, is_log_to_log ? "another past" : "--merge"))
          << refused.to_string();
      EXPECT_EQ(rows_of(*destination), (std::map<Bytes, Bytes>{{"other", "1"}}));
      EXPECT_EQ(changes_of(*destination), changes);
      CopyOptions merge = with(CopyHistory::none);
      merge.merge = true;
      expect_whole(copy(*source, *destination, merge), 3);
      EXPECT_EQ(rows_of(*destination).size(), 4U);
    }
  }
}

TEST_F(EveryPair, AnInterruptionLeavesWhatWasCopiedAndTheNextGoesOn) {
  for (const Kind to : kinds()) {
    for (int entries = 1; entries <= 5; ++entries) {
      SCOPED_TRACE(std::string(name_of(to)) + " after " + std::to_string(entries));
      const auto source = make(Kind::directory);
      const auto destination = make(to);
      fill(*source, 0, 5);
      CopyOptions options = with(CopyHistory::none);
      int asked = 0;
      options.is_interrupted = [&] { return asked++ == entries; };
      const Status stopped = copy(*source, *destination, options).status();
      EXPECT_EQ(stopped.code(), Code::cancelled) << stopped.to_string();
      EXPECT_EQ(rows_of(*destination).size(), static_cast<std::size_t>(entries));
      const auto again = copy(*source, *destination, with(CopyHistory::none));
      expect_whole(again, 5);
      EXPECT_EQ(again->skipped, static_cast<std::uint64_t>(entries));
    }
  }
}

// Its writer ended between the two steps of a set, and the source may not mend that.
TEST_F(EveryPair, AnEntryThatIsInTheLogAloneGoesAlong) {
  LedgerHomePlace source(HashProfile::python);
  fill(source, 0, 6);
  const std::uint64_t changes = changes_of(source);
  (void)source.world().append_orphan("key1", "{\"n\":99}");
  for (const Kind to : {Kind::ledger_python, Kind::ledger_typescript, Kind::directory}) {
    SCOPED_TRACE(name_of(to));
    const auto destination = make(to);
    expect_whole(copy(source, *destination, with(CopyHistory::required)), 7);
    EXPECT_EQ(rows_of(*destination)["key1"], "{\"n\":99}");
  }
  EXPECT_EQ(changes_of(source), changes) << "a source is never written";
}

TEST_F(EveryPair, ACopyThatIsCutAtAnyRequestOfTheDestinationGoesOn) {
  cut_every_pair(CopyHistory::none, /*cut_source=*/false);
}

TEST_F(EveryPair, ACopyThatIsCutAtAnyRequestOfTheSourceGoesOn) {
  cut_every_pair(CopyHistory::none, /*cut_source=*/true);
}

TEST_F(EveryPair, ACopyWithHistoryThatIsCutAtAnyRequestOfTheDestinationGoesOn) {
  cut_every_pair(CopyHistory::required, /*cut_source=*/false);
}

TEST_F(EveryPair, ACopyWithHistoryThatIsCutAtAnyRequestOfTheSourceGoesOn) {
  cut_every_pair(CopyHistory::required, /*cut_source=*/true);
}

TEST_F(EveryPair, OneFaultAtAnyRequestIsMadeGoodOrTheCopyGoesOn) {
  for (const auto& [to, history] : {std::pair{Kind::ledger_python, CopyHistory::required},
                                    std::pair{Kind::bucket_v1, CopyHistory::none}}) {
    for (const s3::Fault& fault : s3::every_fault()) {
      for (std::uint64_t n = 1;; ++n) {
        SCOPED_TRACE(std::string(name_of(to)) + ", " + fault.name() + " at " + std::to_string(n));
        const auto source = make(Kind::directory);
        const auto destination = make(to);
        fill(*source, 0, 6);
        s3::FakeS3& store = *destination->requests();
        const std::uint64_t before = store.requests();
        store.set_fault(before + n, fault);
        auto copied = copy(*source, *destination, with(history));
        const bool met_it = store.requests() >= before + n;
        store.clear_plan();
        store.run_delayed();
        if (!copied.ok()) copied = copy(*source, *destination, with(history));
        ASSERT_TRUE(copied.ok()) << copied.status().to_string();
        expect_whole(copied, copied->source.entries);
        EXPECT_EQ(rows_of(*destination), rows_of(*source));
        if (history == CopyHistory::required) {
          EXPECT_EQ(pasts_of(*destination), pasts_of(*source));
        }
        if (!met_it) break;
      }
    }
  }
}

}  // namespace
}  // namespace talea
