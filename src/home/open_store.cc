#include "home/open_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/random.h"
#include "engine/engine_access.h"
#include "engine/opening.h"
#include "stores/memory_store.h"
#include "stores/rocksdb_store.h"

namespace talea {
namespace {

// Passes every call on to the store that a home holds.
class ForwardingStore : public OpenedStore {
 public:
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    return held().commit(batch, failed);
  }
  Result<bool> apply(Sequence sequence, const Batch& batch) override {
    return held().apply(sequence, batch);
  }
  Result<std::optional<Versioned>> get(Space space, BytesView key) override {
    return held().get(space, key);
  }
  Result<Scan> scan(Space space, const ScanRange& range) override {
    return held().scan(space, range);
  }
  Result<std::unique_ptr<StateReader>> read_state() override { return held().read_state(); }

 protected:
  virtual Store& held() = 0;
};

class StoreOfEngine final : public ForwardingStore {
 public:
  explicit StoreOfEngine(Engine engine) : engine_(std::move(engine)) {}
  Status close() override { return engine_.close(); }

 private:
  Store& held() override { return store_of(engine_); }

  Engine engine_;
};

class StoreOfRows final : public ForwardingStore {
 public:
  explicit StoreOfRows(const Options& options)
      : executor_(std::max<std::size_t>(options.worker_threads, 1)) {}

  Status open_memory() {
    store_ = TALEA_TRY(open_memory_store(clock_, executor_, random_));
    return {};
  }
  Status open_rocksdb(const std::string& path, const Options& options) {
    store_ = TALEA_TRY(open_rocksdb_store(clock_, executor_, path, options));
    return {};
  }
  Status close() override { return store_->close(); }

 private:
  Store& held() override { return *store_; }

  SystemClock clock_;
  SystemRandom random_;
  ThreadExecutor executor_;
  std::unique_ptr<RowStore> store_;  // after what it runs on
};

Status check_memory_options(const Options& options) {
  if (options.read_only) {
    return Status::invalid_argument(
        "memory: is empty when it is opened, so that reading alone is of no use; open it for "
        "writing");
  }
  if (options.create_if_missing) return {};
  return Status::not_found("memory: is never there before it is created");
}

Result<std::unique_ptr<OpenedStore>> open_rows(const StoreUrl& url, const Options& options) {
  TALEA_TRY(check_options(options));
  if (url.scheme == StoreScheme::rocksdb && options.encryption.is_given()) {
    return Status::invalid_argument(
        "a store in RocksDB is not encrypted, and a key is given: encrypted stores are those of "
        "file:PATH");
  }
  auto store = std::make_unique<StoreOfRows>(options);
  if (url.scheme == StoreScheme::memory) {
    TALEA_TRY(check_memory_options(options));
    TALEA_TRY(store->open_memory());
  } else {
    TALEA_TRY(store->open_rocksdb(url.path, options));
  }
  return std::unique_ptr<OpenedStore>(std::move(store));
}

}  // namespace

Result<std::unique_ptr<OpenedStore>> open_store(std::string_view url, const Options& options) {
  const StoreUrl parsed = TALEA_TRY(parse_store_url(url));
  if (is_on_s3(parsed.scheme)) {
    return Status::invalid_argument(std::string(kind_of_store(parsed.scheme)) +
                                    " is no Store; open_home() opens it");
  }
  if (parsed.scheme != StoreScheme::file) return open_rows(parsed, options);
  return std::unique_ptr<OpenedStore>(
      std::make_unique<StoreOfEngine>(TALEA_TRY(Engine::open(parsed.path, options))));
}

}  // namespace talea
