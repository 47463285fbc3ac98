// Talea itself, through include/talea/engine.h and with the defaults of Options but for `sync`.
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
    return "sync=never (process crash) or always (power cut), segment_bytes=" +
           std::to_string(Options{}.segment_bytes / kMiB) + "MiB, checksums on";
  }

  Status open(const std::string& directory, Durability durability) override {
    const bool durable = durability == Durability::power_cut;
    engine_.emplace(
        TALEA_TRY(Engine::open(directory, {.sync = durable ? SyncMode::always : SyncMode::never})));
    return {};
  }

  Status put(BytesView key, BytesView value) override {
    Result<Sequence> put = engine_->put(key, value);
    if (!put.ok()) return std::move(put).status();
    return {};
  }

  Result<bool> get(BytesView key, Bytes* value) override {
    Result<std::optional<Bytes>> got = engine_->get(key);
    if (!got.ok()) return std::move(got).status();
    if (!got->has_value()) return false;
    *value = **std::move(got);
    return true;
  }

  Status sync() override { return engine_->sync(); }

  Status close() override {
    Status closed = engine_->close();
    engine_.reset();
    return closed;
  }

 private:
  std::optional<Engine> engine_;
};

}  // namespace

std::unique_ptr<Peer> make_talea_peer() { return std::make_unique<TaleaPeer>(); }

}  // namespace talea::bench
