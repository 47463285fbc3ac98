#include "cli/row_target.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/value_source.h"

namespace talea::cli {

namespace {

// A batch is committed when it holds this much, whatever its number of rows.
constexpr std::uint64_t kBatchBytes = 16 * kMiB;

class EngineRows final : public RowTarget {
 public:
  explicit EngineRows(Engine engine) : engine_(std::move(engine)) {}

  Status add(BytesView key, BytesView value, const std::optional<Expiry>& expiry) override {
    if (key.size() < kKeyBytesMin || key.size() > kKeyBytesMax) {
      return Status::invalid_argument("a key has " + std::to_string(kKeyBytesMin) + " to " +
                                      std::to_string(kKeyBytesMax) + " bytes; this one has " +
                                      std::to_string(key.size()));
    }
    TALEA_TRY(add_put(engine_, batch_, key, value, expiry.value_or(Expiry::never())));
    // One that expires is written twice: with its value, and with its time.
    const std::uint64_t times = expiry ? 2 : 1;
    entries_ += times;
    bytes_ += times * key.size() + std::min<std::uint64_t>(value.size(), kInlineValueBytesMax);
    return {};
  }
  std::uint64_t rows() const override { return batch_.size(); }
  bool is_full() const override { return bytes_ >= kBatchBytes || entries_ + 2 > kBatchEntriesMax; }
  Status commit() override {
    TALEA_TRY(engine_.commit(batch_));
    batch_.clear();
    entries_ = 0;
    bytes_ = 0;
    return {};
  }
  Status publish() override { return {}; }
  HomePending pending() override { return {}; }
  std::optional<std::uint64_t> keys() override { return engine_.stats().keys; }
  Status close() override { return engine_.close(); }

 private:
  Engine engine_;
  Batch batch_;
  std::uint64_t entries_ = 0;  // as kBatchEntriesMax counts them
  std::uint64_t bytes_ = 0;    // what the batch holds in memory
};

class HomeRows final : public RowTarget {
 public:
  explicit HomeRows(std::unique_ptr<Home> home) : home_(std::move(home)) {}

  Status add(BytesView key, BytesView value, const std::optional<Expiry>& expiry) override {
    const HomeAbilities& abilities = home_->abilities();
    TALEA_TRY(require(abilities.expires || !expiry, abilities.refusals.expires));
    const Status checked = home_->check(key, value);
    if (!checked.ok()) return Status::invalid_argument(std::string(checked.message()));
    writes_.push_back({.key = Bytes(key),
                       .value = Bytes(value),
                       .is_remove = false,
                       .expiry_ms = expiry ? expiry->ms() : 0});
    bytes_ += key.size() + value.size();
    return {};
  }
  std::uint64_t rows() const override { return writes_.size(); }
  // Where there are no batches, each row is written when it comes.
  bool is_full() const override {
    return bytes_ >= kBatchBytes || (!home_->abilities().has_batches && !writes_.empty());
  }
  Status commit() override {
    if (writes_.empty()) return {};
    if (home_->abilities().has_batches) {
      TALEA_TRY(home_->write(writes_));
    } else {
      TALEA_TRY(home_->put(writes_.front().key, writes_.front().value));
    }
    writes_.clear();
    bytes_ = 0;
    return {};
  }
  Status publish() override { return home_->publish(); }
  HomePending pending() override { return home_->pending(); }
  std::optional<std::uint64_t> keys() override { return home_->key_count(); }
  Status close() override { return home_->close(); }

 private:
  std::unique_ptr<Home> home_;
  std::vector<HomeWrite> writes_;
  std::uint64_t bytes_ = 0;  // of these
};

}  // namespace

Result<std::unique_ptr<RowTarget>> open_row_target(Context& context) {
  const StoreUrl url = TALEA_TRY(context.url());
  if (url.scheme == StoreScheme::file) {
    return std::unique_ptr<RowTarget>(
        std::make_unique<EngineRows>(TALEA_TRY(context.open_for_writing())));
  }
  return std::unique_ptr<RowTarget>(
      std::make_unique<HomeRows>(TALEA_TRY(context.open_home_for_writing())));
}

}  // namespace talea::cli
