// LedgerObjects: the objects of a ledger, read. One request a call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ledger/entry.h"
#include "s3/client.h"

namespace talea {

/// A version of the log.
struct LogVersion {
  LedgerEntry entry;
  s3::Etag etag;
  std::string write_nonce;
};

/// What stands where a key's object is.
struct KeyObject {
  /// None: the object is no key object, and `damage` says why. Then it has no sequence, and is
  /// older than any entry.
  std::optional<LedgerEntry> entry;
  Status damage;
  s3::Etag etag;  // empty: there is no object

  bool is_missing() const { return etag.empty(); }
  bool has(const LedgerEntry& logged) const;
};

/// The entry of a version of the log. Errors: corruption, with the version in the message
Result<LogVersion> decode_log_version(const s3::Object& object);
KeyObject decode_key_version(const s3::Object& object);

/// Of a failure that may come of a missing permission: what S3 does not say.
Status explain(Status status, std::string_view doing);

/// Threads: safe.
class LedgerObjects {
 public:
  /// `client` outlives it.
  explicit LedgerObjects(s3::Client& client) : client_(client) {}

  s3::Client& client() { return client_; }

  /// The newest version; nothing: there is no log, or a delete marker in front of it.
  Result<std::optional<LogVersion>> newest_log_version(std::string_view cause);
  Result<std::optional<LogVersion>> log_version(std::string_view version_id,
                                                std::string_view cause);
  /// The newest version that is no delete marker, of a log that has one in front. Cost: one request
  /// for each 1 000 markers, and one.
  Result<std::optional<LogVersion>> log_before_its_end(std::string_view cause);
  Result<KeyObject> key_object(std::string_view key, std::string_view cause);

 private:
  s3::Client& client_;
};

}  // namespace talea
