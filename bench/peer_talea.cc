// Talea itself, through include/talea/engine.h and with the defaults of Options but for `sync`.
//
// The functions below that ask `requires` are for calls that the engine may not have yet; without
// them the peer does what the older interface allows, or says that it is unsupported.
#include <algorithm>
#include <optional>
#include <utility>

#include "bench/peer.h"
#include "talea/engine.h"

namespace talea::bench {
namespace {

template <typename Store>
Result<bool> get_into(Store& store, BytesView key, Bytes& value) {
  if constexpr (requires { store.get(key, value); }) {
    return store.get(key, value);
  } else {
    std::optional<Bytes> found = TALEA_TRY(store.get(key));
    if (!found.has_value()) return false;
    value.assign(*found);
    return true;
  }
}

template <typename Store>
Status get_several(Store& store, std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) {
  if constexpr (requires { store.multi_get(keys, values); }) {
    return store.multi_get(keys, values);
  } else {
    return Status::unsupported("talea has no get of several keys");
  }
}

template <typename StoreOptions>
constexpr bool kHasVerifyReads = requires(StoreOptions options) {
  options.verify_reads;
};

template <typename StoreOptions>
void set_verify_reads(StoreOptions& options, bool every_read) {
  if constexpr (kHasVerifyReads<StoreOptions>) {
    using VerifyReads = decltype(options.verify_reads);
    options.verify_reads = every_read ? VerifyReads::always : VerifyReads::once;
  }
}

template <typename Store>
Status compact_all(Store& store) {
  if constexpr (requires { store.compact(); }) {
    auto compacted = store.compact();
    if (!compacted.ok()) return internal::take_status(compacted);
    return {};
  } else {
    return Status::unsupported("talea has no compaction on demand");
  }
}

class TaleaPeer final : public Peer {
 public:
  std::string name() const override { return "talea"; }
  std::string version() const override { return TALEA_BENCH_VERSION; }
  std::string options() const override {
    return "sync=never (process crash) or always (power cut), segment_bytes=" +
           std::to_string(Options{}.segment_bytes / kMiB) + "MiB, checksums on, verified " +
           (kHasVerifyReads<Options> ? "once, or at every read where the row says so"
                                     : "at every read, whatever the row says");
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    const bool durable = options.durability == Durability::power_cut;
    Options engine_options{.sync = durable ? SyncMode::always : SyncMode::never};
    set_verify_reads(engine_options, options.verify_every_read);
    engine_.emplace(TALEA_TRY(Engine::open(directory, engine_options)));
    return {};
  }

  Status put(BytesView key, BytesView value) override {
    Result<Sequence> put = engine_->put(key, value);
    if (!put.ok()) return std::move(put).status();
    return {};
  }

  Status put_batch(std::span<const Entry> entries) override {
    Batch batch;
    for (const Entry& entry : entries) batch.put(entry.key, entry.value);
    Result<Sequence> committed = engine_->commit(batch);
    if (!committed.ok()) return std::move(committed).status();
    return {};
  }

  Status remove(BytesView key) override {
    Result<Sequence> removed = engine_->remove(key);
    if (!removed.ok()) return std::move(removed).status();
    return {};
  }

  Result<bool> get(BytesView key, Bytes& value) override { return get_into(*engine_, key, value); }

  Status multi_get(std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) override {
    return get_several(*engine_, keys, values);
  }

  Status scan(BytesView start, std::uint64_t rows, RowSum& sum) override {
    return rows == 0 ? Status() : add_rows({.start = Bytes(start), .limit = rows}, sum);
  }
  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    return add_rows({.prefix = Bytes(prefix)}, sum);
  }

  Status sync() override { return engine_->sync(); }
  Status compact() override { return compact_all(*engine_); }

  Result<DiskUse> disk_use(const std::string& directory) override {
    DiskUse use{.bytes = TALEA_TRY(disk_blocks_bytes(directory))};
    std::uint64_t segment_bytes = 0;
    for (const SegmentInfo& segment : engine_->segments()) {
      segment_bytes += segment.file_bytes;
      use.free_tail_bytes += segment.file_bytes - segment.used_bytes;
    }
    use.index_bytes = use.bytes - std::min(use.bytes, segment_bytes);
    return use;
  }

  Status close() override {
    if (!engine_.has_value()) return {};
    Status closed = engine_->close();
    engine_.reset();
    return closed;
  }

 private:
  Status add_rows(const ScanRange& range, RowSum& sum) {
    Scan scan = TALEA_TRY(engine_->scan(range));
    while (TALEA_TRY(scan.next())) sum.add(scan.key(), TALEA_TRY(scan.value()));
    return {};
  }

  std::optional<Engine> engine_;
};

}  // namespace

std::unique_ptr<Peer> make_talea_peer() { return std::make_unique<TaleaPeer>(); }

}  // namespace talea::bench
