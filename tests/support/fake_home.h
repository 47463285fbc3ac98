// FakeHome: a home in memory for tests, of any kind, on which any call fails when the test says so.
//
//     FakePlace place(FakeHome::ledger());            // what lasts
//     auto home = place.open();                       // a process that uses it
//     place.fail_from(3, FakePlace::Failure::after);  // the third write is done, and fails
//
// Writes are counted from 1, uploads among them; reads have numbers of their own.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "codec/canonical_json.h"
#include "codec/utf8.h"
#include "home/home.h"

namespace talea {

struct FakeRevision {
  Bytes key = {};
  Bytes value = {};
  bool is_remove = false;
  std::uint64_t expiry_ms = 0;

  bool operator==(const FakeRevision&) const = default;
};

class FakeHome;

/// What lasts of a home: all that was written, in order, and what is to happen to calls.
class FakePlace {
 public:
  enum class Failure : std::uint8_t {
    /// The call is not done.
    before,
    /// It is done, and nobody learns that.
    after,
    /// Of several writes the first is done.
    half,
  };

  explicit FakePlace(const HomeAbilities& of) : abilities(of) {}

  std::unique_ptr<FakeHome> open();

  /// From this write on all fail.
  void fail_from(std::uint64_t write, Failure failure) {
    failing_write_ = write;
    failure_ = failure;
  }
  void fail_reads_from(std::uint64_t read) { failing_read_ = read; }
  void heal() {
    failing_write_.reset();
    failing_read_.reset();
  }

  void add(Bytes key, Bytes value, std::uint64_t expiry_ms = 0) {
    log.push_back({std::move(key), std::move(value), false, expiry_ms});
  }
  void add_removal(Bytes key) { log.push_back({std::move(key), {}, true, 0}); }

  /// What is there now.
  std::map<Bytes, FakeRevision> rows() const {
    std::map<Bytes, FakeRevision> rows;
    for (const FakeRevision& revision : log) {
      if (revision.is_remove) {
        rows.erase(revision.key);
      } else {
        rows.insert_or_assign(revision.key, revision);
      }
    }
    return rows;
  }
  std::vector<FakeRevision> past_of(BytesView key) const {
    std::vector<FakeRevision> past;
    std::copy_if(log.begin(), log.end(), std::back_inserter(past),
                 [&](const FakeRevision& revision) { return revision.key == key; });
    return past;
  }

  HomeAbilities abilities;
  /// Writes wait for publish(), and are lost without it.
  bool waits_for_publish = false;
  /// Of a ledger: prints values as ImmuKV's TypeScript client does.
  bool prints_typescript = false;
  std::vector<FakeRevision> log;
  /// Of a log: the positions of entries that expired.
  std::set<std::size_t> lost;
  /// Keys that are in the log and not in lists of keys.
  std::set<Bytes> unlisted;
  /// Called once, before the next put: somebody else was first.
  std::function<void(FakeHome&)> before_put;
  std::uint64_t writes = 0;
  std::uint64_t reads = 0;
  std::uint64_t pieces_put = 0;
  /// That are open now, and of those the most there were when something was written.
  std::uint64_t cursors = 0;
  std::uint64_t cursors_at_writes = 0;

 private:
  friend class FakeHome;
  std::optional<std::uint64_t> failing_write_;
  std::optional<std::uint64_t> failing_read_;
  Failure failure_ = Failure::before;
};

/// Threads: externally synchronised.
class FakeHome final : public Home {
 public:
  static HomeAbilities engine() { return {.name = "a store", .keeps_all_history = true}; }
  static HomeAbilities rocksdb() { return {.name = "a store of rows", .keeps_history = false}; }
  static HomeAbilities ledger() {
    return {.name = "a ledger",
            .keeps_bytes = false,
            .removes = false,
            .expires = false,
            .keeps_all_history = true,
            .has_batches = false,
            .value_bytes_max = 2 * kMiB};
  }
  static HomeAbilities bucket() {
    return {.name = "bucket files",
            .keeps_bytes = false,
            .expires = false,
            .keeps_history = false,
            .has_conditions = false,
            .has_revisions = false,
            .value_bytes_max = 2 * kMiB};
  }

  explicit FakeHome(FakePlace& place) : place_(place), log_(place.log) {
    for (std::size_t at = 0; at < log_.size(); ++at) of_key_[log_[at].key].push_back(at);
  }

  const HomeAbilities& abilities() const override { return place_.abilities; }

