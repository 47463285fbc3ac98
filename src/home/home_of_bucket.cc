// Writes are pending until publish() uploads them. So that they do not fill the memory where there
// is no directory, write() uploads, too, whenever there are many.
#include "home/home_of_bucket.h"

#include <algorithm>
#include <utility>

#include "codec/utf8.h"
#include "home/scan_cursor.h"
#include "store/store.h"

namespace talea {
namespace {

// Of keys and values that wait for an upload.
constexpr std::uint64_t kPendingBytesMax = 64 * kMiB;
// Keys that are read one by one behind damage.
constexpr std::size_t kKeysAtOnce = 256;
// What an upload says to a store that knows no conditions (BucketDb::upload).
constexpr std::string_view kNoConditions = "BucketWriters::one";

constexpr HomeRefusals kRefusals = {
    .expires = "bucket files know no time at which a key expires: delete it then",
    .keeps_history = "bucket files have the newest value of a key alone, and no past",
    .has_conditions =
        "bucket files know no conditions: of two who write one key the last to upload "
        "wins"};

HomeAbilities abilities_of(BucketFormat format) {
  return {.name = kind_of_store(StoreScheme::bucket_files),
          .keeps_bytes = format == BucketFormat::v2,
          .expires = false,
          .keeps_history = false,
          .has_conditions = false,
          .has_revisions = false,
          .value_bytes_max = kBucketValueBytesMax,
          .refusals = kRefusals};
}

Status refuse(std::string_view sentence) { return Status::unsupported(std::string(sentence)); }

// That others write at the same time is no condition that failed.
Status as_contention(Status status) {
  if (status.code() != Code::conflict) return status;
  return Status::unavailable(std::string(status.message()));
}

class BucketCursor final : public HomeCursor {
 public:
  explicit BucketCursor(BucketScan scan) : scan_(std::move(scan)) {}

  Result<bool> next() override {
    auto next = scan_.next();
    if (!next.ok()) return as_contention(std::move(next).status());
    if (!*next) return false;
    entry_.key.assign(scan_.key());
    entry_.value.assign(scan_.value());
    return true;
  }
  const HomeEntry& entry() const override { return entry_; }

 private:
  BucketScan scan_;
  HomeEntry entry_;
};

// As BucketDb::scan() orders and leaves out.
std::vector<Bytes> keys_of(const BucketDb& db, const ScanRange& range) {
  const KeyBounds bounds = bounds_of(range);
  std::vector<Bytes> keys = db.keys();
  std::erase_if(keys, [&](const Bytes& key) {
    return key < bounds.start || (bounds.end && key >= *bounds.end);
  });
  std::sort(keys.begin(), keys.end());
  if (range.reverse) std::reverse(keys.begin(), keys.end());
  if (range.limit != 0 && keys.size() > range.limit) keys.resize(range.limit);
  return keys;
}

// Reads every value that the index refers to, in the order of the keys. A scan has as many values
// in memory as it likes, and ends at what it cannot read; then some keys are read one by one, and
// another scan goes on behind them.
class BucketVerifier {
 public:
  explicit BucketVerifier(BucketDb& db) : db_(db), keys_(keys_of(db, {})) {}

  Result<HomeVerification> run(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
    while (done_ < keys_.size()) {
      TALEA_TRY(scan(progress));
      TALEA_TRY(read_some());
      if (progress) progress(done_, keys_.size());
    }
    return std::move(found_);
  }

 private:
  // Up to the end, or to what is damaged or was collected meanwhile.
  Status scan(const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
    BucketScan scan = TALEA_TRY(db_.scan(BucketKeyRange{.start = keys_[done_]}));
    for (;;) {
      const auto next = scan.next();
      const Code code = next.status().code();
      if (code == Code::corruption || code == Code::conflict) return {};
      if (!TALEA_TRY(Result(next))) done_ = keys_.size();
      if (done_ == keys_.size()) return {};
      count(scan.key(), scan.value().size());
      while (done_ < keys_.size() && keys_[done_] <= scan.key()) ++done_;
      if (progress && done_ % kKeysAtOnce == 0) progress(done_, keys_.size());
    }
  }

