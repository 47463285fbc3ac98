#include "ledger/objects.h"

namespace talea {

bool KeyObject::has(const LedgerEntry& logged) const {
  if (!entry || entry->sequence < logged.sequence) return false;
  if (entry->sequence > logged.sequence) return true;
  return entry->hash == logged.hash && entry->version_id == logged.version_id;
}

Result<LogVersion> decode_log_version(const s3::Object& object) {
  // A key object would have to hold it.
  if (!is_json_text(object.info.version_id)) {
    return Status::corruption("the log has a version whose id is not UTF-8");
  }
  Result<LedgerEntry> entry = decode_log_entry(object.bytes, object.info.version_id);
  if (!entry.ok()) {
    return std::move(entry).status().with_context("the log, version " + object.info.version_id);
  }
  return LogVersion{std::move(entry).value(), object.info.etag, object.info.write_nonce};
}

KeyObject decode_key_version(const s3::Object& object) {
  KeyObject found;
  found.etag = object.info.etag;
  Result<LedgerEntry> entry = decode_key_object(object.bytes);
  if (!entry.ok()) {
    found.damage = std::move(entry).status();
  } else if (key_object_name(entry->key) != object.info.key) {
    found.damage = Status::corruption("it is that of another key");
  } else {
    found.entry = std::move(entry).value();
  }
  return found;
}

Status explain(Status status, std::string_view doing) {
  if (status.code() != Code::denied) return std::move(status).with_context(doing);
  return Status::denied(std::string(doing) + ": " + std::string(status.message()) +
                        ". (Without s3:ListBucket S3 answers so for an object that is not there, "
                        "too; a ledger needs s3:GetObject, s3:GetObjectVersion, s3:ListBucket and "
                        "s3:ListBucketVersions, to write also s3:PutObject, and the rights on the "
                        "bucket's KMS key.)");
}

Result<std::optional<LogVersion>> LedgerObjects::newest_log_version(std::string_view cause) {
  return log_version({}, cause);
}

Result<std::optional<LogVersion>> LedgerObjects::log_version(std::string_view version_id,
                                                             std::string_view cause) {
  auto object = client_.get(kLogName, {.cause = cause, .version_id = std::string(version_id)});
  if (!object.ok()) return explain(std::move(object).status(), "read the log");
  if (!*object) return std::optional<LogVersion>();
  return std::optional<LogVersion>(TALEA_TRY(decode_log_version(**object)));
}

Result<std::optional<LogVersion>> LedgerObjects::log_before_its_end(std::string_view cause) {
  s3::VersionListOptions page{.cause = cause, .prefix = std::string(kLogName)};
  while (true) {
    auto listed = client_.list_versions(page);
    if (!listed.ok()) return explain(std::move(listed).status(), "list versions of the log");
    for (const s3::ObjectVersion& version : listed->versions) {
      if (version.info.key != kLogName) return std::optional<LogVersion>();
      if (version.is_delete_marker) continue;
      return log_version(version.info.version_id, cause);
    }
    if (!listed->truncated) return std::optional<LogVersion>();
    page.key_marker = listed->next_key_marker;
    page.version_id_marker = listed->next_version_id_marker;
  }
}

Result<KeyObject> LedgerObjects::key_object(std::string_view key, std::string_view cause) {
  auto object = client_.get(key_object_name(key), {.cause = cause});
  if (!object.ok()) {
    return explain(std::move(object).status(), "read the object of key '" + std::string(key) + "'");
  }
  if (!*object) return KeyObject();
  return decode_key_version(**object);
}

}  // namespace talea
