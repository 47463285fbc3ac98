// API keys: issued once, checked for each request by one look-up and one SHA-256.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "auth/auth_seams.h"
#include "auth/last_seen.h"
#include "auth/metadata.h"
#include "auth/record_store.h"
#include "talea/auth.h"

namespace talea {

/// Threads: safe.
class ApiKeys {
 public:
  /// What it works with; all outlive it.
  struct Parts {
    RecordStore& records;
    LastSeen& last_seen;
    Metadata& metadata;
    const AuthSeams& seams;
  };
  explicit ApiKeys(const Parts& parts) : parts_(parts) {}

  // As those of Auth.
  Result<IssuedApiKey> issue(const NewApiKey& key);
  Result<ApiKey> check(std::string_view text);
  Result<std::optional<ApiKey>> get(std::string_view id);
  Result<std::vector<ApiKey>> list(const AuthPage& page);
  Result<std::vector<ApiKey>> list_of(std::string_view user_id);
  Status revoke(std::string_view id);
  Result<Bytes> metadata(std::string_view id);
  Status set_metadata(std::string_view id, BytesView metadata);

 private:
  using StoredKey = Stored<ApiKeyRecord>;

  Result<ApiKeyRecord> make_record(const NewApiKey& key) const;
  Status add(const ApiKeyRecord& record);
  Result<StoredKey> require_key(std::string_view id);
  Result<ApiKey> describe(const ApiKeyRecord& record);

  const Parts parts_;
};

}  // namespace talea
