// Requests are what this is about: values that belong together come several at once, a history is
// continued where its last page ended, and that a ledger is not there is looked for only when
// nothing was found.
#include "home/home_of_ledger.h"

#include <algorithm>
#include <span>
#include <utility>

#include "home/scan_cursor.h"
#include "ledger/entry.h"
#include "store/store.h"

namespace talea {
namespace {

constexpr HomeAbilities kAbilities = {
    .name = kind_of_store(StoreScheme::ledger),
    .keeps_bytes = false,
    .removes = false,
    .expires = false,
    .keeps_all_history = true,
    .has_batches = false,
    .value_bytes_max = kLedgerValueBytesMax,
    .refusals = {
        .removes =
            "a ledger keeps every value for ever, so that no key can be removed from it; set "
            "it to null to say that it is gone",
        .expires = "a ledger keeps every value for ever, so that no key expires in it",
        .has_batches = "a ledger has an entry for each value, one after the other, and no batches: "
                       "give each operation a line of its own"}};

// Keys that are listed with one request.
constexpr std::uint64_t kKeysAtOnce = 1000;
// Values that are in memory at once: so many, and about so many bytes.
constexpr std::size_t kValuesAtOnce = 32;
constexpr std::uint64_t kValueBytesAtOnce = 16 * kMiB;
// Entries of a history that are read at once, of no more bytes than these.
constexpr std::uint64_t kPastAtOnce = 16;
constexpr std::uint64_t kHistoryAtOnce = 256;

Status refuse(std::string_view sentence) { return Status::unsupported(std::string(sentence)); }

// Below 0 are entries of nobody's.
std::uint64_t revision_of(const LedgerEntry& entry) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(entry.sequence, 0));
}

HomeEntry home_entry_of(LedgerEntry entry) {
  const std::uint64_t revision = revision_of(entry);
  return {.key = std::move(entry.key), .value = std::move(entry.value), .revision = revision};
}

// How many values are read next: how long they are shows when they are there, so it begins with few
// and goes on as the last ones allow.
class ValueWindow {
 public:
  std::size_t count() const { return count_; }
  /// After `values` were read, of `bytes` together.
  void note(std::size_t values, std::uint64_t bytes) {
    const std::uint64_t each = std::max<std::uint64_t>(bytes / std::max<std::size_t>(values, 1), 1);
    const std::uint64_t room = std::max<std::uint64_t>(kValueBytesAtOnce / each, 1);
    count_ = static_cast<std::size_t>(
        std::min<std::uint64_t>({kValuesAtOnce, room, std::uint64_t{count_} * 2}));
  }

 private:
  std::size_t count_ = 4;
};

// What was there at a moment of the past.
class LedgerPast {
 public:
  LedgerPast(Ledger& ledger, At at) : ledger_(ledger), at_(at) {}

  /// Errors: invalid_argument   the entry is yet to come
  Status check() {
    if (at_.is_time()) return {};
    const std::optional<LedgerEntry> head = TALEA_TRY(ledger_.head());
    if (head && revision_of(*head) >= at_.value()) return {};
    return Status::invalid_argument(
        "entry " + std::to_string(at_.value()) + " is yet to come; the ledger " +
        (head ? "ends with entry " + std::to_string(head->sequence) : "is empty"));
  }

  Result<std::optional<HomeEntry>> get(BytesView key) {
    LedgerPage page{.before = {}, .limit = kPastAtOnce, .bytes_max = kValueBytesAtOnce};
    do {
      LedgerEntries read = TALEA_TRY(ledger_.history(key, page));
      for (LedgerEntry& entry : read.entries) {
        if (is_there(entry)) return std::optional(home_entry_of(std::move(entry)));
      }
      page.before = std::move(read.next);
    } while (!page.before.empty());
    TALEA_TRY(check_is_kept());
    return std::optional<HomeEntry>();
  }

