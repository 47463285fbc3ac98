#include "home/home_of_store.h"

#include <algorithm>
#include <utility>

#include "home/scan_cursor.h"
#include "home/store_writes.h"

namespace talea {
namespace {

constexpr HomeAbilities kAbilities = {
    .name = kind_of_store(StoreScheme::rocksdb),
    .keeps_history = false,
    .refusals = {.keeps_history =
                     "a store in RocksDB keeps the newest value of a key alone; one in a directory "
                     "keeps the past of its keys"}};

Status no_history() { return Status::unsupported(std::string(kAbilities.refusals.keeps_history)); }

class HomeOfStore final : public Home {
 public:
  explicit HomeOfStore(std::unique_ptr<OpenedStore> store) : store_(std::move(store)) {}

  const HomeAbilities& abilities() const override { return kAbilities; }
  Status check(BytesView key, BytesView value) const override { return check_row(key, value); }

  Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at) override {
    if (at) return no_history();
    std::optional<Versioned> found = TALEA_TRY(store_->get(Space::user, key));
    if (!found) return std::optional<HomeEntry>();
    return std::optional(entry_of(key, std::move(*found)));
  }

  Result<std::uint64_t> put(BytesView key, BytesView value, const HomeCondition& condition,
                            Expiry expiry) override {
    Batch batch;
    add_condition(batch, key, condition);
    return store_->commit(batch.put(key, value, expiry), nullptr);
  }
  Result<std::uint64_t> remove(BytesView key, const HomeCondition& condition) override {
    Batch batch;
    add_condition(batch, key, condition);
    return store_->commit(batch.remove(key), nullptr);
  }
  Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) override {
    return store_->commit(batch_of(writes), nullptr);
  }

  Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                           const std::optional<At>& at) override {
    if (at) return no_history();
    return std::unique_ptr<HomeCursor>(
        std::make_unique<ScanCursor>(TALEA_TRY(store_->scan(Space::user, range)), keys_only));
  }
  Result<std::vector<HomeRevision>> history(BytesView, const RevisionRange&) override {
    return no_history();
  }
  Result<std::unique_ptr<HomeCursor>> revisions(const std::optional<Bytes>&,
                                                const std::optional<std::uint64_t>&) override {
    return no_history();
  }

  std::optional<std::uint64_t> key_count() override { return std::nullopt; }

  Result<std::vector<HomeFact>> facts() override {
    const HomeVerification read = TALEA_TRY(verify({}));
    return std::vector<HomeFact>{{"keys", read.keys}, {"bytes", read.bytes}};
  }

  // RocksDB compares the checks of its blocks when they are read.
  Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) override {
    HomeVerification found;
    Scan scan = TALEA_TRY(store_->scan(Space::user, {}));
    for (;;) {
      auto next = scan.next();
      if (next.status().code() == Code::corruption) {
        found.findings.push_back(
            {.place = Bytes(scan.key()),
             .offset = 0,
             .problem =
                 "damage behind this key, where the check stopped: what follows was not read (" +
                 std::string(next.status().message()) + ")"});
        return found;
      }
      if (!TALEA_TRY(std::move(next))) return found;
      ++found.keys;
      ++found.entries;
      found.bytes += scan.key().size() + TALEA_TRY(scan.value()).size();
      if (progress) progress(found.bytes, found.bytes);
    }
  }

  Status publish() override { return {}; }
  Status close() override { return store_->close(); }

 private:
  std::unique_ptr<OpenedStore> store_;
};

}  // namespace

std::unique_ptr<Home> home_of_store(std::unique_ptr<OpenedStore> store) {
  return std::make_unique<HomeOfStore>(std::move(store));
}

HomeAbilities abilities_of_store() { return kAbilities; }

}  // namespace talea