  Status check(BytesView key, BytesView value) const override {
    if (abilities().keeps_bytes) {
      return key.empty() ? Status::invalid_argument("a key has at least a byte") : Status();
    }
    if (!is_utf8(key)) return Status::invalid_argument("a key is UTF-8");
    if (value.size() > abilities().value_bytes_max) return Status::exhausted("it is too long");
    if (is_ledger()) return canonical_json(value, form(), {.refuse_loss = true}).status();
    return is_utf8(value) ? Status() : Status::invalid_argument("a value is UTF-8");
  }

  Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>&) override {
    TALEA_TRY(count_read());
    const auto found = of_key_.find(Bytes(key));
    if (found == of_key_.end() || log_[found->second.back()].is_remove) {
      return std::optional<HomeEntry>();
    }
    return std::optional(entry_of(found->second.back()));
  }

  Result<bool> read(BytesView key, const std::optional<At>& at, const StateSink& sink) override {
    const auto entry = TALEA_TRY(get(key, at));
    if (!entry) return false;
    for (std::size_t offset = 0; offset < entry->value.size(); offset += kPieceBytes) {
      TALEA_TRY(sink(BytesView(entry->value).substr(offset, kPieceBytes)));
    }
    return true;
  }

  Result<std::uint64_t> put(BytesView key, BytesView value, const HomeCondition& condition,
                            Expiry expiry) override {
    if (place_.before_put) std::exchange(place_.before_put, nullptr)(*this);
    const auto newest = of_key_.find(Bytes(key));
    const bool is_there = newest != of_key_.end();
    if (condition.absent && is_there) return Status::conflict("the key is there");
    if (condition.revision &&
        (!is_there || revision_of(newest->second.back()) != *condition.revision)) {
      return Status::conflict("the key has another revision");
    }
    return write({{.key = Bytes(key),
                   .value = Bytes(value),
                   .is_remove = false,
                   .expiry_ms = expiry.kind() == Expiry::Kind::at ? expiry.ms() : 0}});
  }

  Result<std::uint64_t> put_pieces(BytesView key, const StateSource& source, const HomeCondition&,
                                   Expiry expiry) override {
    Bytes value;
    Bytes piece(kPieceBytes / 3, '\0');
    for (;;) {
      const std::size_t count = TALEA_TRY(source(piece.data(), piece.size()));
      if (count == 0) break;
      value.append(piece, 0, count);
      ++place_.pieces_put;
    }
    return put(key, value, {}, expiry);
  }

