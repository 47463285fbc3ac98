#include "tests/conformance/store_world.h"

#include <utility>

#include "base/random.h"
#include "engine/engine_store.h"
#include "io/crash_file_system.h"
#include "stores/memory_store.h"
#include "stores/rocksdb_store.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

// One that is opened by `open()`, which derived classes have.
template <typename Opened>
class WorldOf : public StoreWorld {
 public:
  Store& store() override { return *store_; }
  Status close() override { return store_->close(); }
  Status restart(End end) override {
    if (end == End::closed) TALEA_TRY(store_->close());
    store_.reset();
    return begin();
  }
  Status begin() {
    store_ = TALEA_TRY(open());
    return {};
  }

 protected:
  virtual Result<std::unique_ptr<Opened>> open() = 0;

  Options options_{.sync = SyncMode::never, .segment_bytes = 256 * kKiB};
  SeededRandom random_{42};
  std::unique_ptr<Opened> store_;
};

// On a disk in memory.
class EngineWorld : public WorldOf<EngineStore> {
 public:
  ~EngineWorld() override { store_.reset(); }

 private:
  Result<std::unique_ptr<EngineStore>> open() override {
    return EngineStore::open({disk_, clock_, random_, executor_}, "store", options_);
  }

  CrashFileSystem disk_;
};

class EncryptedEngineWorld final : public EngineWorld {
 public:
  EncryptedEngineWorld() {
    options_.encryption.key_source = []() -> Result<Bytes> { return Bytes(32, 'k'); };
  }
};

class MemoryWorld final : public WorldOf<RowStore> {
 public:
  ~MemoryWorld() override { store_.reset(); }

 private:
  Result<std::unique_ptr<RowStore>> open() override {
    return open_memory_store(clock_, executor_, random_);
  }
};

class RocksdbWorld final : public WorldOf<RowStore> {
 public:
  ~RocksdbWorld() override { store_.reset(); }

 private:
  Result<std::unique_ptr<RowStore>> open() override {
    return open_rocksdb_store(clock_, executor_, directory_, options_);
  }

  // A test may have several.
  static std::string next_directory() {
    static int number = 0;
    return test_directory() + "/rocksdb" + std::to_string(++number);
  }
  const std::string directory_ = next_directory();
};

template <typename World>
std::unique_ptr<StoreWorld> begun() {
  auto world = std::make_unique<World>();
  const Status begun = world->begin();
  if (!begun.ok()) return nullptr;
  return world;
}

}  // namespace

std::vector<StoreKind> store_kinds() {
  std::vector<StoreKind> kinds = {StoreKind::engine, StoreKind::encrypted_engine,
                                  StoreKind::memory};
  if (has_rocksdb()) kinds.push_back(StoreKind::rocksdb);
  return kinds;
}

std::vector<StoreKind> lasting_store_kinds() {
  std::vector<StoreKind> kinds = store_kinds();
  std::erase(kinds, StoreKind::memory);
  return kinds;
}

std::string store_kind_name(StoreKind kind) {
  switch (kind) {
    case StoreKind::engine: return "engine";
    case StoreKind::encrypted_engine: return "encrypted_engine";
    case StoreKind::memory: return "memory";
    case StoreKind::rocksdb: return "rocksdb";
  }
  return "unknown";
}

std::unique_ptr<StoreWorld> StoreWorld::make(StoreKind kind) {
  switch (kind) {
    case StoreKind::engine: return begun<EngineWorld>();
    case StoreKind::encrypted_engine: return begun<EncryptedEngineWorld>();
    case StoreKind::memory: return begun<MemoryWorld>();
    case StoreKind::rocksdb: return begun<RocksdbWorld>();
  }
  return nullptr;
}

}  // namespace talea
