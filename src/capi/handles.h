// The objects behind the pointers of talea.h.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/secret.h"
#include "talea/auth.h"
#include "talea/engine.h"
#include "talea/talea.h"

namespace talea::capi {

// An engine, and whether talea_close() was called: rows and readers have what they give in memory,
// and would go on after it.
struct OpenEngine : Engine {
  explicit OpenEngine(Engine opened) : Engine(std::move(opened)) {}
  Status check_open() const {
    if (!is_closed.load()) [[likely]]
      return {};
    return Status::invalid_argument("the engine is closed");
  }

  std::atomic<bool> is_closed{false};
};

// Wiped when they go.
struct MasterKeys {
  MasterKeys() = default;
  MasterKeys(MasterKeys&& other) noexcept : keys(std::move(other.keys)) {}
  MasterKeys& operator=(MasterKeys&& other) noexcept {
    keys.swap(other.keys);  // what was here goes with `other`
    return *this;
  }
  ~MasterKeys() {
    for (MasterKey& key : keys) wipe(key);
  }

  std::vector<MasterKey> keys;
};

}  // namespace talea::capi

// NOLINTBEGIN(readability-identifier-naming): the names are those of talea.h.

struct talea_options {
  talea::Options options;
};

// The one exception to who shares: the languages behind this interface free objects in any order,
// so whatever was made with an engine keeps it. It is declared first, and so destroyed last.
struct talea_engine {
  std::shared_ptr<talea::capi::OpenEngine> engine;
};

struct talea_batch {
  talea::Batch batch;
};

struct talea_stored {
  talea::StoredValue value;
};

struct talea_scan {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::Scan scan;
  bool has_row = false;
};

struct talea_snapshot {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::Snapshot snapshot;
};

struct talea_changes {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ChangeReader changes;
  bool has_change = false;
};

struct talea_writer {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ValueWriter writer;
};

struct talea_reader {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ValueReader reader;
};

struct talea_auth_options {
  talea::AuthOptions limits;  // without hasher and sealer: each talea_auth has its own
  talea::PasswordCost cost;
  talea::capi::MasterKeys master_keys;
};

struct talea_auth {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::Auth auth;
};

struct talea_secret {
  talea_secret() = default;
  talea_secret(const talea_secret&) = delete;
  talea_secret& operator=(const talea_secret&) = delete;
  ~talea_secret() { talea::wipe(bytes); }

  talea::Bytes bytes;
};

struct talea_users {
  std::vector<talea::User> users;
};

struct talea_api_keys {
  std::vector<talea::ApiKey> keys;
  std::vector<std::vector<talea_slice>> scopes;  // of each of them
};

// NOLINTEND(readability-identifier-naming)
