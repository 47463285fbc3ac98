// RocksDB with its defaults, but for compression (off) and the size of the block cache.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <chrono>
#include <thread>

#include "bench/peer.h"

namespace talea::bench {
namespace {

class RocksdbPeer final : public Peer {
 public:
  std::string name() const override { return "rocksdb"; }
  std::string version() const override { return rocksdb::GetRocksVersionAsString(); }
  std::string options() const override {
    return "WAL on, sync=false (process crash) or true (power cut), compression=none, "
           "block_cache=" +
           std::to_string(kBlockCacheBytes >> 20) +
           "MiB, write_buffer=" + std::to_string(rocksdb::Options().write_buffer_size >> 20) +
           "MiB, block checksums on, no filter, rest default";
  }

  Status open(const std::string& directory, const OpenOptions& open_options) override {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    write_.sync = open_options.durability == Durability::power_cut;
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, directory, &opened);
    db_.reset(opened);
    return translated(status);
  }

  Status put(BytesView key, BytesView value) override {
    return translated(db_->Put(write_, slice(key), slice(value)));
  }

  Status put_batch(std::span<const Entry> entries) override {
    rocksdb::WriteBatch batch;
    for (const Entry& entry : entries) {
      TALEA_TRY(translated(batch.Put(slice(entry.key), slice(entry.value))));
    }
    return translated(db_->Write(write_, &batch));
  }

  Status remove(BytesView key) override { return translated(db_->Delete(write_, slice(key))); }

  Result<bool> get(BytesView key, Bytes& value) override {
    const rocksdb::Status status = db_->Get(read_, slice(key), &value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return translated(status);
  }

  Status multi_get(std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) override {
    thread_local std::vector<rocksdb::Slice> slices;
    thread_local std::vector<rocksdb::PinnableSlice> pinned;
    thread_local std::vector<rocksdb::Status> statuses;
    slices.clear();
    for (const BytesView key : keys) slices.push_back(slice(key));
    if (pinned.size() < keys.size()) pinned = std::vector<rocksdb::PinnableSlice>(keys.size());
    statuses.assign(keys.size(), {});
    db_->MultiGet(read_, db_->DefaultColumnFamily(), keys.size(), slices.data(), pinned.data(),
                  statuses.data());
    for (std::size_t position = 0; position < keys.size(); ++position) {
      if (statuses[position].IsNotFound()) {
        values[position].reset();
        continue;
      }
      TALEA_TRY(translated(statuses[position]));
      if (!values[position].has_value()) values[position].emplace();
      values[position]->assign(pinned[position].data(), pinned[position].size());
      pinned[position].Reset();
    }
    return {};
  }

  Status scan(BytesView start, std::uint64_t rows, RowSum& sum) override {
    const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(read_));
    for (row->Seek(slice(start)); rows > 0 && row->Valid(); row->Next(), --rows) {
      sum.add(view(row->key()), view(row->value()));
    }
    return translated(row->status());
  }

  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(read_));
    for (row->Seek(slice(prefix)); row->Valid() && view(row->key()).starts_with(prefix);
         row->Next()) {
      sum.add(view(row->key()), view(row->value()));
    }
    return translated(row->status());
  }

  Status sync() override { return translated(db_->SyncWAL()); }

  Status compact() override {
    return translated(db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
  }

  // There is no call that waits in this version; these properties say when nothing is left to do.
  Status settle() override {
    constexpr auto kPause = std::chrono::milliseconds(10);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < deadline) {
      std::uint64_t under_way = 0;
      for (const char* name : {"rocksdb.compaction-pending", "rocksdb.num-running-compactions",
                               "rocksdb.mem-table-flush-pending", "rocksdb.num-running-flushes"}) {
        std::uint64_t count = 0;
        db_->GetIntProperty(name, &count);
        under_way += count;
      }
      if (under_way == 0) return {};
      std::this_thread::sleep_for(kPause);
    }
    return Status::timed_out("rocksdb did not finish its compactions within two minutes");
  }

  Status close() override {
    if (db_ == nullptr) return {};
    const rocksdb::Status status = db_->Close();
    db_.reset();
    return translated(status);
  }

 private:
  static rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
  static BytesView view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }
  static Status translated(const rocksdb::Status& status) {
    if (status.ok()) [[likely]]
      return {};
    return Status::io_error("rocksdb: " + status.ToString());
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_;
  rocksdb::ReadOptions read_;
};

}  // namespace

std::unique_ptr<Peer> make_rocksdb_peer() { return std::make_unique<RocksdbPeer>(); }

}  // namespace talea::bench