  Result<std::uint64_t> remove(BytesView key, const HomeCondition&) override {
    return write({{.key = Bytes(key), .value = {}, .is_remove = true}});
  }

  Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) override {
    for (const HomeWrite& one : writes) {
      if (one.is_remove && !abilities().removes) return Status::unsupported("nothing is removed");
      if (one.expiry_ms != 0 && !abilities().expires) return Status::unsupported("none expires");
      if (!one.is_remove) TALEA_TRY(check(one.key, one.value));
    }
    const bool fails = counts_and_fails();
    if (fails && place_.failure_ == FakePlace::Failure::before) return failed();
    std::size_t count = writes.size();
    if (fails && place_.failure_ == FakePlace::Failure::half)
      count = abilities().has_batches ? 0 : 1;
    for (const HomeWrite& one :
         std::vector(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(count))) {
      of_key_[one.key].push_back(log_.size());
      log_.push_back(
          {one.key, one.is_remove ? Bytes() : stored(one.value), one.is_remove, one.expiry_ms});
    }
    if (!place_.waits_for_publish) place_.log = log_;
    if (fails) return failed();
    return revision_of(log_.size() - 1);
  }

  Result<std::unique_ptr<HomeCursor>> scan(const ScanRange&, bool keys_only,
                                           const std::optional<At>&) override {
    std::vector<FakeRevision> revisions;
    for (auto& [key, revision] : current()) {
      revisions.push_back(revision);
      if (keys_only) revisions.back() = {.key = key};
    }
    return cursor(std::move(revisions));
  }

  Result<std::vector<HomeRevision>> history(BytesView key, const RevisionRange& range) override {
    TALEA_TRY(count_read());
    std::vector<HomeRevision> revisions;
    const auto found = of_key_.find(Bytes(key));
    if (found == of_key_.end()) return revisions;
    for (auto at = found->second.rbegin(); at != found->second.rend(); ++at) {
      const FakeRevision& revision = log_[*at];
      revisions.push_back({.revision = revision_of(*at),
                           .time_ms = *at + 1,
                           .is_remove = revision.is_remove,
                           .expiry_ms = revision.expiry_ms,
                           .value_bytes = revision.value.size()});
      if (revisions.size() == range.limit) break;
    }
    return revisions;
  }

  Result<std::unique_ptr<HomeCursor>> revisions(const std::optional<Bytes>& key,
                                                const std::optional<std::uint64_t>&) override {
    if (!key && abilities().removes) return Status::unsupported("it has no log");
    if (key && is_ledger() && !is_utf8(*key)) return Status::invalid_argument("a key is UTF-8");
    std::vector<FakeRevision> revisions;
    std::vector<std::uint64_t> numbers;
    for (std::size_t at = 0; at < log_.size(); ++at) {
      if (key && log_[at].key != *key) continue;
      if (!key && place_.lost.contains(at)) continue;
      revisions.push_back(log_[at]);
      numbers.push_back(revision_of(at));
    }
    return cursor(std::move(revisions), std::move(numbers));
  }

  Result<std::unique_ptr<HomeCursor>> keys_with_past() override {
    if (!abilities().keeps_history) return scan({}, true, {});
    std::set<Bytes> keys;
    for (const FakeRevision& revision : log_) {
      if (!place_.unlisted.contains(revision.key)) keys.insert(revision.key);
    }
    std::vector<FakeRevision> revisions;
    revisions.reserve(keys.size());
    for (const Bytes& key : keys) revisions.push_back({.key = key});
    return cursor(std::move(revisions));
  }

  std::optional<std::uint64_t> key_count() override { return std::nullopt; }
  Result<std::vector<HomeFact>> facts() override { return std::vector<HomeFact>(); }
  Result<HomeVerification> verify(
      const std::function<void(std::uint64_t, std::uint64_t)>&) override {
    return HomeVerification();
  }

  Status publish() override {
    if (!place_.waits_for_publish) return {};
    const bool fails = counts_and_fails();
    if (fails && place_.failure_ == FakePlace::Failure::before) return failed();
    place_.log = log_;
    return fails ? failed() : Status();
  }
  Status close() override { return {}; }

 private:
  static constexpr std::size_t kPieceBytes = 100'000;

  class Cursor final : public HomeCursor {
   public:
    Cursor(FakeHome& home, std::vector<FakeRevision> revisions, std::vector<std::uint64_t> numbers)
        : home_(home), revisions_(std::move(revisions)), numbers_(std::move(numbers)) {
      ++home_.place_.cursors;
    }
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    ~Cursor() override { --home_.place_.cursors; }
    Result<bool> next() override {
      TALEA_TRY(home_.count_read());
      if (next_ == revisions_.size()) return false;
      is_remove_ = revisions_[next_].is_remove;
      const FakeRevision& revision = revisions_[next_];
      entry_ = {.key = revision.key,
                .value = revision.value,
                .revision = numbers_.empty() ? 0 : numbers_[next_],
                .expiry_ms = revision.expiry_ms};
      ++next_;
      return true;
    }
    const HomeEntry& entry() const override { return entry_; }
    bool is_remove() const override { return is_remove_; }

   private:
    FakeHome& home_;
    const std::vector<FakeRevision> revisions_;
    const std::vector<std::uint64_t> numbers_;  // none: of rows
    std::size_t next_ = 0;
    bool is_remove_ = false;
    HomeEntry entry_;
  };

  HomeEntry entry_of(std::size_t at) const {
    const FakeRevision& revision = log_[at];
    return {.key = revision.key,
            .value = revision.value,
            .revision = revision_of(at),
            .expiry_ms = revision.expiry_ms};
  }
  // In a ledger they begin at 0.
  std::uint64_t revision_of(std::size_t at) const { return at + (is_ledger() ? 0 : 1); }
  static Status failed() { return Status::unavailable("the test says so"); }

  bool is_ledger() const { return !abilities().removes; }
  JsonForm form() const {
    return place_.prints_typescript ? JsonForm::typescript : JsonForm::python;
  }
  Bytes stored(const Bytes& value) const {
    return is_ledger() ? canonical_json(value, form()).value() : value;
  }

  std::map<Bytes, FakeRevision> current() const {
    FakePlace place(place_.abilities);
    place.log = log_;
    return place.rows();
  }

  Result<std::unique_ptr<HomeCursor>> cursor(std::vector<FakeRevision> revisions,
                                             std::vector<std::uint64_t> numbers = {}) {
    return std::unique_ptr<HomeCursor>(
        std::make_unique<Cursor>(*this, std::move(revisions), std::move(numbers)));
  }

  bool counts_and_fails() {
    ++place_.writes;
    place_.cursors_at_writes = std::max(place_.cursors_at_writes, place_.cursors);
    return place_.failing_write_ && place_.writes >= *place_.failing_write_;
  }
  Status count_read() {
    ++place_.reads;
    return place_.failing_read_ && place_.reads >= *place_.failing_read_ ? failed() : Status();
  }

  FakePlace& place_;
  std::vector<FakeRevision> log_;                     // with what waits
  std::map<Bytes, std::vector<std::size_t>> of_key_;  // where in it
};

inline std::unique_ptr<FakeHome> FakePlace::open() { return std::make_unique<FakeHome>(*this); }

}  // namespace talea
