#include "ledger/ledger_reader.h"

#include <algorithm>

#include "ledger/ordered_work.h"
#include "ledger/version_pager.h"
#include "talea/limits.h"

namespace talea {
namespace {

// `LedgerEntries::next` after an entry that is in the log only.
constexpr std::string_view kAfterLogOnly = "@log";

Status check_page(const LedgerPage& page) {
  if (page.limit <= kLedgerPageMax) return {};
  return Status::invalid_argument("a page of " + std::to_string(page.limit) + "; up to " +
                                  std::to_string(kLedgerPageMax));
}

// As it comes from a key's object.
LedgerEntry as_of_key(LedgerEntry entry) {
  entry.previous_version_id.clear();
  entry.previous_key_object_etag.clear();
  return entry;
}

}  // namespace

LedgerReader::LedgerReader(LedgerReaderSeams seams, const LedgerOptions& options)
    : seams_(seams),
      read_only_(options.read_only),
      interval_ns_(static_cast<std::uint64_t>(
          std::chrono::nanoseconds(options.repair_check_interval).count())),
      parallel_gets_(options.parallel_gets) {}

// Whoever takes it does the check; others go on meanwhile.
bool LedgerReader::take_due_check() {
  const std::uint64_t now = seams_.clock.monotonic_ns();
  MutexLock lock(mutex_);
  if (checked_ns_ && now - *checked_ns_ < interval_ns_) return false;
  checked_ns_ = now;
  return true;
}

Status LedgerReader::check_log() {
  auto newest = seams_.objects.newest_log_version("check");
  // Then the objects of the keys are all that there is; set(), head() and audits tell.
  const Code code = newest.status().code();
  if (code == Code::corruption || code == Code::denied) return {};
  if (!newest.ok()) {
    MutexLock lock(mutex_);
    checked_ns_.reset();
    return std::move(newest).status();
  }
  if (*newest) seams_.state.saw_head({(*newest)->entry, (*newest)->etag});
  return {};
}

std::optional<LedgerEntry> LedgerReader::unsettled_entry() const {
  auto known = seams_.state.known();
  if (!known || known->settled) return std::nullopt;
  return std::move(known->head.entry);
}

Result<std::optional<LedgerEntry>> LedgerReader::get(std::string_view key) {
  const bool checks = take_due_check();
  if (checks) TALEA_TRY(check_log());
  const auto before = seams_.state.known();
  KeyObject object = TALEA_TRY(seams_.objects.key_object(key, "get"));
  const KnownKey seen{object.etag,
                      object.entry ? std::optional(object.entry->sequence) : std::nullopt};
  if (before) seams_.state.saw_key(key, seen, before->epoch);

  // What was known before counts, too: the object may have been read before it was written, by a
  // set that is over by now.
  const auto now = seams_.state.known();
  for (const auto& known : {now, before}) {
    if (!known || !known->head.entry || known->head.entry->key != key) continue;
    if (object.has(*known->head.entry)) continue;
    if (!known->settled) repair_soon();
    return std::optional(as_of_key(*known->head.entry));
  }
  if (now && !now->settled && now->head.entry) {
    if (now->head.entry->key == key) {
      seams_.state.settled(now->head.version_id(), seen);
    } else if (!checks || interval_ns_ == 0) {
      look_at(*now->head.entry);
    }
  }
  if (!object.entry && !object.is_missing()) {
    return std::move(object.damage).with_context("the object of key '" + std::string(key) + "'");
  }
  return std::move(object.entry);
}

Result<std::vector<std::optional<LedgerEntry>>> LedgerReader::each(
    std::span<const std::string> names, const std::function<Got(const std::string&)>& work) {
  std::vector<std::optional<LedgerEntry>> entries;
  entries.reserve(names.size());
  std::size_t taken = 0;
  const auto next = [&]() -> Result<std::optional<std::string>> {
    if (taken == names.size()) return std::optional<std::string>();
    return std::optional(names[taken++]);
  };
  OrderedWork<std::string, Got> ordered(seams_.executor, parallel_gets_, work);
  TALEA_TRY(ordered.run(next, [&](std::string&&, Got&& got) -> Result<bool> {
    entries.push_back(TALEA_TRY(std::move(got)));
    return true;
  }));
  return entries;
}

Result<std::vector<std::optional<LedgerEntry>>> LedgerReader::get_many(
    std::span<const std::string> keys) {
  return each(keys, [this](const std::string& key) { return get(key); });
}

Result<std::vector<std::string>> LedgerReader::log_versions() {
  VersionPager pager(seams_.objects.client(), std::string(kLogName), {}, "log");
  std::vector<std::string> version_ids;
  while (auto version = TALEA_TRY(pager.next())) {
    if (!version->is_delete_marker) version_ids.push_back(std::move(version->info.version_id));
  }
  std::reverse(version_ids.begin(), version_ids.end());
  return version_ids;
}

Result<std::vector<std::optional<LedgerEntry>>> LedgerReader::get_log_versions(
    std::span<const std::string> version_ids) {
  return each(version_ids, [this](const std::string& version_id) -> Got {
    auto version = TALEA_TRY(seams_.objects.log_version(version_id, "log"));
    if (!version) return std::optional<LedgerEntry>();
    return std::optional(std::move(version->entry));
  });
}

// The second half of a check, for another key. What fails here is no failure of the get.
void LedgerReader::look_at(const LedgerEntry& unsettled) {
  if (read_only_) return;
  const auto object = seams_.objects.key_object(unsettled.key, "check");
  if (!object.ok()) return;
  if (!object->has(unsettled)) return repair_soon();
  seams_.state.settled(unsettled.version_id, {object->etag, object->entry->sequence});
}

// Who may not write now may be allowed to later, so a refusal holds for an interval.
void LedgerReader::repair_soon() {
  if (read_only_) return;
  const std::uint64_t now = seams_.clock.monotonic_ns();
  {
    MutexLock lock(mutex_);
    if (denied_ns_ && now - *denied_ns_ < interval_ns_) return;
  }
  const Status repaired = seams_.writer.repair_if_idle();
  MutexLock lock(mutex_);
  denied_ns_.reset();
  if (repaired.code() == Code::denied) denied_ns_ = now;
}

Result<std::optional<LedgerEntry>> LedgerReader::head() {
  auto newest = TALEA_TRY(seams_.objects.newest_log_version("head"));
  if (!newest) return std::optional<LedgerEntry>();
  seams_.state.saw_head({newest->entry, newest->etag});
  return std::optional(std::move(newest->entry));
}

// What a page is read from.
struct LedgerReader::Source {
  std::string name;
  bool is_log = false;
};

Result<LedgerEntries> LedgerReader::read_versions(const Source& source, const LedgerPage& page) {
  using Read = Result<std::optional<s3::Object>>;
  const std::string_view cause = source.is_log ? "log" : "history";
  LedgerEntries read;
  if (page.limit == 0) {
    read.next = page.before;
    return read;
  }
  VersionPager pager(seams_.objects.client(), source.name, page.before, cause);
  std::uint64_t taken = 0;
  std::uint64_t bytes = 0;
  std::string oldest;
  bool is_last = false;
  // One more than asked for, which is not read: to know whether there is one.
  const auto next = [&]() -> Result<std::optional<std::string>> {
    while (true) {
      auto version = TALEA_TRY(pager.next());
      is_last = !version;
      if (version && version->is_delete_marker) continue;
      if (!version || taken == page.limit) return std::optional<std::string>();
      bytes += version->info.size;
      if (taken > 0 && bytes > page.bytes_max) return std::optional<std::string>();
      ++taken;
      oldest = version->info.version_id;
      return std::optional(oldest);
    }
  };
  OrderedWork<std::string, Read> work(
      seams_.executor, parallel_gets_, [&](const std::string& version_id) {
        return seams_.objects.client().get(source.name, {.cause = cause, .version_id = version_id});
      });
  TALEA_TRY(work.run(next, [&](std::string&& version_id, Read&& got) -> Result<bool> {
    if (!got.ok()) return explain(std::move(got).status(), "read version " + version_id);
    if (!*got) return true;  // removed meanwhile
    auto entry = source.is_log ? decode_log_entry((**got).bytes, version_id)
                               : decode_key_object((**got).bytes);
    if (!entry.ok()) {
      return std::move(entry).status().with_context(source.name + ", version " + version_id);
    }
    read.entries.push_back(std::move(*entry));
    return true;
  }));
  if (!is_last) read.next = oldest;
  return read;
}

Result<LedgerEntries> LedgerReader::log_entries(const LedgerPage& page) {
  TALEA_TRY(check_page(page));
  return read_versions({.name = std::string(kLogName), .is_log = true}, page);
}

Result<LedgerEntries> LedgerReader::history(std::string_view key, const LedgerPage& page) {
  TALEA_TRY(check_page(page));
  const Source source{.name = key_object_name(key)};
  LedgerPage rest = page;
  if (page.before == kAfterLogOnly) rest.before.clear();
  const auto unsettled = page.before.empty() ? unsettled_entry() : std::nullopt;
  if (page.limit == 0) return LedgerEntries{.entries = {}, .next = page.before};
  if (!unsettled || unsettled->key != key) return read_versions(source, rest);

  LedgerEntries read = TALEA_TRY(read_versions(source, rest));
  if (!read.entries.empty() && read.entries.front().sequence >= unsettled->sequence) return read;
  // The entry that is in the log only takes a place of the page.
  rest.limit = page.limit - 1;
  const bool was_full = read.entries.size() == page.limit;
  if (was_full && rest.limit > 0) read = TALEA_TRY(read_versions(source, rest));
  if (rest.limit == 0) {
    const bool has_more = !read.entries.empty();
    read.entries.clear();
    read.next = has_more ? std::string(kAfterLogOnly) : std::string();
  }
  read.entries.insert(read.entries.begin(), as_of_key(*unsettled));
  return read;
}

}  // namespace talea
