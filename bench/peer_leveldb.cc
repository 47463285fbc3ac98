// LevelDB with its defaults, but for compression (off) and the size of the block cache.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/options.h>
#include <leveldb/write_batch.h>

#include "bench/peer.h"

namespace talea::bench {
namespace {

class LeveldbPeer final : public Peer {
 public:
  std::string name() const override { return "leveldb"; }
  std::string version() const override {
    return std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion);
  }
  std::string options() const override {
    return "log on, sync=false (process crash) or true (power cut), compression=none, "
           "block_cache=" +
           std::to_string(kBlockCacheBytes >> 20) +
           "MiB, write_buffer=" + std::to_string(leveldb::Options().write_buffer_size >> 20) +
           "MiB, verify_checksums=false, no filter, rest default";
  }

  Status open(const std::string& directory, const OpenOptions& open_options) override {
    cache_.reset(leveldb::NewLRUCache(kBlockCacheBytes));
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;
    options.block_cache = cache_.get();
    write_.sync = open_options.durability == Durability::power_cut;
    leveldb::DB* opened = nullptr;
    const leveldb::Status status = leveldb::DB::Open(options, directory, &opened);
    db_.reset(opened);
    return translated(status);
  }

  Status put(BytesView key, BytesView value) override {
    return translated(db_->Put(write_, slice(key), slice(value)));
  }

  Status put_batch(std::span<const Entry> entries) override {
    leveldb::WriteBatch batch;
    for (const Entry& entry : entries) batch.Put(slice(entry.key), slice(entry.value));
    return translated(db_->Write(write_, &batch));
  }

  Status remove(BytesView key) override { return translated(db_->Delete(write_, slice(key))); }

  Result<bool> get(BytesView key, Bytes& value) override {
    const leveldb::Status status = db_->Get(read_, slice(key), &value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return translated(status);
  }

  Status scan(BytesView start, std::uint64_t rows, RowSum& sum) override {
    const std::unique_ptr<leveldb::Iterator> row(db_->NewIterator(read_));
    for (row->Seek(slice(start)); rows > 0 && row->Valid(); row->Next(), --rows) {
      sum.add(view(row->key()), view(row->value()));
    }
    return translated(row->status());
  }

  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    const std::unique_ptr<leveldb::Iterator> row(db_->NewIterator(read_));
    for (row->Seek(slice(prefix)); row->Valid() && view(row->key()).starts_with(prefix);
         row->Next()) {
      sum.add(view(row->key()), view(row->value()));
    }
    return translated(row->status());
  }

  // LevelDB has no call for it; a synced write of nothing makes all earlier writes durable.
  Status sync() override {
    leveldb::WriteOptions synced;
    synced.sync = true;
    leveldb::WriteBatch nothing;
    return translated(db_->Write(synced, &nothing));
  }

  Status compact() override {
    db_->CompactRange(nullptr, nullptr);
    return {};
  }

  Status close() override {
    db_.reset();
    cache_.reset();
    return {};
  }

 private:
  static leveldb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
  static BytesView view(const leveldb::Slice& bytes) { return {bytes.data(), bytes.size()}; }
  static Status translated(const leveldb::Status& status) {
    if (status.ok()) [[likely]]
      return {};
    return Status::io_error("leveldb: " + status.ToString());
  }

  std::unique_ptr<leveldb::Cache> cache_;  // outlives db_
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions write_;
  leveldb::ReadOptions read_;
};

}  // namespace

std::unique_ptr<Peer> make_leveldb_peer() { return std::make_unique<LeveldbPeer>(); }

}  // namespace talea::bench