 private:
  // Where old versions expire, those of a key go later than the entries of the log that came after
  // them: from the oldest entry of the log on all is there.
  Status check_is_kept() {
    if (is_kept_) return {};
    const std::vector<std::string> versions = TALEA_TRY(ledger_.log_versions());
    std::optional<LedgerEntry> oldest;
    for (std::size_t at = 0; at < versions.size() && !oldest; ++at) {
      oldest = TALEA_TRY(ledger_.get_log_version(versions[at]));
    }
    is_kept_ = !oldest || oldest->sequence == 0 || is_there(*oldest);
    if (is_kept_) return {};
    return Status::not_found("that far back the ledger does not go any more: its oldest entry is " +
                             std::to_string(oldest->sequence) + ", and those before it expired");
  }

  bool is_there(const LedgerEntry& entry) const {
    return at_.is_time() ? entry.timestamp_ms <= at_.value() : revision_of(entry) <= at_.value();
  }

  Ledger& ledger_;
  const At at_;
  bool is_kept_ = false;
};

// The keys of a range, in order: a page of the list after the other, or, from the last one on, all
// of the list. A list is of the keys' objects; that of the newest entry, `head`, may be on its way.
class LedgerKeys {
 public:
  LedgerKeys(Ledger& ledger, const ScanRange& range, const std::optional<LedgerEntry>& head)
      : ledger_(ledger),
        prefix_(range.prefix),
        bounds_(bounds_of(range)),
        begins_inside_(bounds_.start > range.prefix),
        reverse_(range.reverse) {
    if (head && head->key >= bounds_.start && (!bounds_.end || head->key < *bounds_.end)) {
      newest_ = head->key;
    }
  }

  /// The next ones; none at the end.
  Result<std::vector<std::string>> next() {
    if (!reverse_) return next_page();
    if (ended_) return std::vector<std::string>();
    std::vector<std::string> all;
    while (!ended_) {
      for (std::string& key : TALEA_TRY(next_page())) all.push_back(std::move(key));
    }
    std::reverse(all.begin(), all.end());
    return all;
  }

 private:
  Result<std::vector<std::string>> next_page() {
    if (ended_) return std::vector<std::string>();
    LedgerKeyRange range{.prefix = prefix_, .limit = kKeysAtOnce};
    std::vector<std::string> page;
    if (!after_ && begins_inside_) {
      // A list goes on behind a key: whether this one is there is asked apart.
      page = TALEA_TRY(ledger_.list_keys_with_prefix(bounds_.start, {.limit = 1}));
      if (!page.empty() && page.front() != bounds_.start) page.clear();
      after_ = bounds_.start;
    }
    if (after_) range.after = *after_;
    std::vector<std::string> listed = TALEA_TRY(ledger_.list_keys(range));
    if (listed.size() < kKeysAtOnce) ended_ = true;
    if (!listed.empty()) after_ = listed.back();
    page.insert(page.end(), std::make_move_iterator(listed.begin()),
                std::make_move_iterator(listed.end()));
    const auto behind = std::find_if(page.begin(), page.end(), [&](const std::string& key) {
      return bounds_.end && key >= *bounds_.end;
    });
    if (behind != page.end()) ended_ = true;
    page.erase(behind, page.end());
    add_newest(page);
    return page;
  }

  void add_newest(std::vector<std::string>& page) {
    if (!newest_ || (!ended_ && (page.empty() || page.back() < *newest_))) return;
    const auto at = std::lower_bound(page.begin(), page.end(), *newest_);
    if (at == page.end() || *at != *newest_) page.insert(at, std::move(*newest_));
    newest_.reset();
  }

  Ledger& ledger_;
  const std::string prefix_;
  const KeyBounds bounds_;
  const bool begins_inside_;  // of what the prefix says
  const bool reverse_;
  std::optional<std::string> after_;
  std::optional<std::string> newest_;  // while it was not met
  bool ended_ = false;
};

class LedgerScan final : public HomeCursor {
 public:
  LedgerScan(Ledger& ledger, const ScanRange& range, bool keys_only, const std::optional<At>& at,
             const std::optional<LedgerEntry>& head)
      : ledger_(ledger),
        keys_(ledger, range, head),
        keys_only_(keys_only),
        left_(range.limit == 0 ? UINT64_MAX : range.limit) {
    if (at) past_.emplace(ledger, *at);
  }

