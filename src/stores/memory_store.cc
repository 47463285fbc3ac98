#include "stores/memory_store.h"

#include <utility>

#include "stores/persistent_tree.h"

namespace talea {
namespace {

// The present tree. A write makes another one, and puts it in its place; who reads has a tree of
// its own.
class MemoryRows final : public OrderedRows {
 public:
  explicit MemoryRows(Random& random) : priorities_(random.next_u64()) {}

  Result<std::optional<Found>> get(BytesView key) override {
    std::shared_ptr<const PersistentTree::Entry> entry = tree().find(key);
    if (entry == nullptr) return std::optional<Found>();
    const BytesView value = entry->value;
    return std::optional<Found>({std::move(entry), value});
  }

  std::unique_ptr<Cursor> cursor() override { return std::make_unique<TreeCursor>(tree()); }

  Status write(std::vector<Change> changes) override {
    PersistentTree changed = tree();
    for (Change& change : changes) {
      changed = change.value ? changed.with(std::move(change.key), std::move(*change.value),
                                            priorities_.next_u64())
                             : changed.without(change.key);
    }
    {
      MutexLock lock(mutex_);
      std::swap(tree_, changed);
    }
    return {};  // what nobody needs any more goes here, outside of the lock
  }

  Status sync() override { return {}; }

 private:
  class TreeCursor final : public Cursor {
   public:
    explicit TreeCursor(PersistentTree tree) : cursor_(std::move(tree)) {}
    Status seek(BytesView key) override {
      cursor_.seek(key);
      return {};
    }
    Status seek_before(BytesView key) override {
      cursor_.seek_before(key);
      return {};
    }
    Status next() override {
      cursor_.next();
      return {};
    }
    Status previous() override {
      cursor_.previous();
      return {};
    }
    bool is_at_row() const override { return cursor_.is_at_row(); }
    BytesView key() const override { return cursor_.entry().key; }
    BytesView value() const override { return cursor_.entry().value; }

   private:
    PersistentTree::Cursor cursor_;
  };

  PersistentTree tree() const {
    MutexLock lock(mutex_);
    return tree_;
  }

  SeededRandom priorities_;  // used by the one who writes
  mutable Mutex mutex_;
  PersistentTree tree_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<RowStore>> open_memory_store(Clock& clock, Executor& executor,
                                                    Random& random) {
  return RowStore::open({.clock = clock, .executor = executor, .name = "the memory store"},
                        std::make_unique<MemoryRows>(random));
}

}  // namespace talea
