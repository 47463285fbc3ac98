#include "stores/rocksdb_store.h"

#ifdef TALEA_HAS_ROCKSDB

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace talea {
namespace {

rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB has one code for all that the operating system refuses, and the rest in its text.
bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

Status translated(const rocksdb::Status& status) {
  if (status.ok()) return {};
  std::string text = "RocksDB: " + status.ToString();
  if (status.IsNoSpace()) return Status::exhausted(std::move(text));
  if (status.IsCorruption()) return Status::corruption(std::move(text));
  if (status.IsInvalidArgument()) return Status::invalid_argument(std::move(text));
  if (status.IsNotSupported()) return Status::unsupported(std::move(text));
  if (says(text, "Permission denied") || says(text, "Read-only file system")) {
    return Status::denied(std::move(text));
  }
  return Status::io_error(std::move(text));
}

class RocksdbRows final : public OrderedRows {
 public:
  RocksdbRows(std::unique_ptr<rocksdb::DB> database, bool syncs_writes)
      : database_(std::move(database)) {
    write_options_.sync = syncs_writes;
  }

  Result<std::optional<Found>> get(BytesView key) override {
    auto value = std::make_shared<rocksdb::PinnableSlice>();
    const rocksdb::Status status =
        database_->Get({}, database_->DefaultColumnFamily(), slice(key), value.get());
    if (status.IsNotFound()) return std::optional<Found>();
    TALEA_TRY(translated(status));
    const BytesView bytes = view(*value);
    return std::optional<Found>({std::move(value), bytes});
  }

  std::unique_ptr<Cursor> cursor() override {
    return std::make_unique<RocksdbCursor>(
        std::unique_ptr<rocksdb::Iterator>(database_->NewIterator({})));
  }

  Status write(std::vector<Change> changes) override {
    rocksdb::WriteBatch batch;
    for (const Change& change : changes) {
      TALEA_TRY(translated(change.value ? batch.Put(slice(change.key), slice(*change.value))
                                        : batch.Delete(slice(change.key))));
    }
    MutexLock lock(log_mutex_);
    TALEA_TRY(failed_);
    Status written = outcome(database_->Write(write_options_, &batch));
    if (!written.ok()) failed_ = refusal_after(written);
    return written;
  }

  Status sync() override {
    MutexLock lock(log_mutex_);
    TALEA_TRY(failed_);
    Status synced = translated(database_->FlushWAL(/*sync=*/true));
    if (!synced.ok()) failed_ = refusal_after(synced);
    return synced;
  }

 private:
  class RocksdbCursor final : public Cursor {
   public:
    explicit RocksdbCursor(std::unique_ptr<rocksdb::Iterator> iterator)
        : iterator_(std::move(iterator)) {}
    Status seek(BytesView key) override {
      iterator_->Seek(slice(key));
      return translated(iterator_->status());
    }
    Status seek_before(BytesView key) override {
      iterator_->SeekForPrev(slice(key));
      if (iterator_->Valid() && view(iterator_->key()) == key) iterator_->Prev();
      return translated(iterator_->status());
    }
    Status next() override {
      iterator_->Next();
      return translated(iterator_->status());
    }
    Status previous() override {
      iterator_->Prev();
      return translated(iterator_->status());
    }
    bool is_at_row() const override { return iterator_->Valid(); }
    BytesView key() const override { return view(iterator_->key()); }
    BytesView value() const override { return view(iterator_->value()); }

   private:
    const std::unique_ptr<rocksdb::Iterator> iterator_;
  };

  // A record that the disk had no room for is torn, and recovery drops it; a log has its space
  // before it is synced. Whatever else fails may have come after the record was whole.
  static Status outcome(const rocksdb::Status& written) {
    Status status = translated(written);
    if (status.ok() || written.IsNoSpace()) return status;
    return Status::timed_out(std::string(status.message()));
  }

  static Status refusal_after(const Status& failure) {
    const bool is_full = failure.code() == Code::exhausted;
    return {
        is_full ? Code::exhausted : Code::io_error,
        "RocksDB takes no write after one that failed; " +
            std::string(is_full ? "free space, and open the store again" : "open the store again") +
            ". It failed with: " + std::string(failure.message())};
  }

  const std::unique_ptr<rocksdb::DB> database_;
  rocksdb::WriteOptions write_options_;
  // Held while the log is written. A log that failed is left alone: RocksDB would write the rest of
  // the record after all, and where it is built with assertions, as Debian's is, end the process.
  Mutex log_mutex_;
  Status failed_ TALEA_GUARDED_BY(log_mutex_);
};

// --- Opening -------------------------------------------------------------------------------------

// What RocksDB may have made in a directory before there is a database.
bool is_of_no_database(const std::string& name) {
  const std::string_view suffix = ".dbtmp";
  return name == "." || name == ".." || name == "LOCK" || name == "IDENTITY" ||
         name.starts_with("LOG") || name.starts_with("MANIFEST-") || name.ends_with(suffix);
}

// RocksDB would make a database in any directory.
Status check_directory(rocksdb::Env& env, const std::string& path, const Options& options) {
  if (env.FileExists(path + "/CURRENT").ok()) return {};
  if (options.read_only || !options.create_if_missing) {
    return Status::not_found("there is no RocksDB database in " + path);
  }
  std::vector<std::string> names;
  const rocksdb::Status listed = env.GetChildren(path, &names);
  if (listed.IsNotFound() || listed.IsPathNotFound()) return {};
  TALEA_TRY(translated(listed).with_context("list " + path));
  const auto foreign = std::find_if_not(names.begin(), names.end(), is_of_no_database);
  if (foreign == names.end()) return {};
  return Status::invalid_argument(path + " holds other things (" + *foreign +
                                  "): name a directory that is absent or empty");
}

// By itself RocksDB goes on when a full disk has room again, and writes the rest of the record that
// was rejected.
class NoRecoveryByItself final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::Options database_options(const Options& options, rocksdb::Env& env) {
  rocksdb::Options database;
  database.create_if_missing = options.create_if_missing;
  database.env = &env;
  database.compression =
      options.compress_from_bytes > 0 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  database.keep_log_file_num = 4;
  database.info_log_level = rocksdb::WARN_LEVEL;
  database.listeners.push_back(std::make_shared<NoRecoveryByItself>());
  return database;
}

Result<std::unique_ptr<rocksdb::DB>> open_database(const std::string& path, const Options& options,
                                                   rocksdb::Env& env) {
  rocksdb::DB* opened = nullptr;
  const rocksdb::Options database = database_options(options, env);
  const rocksdb::Status status = options.read_only
                                     ? rocksdb::DB::OpenForReadOnly(database, path, &opened)
                                     : rocksdb::DB::Open(database, path, &opened);
  if (status.ok()) return std::unique_ptr<rocksdb::DB>(opened);
  Status failed = translated(status);
  if (failed.code() == Code::io_error && says(status.ToString(), "/LOCK: ")) {
    return Status::unavailable("somebody has " + path + " open: " + std::string(failed.message()));
  }
  return std::move(failed).with_context("open " + path);
}

}  // namespace

bool has_rocksdb() { return true; }

Result<std::unique_ptr<RowStore>> open_rocksdb_store(Clock& clock, Executor& executor,
                                                     const std::string& path,
                                                     const Options& options, rocksdb::Env* env) {
  rocksdb::Env& world = env != nullptr ? *env : *rocksdb::Env::Default();
  TALEA_TRY(check_directory(world, path, options));
  auto database = TALEA_TRY(open_database(path, options, world));
  RowStore::Setup setup = {.clock = clock,
                           .executor = executor,
                           .name = "the RocksDB store in " + path,
                           .read_only = options.read_only};
  if (options.sync == SyncMode::interval) setup.sync_interval = options.sync_interval;
  return RowStore::open(
      std::move(setup),
      std::make_unique<RocksdbRows>(std::move(database), options.sync == SyncMode::always));
}

}  // namespace talea

#else

namespace talea {

bool has_rocksdb() { return false; }

Result<std::unique_ptr<RowStore>> open_rocksdb_store(Clock& /*clock*/, Executor& /*executor*/,
                                                     const std::string& path,
                                                     const Options& /*options*/,
                                                     rocksdb::Env* /*env*/) {
  return Status::unsupported("this build has no RocksDB, and cannot open " + path +
                             ": install librocksdb-dev and build again");
}

}  // namespace talea

#endif