  Result<bool> next() override {
    if (left_ == 0) return false;
    for (;;) {
      if (next_row_ < rows_.size()) {
        entry_ = std::move(rows_[next_row_++]);
        --left_;
        return true;
      }
      if (next_key_ == page_.size()) {
        page_ = TALEA_TRY(keys_.next());
        next_key_ = 0;
        if (page_.empty()) return false;
      }
      TALEA_TRY(read_rows());
    }
  }
  const HomeEntry& entry() const override { return entry_; }

 private:
  // Reads the next keys of the page. A row may be none: of a key that came later.
  Status read_rows() {
    const std::size_t count = static_cast<std::size_t>(
        std::min<std::uint64_t>({window_.count(), page_.size() - next_key_, left_}));
    const std::span<const std::string> keys = std::span(page_).subspan(next_key_, count);
    next_key_ += count;
    rows_.clear();
    next_row_ = 0;
    if (past_) {
      for (const std::string& key : keys) {
        std::optional<HomeEntry> row = TALEA_TRY(past_->get(key));
        if (row) rows_.push_back(std::move(*row));
      }
      return {};
    }
    if (keys_only_) {
      for (const std::string& key : keys) rows_.push_back({.key = key});
      return {};
    }
    std::uint64_t bytes = 0;
    for (std::optional<LedgerEntry>& entry : TALEA_TRY(ledger_.get_many(keys))) {
      if (!entry) continue;
      bytes += entry->value.size();
      rows_.push_back(home_entry_of(std::move(*entry)));
    }
    window_.note(count, bytes);
    return {};
  }

  Ledger& ledger_;
  LedgerKeys keys_;
  const bool keys_only_;
  ValueWindow window_;
  std::uint64_t left_;
  std::optional<LedgerPast> past_;
  std::vector<std::string> page_;
  std::size_t next_key_ = 0;
  std::vector<HomeEntry> rows_;
  std::size_t next_row_ = 0;
  HomeEntry entry_;
};

// Entries one after the other, from pages of them.
class EntryCursor : public HomeCursor {
 public:
  Result<bool> next() override {
    while (next_ == page_.size()) {
      page_ = TALEA_TRY(read_page());
      next_ = 0;
      if (page_.empty()) return false;
    }
    LedgerEntry& entry = page_[next_++];
    time_ms_ = entry.timestamp_ms;
    entry_ = home_entry_of(std::move(entry));
    return true;
  }
  const HomeEntry& entry() const override { return entry_; }
  std::uint64_t time_ms() const override { return time_ms_; }

 protected:
  // None: that was the last.
  virtual Result<std::vector<LedgerEntry>> read_page() = 0;

 private:
  std::vector<LedgerEntry> page_;
  std::size_t next_ = 0;
  std::uint64_t time_ms_ = 0;
  HomeEntry entry_;
};

// All of the log, the oldest first.
class LogCursor final : public EntryCursor {
 public:
  LogCursor(Ledger& ledger, std::vector<std::string> versions, std::size_t from)
      : ledger_(ledger), versions_(std::move(versions)), next_version_(from) {}

 private:
  Result<std::vector<LedgerEntry>> read_page() override {
    std::vector<LedgerEntry> page;
    while (page.empty() && next_version_ < versions_.size()) {
      const std::size_t count = std::min(window_.count(), versions_.size() - next_version_);
      const auto ids = std::span(versions_).subspan(next_version_, count);
      next_version_ += count;
      std::uint64_t bytes = 0;
      for (std::optional<LedgerEntry>& entry : TALEA_TRY(ledger_.get_log_versions(ids))) {
        if (!entry) continue;
        bytes += entry->value.size();
        page.push_back(std::move(*entry));
      }
      window_.note(count, bytes);
    }
    return page;
  }

