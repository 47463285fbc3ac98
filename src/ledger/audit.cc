#include "ledger/audit.h"

#include <deque>
#include <utility>

#include "codec/canonical_json.h"
#include "ledger/ordered_work.h"
#include "ledger/version_pager.h"
#include "talea/limits.h"

namespace talea {
namespace {

constexpr std::string_view kCause = "audit";

// The same value, also when the repair of another language printed it anew.
bool is_same_value(BytesView a, BytesView b) {
  if (a == b) return true;
  for (const JsonForm form : {JsonForm::python, JsonForm::typescript}) {
    const auto printed_a = canonical_json(a, form, {.allow_nan = true});
    const auto printed_b = canonical_json(b, form, {.allow_nan = true});
    if (printed_a.ok() && printed_b.ok() && *printed_a == *printed_b) return true;
  }
  return false;
}

bool is_same_entry(const LedgerEntry& object, const LedgerEntry& logged) {
  return object.hash == logged.hash && object.key == logged.key &&
         object.version_id == logged.version_id && object.previous_hash == logged.previous_hash &&
         object.sequence == logged.sequence && object.timestamp_ms == logged.timestamp_ms &&
         is_same_value(object.value, logged.value);
}

std::string from_to(std::int64_t first, std::int64_t last) {
  if (first == last) return "entry " + std::to_string(first) + " is missing";
  return "entries " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
}

}  // namespace

std::string_view fault_name(LedgerFaultKind kind) {
  switch (kind) {
    case LedgerFaultKind::unreadable: return "unreadable";
    case LedgerFaultKind::hash: return "hash";
    case LedgerFaultKind::sequence: return "sequence";
    case LedgerFaultKind::previous_hash: return "previous_hash";
    case LedgerFaultKind::previous_version: return "previous_version";
    case LedgerFaultKind::genesis: return "genesis";
    case LedgerFaultKind::beginning_missing: return "beginning_missing";
    case LedgerFaultKind::checkpoint: return "checkpoint";
    case LedgerFaultKind::head: return "head";
    case LedgerFaultKind::log_deleted: return "log_deleted";
    case LedgerFaultKind::key_object_missing: return "key_object_missing";
    case LedgerFaultKind::key_object_stale: return "key_object_stale";
    case LedgerFaultKind::key_object_differs: return "key_object_differs";
    case LedgerFaultKind::key_object_foreign: return "key_object_foreign";
    case LedgerFaultKind::key_object_damaged: return "key_object_damaged";
  }
  return "unknown";
}

// A version of the log, and the object of its key where that had to be read.
struct Audit::Read {
  Status failed;  // that ends the audit
  std::optional<LedgerEntry> entry;
  std::string unreadable;  // why there is no entry
  std::optional<KeyObject> key_object;
};

// A key's object beside the entry that it names.
struct Audit::Checked {
  Status failed;  // that ends the audit
  bool is_known = false;
  std::optional<LedgerFaultKind> fault = {};
  std::string message = {};
  std::optional<std::int64_t> sequence = {};
  std::string version_id = {};
};

Audit::Audit(LedgerObjects& objects, Executor& executor, std::uint32_t parallel_gets,
             const LedgerAuditOptions& options)
    : objects_(objects), executor_(executor), parallel_gets_(parallel_gets), options_(options) {}

Result<LedgerAudit> Audit::run() {
  TALEA_TRY(read_log());
  TALEA_TRY(look_at_newest_again());
  if (!options_.limit) {
    if (oldest_) check_beginning(*oldest_);
    if (options_.key_objects) TALEA_TRY(read_keys());
  }
  check_head();
  check_checkpoint();
  return std::move(report_);
}

void Audit::fault(LedgerFaultKind kind, const LedgerEntry* entry, std::string message,
                  std::string_view version_id, std::string_view key) {
  ++report_.faults;
  ++report_.faults_by_kind[static_cast<std::size_t>(kind)];
  if (!options_.on_fault) return;
  LedgerFault found{.kind = kind, .message = std::move(message)};
  found.version_id = version_id;
  found.key = key;
  if (entry != nullptr) {
    found.sequence = entry->sequence;
    found.version_id = entry->version_id;
    found.key = entry->key;
  }
  options_.on_fault(found);
}

// --- The log

Status Audit::read_log() {
  VersionPager pager(objects_.client(), std::string(kLogName), {}, kCause);
  std::uint64_t taken = 0;
  const auto next = [&]() -> Result<std::optional<s3::ObjectVersion>> {
    if (options_.limit && taken >= *options_.limit) return std::optional<s3::ObjectVersion>();
    auto version = TALEA_TRY(pager.next());
    if (version && !version->is_delete_marker) ++taken;
    return version;
  };
  OrderedWork<s3::ObjectVersion, Read> work(
      executor_, parallel_gets_,
      [this](const s3::ObjectVersion& version) { return read_entry(version); });
  return work.run(next, [this](s3::ObjectVersion&& version, Read&& read) -> Result<bool> {
    TALEA_TRY(take_entry(version, std::move(read)));
    return true;
  });
}

// Runs on any thread.
Audit::Read Audit::read_entry(const s3::ObjectVersion& version) {
  Read read;
  if (version.is_delete_marker) return read;
  auto object =
      objects_.client().get(kLogName, {.cause = kCause, .version_id = version.info.version_id});
  if (!object.ok()) {
    read.failed = explain(std::move(object).status(), "read a version of the log");
    return read;
  }
  if (!*object) {
    read.unreadable = "it is listed and not there";
    return read;
  }
  auto entry = decode_log_entry((**object).bytes, version.info.version_id);
  if (!entry.ok()) {
    read.unreadable = entry.status().message();
    return read;
  }
  read.entry = std::move(*entry);
  if (!options_.key_objects) return read;
  if (is_known_as_new_as(*read.entry)) return read;
  auto key_object = objects_.key_object(read.entry->key, kCause);
  if (!key_object.ok()) {
    read.failed = std::move(key_object).status();
  } else {
    read.key_object = std::move(*key_object);
  }
  return read;
}

Status Audit::take_entry(const s3::ObjectVersion& version, Read&& read) {
  TALEA_TRY(std::move(read.failed));
  const std::string& version_id = version.info.version_id;
  if (version.is_delete_marker) {
    fault(LedgerFaultKind::log_deleted, nullptr, "somebody deleted the log here", version_id);
    return {};
  }
  ++report_.entries;
  oldest_is_unreadable_ = !read.entry;
  if (!read.entry) {
    fault(LedgerFaultKind::unreadable, nullptr, std::move(read.unreadable), version_id);
    newer_.reset();
    return {};
  }
  LedgerEntry& entry = *read.entry;
  if (newer_) check_links(*newer_, entry);
  check_entry(entry);
  check_points(entry);
  const bool is_newest = report_.entries == 1;
  if (read.key_object && is_newest && !read.key_object->has(entry)) {
    lacking_ = entry;
    remember(entry.key, {.sequence = entry.sequence});
  }
  // Otherwise it was looked at for a newer entry meanwhile.
  if (read.key_object && !is_known_as_new_as(entry)) check_key_object(entry, *read.key_object);
  const LedgerPoint point{entry.sequence, entry.hash};
  if (!report_.head) report_.head = point;
  report_.first = point;
  entry.value.clear();
  oldest_ = entry;
  newer_ = std::move(entry);
  return {};
}

void Audit::check_entry(const LedgerEntry& entry) {
  if (find_hash_form(entry) != HashForm::none) return;
  fault(LedgerFaultKind::hash, &entry, "its hash is that of another content");
}

void Audit::check_links(const LedgerEntry& newer, const LedgerEntry& entry) {
  if (newer.sequence != entry.sequence + 1) {
    fault(LedgerFaultKind::sequence, &entry,
          newer.sequence > entry.sequence + 1
              ? from_to(entry.sequence + 1, newer.sequence - 1)
              : "the entry after it has sequence " + std::to_string(newer.sequence));
    return;
  }
  if (newer.previous_hash != entry.hash) {
    fault(LedgerFaultKind::previous_hash, &entry,
          "the entry after it follows one with the hash " + newer.previous_hash);
  }
  if (newer.previous_version_id != entry.version_id) {
    fault(LedgerFaultKind::previous_version, &entry,
          "the entry after it follows version '" + newer.previous_version_id + "'");
  }
}

void Audit::check_points(const LedgerEntry& entry) {
  const auto check = [&](const std::optional<LedgerPoint>& point, LedgerFaultKind kind,
                         bool& was_found) {
    if (!point || point->sequence != entry.sequence) return;
    was_found = true;
    if (point->hash == entry.hash) return;
    fault(kind, &entry, "it was known with the hash " + point->hash);
  };
  check(options_.expected_head, LedgerFaultKind::head, head_was_found_);
  check(options_.checkpoint, LedgerFaultKind::checkpoint, checkpoint_was_found_);
}

void Audit::check_beginning(const LedgerEntry& oldest) {
  if (oldest_is_unreadable_) return;  // which was reported, and may be the first
  if (oldest.sequence <= 0) {
    report_.reaches_genesis = oldest.sequence == 0 && oldest.previous_hash == kGenesisHash &&
                              oldest.previous_version_id.empty();
    if (!report_.reaches_genesis) {
      fault(LedgerFaultKind::genesis, &oldest, "the oldest entry is no first entry");
    }
    return;
  }
  const auto& point = options_.checkpoint;
  const std::int64_t before = oldest.sequence - 1;
  if (!point || point->sequence < before) {
    fault(LedgerFaultKind::beginning_missing, &oldest, from_to(0, before));
  } else if (point->sequence == before && oldest.previous_hash != point->hash) {
    fault(LedgerFaultKind::checkpoint, &oldest,
          "the entry before it was known with the hash " + point->hash);
  }
}

void Audit::check_head() {
  const auto& point = options_.expected_head;
  if (!point || head_was_found_) return;
  if (options_.limit && report_.head && report_.head->sequence > point->sequence) return;
  fault(LedgerFaultKind::head, nullptr,
        "the log was known with entry " + std::to_string(point->sequence) + where_it_ends());
}

std::string Audit::where_it_ends() const {
  if (!report_.head) return ", and is empty";
  return ", and ends with " + std::to_string(report_.head->sequence);
}

// check_beginning() has those before the oldest.
void Audit::check_checkpoint() {
  const auto& point = options_.checkpoint;
  if (!point || checkpoint_was_found_ || (options_.limit && !report_.head)) return;
  if (report_.head && report_.head->sequence >= point->sequence) return;
  fault(LedgerFaultKind::checkpoint, nullptr,
        "the log was known with entry " + std::to_string(point->sequence) + where_it_ends());
}

// --- The objects of the keys

std::optional<Audit::Known> Audit::known(const std::string& key) {
  MutexLock lock(mutex_);
  const auto found = keys_.find(key);
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

bool Audit::is_known_as_new_as(const LedgerEntry& entry) {
  const auto found = known(entry.key);
  return found && found->sequence >= entry.sequence;
}

void Audit::remember(const std::string& key, const Known& what) {
  MutexLock lock(mutex_);
  if (keys_.size() >= kLedgerKnownKeysMax) keys_.erase(keys_.begin());
  keys_[key] = what;
}

// In a log that others write to, the object of the newest entry may come a moment after it.
Status Audit::look_at_newest_again() {
  if (!lacking_) return {};
  const KeyObject object = TALEA_TRY(objects_.key_object(lacking_->key, kCause));
  check_key_object(*lacking_, object);
  return {};
}

// `object` as it was when `entry` was read.
void Audit::check_key_object(const LedgerEntry& entry, const KeyObject& object) {
  if (object.is_missing()) {
    fault(LedgerFaultKind::key_object_missing, &entry, "the key has no object; a repair writes it");
    return remember(entry.key, Known::reported());
  }
  if (object.entry && object.entry->sequence > entry.sequence) {
    return remember(entry.key, {.sequence = object.entry->sequence});
  }
  ++report_.key_objects;
  if (!object.entry) {
    fault(LedgerFaultKind::key_object_damaged, &entry, std::string(object.damage.message()));
    return remember(entry.key, Known::reported());
  }
  if (object.entry->sequence < entry.sequence) {
    fault(LedgerFaultKind::key_object_stale, &entry,
          "the key's object has entry " + std::to_string(object.entry->sequence) +
              "; a repair writes it");
    return remember(entry.key, Known::reported());
  }
  const bool is_same = is_same_entry(*object.entry, entry);
  if (!is_same) fault(LedgerFaultKind::key_object_differs, &entry, "the key's object differs");
  remember(entry.key,
           is_same ? Known{.sequence = entry.sequence, .is_done = true} : Known::reported());
}

Status Audit::read_keys() {
  s3::ListOptions page{.cause = kCause, .prefix = std::string(kKeysFolder)};
  std::deque<std::string> names;
  bool ended = false;
  const auto next = [&]() -> Result<std::optional<std::string>> {
    while (names.empty() && !ended) {
      auto listed = objects_.client().list(page);
      if (!listed.ok()) return explain(std::move(listed).status(), "list the keys");
      for (s3::ObjectInfo& object : listed->objects) {
        if (object.key.ends_with(kKeySuffix)) names.push_back(std::move(object.key));
      }
      page.token = listed->next_token;
      ended = page.token.empty();
    }
    if (names.empty()) return std::optional<std::string>();
    std::optional<std::string> name = std::move(names.front());
    names.pop_front();
    return name;
  };
  OrderedWork<std::string, Checked> work(
      executor_, parallel_gets_,
      [this](const std::string& name) { return check_named_entry(name); });
  return work.run(next, [this](std::string&& name, Checked&& checked) -> Result<bool> {
    TALEA_TRY(std::move(checked.failed));
    take_checked(name, checked);
    return true;
  });
}

// Runs on any thread.
Audit::Checked Audit::check_named_entry(const std::string& name) {
  const std::string key =
      name.substr(kKeysFolder.size(), name.size() - kKeysFolder.size() - kKeySuffix.size());
  const auto met = known(key);
  if (met && met->is_done) return {.failed = {}, .is_known = true};
  const auto object = objects_.key_object(key, kCause);
  if (!object.ok()) return {.failed = object.status()};
  if (object->is_missing()) return {.failed = {}, .is_known = true};  // removed meanwhile
  if (!object->entry) {
    return {.failed = {},
            .fault = LedgerFaultKind::key_object_damaged,
            .message = std::string(object->damage.message())};
  }
  Checked checked{
      .failed = {}, .sequence = object->entry->sequence, .version_id = object->entry->version_id};
  const auto logged =
      objects_.client().get(kLogName, {.cause = kCause, .version_id = object->entry->version_id});
  if (!logged.ok()) return {.failed = logged.status()};
  if (!*logged) {
    const bool may_have_expired = report_.first && !report_.reaches_genesis &&
                                  object->entry->sequence < report_.first->sequence;
    if (may_have_expired) return checked;
    checked.fault = LedgerFaultKind::key_object_foreign;
    checked.message = "it names a version of the log that there is not";
    return checked;
  }
  const auto entry = decode_log_entry((**logged).bytes, object->entry->version_id);
  if (!entry.ok()) return checked;  // pass 1 reports it
  if (is_same_entry(*object->entry, *entry)) return checked;
  const bool is_its_entry = entry->key == key && entry->sequence == object->entry->sequence;
  checked.fault =
      is_its_entry ? LedgerFaultKind::key_object_differs : LedgerFaultKind::key_object_foreign;
  checked.message = is_its_entry ? "it is not what its log entry says"
                                 : "it names an entry of another key or sequence";
  return checked;
}

void Audit::take_checked(const std::string& name, const Checked& checked) {
  if (checked.is_known) return;
  ++report_.key_objects;
  if (!checked.fault) return;
  LedgerEntry at;
  at.sequence = checked.sequence.value_or(0);
  at.version_id = checked.version_id;
  at.key = name.substr(kKeysFolder.size(), name.size() - kKeysFolder.size() - kKeySuffix.size());
  if (checked.sequence) {
    fault(*checked.fault, &at, checked.message);
  } else {
    fault(*checked.fault, nullptr, checked.message, {}, at.key);
  }
}

}  // namespace talea
