// What is RocksDB's about the store in RocksDB: directories, locks, failing disks, and the bytes.
// What it does as a Store is for tests/conformance.
#include "stores/rocksdb_store.h"

#include <gtest/gtest.h>

#include "tests/support/test_directory.h"

#ifdef TALEA_HAS_ROCKSDB

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "codec/fixed.h"
#include "store/state_stream.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kBegan = 1'700'000'000'000;

// What the disk does to RocksDB's log from now on.
struct Plan {
  std::atomic<bool> is_full{false};
  std::atomic<bool> fails_syncs{false};
  std::atomic<int> syncs{0};
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, Plan& plan)
      : FSWritableFileOwnerWrapper(std::move(file)), plan_(plan) {}

  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (!plan_.is_full) return FSWritableFileOwnerWrapper::Append(data, options, debug);
    // As much as there is room for.
    const rocksdb::Slice half(data.data(), data.size() / 2);
    const rocksdb::IOStatus written = FSWritableFileOwnerWrapper::Append(half, options, debug);
    return written.ok() ? rocksdb::IOStatus::NoSpace("no space left on the tested disk") : written;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*info*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    ++plan_.syncs;
    if (plan_.fails_syncs) return rocksdb::IOStatus::IOError("the tested disk failed");
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }

 private:
  Plan& plan_;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(Plan& plan)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(plan) {}
  const char* Name() const override { return "FaultyFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus made = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (made.ok() && name.ends_with(".log")) {
      *file = std::make_unique<FaultyFile>(std::move(*file), plan_);
    }
    return made;
  }

 private:
  Plan& plan_;
};

class RocksdbStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<RowStore>> open() {
    return open_rocksdb_store(clock_, executor_, path_, options_, env_.get());
  }
  void reopen() {
    store_.reset();
    auto opened = open();
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
  }
  Code open_code() { return open().status().code(); }
  Status put(BytesView key, BytesView value) {
    return store_->commit(Batch().put(key, value), nullptr).status();
  }
  std::string get(BytesView key) {
    const auto found = store_->get(Space::user, key).value();
    return found ? found->value : "absent";
  }
  // The last file there whose name ends so.
  std::string file_that_ends(const std::string& suffix) const {
    std::string last;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string name = entry.path();
      const bool is_one =
          name.ends_with(suffix) || entry.path().filename().string().starts_with(suffix);
      if (is_one && name > last) last = name;
    }
    return last;
  }

  const std::string path_ = test_directory() + "/store";
  Plan plan_;
  std::unique_ptr<rocksdb::Env> env_ =
      rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(plan_));
  ManualClock clock_{kBegan};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<RowStore> store_;
};