  Ledger& ledger_;
  const std::vector<std::string> versions_;
  std::size_t next_version_;
  ValueWindow window_;
};

// The entries of a key, the oldest first. S3 gives them the newest first, so the pages are gone
// through to the last, which is given at once, and those between it and the first are read anew, in
// the other order. So two or three pages are in memory, however long the history is, and only what
// lies between costs twice.
class PastCursor final : public EntryCursor {
 public:
  PastCursor(Ledger& ledger, Bytes key, const std::optional<std::uint64_t>& after)
      : ledger_(ledger), key_(std::move(key)), after_(after) {}

  Status find_pages() {
    LedgerEntries read = TALEA_TRY(read_entries({}));
    bool goes_on = is_wanted(read.entries);
    // Where this one ends moves with each new entry, so it is kept.
    newest_ = std::move(read.entries);
    while (goes_on && !read.next.empty()) {
      pages_.push_back(read.next);
      read = TALEA_TRY(read_entries(pages_.back()));
      goes_on = is_wanted(read.entries);
    }
    if (pages_.empty()) return {};
    oldest_ = std::move(read.entries);
    pages_.pop_back();
    return {};
  }

 private:
  Result<LedgerEntries> read_entries(const std::string& before) {
    return ledger_.history(
        key_, {.before = before, .limit = kHistoryAtOnce, .bytes_max = kValueBytesAtOnce});
  }
  // Whether there may be entries behind `after_` beyond this page.
  bool is_wanted(const std::vector<LedgerEntry>& page) const {
    return !after_ || page.empty() || revision_of(page.back()) > *after_;
  }

  Result<std::vector<LedgerEntry>> read_page() override {
    std::vector<LedgerEntry> page;
    while (page.empty() && !is_over_) {
      if (!oldest_.empty()) {
        page = std::exchange(oldest_, {});
      } else if (pages_.empty()) {
        page = std::move(newest_);
        is_over_ = true;
      } else {
        page = TALEA_TRY(read_entries(pages_.back())).entries;
        pages_.pop_back();
      }
      std::erase_if(page, [this](const LedgerEntry& entry) {
        return after_ && revision_of(entry) <= *after_;
      });
    }
    std::reverse(page.begin(), page.end());
    return page;
  }

  Ledger& ledger_;
  const Bytes key_;
  const std::optional<std::uint64_t> after_;
  std::vector<LedgerEntry> newest_;
  std::vector<LedgerEntry> oldest_;
  std::vector<std::string> pages_;  // where those between them begin, the older the later
  bool is_over_ = false;
};

class HomeOfLedger final : public Home {
 public:
  HomeOfLedger(Ledger ledger, LedgerPlace place, bool must_exist)
      : ledger_(std::move(ledger)), place_(std::move(place)), must_exist_(must_exist) {}

  const HomeAbilities& abilities() const override { return kAbilities; }

