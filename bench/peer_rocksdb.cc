// RocksDB with its defaults, but for compression (off) and the size of the block cache.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

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
           "MiB, block checksums on, rest default";
  }

  Status open(const std::string& directory, Durability durability) override {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    write_.sync = durability == Durability::power_cut;
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, directory, &opened);
    db_.reset(opened);
    return translated(status);
  }

  Status put(BytesView key, BytesView value) override {
    return translated(db_->Put(write_, slice(key), slice(value)));
  }

  Result<bool> get(BytesView key, Bytes* value) override {
    const rocksdb::Status status = db_->Get(read_, slice(key), value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return translated(status);
  }

  Status sync() override { return translated(db_->SyncWAL()); }

  Status close() override {
    const rocksdb::Status status = db_->Close();
    db_.reset();
    return translated(status);
  }

 private:
  static rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
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