  // To find out which of them are damaged. One that is not there was removed meanwhile.
  Status read_some() {
    const std::size_t end = std::min(done_ + kKeysAtOnce, keys_.size());
    for (; done_ < end; ++done_) {
      const Bytes& key = keys_[done_];
      const auto value = db_.get(key);
      if (value.status().code() == Code::corruption) {
        found_.findings.push_back({.place = key,
                                   .offset = 0,
                                   .problem = std::string(value.status().message()),
                                   .sequence = {},
                                   .version_id = {}});
        continue;
      }
      TALEA_TRY(Status(value.status()));
      if (value->has_value()) count(key, (*value)->size());
    }
    return {};
  }

  void count(BytesView key, std::uint64_t value_bytes) {
    ++found_.entries;
    ++found_.keys;
    found_.bytes += key.size() + value_bytes;
  }

  BucketDb& db_;
  const std::vector<Bytes> keys_;
  std::size_t done_ = 0;  // of these
  HomeVerification found_;
};

class HomeOfBucket final : public Home {
 public:
  HomeOfBucket(BucketDb db, std::function<Result<BucketDb>()> open_bucket)
      : db_(std::move(db)),
        open_bucket_(std::move(open_bucket)),
        abilities_(abilities_of(db_.status().format)) {}

  const HomeAbilities& abilities() const override { return abilities_; }

  Status check(BytesView key, BytesView value) const override {
    if (key.size() > kBucketKeyBytesMax) {
      return Status::invalid_argument("a key in bucket files has at most " +
                                      std::to_string(kBucketKeyBytesMax) + " bytes; this one has " +
                                      std::to_string(key.size()));
    }
    if (!is_utf8(key)) {
      return Status::invalid_argument("a key in bucket files is UTF-8; this one is not");
    }
    if (value.size() > kBucketValueBytesMax) {
      return Status::exhausted("bucket files take values of up to " +
                               std::to_string(kBucketValueBytesMax) + " bytes; this one has " +
                               std::to_string(value.size()));
    }
    if (abilities_.keeps_bytes || is_utf8(value)) return {};
    return Status::invalid_argument(
        "these bucket files are of version 1, whose values are text in UTF-8, and this one is not; "
        "a database that is made with ?format=v2 keeps any bytes");
  }

  Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at) override {
    if (at) return refuse(kRefusals.keeps_history);
    std::optional<Bytes> value = TALEA_TRY(db_.get(key));
    if (!value) return std::optional<HomeEntry>();
    return std::optional(HomeEntry{.key = Bytes(key), .value = std::move(*value)});
  }

  Result<std::uint64_t> put(BytesView key, BytesView value, const HomeCondition& condition,
                            Expiry expiry) override {
    if (!condition.is_none()) return refuse(kRefusals.has_conditions);
    if (expiry.kind() != Expiry::Kind::never) return refuse(kRefusals.expires);
    TALEA_TRY(check(key, value));
    BucketBatch batch;
    add_put(batch, key, value);
    return commit(batch, key.size() + value.size());
  }

