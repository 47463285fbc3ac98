#include "auth/record_store.h"

#include <chrono>
#include <functional>
#include <string>

namespace talea {
namespace {

// Some times at once, then as long as a disk may take to let others' batches be read.
void wait_for_others(int attempt) {
  constexpr int kAtOnce = 4;
  if (attempt < kAtOnce) return;
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  never.wait_for(mutex, std::chrono::milliseconds(1));
}

}  // namespace

void replace(Batch& batch, const Bytes& key, const Bytes& value, Sequence revision) {
  if (revision == 0) {
    batch.require_absent(key, kAuthSpace);
  } else {
    batch.require_revision(key, revision, kAuthSpace);
  }
  if (!value.empty()) {
    batch.put(key, value, kAuthSpace);
  } else if (revision != 0) {
    batch.remove(key, kAuthSpace);
  }
}

template <typename Record, typename Decode>
Result<std::optional<Stored<Record>>> RecordStore::get(const Bytes& key, Decode decode) {
  const std::optional<Versioned> found = TALEA_TRY(store_.get(kAuthSpace, key));
  if (!found) return std::optional<Stored<Record>>();
  Record record = TALEA_TRY(decode(key, found->value));
  return std::optional(Stored<Record>{std::move(record), found->revision});
}

Result<std::optional<Stored<NameRecord>>> RecordStore::name(std::string_view folded_name) {
  return get<NameRecord>(key_of_name(folded_name), decode_name);
}
Result<std::optional<Stored<UserRecord>>> RecordStore::user(const AuthId& id) {
  return get<UserRecord>(key_of(AuthKind::user, id), decode_user);
}
Result<std::optional<Stored<FailuresRecord>>> RecordStore::failures(const Bytes& key) {
  return get<FailuresRecord>(key, decode_failures);
}
Result<std::optional<Stored<SeenRecord>>> RecordStore::seen(AuthKind kind, const AuthId& id) {
  return get<SeenRecord>(key_of(kind, id), decode_seen);
}
Result<std::optional<Stored<KeyListRecord>>> RecordStore::key_list(const AuthId& user) {
  return get<KeyListRecord>(key_of(AuthKind::key_list, user), decode_key_list);
}
Result<std::optional<Stored<ApiKeyRecord>>> RecordStore::api_key(const AuthId& id) {
  return get<ApiKeyRecord>(key_of(AuthKind::api_key, id), decode_api_key);
}

Result<bool> RecordStore::exists(const Bytes& key) {
  return TALEA_TRY(store_.get(kAuthSpace, key)).has_value();
}

Status RecordStore::change(const std::function<Result<Batch>()>& build) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const Batch batch = TALEA_TRY(build());
    if (batch.size() == 0) return {};
    const Result<Sequence> committed = store_.commit(batch, nullptr);
    if (committed.ok()) return {};
    if (committed.status().code() != Code::conflict) return committed.status();
    wait_for_others(attempt);
  }
  return Status::unavailable("others changed the same record " + std::to_string(kAttemptsMax) +
                             " times in a row; nothing happened, try again");
}

Mutex& RecordStore::turn_of(BytesView whom) {
  return turns_[std::hash<BytesView>()(whom) % turns_.size()];
}

}  // namespace talea