TEST_F(RocksdbStoreTest, IsMadeWhereNothingIs) {
  options_.create_if_missing = false;
  EXPECT_EQ(open_code(), Code::not_found);
  options_ = {.read_only = true};
  EXPECT_EQ(open_code(), Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing was made";
  options_ = {};
  reopen();
  ASSERT_TRUE(put("a", "1").ok());
  options_.create_if_missing = false;
  reopen();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(RocksdbStoreTest, IsNotMadeAmongOtherThings) {
  std::filesystem::create_directory(path_);
  std::ofstream(path_ + "/LOCK").close();  // that of a RocksDB that ended before it made anything
  std::ofstream(path_ + "/MANIFEST").close();  // an engine's
  const Status refused = open().status();
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_NE(refused.message().find("(MANIFEST)"), std::string_view::npos) << refused.message();
  std::filesystem::remove(path_ + "/MANIFEST");
  reopen();
}

TEST_F(RocksdbStoreTest, ADatabaseOfSomethingElseIsRefusedAndLeftAlone) {
  rocksdb::Options database_options;
  database_options.create_if_missing = true;
  rocksdb::DB* database = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(database_options, path_, &database).ok());
  ASSERT_TRUE(database->Put({}, "somebody's", "data").ok());
  delete database;
  EXPECT_EQ(open_code(), Code::invalid_argument);
  ASSERT_TRUE(rocksdb::DB::Open(database_options, path_, &database).ok());
  std::string value;
  EXPECT_TRUE(database->Get({}, kHeadKey.data(), &value).IsNotFound());
  EXPECT_TRUE(database->Get({}, "somebody's", &value).ok());
  delete database;
}

TEST_F(RocksdbStoreTest, HasOneWriter) {
  reopen();
  const Status refused = open().status();
  EXPECT_EQ(refused.code(), Code::unavailable) << refused.to_string();
  ASSERT_TRUE(put("a", "1").ok());
  options_.read_only = true;
  const auto reader = open().value();
  EXPECT_EQ(reader->get(Space::user, "a").value()->value, "1");
  ASSERT_TRUE(put("a", "2").ok());
  EXPECT_EQ(reader->get(Space::user, "a").value()->value, "1") << "as it was when it was opened";
  EXPECT_EQ(reader->commit(Batch().put("a", "3"), nullptr).status().code(), Code::invalid_argument);
}

TEST_F(RocksdbStoreTest, AParentThatIsMissingIsNoStore) {
  EXPECT_EQ(open_rocksdb_store(clock_, executor_, path_ + "/below", options_).status().code(),
            Code::io_error);
}

TEST_F(RocksdbStoreTest, AFullDiskRejectsUntilTheStoreIsOpenedAgain) {
  reopen();
  ASSERT_TRUE(put("a", "1").ok());
  plan_.is_full = true;
  const Status refused = put("a", "2");
  EXPECT_EQ(refused.code(), Code::exhausted) << refused.to_string();
  EXPECT_EQ(get("a"), "1");
  plan_.is_full = false;
  const Status still_refused = put("b", "1");
  EXPECT_EQ(still_refused.code(), Code::exhausted);
  EXPECT_NE(still_refused.message().find("open the store again"), std::string_view::npos)
      << still_refused.message();
  EXPECT_EQ(store_->close().code(), Code::exhausted) << "it could not be synced";
  reopen();
  EXPECT_EQ(get("a"), "1") << "what was rejected is not there";
  EXPECT_EQ(store_->commit(Batch().put("b", "1"), nullptr).value(), 2U) << "nor its sequence";
  reopen();
  EXPECT_EQ(get("b"), "1");
}

TEST_F(RocksdbStoreTest, AFailedSyncInTheBackgroundEndsWriting) {
  options_.sync = SyncMode::interval;
  reopen();
  ASSERT_TRUE(put("a", "1").ok());
  plan_.fails_syncs = true;
  executor_.step_all();
  plan_.fails_syncs = false;
  executor_.step_all();  // it is not tried again
  EXPECT_EQ(put("a", "2").code(), Code::io_error);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(store_->close().code(), Code::io_error);
  reopen();
  EXPECT_EQ(get("a"), "1") << "the process went on, and so the system has it";
}

TEST_F(RocksdbStoreTest, AFailedSyncIsUnknownAndEndsWriting) {
  reopen();
  ASSERT_TRUE(put("a", "1").ok());
  plan_.fails_syncs = true;
  const Status unknown = put("a", "2");
  EXPECT_EQ(unknown.code(), Code::timed_out) << unknown.to_string();
  plan_.fails_syncs = false;
  EXPECT_EQ(put("a", "3").code(), Code::io_error);
  EXPECT_EQ(get("a"), "1");
  reopen();
  EXPECT_TRUE(get("a") == "1" || get("a") == "2") << get("a");
  EXPECT_TRUE(put("a", "4").ok());
}

TEST_F(RocksdbStoreTest, SyncsAsTheModeSays) {
  reopen();
  int before = plan_.syncs;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put("a", "1").ok());
  EXPECT_EQ(plan_.syncs - before, 5);
  options_.sync = SyncMode::never;
  reopen();
  before = plan_.syncs;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put("a", "1").ok());
  EXPECT_EQ(plan_.syncs, before);
  ASSERT_TRUE(store_->close().ok());
  EXPECT_EQ(plan_.syncs, before + 1);
  options_.sync = SyncMode::interval;
  reopen();
  before = plan_.syncs;
  ASSERT_TRUE(put("a", "1").ok());
  EXPECT_EQ(plan_.syncs, before);
  executor_.step_all();
  EXPECT_EQ(plan_.syncs, before + 1);
}

TEST_F(RocksdbStoreTest, CompressesWhenAsked) {
  reopen();
  EXPECT_NE(read_whole_file(file_that_ends("OPTIONS-")).find("compression=kNoCompression"),
            std::string::npos);
  options_.compress_from_bytes = 64;
  reopen();
  EXPECT_NE(read_whole_file(file_that_ends("OPTIONS-")).find("compression=kLZ4Compression"),
            std::string::npos);
}

TEST_F(RocksdbStoreTest, DamagedBytesAreCorruption) {
  reopen();
  ASSERT_TRUE(put("a", Bytes(1000, 'v')).ok());
  reopen();  // which moves what is in the log to a table
  store_.reset();
  const std::string table = file_that_ends(".sst");
  ASSERT_FALSE(table.empty());
  {
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(500);
    file.put('x');
  }
  const auto opened = open();  // it reads its head, which is in the same block
  EXPECT_EQ(opened.status().code(), Code::corruption) << opened.status().to_string();
}

// All rows, as docs/formats/rocksdb-store.md quotes them: each as bytes u32, key, bytes u32, value.
TEST_F(RocksdbStoreTest, WritesTheRowsOfVersion1) {
  reopen();
  ASSERT_TRUE(store_->apply(3, Batch().put("alpha", "one").put("alpha", "in", Space{300})).value());
  clock_.advance_ms(5);
  ASSERT_TRUE(
      store_->commit(Batch().put("bravo", "", Expiry::after(milliseconds(60'000))), nullptr).ok());
  store_.reset();
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::OpenForReadOnly({}, path_, &opened).ok());
  const std::unique_ptr<rocksdb::DB> database(opened);
  const std::unique_ptr<rocksdb::Iterator> row(database->NewIterator({}));
  Bytes rows;
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    for (const rocksdb::Slice& part : {row->key(), row->value()}) {
      append_fixed(rows, static_cast<std::uint32_t>(part.size()));
      rows.append(part.data(), part.size());
    }
  }
  expect_golden("rocksdb-v1/rows", rows);
}

}  // namespace
}  // namespace talea

#else

namespace talea {
namespace {

TEST(RocksdbStoreTest, WithoutRocksdbSaysWhatIsMissing) {
  EXPECT_FALSE(has_rocksdb());
  SystemClock clock;
  ManualExecutor executor;
  const Status refused =
      open_rocksdb_store(clock, executor, test_directory() + "/store", {}).status();
  EXPECT_EQ(refused.code(), Code::unsupported);
  EXPECT_NE(refused.message().find("librocksdb-dev"), std::string_view::npos);
}

}  // namespace
}  // namespace talea

#endif
