// Talea itself, through include/talea/engine.h and with the defaults of Options but for `sync` and
// what the row says.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "bench/peer.h"
#include "talea/engine.h"

namespace talea::bench {
namespace {

class TaleaPeer final : public Peer {
 public:
  std::string name() const override { return "talea"; }
  std::string version() const override { return TALEA_BENCH_VERSION; }
  std::string options() const override {
    const Options defaults;
    const auto mebibytes = [](std::uint64_t bytes) { return std::to_string(bytes / kMiB) + "MiB"; };
    return "sync=never (process crash) or always (power cut), checksums on, verify_reads=once, or "
           "always where the row says so, segment_bytes=" +
           mebibytes(defaults.segment_bytes) +
           ", compaction_interval=" + std::to_string(defaults.compaction_interval.count()) +
           "ms, live_ratio=" + std::to_string(defaults.live_ratio).substr(0, 4) +
           ", checkpoint_bytes=" + mebibytes(defaults.checkpoint_bytes) + ", memory_budget=" +
           (defaults.memory_budget == 0 ? "none" : mebibytes(defaults.memory_budget));
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    const bool durable = options.durability == Durability::power_cut;
    Options chosen;
    chosen.sync = durable ? SyncMode::always : SyncMode::never;
    chosen.verify_reads = options.verify_every_read ? VerifyReads::always : VerifyReads::once;
    chosen.compress_from_bytes = options.compress_from_bytes;
    if (!options.compacts_by_itself) chosen.compaction_interval = std::chrono::milliseconds(0);
    engine_.emplace(TALEA_TRY(Engine::open(directory, chosen)));
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

  Result<bool> get(BytesView key, Bytes& value) override { return engine_->get(key, value); }

  Status multi_get(std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) override {
    return engine_->multi_get(keys, values);
  }

  Status scan(BytesView start, std::uint64_t rows, RowSum& sum) override {
    return rows == 0 ? Status() : add_rows({.start = Bytes(start), .limit = rows}, sum);
  }
  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    return add_rows({.prefix = Bytes(prefix)}, sum);
  }

  // When all that may be are in flight, waits until an eighth is done: to be woken for each single
  // one would cost more than the commit.
  Status put_in_flight(std::span<const Entry> entries, std::size_t in_flight) override {
    InFlight puts;
    Status refused;
    for (const Entry& entry : entries) {
      if (puts.begun - puts.told >= in_flight) {
        puts.wait_for(puts.begun - in_flight + std::max<std::size_t>(in_flight / 8, 1));
      }
      Batch batch;
      batch.put(entry.key, entry.value);
      refused = engine_->commit_async(
          std::move(batch), [&puts](const Result<Sequence>& outcome) { puts.note(outcome.ok()); });
      if (!refused.ok()) break;
      ++puts.begun;
    }
    puts.wait_for(puts.begun);
    TALEA_TRY(std::move(refused));
    return puts.failed == 0 ? Status() : Status::io_error(std::to_string(puts.failed) + " failed");
  }

  Status sync() override { return engine_->sync(); }
  Status compact() override { return engine_->compact(); }

  Result<DiskUse> disk_use(const std::string& directory) override {
    DiskUse use;
    std::uint64_t segment_bytes = 0;
    for (const SegmentInfo& segment : engine_->segments()) {
      segment_bytes += segment.file_bytes;
      use.free_tail_bytes += segment.file_bytes - segment.used_bytes;
    }
    // Last: the background takes space meanwhile.
    use.bytes = TALEA_TRY(disk_blocks_bytes(directory));
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
  struct InFlight {
    std::size_t begun = 0;
    std::atomic<std::size_t> told{0};
    std::atomic<std::size_t> failed{0};
    std::atomic<std::size_t> awaited{0};

    void note(bool ok) {
      if (!ok) ++failed;
      if (++told == awaited) told.notify_one();
    }
    void wait_for(std::size_t wanted) {
      awaited = wanted;
      for (std::size_t now = told; now < wanted; now = told) told.wait(now);
    }
  };

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