  Status check(BytesView key, BytesView value) const override {
    TALEA_TRY(check_ledger_key(key, place_.prefix_bytes));
    if (value.size() > kLedgerValueBytesMax) {
      return Status::exhausted("a ledger takes values of up to " +
                               std::to_string(kLedgerValueBytesMax) + " bytes; this one has " +
                               std::to_string(value.size()));
    }
    const Result<Bytes> json = canonical_value(value, form());
    if (json.ok()) return {};
    return Status::invalid_argument("a ledger keeps JSON, and this value is none (" +
                                    std::string(json.status().message()) +
                                    "). A text has quotes of its own: put KEY '\"red\"'");
  }

  Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at) override {
    std::optional<HomeEntry> found;
    if (at) {
      TALEA_TRY(check_is_there());
      LedgerPast past(ledger_, *at);
      TALEA_TRY(past.check());
      found = TALEA_TRY(past.get(key));
    } else {
      std::optional<LedgerEntry> entry = TALEA_TRY(ledger_.get(key));
      if (entry) found = home_entry_of(std::move(*entry));
    }
    if (!found) TALEA_TRY(check_is_there());
    return found;
  }

  Result<std::uint64_t> put(BytesView key, BytesView value, const HomeCondition& condition,
                            Expiry expiry) override {
    TALEA_TRY(check(key, value));
    if (expiry.kind() != Expiry::Kind::never) return refuse(kAbilities.refusals.expires);
    if (condition.present) {
      return Status::unsupported(
          "a ledger knows two conditions of a put: that the key is absent, and its revision");
    }
    LedgerCondition wanted{.absent = condition.absent};
    if (condition.revision) wanted.sequence = static_cast<std::int64_t>(*condition.revision);
    return revision_of(TALEA_TRY(ledger_.set(key, value, wanted)).entry);
  }

  Result<std::uint64_t> remove(BytesView, const HomeCondition&) override {
    return refuse(kAbilities.refusals.removes);
  }

  Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) override {
    for (const HomeWrite& one : writes) {
      if (one.is_remove) return refuse(kAbilities.refusals.removes);
      if (one.expiry_ms != 0) return refuse(kAbilities.refusals.expires);
      TALEA_TRY(check(one.key, one.value));
    }
    std::uint64_t revision = 0;
    for (std::size_t at = 0; at < writes.size(); ++at) {
      auto written = ledger_.set(writes[at].key, writes[at].value);
      if (!written.ok() && writes.size() == 1) return std::move(written).status();
      if (!written.ok()) {
        const bool is_unknown = written.status().code() == Code::timed_out;
        return std::move(written).status().with_context(
            std::to_string(at) + " of " + std::to_string(writes.size()) + " values are written, " +
            (is_unknown ? "the next perhaps" : "and not the next"));
      }
      revision = revision_of(written->entry);
    }
    return revision;
  }

  Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                           const std::optional<At>& at) override {
    const std::optional<LedgerEntry> head = TALEA_TRY(ledger_.head());
    TALEA_TRY(check_is_there(head));
    if (head) newest_form_ = find_hash_form(*head);
    if (at) TALEA_TRY(LedgerPast(ledger_, *at).check());
    return std::unique_ptr<HomeCursor>(
        std::make_unique<LedgerScan>(ledger_, range, keys_only, at, head));
  }

  Result<std::vector<HomeRevision>> history(BytesView key, const RevisionRange& range) override {
    const std::uint64_t limit = range.limit == 0 ? UINT64_MAX : range.limit;
    LedgerPage page{.before = {}, .limit = 0, .bytes_max = kValueBytesAtOnce};
    if (range.before != 0 && last_page_.key == key && last_page_.revision == range.before) {
      if (last_page_.next.empty()) return std::vector<HomeRevision>();
      page.before = last_page_.next;
    }
    std::vector<HomeRevision> revisions;
    do {
      page.limit = std::min(kHistoryAtOnce, limit - revisions.size());
      LedgerEntries read = TALEA_TRY(ledger_.history(key, page));
      for (const LedgerEntry& entry : read.entries) {
        if (range.before != 0 && revision_of(entry) >= range.before) continue;
        revisions.push_back({.revision = revision_of(entry),
                             .time_ms = entry.timestamp_ms,
                             .value_bytes = entry.value.size()});
      }
      page.before = std::move(read.next);
    } while (!page.before.empty() && revisions.size() < limit);
    if (revisions.empty()) {
      TALEA_TRY(check_is_there());
    } else {
      last_page_ = {Bytes(key), revisions.back().revision, std::move(page.before)};
    }
    return revisions;
  }

  Result<std::unique_ptr<HomeCursor>> revisions(
      const std::optional<Bytes>& key, const std::optional<std::uint64_t>& after) override {
    TALEA_TRY(check_is_there());
    if (key) return revisions_of(*key, after);
    std::vector<std::string> versions = TALEA_TRY(ledger_.log_versions());
    const std::size_t from = after ? TALEA_TRY(first_behind(versions, *after)) : 0;
    return std::unique_ptr<HomeCursor>(
        std::make_unique<LogCursor>(ledger_, std::move(versions), from));
  }

  std::optional<std::uint64_t> key_count() override { return std::nullopt; }

  Result<std::vector<HomeFact>> facts() override {
    const std::optional<LedgerEntry> head = TALEA_TRY(ledger_.head());
    TALEA_TRY(check_is_there(head));
    std::vector<HomeFact> facts;
    LedgerKeys keys(ledger_, {}, head);
    std::uint64_t count = 0;
    for (;;) {
      const std::size_t more = TALEA_TRY(keys.next()).size();
      if (more == 0) break;
      count += more;
    }
    facts.push_back({"keys", count});
    if (!head) return facts;
    facts.push_back({"last_sequence", revision_of(*head)});
    facts.push_back({"last_time_ms", head->timestamp_ms});
    facts.push_back({"last_key", head->key});
    facts.push_back({"head", head->hash});
    return facts;
  }

  Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>&) override {
    TALEA_TRY(check_is_there());
    HomeVerification found;
    LedgerAuditOptions options;
    options.on_fault = [&](const LedgerFault& fault) {
      HomeFinding& finding = found.findings.emplace_back();
      finding.place = fault.key.empty() ? std::string(kLogName) : fault.key;
      if (fault.sequence && *fault.sequence >= 0) {
        finding.sequence = static_cast<std::uint64_t>(*fault.sequence);
      }
      finding.version_id = fault.version_id;
      finding.problem = std::string(fault_name(fault.kind)) + ": " + fault.message;
    };
    const LedgerAudit audit = TALEA_TRY(ledger_.audit(options));
    found.entries = audit.entries;
    found.keys = audit.key_objects;
    if (audit.head) found.head = audit.head->hash;
    return found;
  }

  Status publish() override { return {}; }
  Status close() override { return ledger_.close(); }

 private:
  HashForm form() const {
    if (place_.hash_profile == HashProfile::automatic) {
      return newest_form_ == HashForm::typescript ? HashForm::typescript : HashForm::python;
    }
    return place_.hash_profile == HashProfile::typescript ? HashForm::typescript : HashForm::python;
  }

  // A ledger that is not there looks like one without entries.
  Status check_is_there() {
    if (!must_exist_ || is_there_) return {};
    return check_is_there(TALEA_TRY(ledger_.head()));
  }
  Status check_is_there(const std::optional<LedgerEntry>& head) {
    if (!must_exist_ || is_there_) return {};
    is_there_ = head.has_value() || !TALEA_TRY(ledger_.list_keys({.limit = 1})).empty();
    if (is_there_) return {};
    return Status::not_found("there is no ledger at " + place_.name + "; the first put makes it");
  }

  Result<std::unique_ptr<HomeCursor>> revisions_of(const Bytes& key,
                                                   const std::optional<std::uint64_t>& after) {
    auto cursor = std::make_unique<PastCursor>(ledger_, key, after);
    TALEA_TRY(cursor->find_pages());
    return std::unique_ptr<HomeCursor>(std::move(cursor));
  }

  // Of versions in their order, the position of the first above `after`.
  Result<std::size_t> first_behind(const std::vector<std::string>& versions, std::uint64_t after) {
    std::size_t low = 0;
    std::size_t high = versions.size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      const auto entry = TALEA_TRY(ledger_.get_log_version(versions[middle]));
      // One that was removed meanwhile is older than those that are left.
      if (!entry || revision_of(*entry) <= after) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // Where the page of a history ended that was given last.
  struct LastPage {
    Bytes key;
    std::uint64_t revision = 0;
    std::string next;
  };

  Ledger ledger_;
  const LedgerPlace place_;
  const bool must_exist_;
  bool is_there_ = false;
  HashForm newest_form_ = HashForm::none;
  LastPage last_page_;
};

}  // namespace

std::unique_ptr<Home> home_of_ledger(Ledger ledger, LedgerPlace place, bool must_exist) {
  return std::make_unique<HomeOfLedger>(std::move(ledger), std::move(place), must_exist);
}

HomeAbilities abilities_of_ledger() { return kAbilities; }

}  // namespace talea