  Result<std::uint64_t> remove(BytesView key, const HomeCondition& condition) override {
    if (condition.absent || condition.revision) return refuse(kRefusals.has_conditions);
    if (condition.present || !db_.contains(key)) TALEA_TRY(refresh());
    if (condition.present && !db_.contains(key)) {
      return Status::conflict("the key '" + Bytes(key) + "' is not there");
    }
    return commit(BucketBatch().remove(key), key.size());
  }

  Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) override {
    BucketBatch batch;
    std::uint64_t bytes = 0;
    bool removes_unknown = false;
    for (const HomeWrite& one : writes) {
      if (one.expiry_ms != 0) return refuse(kRefusals.expires);
      TALEA_TRY(check(one.key, one.value));
      bytes += one.key.size() + one.value.size();
      if (one.is_remove) {
        removes_unknown |= !db_.contains(one.key);
        batch.remove(one.key);
      } else {
        add_put(batch, one.key, one.value);
      }
    }
    if (removes_unknown) TALEA_TRY(refresh());
    return commit(batch, bytes);
  }

  Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                           const std::optional<At>& at) override {
    if (at) return refuse(kRefusals.keeps_history);
    if (keys_only) {
      return std::unique_ptr<HomeCursor>(std::make_unique<KeyCursor>(keys_of(db_, range)));
    }
    BucketScan scan = TALEA_TRY(db_.scan(BucketKeyRange{.prefix = range.prefix,
                                                        .start = range.start,
                                                        .end = range.end,
                                                        .reverse = range.reverse,
                                                        .limit = range.limit}));
    return std::unique_ptr<HomeCursor>(std::make_unique<BucketCursor>(std::move(scan)));
  }

  Result<std::vector<HomeRevision>> history(BytesView, const RevisionRange&) override {
    return refuse(kRefusals.keeps_history);
  }
  Result<std::unique_ptr<HomeCursor>> revisions(const std::optional<Bytes>&,
                                                const std::optional<std::uint64_t>&) override {
    return refuse(kRefusals.keeps_history);
  }

  std::optional<std::uint64_t> key_count() override { return db_.size(); }

  Result<std::vector<HomeFact>> facts() override {
    const BucketStatus status = db_.status();
    return std::vector<HomeFact>{
        {"keys", status.keys},
        {"format", status.format == BucketFormat::v1 ? std::uint64_t{1} : std::uint64_t{2}},
        {"files", status.files},
        {"pending_writes", status.pending_writes},
        {"pending_bytes", status.pending_bytes}};
  }

  Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) override {
    BucketDb db = TALEA_TRY(open_bucket_());
    return BucketVerifier(db).run(progress);
  }

  Status publish() override {
    const auto uploaded = db_.upload();
    const std::string message(uploaded.status().message());
    if (uploaded.status().code() == Code::unsupported &&
        message.find(kNoConditions) != std::string::npos) {
      return Status::unsupported(message + " (in a URL, ?writers=one)");
    }
    TALEA_TRY(as_contention(uploaded.status()));
    pending_bytes_ = 0;
    return {};
  }
  HomePending pending() override {
    const BucketStatus status = db_.status();
    return {.writes = status.pending_writes, .is_kept = status.pending_is_durable};
  }
  Status discard_pending() override {
    pending_bytes_ = 0;
    return db_.discard_pending();
  }
  Status refresh() override { return db_.refresh(); }

  // Where all is uploaded there is nothing to be made safe, and nothing that could fail.
  Status close() override {
    BucketDb closing = std::move(db_);
    return closing.status().pending_writes == 0 ? Status() : closing.close().status();
  }

 private:
  // Text is kept as text, which all who read version 2 know.
  static void add_put(BucketBatch& batch, BytesView key, BytesView value) {
    if (is_utf8(value)) {
      batch.put(key, value);
    } else {
      batch.put_bytes(key, value);
    }
  }

  Result<std::uint64_t> commit(const BucketBatch& batch, std::uint64_t bytes) {
    // Before and not behind: when it fails, this batch was not done.
    if (pending_bytes_ > kPendingBytesMax) TALEA_TRY(publish());
    TALEA_TRY(db_.commit(batch));
    pending_bytes_ += bytes;
    return std::uint64_t{0};
  }

  BucketDb db_;
  const std::function<Result<BucketDb>()> open_bucket_;
  const HomeAbilities abilities_;
  std::uint64_t pending_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Home> home_of_bucket(BucketDb db, std::function<Result<BucketDb>()> open_bucket) {
  return std::make_unique<HomeOfBucket>(std::move(db), std::move(open_bucket));
}

HomeAbilities abilities_of_bucket() { return abilities_of(BucketFormat::v1); }

}  // namespace talea
