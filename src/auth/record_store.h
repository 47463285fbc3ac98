// RecordStore: the records of authentication in a Store, read with their revisions, and changed in
// batches that require them.
//
// A change reads, decides and commits; when somebody else was first, it begins again. In one
// process those of one user take turns, so that this is rare: what was committed and is not on the
// disk yet stops others already, but cannot be read.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "auth/records.h"
#include "base/mutex.h"
#include "store/store.h"

namespace talea {

template <typename Record>
struct Stored {
  Record record;
  Sequence revision = 0;
};

/// Adds to `batch`: `key` gets `value`, or goes when that is empty, unless it changed since it was
/// read at `revision` (0: was absent).
void replace(Batch& batch, const Bytes& key, const Bytes& value, Sequence revision);

template <typename Record>
Sequence revision_of(const std::optional<Stored<Record>>& stored) {
  return stored ? stored->revision : 0;
}

/// Threads: safe.
class RecordStore {
 public:
  static constexpr int kAttemptsMax = 100;

  /// `store` outlives it.
  explicit RecordStore(Store& store) : store_(store) {}

  /// Nothing when there is none. Errors: those of the store, and of the decoders in records.h
  Result<std::optional<Stored<NameRecord>>> name(std::string_view folded_name);
  Result<std::optional<Stored<UserRecord>>> user(const AuthId& id);
  Result<std::optional<Stored<FailuresRecord>>> failures(const Bytes& key);
  Result<std::optional<Stored<SeenRecord>>> seen(AuthKind kind, const AuthId& id);
  Result<std::optional<Stored<KeyListRecord>>> key_list(const AuthId& user);
  Result<std::optional<Stored<ApiKeyRecord>>> api_key(const AuthId& id);
  Result<bool> exists(const Bytes& key);

  /// Commits what `build` makes of what it reads, and nothing when that is empty; asks it again
  /// when others were first. Errors: unavailable   they were kAttemptsMax times; those of `build`,
  /// which end it
  Status change(const std::function<Result<Batch>()>& build);

  /// Held by who changes records of this user, over reading and the commit: I/O under a lock, so
  /// that those that wait do not read in vain.
  Mutex& turn_of(BytesView whom);

  Store& store() { return store_; }

 private:
  template <typename Record, typename Decode>
  Result<std::optional<Stored<Record>>> get(const Bytes& key, Decode decode);

  static constexpr std::size_t kTurns = 64;
  Store& store_;
  std::array<Mutex, kTurns> turns_;
};

}  // namespace talea
