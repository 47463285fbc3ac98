// hightower-kv 0.1.5, a Rust crate behind the C interface of bench/seed: with its workers, and
// without. It never syncs a put by itself, so it takes part where nobody does.
#include "bench/peer.h"

namespace talea::bench {

#if defined(TALEA_BENCH_HAS_HIGHTOWER)
namespace {

extern "C" {
struct HightowerEngine;
using ValueSink = void (*)(void* context, const char* value, std::size_t value_bytes);
using RowSink = void (*)(void* context, const char* key, std::size_t key_bytes, const char* value,
                         std::size_t value_bytes);
HightowerEngine* hightower_open(const char* directory, std::size_t bytes, std::int64_t workers);
void hightower_close(HightowerEngine* engine);
int hightower_put(const HightowerEngine* engine, const char* key, std::size_t key_bytes,
                  const char* value, std::size_t value_bytes);
int hightower_remove(const HightowerEngine* engine, const char* key, std::size_t key_bytes);
int hightower_get(const HightowerEngine* engine, const char* key, std::size_t key_bytes,
                  ValueSink sink, void* context);
int hightower_scan_prefix(const HightowerEngine* engine, const char* prefix, std::size_t bytes,
                          RowSink sink, void* context);
int hightower_sync(const HightowerEngine* engine);
int hightower_compact(const HightowerEngine* engine);
}

constexpr int kOk = 0;
constexpr int kAbsent = 1;

Status translated(int code) {
  if (code == kOk) [[likely]]
    return {};
  return Status::io_error("hightower failed; its message is on the standard error output");
}

void assign(void* context, const char* value, std::size_t value_bytes) {
  static_cast<Bytes*>(context)->assign(value, value_bytes);
}

void add_row(void* context, const char* key, std::size_t key_bytes, const char* value,
             std::size_t value_bytes) {
  static_cast<RowSum*>(context)->add({key, key_bytes}, {value, value_bytes});
}

class HightowerPeer final : public Peer {
 public:
  explicit HightowerPeer(bool is_inline) : is_inline_(is_inline) {}
  ~HightowerPeer() override { (void)HightowerPeer::close(); }

  std::string name() const override { return is_inline_ ? "hightower-inline" : "hightower"; }
  std::string version() const override { return "0.1.5"; }
  std::string options() const override {
    return std::string(is_inline_ ? "no workers: on the thread of the caller"
                                  : "a worker for each core, or as many as the row says") +
           ", segments of 8 MiB, compaction on demand, never synced, no checksums; all else "
           "default";
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    if (options.durability == Durability::power_cut) {
      return Status::unsupported(name() + " does not sync a put");
    }
    constexpr std::int64_t kDefault = -1;
    std::int64_t workers = options.workers.has_value() ? *options.workers : kDefault;
    if (is_inline_) workers = 0;
    engine_ = hightower_open(directory.data(), directory.size(), workers);
    return engine_ != nullptr ? Status() : translated(-1);
  }

  Status put(BytesView key, BytesView value) override {
    return translated(hightower_put(engine_, key.data(), key.size(), value.data(), value.size()));
  }

  // Its batch is a loop, too, and not atomic.
  Status put_batch(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) TALEA_TRY(put(entry.key, entry.value));
    return {};
  }

  Status remove(BytesView key) override {
    return translated(hightower_remove(engine_, key.data(), key.size()));
  }

  Result<bool> get(BytesView key, Bytes& value) override {
    const int code = hightower_get(engine_, key.data(), key.size(), assign, &value);
    if (code == kAbsent) return false;
    TALEA_TRY(translated(code));
    return true;
  }

  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    return translated(hightower_scan_prefix(engine_, prefix.data(), prefix.size(), add_row, &sum));
  }

  Status sync() override { return translated(hightower_sync(engine_)); }
  Status compact() override { return translated(hightower_compact(engine_)); }

  Status close() override {
    if (engine_ != nullptr) hightower_close(engine_);
    engine_ = nullptr;
    return {};
  }

 private:
  const bool is_inline_;
  HightowerEngine* engine_ = nullptr;
};

}  // namespace

std::unique_ptr<Peer> make_hightower_peer() { return std::make_unique<HightowerPeer>(false); }
std::unique_ptr<Peer> make_hightower_inline_peer() { return std::make_unique<HightowerPeer>(true); }

#else

std::unique_ptr<Peer> make_hightower_peer() { return nullptr; }
std::unique_ptr<Peer> make_hightower_inline_peer() { return nullptr; }

#endif

}  // namespace talea::bench
